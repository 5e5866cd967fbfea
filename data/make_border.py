"""Makes border.png: the Belgium-Netherlands border at Baarle-Nassau on a grid of 50x50 cells.

Run by hand, in an environment of its own, since timezonefinder 6.2.0 wants numpy below 2:

    python3.11 -m venv .venv-border && .venv-border/bin/pip install timezonefinder==6.2.0 pillow
    .venv-border/bin/python data/make_border.py

A cell is Belgium where the time zone at its centre is Europe/Brussels, the Netherlands where it is
Europe/Amsterdam. See README.md beside this file for the source and its licence.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from timezonefinder import TimezoneFinder

CELLS = 50
CENTRE_EAST, CENTRE_NORTH = 4.93380, 51.44298  # degrees
WIDTH, HEIGHT = 0.045989, 0.029545  # degrees
COLOURS = {"Europe/Amsterdam": (255, 165, 0), "Europe/Brussels": (138, 43, 226)}


def border_image():
    """Return the map as an array (50, 50, 3), uint8, row 0 in the north, column 0 in the west."""
    finder = TimezoneFinder(in_memory=True)
    offsets = (np.arange(CELLS) + 0.5) / CELLS - 0.5  # cell centres, from -1/2 to 1/2 of the box
    zones = [[finder.timezone_at(lng=CENTRE_EAST + WIDTH * column, lat=CENTRE_NORTH - HEIGHT * row)
              for column in offsets] for row in offsets]
    return np.array([[COLOURS[zone] for zone in row] for row in zones], np.uint8)


if __name__ == "__main__":
    Image.fromarray(border_image()).save(Path(__file__).with_name("border.png"), optimize=True)
