"""Maps: the picture, its mask, predictions and their errors, decision regions."""

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from smai_nn.plots.style import BLACK, SKY, colour_bar, describe, new_figure, share_legend

COUNTRY_COLOURS = ("#FFA500", "#8A2BE2")  # the picture's own: Netherlands, Belgium
COUNTRY_MAP = ListedColormap(COUNTRY_COLOURS)
PALE = tuple(tuple(0.5 + 0.5 * c for c in to_rgb(colour)) for colour in COUNTRY_COLOURS)  # the truth below the errors
COLUMN, ROW = "column (px)", "row (px)"


def plot_picture_and_mask(image, mask, countries):
    """Show the RGB picture (height, width, 3) and its 0-1 mask (height, width) side by side."""
    figure, axes = new_figure(1, 2, height=4.2)
    axes[0, 0].imshow(image)
    describe(axes[0, 0], "The picture", COLUMN, ROW, legend="below", handles=country_patches(countries), columns=2)
    axes[0, 1].imshow(mask, cmap="gray_r", vmin=0, vmax=1)
    patches = [Patch(facecolor=colour, edgecolor="black", label=f"{label}: {country}")
               for label, colour, country in zip((0, 1), ("white", "black"), countries)]
    describe(axes[0, 1], "The binary mask", COLUMN, ROW, legend="below", handles=patches, columns=2)
    return figure


def plot_map_prediction(truth, predicted, countries, title):
    """Show truth, prediction and errors over the truth side by side; both maps are 0-1 (height, width)."""
    figure, axes = new_figure(1, 3, width=3.0, height=3.6, margins=(0.45, 0.9, 0.05, 0.25))
    _show_maps(axes[0], [(truth, "Ground truth"), *prediction_and_errors(truth, predicted, title)])
    figure.legend(handles=[*country_patches(countries), *error_patches(countries)], loc="lower center", ncols=3)
    return figure


def change_map_prediction(figure, truth, predicted, title):
    """Put another prediction of the same truth into a figure of plot_map_prediction, and return it.

    Only what has changed is drawn when it is saved, so that a second map costs a fifth of the first.
    """
    for panel, (picture, text) in zip(figure.axes[1:], prediction_and_errors(truth, predicted, title)):
        panel.images[0].set_data(picture)
        panel.set_title(text)
        for artist in (panel.images[0], panel.title, *panel.spines.values()):
            artist.set_animated(True)
    return figure


def plot_prediction_gallery(runs, countries):
    """Show the predictions of BorderResults, and below each its errors over the truth."""
    figure, axes = new_figure(2, len(runs), width=3.3, height=3.4)
    for column, run in zip(axes.T, runs):
        _show_maps(column, prediction_and_errors(run.truth, run.predicted, run.setting.label))
    share_legend(figure, [*country_patches(countries), *error_patches(countries)], columns=3)
    return figure


def plot_decision_regions(regions, inputs, targets):
    """Show, for each (title, values on a grid over [-0.25, 1.25]^2) of `regions`, the output and the samples.

    The grid is (rows, columns) with row 0 at the least x2. `inputs` (n, 2), `targets` (n, 1).
    """
    figure, axes = new_figure(1, len(regions), width=3.2, height=3.6)
    extent = (-0.25, 1.25, -0.25, 1.25)
    for panel, (title, values) in zip(axes[0], regions):
        picture = panel.imshow(values, origin="lower", extent=extent, cmap="RdBu_r", vmin=0, vmax=1)
        panel.contour(values, extent=extent, levels=[0.5], colors="black", linewidths=1.2)
        for label, marker in ((0, "o"), (1, "s")):
            panel.scatter(*inputs[targets[:, 0] == label].T, marker=marker, s=70, color="white", edgecolor="black",
                          label=f"XOR = {label}", zorder=3)
        describe(panel, title, "x1", "x2")
    colour_bar(figure, picture, axes[0, :].tolist(), "network output", shrink=0.75)
    line = Line2D([], [], color="black", label="output 0.5")
    share_legend(figure, [*axes[0, 0].get_legend_handles_labels()[0], line])
    return figure


def prediction_and_errors(truth, predicted, title):
    """Return two (picture, title): the prediction (height, width), and its errors over the pale truth, in RGB."""
    wrong, errors = predicted != truth, np.array(PALE)[truth]
    errors[wrong] = np.array([to_rgb(BLACK), to_rgb(SKY)])[truth[wrong]]
    return (predicted, f"{title}: {1 - wrong.mean():.2%} correct"), (errors, f"Errors over the truth: {wrong.sum()} px")


def _show_maps(panels, pictures):
    for panel, (picture, title) in zip(panels, pictures):
        panel.imshow(picture, cmap=COUNTRY_MAP, vmin=0, vmax=1)
        describe(panel, title, COLUMN, ROW)


def country_patches(countries, alpha=1.0):
    """Return a legend's entries for the countries' colours."""
    return [Patch(color=colour, alpha=alpha, label=country) for colour, country in zip(COUNTRY_COLOURS, countries)]


def error_patches(countries):
    """Return a legend's entries for errors over the truth."""
    entries = [(PALE[0], f"{countries[0]}, right"), (PALE[1], f"{countries[1]}, right"),
               (BLACK, f"{countries[0]} taken for {countries[1]}"), (SKY, f"{countries[1]} taken for {countries[0]}")]
    return [Patch(color=colour, label=label) for colour, label in entries]
