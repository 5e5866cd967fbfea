"""Figure of section 3.1: digits and what came back of them."""

import numpy as np

from smai_nn.plots.style import describe, new_figure

GAP = 2  # px between the pictures of a mosaic


def plot_digits(classes, rows, title):
    """Show one digit of each class, the classes side by side: `rows` maps a name to (classes, height, width)."""
    height, width = (size + GAP for size in next(iter(rows.values())).shape[1:])
    canvas = np.block([[np.pad(picture, (0, GAP), constant_values=1) for picture in pictures]
                       for pictures in rows.values()])
    figure, axes = new_figure(width=1.9 + 0.76 * len(classes), height=0.9 + 0.76 * len(rows))
    panel = axes[0, 0]
    picture = panel.imshow(canvas[:-GAP, :-GAP], cmap="gray", vmin=0, vmax=1)
    panel.set_xticks((np.arange(len(classes)) + 0.5) * width, [str(label) for label in classes])
    panel.set_yticks((np.arange(len(rows)) + 0.5) * height, list(rows))
    figure.colorbar(picture, cax=panel.inset_axes([1.015, 0, 0.012, 1])).set_label("intensity")
    describe(panel, title, f"digit class ({width - GAP} x {height - GAP} px each)", "picture")
    return figure
