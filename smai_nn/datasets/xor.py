"""The XOR function as four samples. Source: assignment section 1.3.1."""

import numpy as np


def xor_arrays(dtype=np.float64):
    """Return inputs (4, 2) and targets (4, 1): x1 XOR x2 for all x1, x2 in {0, 1}."""
    inputs = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype)
    return inputs, np.array([[0], [1], [1], [0]], dtype)
