"""Pictures: two at a time, as a mosaic of tiles on one pair of axes, and the mappings' columns."""

import numpy as np
from matplotlib.colors import LogNorm

from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import METHOD_COLOURS, colour_bar, describe, new_figure

GAP = 4  # px of white between the tiles of a mosaic
LEAST_ERROR = 1 / 255  # one step of 8 bits, where the scale of errors begins


def plot_pictures(pictures):
    """Show a list of (title, uint8 array (height, width) or (height, width, 3)) side by side."""
    figure, axes = new_figure(1, len(pictures), width=10 / max(2, len(pictures)), height=4.6)
    for panel, (title, picture) in zip(axes[0], pictures):
        panel.imshow(_rgb(picture))
        describe(panel, title, COLUMN, ROW)
    return figure


def plot_mosaic(rows, title, columns, labels, x_label, y_label):
    """Show rows of pictures (uint8, of one size) as one mosaic; a tile is (text or "", picture).

    `columns` name the columns of tiles, and `labels` are (row name, colour of the name).
    """
    figure, panel, step = _mosaic([[_rgb(picture) for _, picture in row] for row in rows], rows)
    panel.set_xticks((np.arange(len(columns)) + 0.5) * step[1], columns)
    panel.set_yticks((np.arange(len(labels)) + 0.5) * step[0], [name for name, _ in labels], rotation=90, va="center")
    for tick, (_, colour) in zip(panel.get_yticklabels(), labels):
        tick.set_color(colour)
    describe(panel, title, x_label, y_label)
    return figure


def plot_errors(rows, title):
    """Show absolute errors (height, width), in [0, 1], as one mosaic with one scale; a tile is (text, errors).

    The scale is logarithmic and ends at the largest error shown.
    """
    most = max(errors.max() for row in rows for _, errors in row)
    scale = LogNorm(LEAST_ERROR, max(most, 2 * LEAST_ERROR))
    figure, panel, _ = _mosaic([[np.maximum(errors, LEAST_ERROR) for _, errors in row] for row in rows], rows,
                               cmap="magma", norm=scale)
    describe(panel, title, "column (px), picture beside picture", "row (px), picture below picture")
    colour_bar(figure, panel.images[0], panel, "absolute error, mean of the channels (least: 1/255)", shrink=0.9)
    return figure


def plot_columns(panels):
    """Show columns of the mappings as pictures: a list of six (method, formula, values (height, width) in [-1, 1])."""
    figure, axes = new_figure(2, 3, width=3.1, height=2.9)
    for panel, (method, formula, values) in zip(axes.flat, panels):
        image = panel.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        describe(panel, f"{method}: {formula}", COLUMN, ROW)
        panel.title.set_color(METHOD_COLOURS[method])
    colour_bar(figure, image, axes.ravel().tolist(), "value, between -1 and 1", shrink=0.8)
    return figure


def _mosaic(pictures, rows, **options):
    """Draw tiles in rows with their texts; return the figure, its panel, and a tile's (height, width) with the gap."""
    height, width = (side + GAP for side in pictures[0][0].shape[:2])
    blank = 255 if pictures[0][0].ndim == 3 else np.nan
    tall, wide = height * len(pictures) - GAP, width * max(map(len, pictures)) - GAP
    canvas = np.full((tall, wide, *pictures[0][0].shape[2:]), blank, np.asarray(pictures[0][0]).dtype)
    figure, axes = new_figure(width=10, height=9.2 * tall / wide + 0.7)
    for i, row in enumerate(pictures):
        for j, picture in enumerate(row):
            canvas[i * height:(i + 1) * height - GAP, j * width:(j + 1) * width - GAP] = picture
            if text := rows[i][j][0]:
                axes[0, 0].text(j * width + 0.03 * width, i * height + 0.03 * height, text, va="top", fontsize=9,
                                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5})
    axes[0, 0].imshow(canvas, **options)
    return figure, axes[0, 0], (height, width)


def _rgb(picture):
    """Return a picture with three channels: grey ones would need a colour bar."""
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
