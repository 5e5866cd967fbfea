"""Measures of how good a prediction is, and the linear baseline of the autoencoders."""

import math

import numpy as np

from smai_nn.checks import require_number


def accuracy(prediction, target):
    """Return the share of `prediction` (n, 1) that, 1 above 0.5, equals the 0-1 `target` of that shape."""
    return float(np.mean((prediction > 0.5) == (target > 0.5)))


def psnr(mse):
    """Return the peak signal-to-noise ratio, in dB, of a mean squared error of intensities in [0, 1]."""
    mse = require_number(mse, "mse", 0, math.inf)
    return -10 * math.log10(mse) if mse else math.inf


def squared_errors(prediction, target):
    """Return the mean squared error of each row, (n,) float64; both are (n, width)."""
    return np.mean(np.square(prediction - target), axis=1, dtype=np.float64)


def energy_above(picture, cycles):
    """Return the mean square of what a square picture (size, size[, channels]) has above so many cycles per picture.

    The cosine transform mirrors it at its borders, so that opposite borders that differ add no high frequencies.
    """
    from scipy.fft import dctn  # loaded late: it takes a tenth of a second
    half_cycles = np.arange(len(picture))
    above = np.hypot(half_cycles[:, None], half_cycles) > 2 * cycles
    waves = dctn(np.asarray(picture, float), axes=(0, 1), norm="ortho")
    return float(np.square(waves[above]).sum() / waves.size)


def pca_rebuilt(train, x, components):
    """Return rows x (n, width) rebuilt from so many principal components of the rows `train`, or all that there are.

    This is the best *linear* encoder and decoder (Baldi and Hornik 1989); 0 components leave the mean training row.
    """
    from sklearn.decomposition import PCA  # loaded late: it takes a second
    pca = PCA(min(components, *train.shape), svd_solver="covariance_eigh").fit(train)  # exact and without chance
    return (x - pca.mean_) @ pca.components_.T @ pca.components_ + pca.mean_
