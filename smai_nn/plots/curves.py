"""Curves over training: loss and accuracy against samples seen, early stopping."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from smai_nn.plots.style import BLUE, GREEN, RED, SERIES, describe, new_figure, plain_log_scale

SAMPLES = "training samples seen"
COLUMNS = 300  # that a curve of single iterations is drawn in: about one for two pixels


def plot_loss_against_samples(histories, title="Training loss against samples seen", loss_name="training loss"):
    """Show the loss of `histories`, a dict label -> History, per epoch; of one alone also the band of its iterations.

    The horizontal axis counts every data point passed through train(), so that runs with other batch sizes and
    accumulations compare. The vertical axis ends at half the least epoch mean: now and then a small batch of easy
    samples lies far below, where it is not shown.
    """
    figure, axes = new_figure(width=6.4, height=3, margins=(0.7, 0.5, 0.2, 0.3))
    panel = axes[0, 0]
    for colour, (label, history) in zip(SERIES, histories.items()):
        if len(histories) == 1:  # not antialiased: a third of the bytes
            panel.fill_between(*_columns(history.iteration_samples, history.iteration_loss), color=colour, alpha=0.2,
                               linewidth=0.6, antialiased=False, label="range of single iterations")
        panel.plot(history.epoch_samples, history.epoch_loss, color=colour, linewidth=1.8, label=f"{label}, epoch mean")
    panel.xaxis.set_major_locator(MaxNLocator(4))
    plain_log_scale(panel.yaxis)
    if means := [mean for history in histories.values() for mean in history.epoch_loss if mean > 0]:
        panel.set_ylim(bottom=min(means) / 2)
    panel.grid(alpha=0.25)
    describe(panel, title, SAMPLES, loss_name, legend="upper right")
    return figure


def _columns(x, y):
    """Return x, least and greatest y of about COLUMNS stretches of a curve: drawn, they look as all its points do."""
    starts = np.arange(0, len(y), max(1, len(y) // COLUMNS))
    ends = np.append(starts[1:], len(y)) - 1
    return x[ends], np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)


def plot_early_stopping(result):
    """Show a run's epoch losses with the limit they must stay below, and the epoch at which training stopped."""
    losses, patience = np.array(result.history.epoch_loss), result.setting.patience
    threshold, epochs = 1 - result.setting.relative_loss_threshold, np.arange(len(losses))
    figure, axes = new_figure(width=7, height=3.4)
    panel = axes[0, 0]
    panel.plot(losses, color=BLUE, marker=".", label="$L_t$, mean loss of epoch t")
    panel.plot(epochs[patience:], threshold * losses[:-patience], color=RED, linestyle="--",
               label=f"limit, {threshold:g} $L_{{t-{patience}}}$")
    panel.axvline(epochs[-1], color=GREEN, linewidth=1, label=f"last epoch, t = {epochs[-1]}")
    panel.grid(alpha=0.25)
    describe(panel, "Early stopping: training ends when the loss reaches the limit", "epoch t", "training loss",
             legend="upper right")
    return figure


def plot_accuracy_against_samples(histories, baseline, title="Accuracy on all pixels against samples seen"):
    """Show the accuracy of `histories`, a dict label -> History, and the baseline's as a dashed line."""
    figure, axes = new_figure(width=7, height=3.4)
    panel = axes[0, 0]
    for colour, (label, history) in zip(SERIES, histories.items()):
        panel.plot(history.epoch_samples, history.epoch_accuracy, color=colour, linewidth=1.6, label=label)
    panel.axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    panel.grid(alpha=0.25)
    describe(panel, title, SAMPLES, "accuracy", legend="below", columns=2)
    return figure
