"""Figures of part 1: the border's picture, mask and maps; losses, accuracies and costs of runs; gradients' errors."""

import numpy as np
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Patch

from smai_nn.experiments.border import group, median, values_of
from smai_nn.plots.style import (
    ACTIVATION_STYLES, BLACK, SERIES, SKY, describe, new_figure, plain_log_scale, share_legend)

COUNTRY_COLOURS = ("#FFA500", "#8A2BE2")  # the picture's own: Netherlands, Belgium
PALE = tuple(tuple(0.5 + 0.5 * c for c in to_rgb(colour)) for colour in COUNTRY_COLOURS)  # the truth below the errors
COLUMN, ROW, SAMPLES = "column (px)", "row (px)", "training samples seen"


def plot_picture_and_mask(image, mask, countries):
    """Show the RGB picture (height, width, 3) and its 0-1 mask (height, width) side by side."""
    figure, axes = new_figure(1, 2, height=4.2)
    axes[0, 0].imshow(image)
    axes[0, 1].imshow(mask, cmap="gray_r", vmin=0, vmax=1)
    one, other = countries
    for panel, title, entries in ((axes[0, 0], "The picture", zip(COUNTRY_COLOURS, countries)),
                                  (axes[0, 1], "The binary mask", [("white", f"0: {one}"), (BLACK, f"1: {other}")])):
        describe(panel, title, COLUMN, ROW, legend="below", handles=_patches(entries), columns=2)
    return figure


def plot_map_prediction(truth, predicted, countries, title):
    """Show truth, prediction and errors over the pale truth side by side; both maps are 0-1 (height, width)."""
    figure, axes = new_figure(1, 3, width=3.0, height=3.6, margins=(0.45, 0.9, 0.05, 0.25))
    wrong, errors = predicted != truth, np.array(PALE)[truth]                    # (height, width), with RGB
    errors[wrong] = np.array([to_rgb(BLACK), to_rgb(SKY)])[truth[wrong]]
    pictures = {"Ground truth": truth, f"{title}: {1 - wrong.mean():.2%} correct": predicted,
                f"Errors over the truth: {wrong.sum()} px": errors}
    for panel, (text, picture) in zip(axes[0], pictures.items()):
        panel.imshow(picture, cmap=ListedColormap(COUNTRY_COLOURS), vmin=0, vmax=1)
        describe(panel, text, COLUMN, ROW)
    one, other = countries
    entries = [*zip(COUNTRY_COLOURS, countries), (PALE[0], f"{one}, right"), (PALE[1], f"{other}, right"),
               (BLACK, f"{one} taken for {other}"), (SKY, f"{other} taken for {one}")]
    figure.legend(handles=_patches(entries), loc="lower center", ncols=3)
    return figure


def _patches(entries):
    return [Patch(facecolor=colour, edgecolor=BLACK, label=label) for colour, label in entries]


def plot_loss_against_samples(histories, title="Training loss against samples seen", loss_name="training loss"):
    """Show the loss of `histories`, a dict label -> History, per epoch; of one alone also the band of its iterations.

    The horizontal axis counts every data point passed through train(), so that runs with other batch sizes and
    accumulations compare.
    """
    below = 0.6 + 0.2 * ((len(histories) + 1) // 2)  # inches, of the axis' labels and of the legend in two columns
    figure, ((panel,),) = new_figure(width=6.4, height=2.4 + below, margins=(0.7, below, 0.4, 0.3))
    for colour, (label, history) in zip(SERIES, histories.items()):
        if len(histories) == 1:  # the ranges of 100 stretches look as all points do, and make a smaller file
            losses = np.array(history.iteration_loss)
            starts = np.arange(0, len(losses), max(1, len(losses) // 100))
            panel.fill_between(history.iteration_samples[starts], np.minimum.reduceat(losses, starts),
                               np.maximum.reduceat(losses, starts), color=colour, alpha=0.2, linewidth=0.6,
                               antialiased=False, label="range of single iterations")
        panel.plot(history.epoch_samples, history.epoch_loss, color=colour, linewidth=1.8, label=f"{label}, epoch mean")
    plain_log_scale(panel.yaxis)
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.grid(alpha=0.25)
    describe(panel, title, SAMPLES, loss_name, legend="below", columns=2)
    return figure


def plot_effect(runs, by, x_label):
    """Show final loss and accuracy against `by`, "depth" or "width": medians over seeds, bands least to greatest."""
    figure, axes = new_figure(1, 2, width=4.8, height=3.6)
    for panel, name, y_label in zip(axes[0], ("loss", "accuracy"), ("loss on the map (BCE)", "accuracy")):
        for (activation, patience), own in group(runs, "activation", "patience").items():
            colour, marker = ACTIVATION_STYLES[activation]
            settings = group(own, by)
            places, values = zip(*((str(value), values_of(seeds, name)) for value, seeds in settings.items()))
            panel.plot(places, np.median(values, axis=1), color=colour, marker=marker, markersize=4,
                       linestyle="-" if patience else "--", label=activation if patience else f"{activation}, no rule")
            panel.fill_between(places, np.min(values, axis=1), np.max(values, axis=1), color=colour, alpha=0.15,
                               linewidth=0)
        panel.grid(alpha=0.25)
        describe(panel, f"Final {name} by {by}", x_label, y_label)
    baseline = runs[0].majority_accuracy
    panel.axhline(baseline, color="black", linestyle=":", linewidth=1, label=f"majority class, {baseline:.1%}")
    share_legend(figure, panel.get_legend_handles_labels()[0])
    return figure


def plot_costs(runs):
    """Show samples (left) and seconds (right) until early stopping against batch size, a point a setting (medians)."""
    figure, axes = new_figure(1, 2, width=4.8, height=3.9)
    colours = dict(zip(group(runs, "learning_rate"), SERIES))
    markers = dict(zip(group(runs, "grad_accumulation_steps"), "os^"))
    for panel, (name, label) in zip(axes[0], (("samples", SAMPLES), ("training_seconds", "seconds of training"))):
        for (rate, steps), own in group(runs, "learning_rate", "grad_accumulation_steps").items():
            sizes = group(own, "batch_size")
            panel.plot([str(size) for size in sizes], [median(each, name) for each in sizes.values()],
                       color=colours[rate], marker=markers[steps], alpha=0.8,
                       label=f"rate {rate:g}, accumulation {steps}")
        plain_log_scale(panel.yaxis, "{x:,g}")
        panel.grid(alpha=0.25)
        describe(panel, f"{label.capitalize()} until the stop", "batch size", label)
    share_legend(figure, panel.get_legend_handles_labels()[0], columns=3)
    return figure


def plot_gradient_errors(epsilons, errors):
    """Show the maximum relative error against epsilon; `errors` maps (activation, loss) to one value per epsilon."""
    figure, axes = new_figure(1, 2, width=4.8, height=3.8)
    for panel, loss in zip(axes[0], ("mse", "bce")):
        for activation, (colour, marker) in ACTIVATION_STYLES.items():
            values = errors[activation, loss]
            panel.loglog(epsilons, values, color=colour, marker=marker, markersize=4, label=activation)
        guide = np.array([e for e in epsilons if e >= 1e-4])
        panel.loglog(guide, 0.3 * guide ** 2, color="black", linestyle=":", label=r"slope of $\epsilon^2$")
        panel.grid(alpha=0.25)
        describe(panel, f"Numerical and backpropagated, {loss.upper()}", r"step $\epsilon$", "maximum relative error")
    share_legend(figure, panel.get_legend_handles_labels()[0], columns=5)
    return figure
