"""Measures of how good a prediction is."""

import math

import numpy as np

from smai_nn.checks import require_number


def accuracy(prediction, target, threshold=0.5):
    """Return the share of `prediction` (n, 1) that, 1 above the threshold, equals the 0-1 `target` of that shape."""
    if prediction.shape != target.shape:
        raise ValueError(f"accuracy: expected two arrays of one shape, got {prediction.shape} and {target.shape}")
    return float(np.mean((prediction > threshold) == (target > threshold)))


def psnr(mse):
    """Return the peak signal-to-noise ratio, in dB, of a mean squared error of intensities in [0, 1]."""
    mse = require_number(mse, "mse", 0, math.inf)
    return -10 * math.log10(mse) if mse else math.inf


def squared_errors(prediction, target):
    """Return the mean squared error of each row, (n,) float64; both are (n, width)."""
    return np.mean(np.square(prediction - target), axis=1, dtype=np.float64)


def spectrum(picture):
    """Return (frequencies, energy) of a square picture (size, size) or (size, size, channels).

    `energy[f]` is the mean square per pixel and channel at radial frequencies from f - 1/2 to f + 1/2 cycles per
    picture; they add up to that of the picture. The cosine transform mirrors the picture at its borders, so that
    opposite borders that differ add no high frequencies.
    """
    from scipy.fft import dctn  # loaded late: it takes a tenth of a second

    picture = np.asarray(picture, float)
    size = len(picture)
    squares = np.square(dctn(picture, axes=(0, 1), norm="ortho")).reshape(size, size, -1).mean(axis=2) / size ** 2
    half_cycles = np.arange(size)
    radius = np.rint(np.hypot(half_cycles[:, None], half_cycles) / 2).astype(int)
    energy = np.bincount(radius.ravel(), weights=squares.ravel())
    return np.arange(len(energy)), energy
