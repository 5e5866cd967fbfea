"""The border at Baarle-Nassau: a picture in two colours becomes a 0-1 mask and training samples.

Source: assignment section 1.1.
"""

import numpy as np

from smai_nn.datasets import sources
from smai_nn.datasets.images import read_rgb

COUNTRIES = ("Netherlands", "Belgium")  # the labels 0 and 1
COLOURS = np.array([(255, 165, 0), (138, 43, 226)])  # the picture's orange and purple

# A pixel belongs to the nearest colour; one farther away than this, a third of the colours'
# distance from each other, is of neither.
TOLERANCE = float(np.linalg.norm(COLOURS[0] - COLOURS[1])) / 3
ODD_PIXELS = 0.1  # the share of such pixels (blurred edges, JPEG noise) that a map may have


def mask_from_image(image):
    """Return the 0-1 mask (height, width), uint8, of an RGB image (height, width, 3): 1 is Belgium.

    Raises ValueError if the image does not have both colours, or too many pixels of neither.
    """
    distances = np.linalg.norm(image[:, :, None, :].astype(float) - COLOURS, axis=-1)
    mask = distances.argmin(axis=-1).astype(np.uint8)
    odd = float(np.mean(distances.min(axis=-1) > TOLERANCE))
    expected = " and ".join(f"{name} {tuple(map(int, c))}" for name, c in zip(COUNTRIES, COLOURS))
    if odd > ODD_PIXELS:
        raise ValueError(f"border image: expected two colours, {expected}; got {odd:.0%} of the pixels near neither")
    if mask.min() == mask.max():
        raise ValueError(f"border image: expected both {expected}; got only {COUNTRIES[mask.flat[0]]}")
    return mask


def touches_other_country(mask):
    """Return which pixels of a 0-1 mask (height, width) have a neighbour, up, down or sideways, of the other label."""
    touching = np.zeros(mask.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = mask[one] != mask[other]
        touching[one] |= differs
        touching[other] |= differs
    return touching


class BorderDataset:
    """All pixels of the map as samples ((x, y), L).

    x = column / (width - 1) and y = row / (height - 1) lie in [0, 1], with row 0 at the top (north);
    L is 0 for the Netherlands and 1 for Belgium. Without a `path` it reads `border.png` from data/
    or $SMAI_DATA. Attributes: `image` (height, width, 3) uint8, `mask` (height, width) uint8,
    `inputs` (n, 2) and `targets` (n, 1) in row-major pixel order, and `source`, a DataSource.
    Raises FileNotFoundError, or ValueError for a file that is no such map.
    """

    def __init__(self, path=None, dtype=np.float32):
        self.source = sources.find_file("border.png") if path is None else sources.describe(path)
        self.image = read_rgb(self.source.path)
        self.height, self.width = self.image.shape[:2]
        if min(self.height, self.width) < 2:
            raise ValueError(f"border image: expected at least 2x2 pixels, got {self.width}x{self.height}")
        self.mask = mask_from_image(self.image)
        rows, columns = np.indices(self.mask.shape)
        self.inputs = np.stack([columns.ravel() / (self.width - 1), rows.ravel() / (self.height - 1)], 1).astype(dtype)
        self.targets = self.mask.reshape(-1, 1).astype(dtype)

    def __len__(self):
        return self.mask.size

    def samples(self, rng=None):
        """Return every pixel once as ((x, y), L), a list in an order shuffled by `rng` (a fresh one if None)."""
        order = (np.random.default_rng() if rng is None else rng).permutation(len(self))
        rows, columns = np.divmod(order, self.width)
        x, y, labels = columns / (self.width - 1), rows / (self.height - 1), self.mask[rows, columns]
        return list(zip(zip(x.tolist(), y.tolist()), labels.tolist()))

    @property
    def majority_accuracy(self):
        """The accuracy of always answering the more frequent country."""
        return float(max(self.mask.mean(), 1 - self.mask.mean()))

    def as_map(self, values):
        """Return one value per sample, (n, 1) or (n,), as an array (height, width)."""
        return np.asarray(values).reshape(self.mask.shape)
