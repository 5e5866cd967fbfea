"""The border at Baarle-Nassau: a picture in two colours becomes a 0-1 mask and training samples.

Source: assignment section 1.1.
"""

import numpy as np
from PIL import Image

from smai_nn.datasets import sources
from smai_nn.datasets.images import decode_image

COUNTRIES = ("Netherlands", "Belgium")  # the labels 0 and 1
COLOURS = np.array([(255, 165, 0), (138, 43, 226)])  # the course's orange and purple
HUES = np.array([39, 285])  # degrees on the colour wheel: orange, and the middle of purple (300) and violet (271)
FURTHEST_HUE = 60  # degrees from these that a map's colours may have
LEAST_COLOUR = 20  # of 255 between a colour's largest and smallest channel; with less it is a grey
ODD_PIXELS = 0.1  # the share of pixels near neither colour (blurred edges, JPEG noise) that a map may have


def mask_from_image(image):
    """Return the 0-1 mask (height, width), uint8, of an RGB image (height, width, 3): 1 is Belgium.

    The map's two colours are the medians of the pixels whose hue is near orange, and near purple or violet; a pixel
    belongs to the nearer one. Raises ValueError if a colour is missing, or if too many pixels are farther from both
    than a third of the colours' distance.
    """
    hue = np.asarray(Image.fromarray(image).convert("HSV"))[..., :1] * (360 / 255)
    gaps = 180 - np.abs(180 - np.abs(hue - HUES))  # (height, width, 2): degrees from each of the HUES
    near = (gaps == gaps.min(axis=-1, keepdims=True)) & (gaps <= FURTHEST_HUE)
    near &= np.ptp(image, axis=-1, keepdims=True) >= LEAST_COLOUR
    if near.any(axis=(0, 1)).all():
        colours = np.array([np.median(image[near[..., label]], axis=0) for label in (0, 1)])
        distances = np.linalg.norm(image[:, :, None, :] - colours, axis=-1)
        if np.mean(distances.min(axis=-1) > np.linalg.norm(colours[0] - colours[1]) / 3) <= ODD_PIXELS:
            return distances.argmin(axis=-1).astype(np.uint8)
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    found = ", ".join(f"{tuple(colours[i].tolist())} {counts[i] / counts.sum():.0%}" for i in np.argsort(-counts)[:4])
    raise ValueError(f"border image: expected two clear colours, one near orange {COLOURS[0].tolist()} for "
                     f"{COUNTRIES[0]}, one near purple or violet {COLOURS[1].tolist()} for {COUNTRIES[1]}; found "
                     f"{found}{' and others' if len(colours) > 4 else ''}; draw it in two such colours")


def touches_other_country(mask):
    """Return which pixels of a 0-1 mask (height, width) have a neighbour, up, down or sideways, of the other label."""
    touching = np.zeros(mask.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = mask[one] != mask[other]
        touching[one] |= differs
        touching[other] |= differs
    return touching


class BorderDataset:
    """All pixels of the map as samples ((x, y), L), of `path` or else of the `border.png` that `find_file` finds.

    x = column / (width - 1) and y = row / (height - 1) lie in [0, 1], with row 0 at the top (north); L is 0 for the
    Netherlands and 1 for Belgium. Attributes: `image` (height, width, 3) uint8, `mask` (height, width) uint8,
    `inputs` (n, 2) and `targets` (n, 1) in row-major pixel order, and `source`, a DataSource. Raises
    FileNotFoundError, or ValueError for a file that is no such map.
    """

    def __init__(self, path=None, dtype=np.float32):
        self.source = sources.find_file("border.png") if path is None else sources.describe(path)
        self.image = np.asarray(decode_image(self.source.path)[0])
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
        return list(zip(map(tuple, self.inputs[order].tolist()), self.mask.ravel()[order].tolist()))

    @property
    def majority_accuracy(self):
        """The accuracy of always answering the more frequent country."""
        return float(max(self.mask.mean(), 1 - self.mask.mean()))

    def as_map(self, values):
        """Return one value per sample, (n, 1) or (n,), as an array (height, width)."""
        return np.asarray(values).reshape(self.mask.shape)
