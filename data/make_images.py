"""Makes smiley.png, cat.jpg and blur_0.jpg to blur_10.jpg, the pictures of section 2.

Run by hand, in an environment of its own, since nothing else here needs scikit-image:

    python3.11 -m venv .venv-images && .venv-images/bin/pip install scikit-image==0.26.0
    .venv-images/bin/python data/make_images.py

See README.md beside this file for the sources and their licences.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.data import chelsea

SIZE = 256
FINE = 8  # the smiley is drawn on a grid finer by this factor, whose means give smooth edges
HERE = Path(__file__).parent
JPEG = {"quality": 95, "subsampling": 0}


def smiley():
    """Return the drawing (256, 256), uint8: white on black."""
    y, x = (np.mgrid[:SIZE * FINE, :SIZE * FINE] + 0.5) / FINE - SIZE / 2  # px from the centre, y downwards
    radius = np.hypot(x, y)
    white = np.abs(radius - 104) < 6  # the ring
    for side in (-1, 1):
        white |= np.hypot((x - side * 36) / 12, (y + 34) / 22) < 1  # an eye
    angle = np.degrees(np.arctan2(y, x))  # 90 is straight down
    white |= (np.abs(radius - 64) < 6) & (np.abs(angle - 90) < 65)  # the mouth
    for end in np.radians((25, 155)):  # its ends: short strokes across
        along = (x * np.cos(end) + y * np.sin(end)) - 64
        across = y * np.cos(end) - x * np.sin(end)
        white |= np.hypot(np.maximum(np.abs(along) - 12, 0), across) < 5
    fine = white.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))
    return np.round(255 * fine).astype(np.uint8)


def cat():
    """Return the middle square, at full height, of scikit-image's `chelsea`, (300, 300, 3) uint8."""
    picture = chelsea()
    height, width = picture.shape[:2]
    left = (width - height) // 2
    return picture[:, left:left + height]


if __name__ == "__main__":
    Image.fromarray(smiley()).save(HERE / "smiley.png", optimize=True)
    Image.fromarray(cat()).save(HERE / "cat.jpg", **JPEG)
    small = np.asarray(Image.fromarray(cat()).resize((SIZE, SIZE), Image.Resampling.BICUBIC), float)
    for sigma in range(11):  # in pixels of the 256x256 picture; the edge pixels go on outside it
        blurred = gaussian_filter(small, (sigma, sigma, 0), mode="nearest")
        Image.fromarray(np.round(blurred).astype(np.uint8)).save(HERE / f"blur_{sigma}.jpg", **JPEG)
