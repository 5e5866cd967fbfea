"""The border at Baarle-Nassau: a picture in two colours becomes a 0-1 mask and training samples (1.1)."""

import numpy as np

from smai_nn.datasets import sources
from smai_nn.datasets.images import read_image

COUNTRIES = ("Netherlands", "Belgium")  # the labels 0 and 1
COLOURS = np.array([(255, 165, 0), (138, 43, 226)])  # the course's orange and purple
ODD_PIXELS = 0.1  # the share of pixels near neither colour (blurred edges, JPEG noise) that a map may have


def mask_from_image(image):
    """Return the 0-1 mask (height, width), uint8, of an RGB image (height, width, 3): 1 is Belgium.

    Each pixel takes the nearer of the map's two colours, the medians of what is near orange and near purple. ValueError
    if over a tenth (ODD_PIXELS) is farther from both than a third of their distance, or if it is less than 2x2 pixels.
    """
    nearer = np.linalg.norm(image[:, :, None] - COLOURS, axis=-1).argmin(axis=-1)  # (height, width)
    if 0 < nearer.mean() < 1 and min(nearer.shape) > 1:
        colours = np.array([np.median(image[nearer == label], axis=0) for label in (0, 1)])
        distances = np.linalg.norm(image[:, :, None] - colours, axis=-1)  # (height, width, 2)
        if np.mean(distances.min(axis=-1) > np.linalg.norm(colours[0] - colours[1]) / 3) <= ODD_PIXELS:
            return distances.argmin(axis=-1).astype(np.uint8)
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    raise ValueError(f"border image: expected two clear colours, near the orange and purple {COLOURS.tolist()}, on 2x2 "
                     f"pixels or more, got {len(colours)}, most often {colours[np.argsort(-counts)[:4]].tolist()}, on "
                     f"{'x'.join(map(str, nearer.shape))}; draw two such")


def touches_other_country(mask):
    """Return which pixels of a 0-1 mask (height, width) have a neighbour, up, down or sideways, of the other label."""
    wider = np.pad(mask, 1, mode="edge")
    neighbours = np.array([wider[:-2, 1:-1], wider[2:, 1:-1], wider[1:-1, :-2], wider[1:-1, 2:]])
    return (neighbours != mask).any(axis=0)


class BorderDataset:
    """All pixels of the map as samples ((x, y), L), of `path` or else of the `border.png` that `find_file` finds.

    x = column / (width - 1) and y = row / (height - 1), with row 0 in the north; L is 0 for the Netherlands and 1 for
    Belgium. Attributes: `image` (height, width, 3) and `mask` (height, width), uint8; `inputs` (n, 2) and `targets`
    (n, 1), row by row; `source`, a DataSource. Raises FileNotFoundError, or ValueError for what is no such map.
    """

    majority_accuracy = property(lambda self: float(max(self.mask.mean(), 1 - self.mask.mean())),
                                 doc="The accuracy of always answering the more frequent country.")

    def __init__(self, path=None):
        self.source = sources.find_file("border.png") if path is None else sources.describe(path)
        self.image, _ = read_image(self.source.path, "RGB", size=None)
        self.height, self.width = self.image.shape[:2]
        self.mask = mask_from_image(self.image)
        rows, columns = np.indices(self.mask.shape)
        points = np.stack([columns.ravel() / (self.width - 1), rows.ravel() / (self.height - 1)], axis=1)
        self.inputs, self.targets = points.astype(np.float32), self.mask.reshape(-1, 1).astype(np.float32)

    def __len__(self):
        return self.mask.size

    def samples(self, rng=None):
        """Return every pixel once as ((x, y), L), a list in an order shuffled by `rng` (a fresh one if None)."""
        order = (np.random.default_rng() if rng is None else rng).permutation(len(self))
        return list(zip(map(tuple, self.inputs[order].tolist()), self.mask.ravel()[order].tolist()))

    def as_map(self, values):
        """Return one value per sample, (n, 1) or (n,), as an array (height, width)."""
        return np.asarray(values).reshape(self.mask.shape)
