"""Curves over training: loss against samples seen, early stopping, accuracy."""

import numpy as np

from smai_nn.plots.style import BLUE, GREEN, RED, SERIES, describe, new_figure, plain_log_scale

SAMPLES = "training samples seen"


def plot_loss_against_samples(histories, title="Training loss against samples seen", loss_name="training loss"):
    """Show the loss of `histories`, a dict label -> History (or its series): faint per iteration, bold per epoch.

    The horizontal axis counts every data point passed through train(), so that runs with other
    batch sizes and accumulations compare. The vertical axis ends at half the least epoch mean: now and
    then a small batch of easy samples lies far below.
    """
    figure, axes = new_figure(width=7.5, height=3.8, margins=(0.75, 0.5, 0.35, 0.3))
    panel = axes[0, 0]
    for colour, (label, history) in zip(SERIES, histories.items()):
        series = history if isinstance(history, dict) else history.series()
        panel.plot(series["iteration_samples"], series["iteration_loss"], color=colour, alpha=0.2, linewidth=0.6,
                   label=None if len(series["epoch_samples"]) else label)
        if len(series["epoch_samples"]):
            panel.plot(series["epoch_samples"], series["epoch_loss"], color=colour, linewidth=1.8, label=label)
    plain_log_scale(panel.yaxis)
    means = [m for h in histories.values() for m in (h if isinstance(h, dict) else h.series())["epoch_loss"] if m > 0]
    if means:
        panel.set_ylim(bottom=min(means) / 2)
    panel.grid(alpha=0.25)
    describe(panel, title, SAMPLES, loss_name, legend="upper center", columns=1 + (len(histories) > 3))
    panel.get_legend().set_title("bold: epoch mean, faint: each iteration", {"size": 8})
    return figure


def plot_early_stopping(epoch_loss, patience, relative_loss_threshold):
    """Show the epoch losses with the limit they must stay below, and the epoch at which training stopped."""
    figure, axes = new_figure(width=7, height=3.6)
    panel = axes[0, 0]
    epochs = np.arange(len(epoch_loss))
    panel.plot(epochs, epoch_loss, color=BLUE, marker=".", label="$L_t$, mean loss of epoch t")
    if len(epoch_loss) > patience:
        limit = (1 - relative_loss_threshold) * np.asarray(epoch_loss[:-patience])
        panel.plot(epochs[patience:], limit, color=RED, linestyle="--",
                   label=f"limit, {1 - relative_loss_threshold:g} $L_{{t-{patience}}}$")
    panel.axvline(len(epoch_loss) - 1, color=GREEN, linewidth=1, label=f"last epoch, t = {len(epoch_loss) - 1}")
    panel.set_xlim(right=1.25 * max(len(epoch_loss) - 1, 1))  # keeps the username clear of the last epoch's line
    panel.grid(alpha=0.25)
    describe(panel, "Early stopping: training ends when the loss reaches the limit", "epoch t", "training loss",
             legend="upper center")
    return figure


def plot_accuracy_against_samples(histories, baseline, title="Accuracy on all pixels against samples seen"):
    """Show the accuracy of `histories`, a dict label -> History, and the baseline's as a dashed line."""
    figure, axes = new_figure(width=7, height=3.6)
    panel = axes[0, 0]
    for colour, (label, history) in zip(SERIES, histories.items()):
        panel.plot(history.epoch_samples, history.epoch_accuracy, color=colour, linewidth=1.6, label=label)
    panel.axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    panel.margins(y=0.15)  # room for the username
    panel.grid(alpha=0.25)
    describe(panel, title, SAMPLES, "accuracy", legend="lower right")
    return figure
