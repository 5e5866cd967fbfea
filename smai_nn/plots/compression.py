"""Figures of section 3.1: digits and what came back of them, losses over epochs, errors against the bottleneck."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from smai_nn.experiments.compression import AUTOENCODER, LITERATURE_BOTTLENECK, LITERATURE_MSE, MEAN_DIGIT, PCA
from smai_nn.plots.style import BLACK, BLUE, GREEN, ORANGE, RED, describe, new_figure, plain_log_scale, share_legend

BOTTLENECK_COLOURS = (BLUE, ORANGE, "#777777")  # from wide to narrow, where only autoencoders are shown
GAP = 2  # px between the pictures of a mosaic
MSE = "MSE per pixel, intensities in [0, 1]"


def plot_digits(classes, rows, title):
    """Show one digit of each class, the classes side by side: `rows` maps a name to uint8 (classes, height, width)."""
    height, width = (size + GAP for size in next(iter(rows.values())).shape[1:])
    canvas = np.block([[np.pad(picture, (0, GAP), constant_values=255) for picture in pictures]
                       for pictures in rows.values()])
    figure, axes = new_figure(width=1.9 + 0.76 * len(classes), height=0.9 + 0.76 * len(rows))
    panel = axes[0, 0]
    picture = panel.imshow(canvas[:-GAP, :-GAP] / 255, cmap="gray", vmin=0, vmax=1)
    panel.set_xticks((np.arange(len(classes)) + 0.5) * width, [str(label) for label in classes])
    panel.set_yticks((np.arange(len(rows)) + 0.5) * height, list(rows))
    figure.colorbar(picture, cax=panel.inset_axes([1.015, 0, 0.012, 1])).set_label("intensity")
    describe(panel, title, f"digit class ({width - GAP} x {height - GAP} px each)", "picture")
    return figure


def plot_epoch_losses(results):
    """Show the training loss of each epoch and the test loss after it, for a list of DigitResult, the widest first."""
    figure, axes = new_figure(width=7.5, height=3.6)
    panel = axes[0, 0]
    for result, colour in zip(results, BOTTLENECK_COLOURS):
        epochs, label = np.arange(1, result.history.epochs + 1), f"bottleneck {result.setting.bottleneck}"
        panel.plot(epochs, result.history.epoch_loss, ":", color=colour)
        panel.plot(epochs, result.held_out_mse, ".-", color=colour, label=label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, "Loss of the autoencoders of digits over the epochs", "epoch", MSE)
    kinds = [Line2D([], [], color=BLACK, linestyle=":", label="training, mean of the epoch"),
             Line2D([], [], color=BLACK, linestyle="-", marker=".", label="test, after the epoch")]
    share_legend(figure, [*panel.get_legend_handles_labels()[0], *kinds], columns=3)
    return figure


def plot_compression(results):
    """Show the test error against how many numbers are kept: of DigitResults, their baselines, and the literature's."""
    figure, axes = new_figure(width=7, height=3.8)
    panel = axes[0, 0]
    bottlenecks = [r.setting.bottleneck for r in results]
    for way, colour, marker in ((AUTOENCODER, BLUE, "o"), (PCA, RED, "s")):
        panel.plot(bottlenecks, [r.test_mse[way] for r in results], color=colour, marker=marker, label=f"{way}, test")
    panel.axhline(results[0].test_mse[MEAN_DIGIT], color=BLACK, linestyle="--", linewidth=1, label="mean digit, test")
    panel.plot(LITERATURE_BOTTLENECK, LITERATURE_MSE, "*", color=GREEN, markersize=11,
               label="Hinton and Salakhutdinov 2006")
    panel.set_xscale("log", base=2)
    panel.set_xticks(bottlenecks, [str(k) for k in bottlenecks])
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, "What is lost when a digit is kept as k numbers", "k: bottleneck or principal components", MSE)
    share_legend(figure, panel.get_legend_handles_labels()[0])
    return figure
