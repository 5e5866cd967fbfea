"""Maps: the picture, its mask, predictions and their errors."""

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Patch

from smai_nn.plots.style import BLACK, SKY, describe, new_figure

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
    """Show truth, prediction and errors over the pale truth side by side; both maps are 0-1 (height, width)."""
    figure, axes = new_figure(1, 3, width=3.0, height=3.6, margins=(0.45, 0.9, 0.05, 0.25))
    wrong, errors = predicted != truth, np.array(PALE)[truth]                    # (height, width), with RGB
    errors[wrong] = np.array([to_rgb(BLACK), to_rgb(SKY)])[truth[wrong]]
    pictures = {"Ground truth": truth, f"{title}: {1 - wrong.mean():.2%} correct": predicted,
                f"Errors over the truth: {wrong.sum()} px": errors}
    for panel, (text, picture) in zip(axes[0], pictures.items()):
        panel.imshow(picture, cmap=COUNTRY_MAP, vmin=0, vmax=1)
        describe(panel, text, COLUMN, ROW)
    one, other = countries
    entries = [(PALE[0], f"{one}, right"), (PALE[1], f"{other}, right"), (BLACK, f"{one} taken for {other}"),
               (SKY, f"{other} taken for {one}")]
    patches = [Patch(color=colour, label=label) for colour, label in entries]
    figure.legend(handles=[*country_patches(countries), *patches], loc="lower center", ncols=3)
    return figure


def country_patches(countries, alpha=1.0):
    """Return a legend's entries for the countries' colours."""
    return [Patch(color=colour, alpha=alpha, label=country) for colour, country in zip(COUNTRY_COLOURS, countries)]
