"""Pictures and maps as a mosaic of tiles on one pair of axes."""

import numpy as np
from matplotlib.colors import LogNorm

from smai_nn.plots.style import METHOD_COLOURS, colour_bar, describe, new_figure

TILES = ("column (px), picture beside picture", "row (px), picture below picture")  # axes of a mosaic
WIDTH = 9  # inches, of a mosaic, at most
LEAST_ERROR = 1 / 255  # one step of 8 bits, where the scale of errors begins


def plot_mosaic(rows, title, x=None, y=None):
    """Show rows of pictures (uint8, of one size) as one mosaic; a tile is (text or "", picture).

    `x` is (label, names of the columns), `y` (label, names of the rows, their colours); without, axes count pixels.
    """
    figure, panel, (height, width) = _mosaic([[(text, rgb(picture)) for text, picture in row] for row in rows])
    describe(panel, title, x[0] if x else TILES[0], y[0] if y else TILES[1])
    if x:
        panel.set_xticks((np.arange(len(x[1])) + 0.5) * width, x[1])
    if y:
        panel.set_yticks((np.arange(len(y[1])) + 0.5) * height, y[1], rotation=90, va="center")
        for tick, colour in zip(panel.get_yticklabels(), y[2]):
            tick.set_color(colour)
    return figure


def plot_blurred(targets, runs, title, boxes=None, levels=None):
    """Show targets (uint8) above what was learnt of them, `runs`: name -> results; both have one for each level.

    `boxes` maps name -> (top, left, side) in parts of the picture, by default all of it; each is shown at `levels`, 0
    the first, 1 the last, by default at all.
    """
    last = len(targets) - 1
    chosen = range(last + 1) if levels is None else [round(level * last) for level in levels]
    pictures = [targets, *([run.image for run in own] for own in runs.values())]
    rows, names, first = [[] for _ in pictures], [], next(iter(runs.values()))
    for name, box in (boxes or {"": (0, 0, 1)}).items():
        top, left, side = (round(share * len(targets[0])) for share in box)
        names += [f"{name} {first[i].setting.level}".strip() for i in chosen]
        for row, source in zip(rows, pictures):
            row += [("", source[i][top:top + side, left:left + side]) for i in chosen]
    colours = [METHOD_COLOURS[own[0].setting.method] for own in runs.values()]
    return plot_mosaic(rows, title, (r"blur $\sigma$ (px)", names), ("method", ["target", *runs], ["black", *colours]))


def plot_maps(rows, title, label, **colours):
    """Show maps (height, width) as one mosaic with one colour bar; a tile is (text, values)."""
    figure, panel, _ = _mosaic(rows, **colours)
    describe(panel, title, *TILES)
    colour_bar(figure, panel.images[0], panel, label)
    return figure


def plot_errors(rows, title):
    """Show absolute errors of pictures, mean of the channels, on a logarithmic scale.

    A tile is (text, picture, target), both uint8.
    """
    rows = [[(text, np.abs(np.subtract(rgb(picture), rgb(target), dtype=float)).mean(axis=2) / 255)
             for text, picture, target in row] for row in rows]
    most = max(errors.max() for row in rows for _, errors in row)
    scale = LogNorm(LEAST_ERROR, max(most, 2 * LEAST_ERROR), clip=True)
    return plot_maps(rows, title, "absolute error", cmap="magma", norm=scale)


def _mosaic(rows, **options):
    """Draw tiles, their texts above them; return the figure, its panel, and a tile's (height, width) with the gap."""
    first = rows[0][0][1]
    gap = max(1, len(first) // 50)
    width = first.shape[1] + gap
    columns = max(map(len, rows))
    wide, inches = width * columns - gap, min(WIDTH, 1 + 2.8 * columns)
    strip = int(0.22 * wide / inches) if any(text for row in rows for text, _ in row) else 0  # a line of text
    height = first.shape[0] + gap + strip
    tall = height * len(rows) - gap
    canvas = np.full((tall, wide, *first.shape[2:]), 255 if first.ndim == 3 else np.nan, first.dtype)
    figure, axes = new_figure(width=inches, height=(inches - 0.8 - 0.9 * (first.ndim == 2)) * tall / wide + 0.8)
    for i, row in enumerate(rows):
        for j, (text, picture) in enumerate(row):
            top, left = i * height + strip, j * width
            canvas[top:(i + 1) * height - gap, left:left + width - gap] = picture
            if text:
                axes[0, 0].text(left, top - strip / 4, text, va="baseline", fontsize=8.5)
    axes[0, 0].imshow(canvas, **options)
    return figure, axes[0, 0], (height, width)


def rgb(picture):
    """Return a picture with three channels: a grey one would need a colour bar."""
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
