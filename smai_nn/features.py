"""Feature mappings of pixel coordinates, their scaling, and the data loader. Source: assignment 2.2 and 2.3."""

from pathlib import Path

import numpy as np

from smai_nn.checks import as_matrix, require_choice, require_finite, require_generator, require_integer
from smai_nn.datasets import sources
from smai_nn.datasets.images import read_image

METHODS = ("Raw", "Polynomial", "Fourier")


def get_raw(coords):
    """Return the coordinates (n, 2) as they are: gamma(x, y) = (x, y)."""
    return coords


def polynomial_exponents(order):
    """Return the powers of x and y in each column of `get_polynomial`, an integer array (order (order + 3) / 2, 2).

    By total degree d from 1 to `order`: x^d, y^d, then the cross terms x^(d-1) y, x^(d-2) y^2, ..., x y^(d-1).
    """
    exponents = []
    for degree in range(1, require_integer(order, "order", 1) + 1):
        exponents += [(degree, 0), (0, degree), *((degree - i, i) for i in range(1, degree))]
    return np.array(exponents)


def get_polynomial(coords, order=5):
    """Return all monomials of x and y of total degree 1 to `order`, (n, columns) float64, without a constant.

    The columns are in the order of `polynomial_exponents`. Scale the coordinates first: 255 to the power 25 is 10^60.
    Raises ValueError for coordinates that are no finite numbers (n, 2), or an order that is no whole number >= 1.

    >>> get_polynomial(np.array([[2.0, 3.0]]), order=2)  # x, y, x^2, y^2, x y
    array([[2., 3., 4., 9., 6.]])
    """
    x, y = _checked(coords).T
    exponents = polynomial_exponents(order)
    x_powers, y_powers = (np.vander(t, order + 1, increasing=True).T for t in (x, y))  # row i is x^i or y^i
    return np.array([x_powers[i] * y_powers[j] for i, j in exponents]).T


def get_fourier(coords, freq=10):
    """Return 1, then sin and cos of 2 pi i x for i = 1 ... `freq`, then of 2 pi i y: (n, 4 freq + 1) float64.

    In [0, 1) the lowest frequency makes one cycle. Raises ValueError for coordinates that are no finite numbers (n, 2),
    or a freq that is no whole number >= 1. Source: Tancik et al. 2020, "Fourier features let networks learn high
    frequency functions in low dimensional domains", here on each axis alone.

    >>> get_fourier(np.array([[0.25, 0.5]]), freq=1).round(12) + 0.0  # 1, sin x, cos x, sin y, cos y
    array([[ 1.,  1.,  0.,  0., -1.]])
    """
    frequencies = np.arange(1, require_integer(freq, "freq", 1) + 1)
    angles = 2 * np.pi * frequencies * _checked(coords)[:, :, None]  # (n, axis, frequency)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=3)  # (n, axis, frequency, sin or cos)
    return np.hstack([np.ones((len(angles), 1)), waves.reshape(len(angles), -1)])


def pixel_coordinates(size):
    """Return (column, row) of all pixels of a square of `size` px, (size^2, 2) float64, row by row."""
    rows, columns = np.indices((require_integer(size, "size", 2),) * 2)
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float)


def scale_coordinates(pixels, size, method):
    """Return pixel coordinates (n, 2) scaled for a mapping: Raw [0, 1], Polynomial [-1, 1], Fourier [0, 1).

    Powers of numbers in [-1, 1] stay there, and even and odd ones differ. Fourier divides by size instead of size - 1:
    the first and last column of the picture are then one pixel apart on the circle of the lowest frequency.
    """
    if require_choice(method, "method", METHODS) == "Fourier":
        return pixels / size
    unit = pixels / (size - 1)
    return unit if method == "Raw" else 2 * unit - 1


def scale_columns(features):
    """Return features (n, width) with each column divided by its root mean square.

    On [-1, 1] the mean square of x^a y^b is 1 / ((2a + 1) (2b + 1)): unscaled, columns of high degree hardly count;
    scaled, all count alike, and none exceeds order + 1. Raises ValueError for a column of zeros.
    """
    size = np.sqrt(np.einsum("ij,ij->j", features, features) / len(features))  # without a matrix of squares
    if not size.all():
        raise ValueError(f"features: expected no column of zeros, got one at {int(np.flatnonzero(size == 0)[0])}")
    return features / size


def pixel_features(size, method, order=5, freq=10):
    """Return the scaled features of all pixels of a square of `size` px, (size^2, width) float32, row-major."""
    coords = scale_coordinates(pixel_coordinates(size), size, method)
    if method == "Raw":
        features = get_raw(coords)
    else:
        features = get_fourier(coords, freq) if method == "Fourier" else scale_columns(get_polynomial(coords, order))
    # Row-major, since shuffled batches gather rows: see tests/benchmarks/benchmark_reconstruction.py.
    return np.ascontiguousarray(features, np.float32)


class Modular_Dataloader:
    """An image as training data: features of the pixels' coordinates in, intensities in [0, 1] out.

    Parameters: `img_path`, a file, or the name of one in data/ or $SMAI_DATA; `image_type`, "RGB" or "Gray"; `method`,
    "Raw", "Polynomial" or "Fourier"; `order` of the polynomial; `freq`, the number of frequencies. The picture is
    resized to `size` x `size` px. Iterating gives batches (features, targets) of `batch_size` rows, each pixel once, in
    an order that `rng` shuffles anew (a fresh Generator if None); the trainer takes the two whole arrays instead.

    Attributes: `features` (n, feature_width) and `targets` (n, channels), float32, row by row of the picture; `image`,
    the target as uint8, (size, size, 3) for RGB, (size, size) for Gray; `source`, a DataSource; `notes`, what was done
    to the picture, a list of texts. Raises FileNotFoundError, or ValueError for a bad file or option.
    """

    feature_width = property(lambda self: self.features.shape[1], doc="Number of columns of gamma(v).")
    channels = property(lambda self: self.targets.shape[1], doc="Number of columns of the targets: 3 for RGB, else 1.")

    def __init__(self, img_path, image_type, method, order=5, freq=10, *, size=256, batch_size=128, rng=None):
        require_choice(method, "method", METHODS)
        self.batch_size = require_integer(batch_size, "batch_size", 1)
        self.rng = np.random.default_rng() if rng is None else require_generator(rng)
        self.label = f"{image_type}, {method_label(method, order, freq)}"
        path = Path(img_path)
        self.source = sources.find_file(path.name) if path.name == str(img_path) and not path.is_file() \
            else sources.describe(path)
        self.image, self.notes = read_image(self.source.path, image_type, size)
        self.features = pixel_features(size, method, order, freq)
        self.targets = self.image.reshape(size * size, -1).astype(np.float32) / 255

    def __len__(self):
        return -(-len(self.features) // self.batch_size)

    def __iter__(self):
        """Yield (features, targets) of all pixels, batch by batch, in a new order."""
        order = self.rng.permutation(len(self.features))
        for start in range(0, len(order), self.batch_size):
            rows = order[start:start + self.batch_size]
            yield self.features[rows], self.targets[rows]

    def __repr__(self):
        return (f"Modular_Dataloader({self.source.label}, {self.label}: {len(self.features)} pixels, "
                f"{self.feature_width} features, {self.channels} channels)")

    def as_image(self, prediction):
        """Return a prediction (n, channels) as a picture like `image`: clipped to [0, 1], then rounded to uint8."""
        if np.shape(prediction) != self.targets.shape:
            raise ValueError(f"prediction: expected shape {self.targets.shape}, got {np.shape(prediction)}")
        return np.rint(255 * np.clip(prediction, 0, 1)).astype(np.uint8).reshape(self.image.shape)


def method_label(method, order, freq):
    """Return the mapping with its size: "Raw", "Polynomial 5", "Fourier 25"."""
    return {"Raw": "Raw", "Polynomial": f"Polynomial {order}", "Fourier": f"Fourier {freq}"}[method]


def _checked(coords):
    coords = as_matrix(coords, "coords", 2, np.float64)
    require_finite(coords, "coords")
    return coords
