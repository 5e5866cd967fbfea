"""Figures of section 3.1: digits and what came back of them, losses over epochs, errors against the bottleneck."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from smai_nn.experiments.compression import LITERATURE_BOTTLENECK, LITERATURE_MSE
from smai_nn.plots.style import BLACK, BLUE, GREEN, ORANGE, RED, describe, new_figure, plain_log_scale, share_legend

AUTOENCODER, PCA, MEAN, LITERATURE = BLUE, RED, BLACK, GREEN  # a colour for each way to keep a digit
TRAINING, TEST = ":", "-"
BOTTLENECK_COLOURS = (BLUE, ORANGE, "#777777")  # from wide to narrow, where only autoencoders are shown
GAP = 2  # px between the pictures of a mosaic
MSE = "MSE per pixel, intensities in [0, 1]"


def plot_digits(classes, rows, title):
    """Show one digit of each class, the classes side by side: `rows` maps a name to uint8 (classes, height, width)."""
    height, width = next(iter(rows.values())).shape[1:]
    canvas = np.full((len(rows) * (height + GAP) - GAP, len(classes) * (width + GAP) - GAP), 255, np.uint8)
    for i, pictures in enumerate(rows.values()):
        for j, picture in enumerate(pictures):
            canvas[i * (height + GAP):, j * (width + GAP):][:height, :width] = picture
    figure, axes = new_figure(width=1.9 + 0.76 * len(classes), height=0.9 + 0.76 * len(rows))
    panel = axes[0, 0]
    picture = panel.imshow(canvas / 255, cmap="gray", vmin=0, vmax=1)
    panel.set_xticks(np.arange(len(classes)) * (width + GAP) + width / 2, [str(label) for label in classes])
    panel.set_yticks(np.arange(len(rows)) * (height + GAP) + height / 2, list(rows))
    figure.colorbar(picture, cax=panel.inset_axes([1.015, 0, 0.012, 1])).set_label("intensity")
    describe(panel, title, f"digit class ({width} x {height} px each)", "picture")
    return figure


def plot_epoch_losses(results):
    """Show the training loss of each epoch and the test loss after it, for a list of DigitResult, the widest first."""
    figure, axes = new_figure(width=7.5, height=3.6)
    panel = axes[0, 0]
    for result, colour in zip(results, BOTTLENECK_COLOURS):
        epochs, label = np.arange(1, result.history.epochs + 1), f"bottleneck {result.setting.bottleneck}"
        panel.plot(epochs, result.history.epoch_loss, TRAINING, color=colour)
        panel.plot(epochs, result.held_out_mse, TEST, color=colour, marker=".", label=label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, "Loss of the autoencoders of digits over the epochs", "epoch", MSE)
    kinds = [Line2D([], [], color=BLACK, linestyle=TRAINING, label="training, mean of the epoch"),
             Line2D([], [], color=BLACK, linestyle=TEST, marker=".", label="test, after the epoch")]
    share_legend(figure, [*panel.get_legend_handles_labels()[0], *kinds], columns=5)
    return figure


def plot_compression(results, baselines):
    """Show the test error against how many numbers are kept: DigitResults, BaselineResults and the literature's."""
    figure, axes = new_figure(width=7, height=3.8)
    panel = axes[0, 0]
    results = sorted(results, key=lambda r: r.setting.bottleneck)
    panel.plot([r.setting.bottleneck for r in results], [r.test_mse for r in results], color=AUTOENCODER, marker="o",
               label="autoencoder, test")
    pca = sorted((b for b in baselines if b.setting.components), key=lambda b: b.setting.components)
    panel.plot([b.setting.components for b in pca], [b.test_mse for b in pca], color=PCA, marker="s", label="PCA, test")
    for mean in (b for b in baselines if not b.setting.components):
        panel.axhline(mean.test_mse, color=MEAN, linestyle="--", linewidth=1, label="mean digit, test")
    panel.plot(LITERATURE_BOTTLENECK, LITERATURE_MSE, "*", color=LITERATURE, markersize=11, linestyle="",
               label="Hinton and Salakhutdinov 2006")
    panel.set_xscale("log", base=2)
    ticks = sorted({r.setting.bottleneck for r in results})
    panel.set_xticks(ticks, [str(tick) for tick in ticks])
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, "What is lost when a digit is kept as k numbers", "k: bottleneck or principal components", MSE)
    share_legend(figure, panel.get_legend_handles_labels()[0])
    return figure
