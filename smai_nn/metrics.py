"""Measures of how good a prediction is."""

import numpy as np


def accuracy(prediction, target, threshold=0.5):
    """Return the proportion of entries of `prediction` on the same side of `threshold` as the 0-1 `target`.

    A prediction above the threshold counts as 1. Both are (n, 1). Raises ValueError for different shapes.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"accuracy: expected two arrays of one shape, got {prediction.shape} and {target.shape}")
    return float(np.mean((prediction > threshold) == (target > threshold)))
