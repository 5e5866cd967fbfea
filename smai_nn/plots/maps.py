"""Maps: the picture, its mask, predictions and their errors, decision regions."""

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from smai_nn.plots.style import BLACK, SKY, colour_bar, describe, new_figure

COUNTRY_COLOURS = ("#FFA500", "#8A2BE2")  # the picture's own: Netherlands, Belgium
COUNTRY_MAP = ListedColormap(COUNTRY_COLOURS)
COLUMN, ROW = "column (px)", "row (px)"
_PREDICTION_MARGINS = (0.55, 1.0, 0.1, 0.45)  # inches: room for labels, legend below, two lines of title
X_INPUT, Y_INPUT = "x1", "x2"


def plot_picture_and_mask(image, mask, countries):
    """Show the RGB picture (height, width, 3) and its 0-1 mask (height, width) side by side."""
    figure, axes = new_figure(1, 2, height=4.2)
    axes[0, 0].imshow(image)
    describe(axes[0, 0], "The picture", COLUMN, ROW, handles=country_patches(countries), legend="below", columns=2)
    axes[0, 1].imshow(mask, cmap="gray_r", vmin=0, vmax=1)
    patches = [Patch(facecolor=c, edgecolor="black", label=f"{i}: {n}")
               for i, (c, n) in enumerate(zip(("white", "black"), countries))]
    describe(axes[0, 1], "The binary mask", COLUMN, ROW, handles=patches, legend="below", columns=2)
    return figure


def plot_class_balance(counts, countries):
    """Show the number of pixels of each country as bars."""
    figure, axes = new_figure(width=4.6, height=3)
    total = sum(counts)
    for label, (count, country, colour) in enumerate(zip(counts, countries, COUNTRY_COLOURS)):
        share = f"{country}: {count} pixels, {count / total:.1%}"
        axes[0, 0].bar(f"{label}: {country}", count, color=colour, label=share)
    axes[0, 0].set_ylim(0, max(counts) * 1.3)
    describe(axes[0, 0], "Class balance of the mask", "label", "pixels", legend="upper left")
    return figure


def plot_map_prediction(mask, predicted, countries, title):
    """Show truth, prediction and errors over the truth side by side; both maps are 0-1 (height, width)."""
    figure, axes = new_figure(1, 3, width=4, height=4.5, margins=_PREDICTION_MARGINS)
    _draw_prediction(axes[0], mask, predicted, countries, title)
    return figure


def plot_prediction_gallery(mask, predictions, countries):
    """Show a row of truth, prediction and errors for each (title, 0-1 map) of `predictions`."""
    figure, axes = new_figure(len(predictions), 3, width=4, height=4.5, margins=_PREDICTION_MARGINS)
    for row, (title, predicted) in zip(axes, predictions):
        _draw_prediction(row, mask, predicted, countries, title)
    return figure


def plot_decision_regions(regions, inputs, targets):
    """Show, for each (title, values on a grid over [-0.25, 1.25]^2) of `regions`, the output and the samples.

    The grid is (rows, columns) with row 0 at the least x2. `inputs` (n, 2), `targets` (n, 1).
    """
    figure, axes = new_figure(1, len(regions), width=3.9, height=4.2)
    targets = targets.ravel()
    for panel, (title, values) in zip(axes[0], regions):
        picture = panel.imshow(values, origin="lower", extent=(-0.25, 1.25, -0.25, 1.25), cmap="RdBu_r", vmin=0, vmax=1)
        panel.contour(np.linspace(-0.25, 1.25, values.shape[1]), np.linspace(-0.25, 1.25, values.shape[0]), values,
                      levels=[0.5], colors="black", linewidths=1.2)
        for label, marker in ((0, "o"), (1, "s")):
            panel.scatter(*inputs[targets == label].T, marker=marker, s=70, color="white", edgecolor="black",
                          label=f"XOR = {label}", zorder=3)
        handles = [*panel.get_legend_handles_labels()[0], Line2D([], [], color="black", label="output 0.5")]
        describe(panel, title, X_INPUT, Y_INPUT, handles=handles, legend="below", columns=3)
    colour_bar(figure, picture, axes[0, :].tolist(), "network output", shrink=0.75)
    return figure


def _draw_prediction(axes, mask, predicted, countries, title):
    wrong = predicted != mask
    patches = country_patches(countries)
    for panel, picture, name in ((axes[0], mask, "Ground truth"), (axes[1], predicted, "Prediction")):
        panel.imshow(picture, cmap=COUNTRY_MAP, vmin=0, vmax=1)
        describe(panel, name if panel is axes[0] else f"Prediction, {1 - wrong.mean():.2%} correct\n{title}",
                 COLUMN, ROW, handles=patches, legend="below", columns=2)
    for panel in axes:
        panel.locator_params(nbins=4)  # every run draws this: a label less is a millisecond less
    pale = 0.5 + 0.5 * np.array([to_rgb(c) for c in COUNTRY_COLOURS])[mask]  # truth, faded, below the errors
    pale[wrong & (mask == 0)] = to_rgb(BLACK)
    pale[wrong & (mask == 1)] = to_rgb(SKY)
    axes[2].imshow(pale)
    errors = [Patch(color=BLACK, label=f"{countries[0]} taken for {countries[1]}: {int((wrong & (mask == 0)).sum())}"),
              Patch(color=SKY, label=f"{countries[1]} taken for {countries[0]}: {int((wrong & (mask == 1)).sum())}")]
    describe(axes[2], f"Errors over the truth: {int(wrong.sum())} pixels", COLUMN, ROW, handles=errors, legend="below")


def country_patches(countries, alpha=1.0):
    """Return a legend's entries for the countries' colours."""
    return [Patch(color=colour, alpha=alpha, label=country) for colour, country in zip(COUNTRY_COLOURS, countries)]
