"""Section 1.5: what few parameters can do, and what few samples."""

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.experiments.border import group
from smai_nn.experiments.samples import TARGET
from smai_nn.experiments.search import best_of_all, smallest
from smai_nn.plots.border import COLUMN, ROW, SAMPLES
from smai_nn.plots.style import (
    BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, colour_bar, describe, new_figure, plain_log_scale, share_legend)

DEPTHS = {1: (BLUE, "o"), 2: (GREEN, "s"), 3: (PURPLE, "^"), 4: (ORANGE, "D")}  # colour and marker, by hidden layers
METHODS = (ORANGE, RED, PURPLE, BLUE, GREEN)  # their colours, in the order of their runs


def plot_frontier(results):
    """Show the best accuracy of every architecture over all searches against its parameters."""
    figure, ((panel,),) = new_figure(width=8.5, height=4.2)
    truth = results[0].truth
    best = {architecture: correct / truth.size for architecture, correct in best_of_all(results).items()}
    for depth, (colour, marker) in DEPTHS.items():
        own = [a for a in best if len(a.hidden) == depth]
        panel.scatter([a.parameter_count for a in own], [best[a] for a in own], s=20, color=colour, marker=marker,
                      alpha=0.7, linewidth=0, label=f"hidden layers: {depth}")
    winner = smallest(results).winner
    panel.scatter(winner.parameter_count, best[winner], marker="*", s=150, color="white", edgecolor=BLACK,
                  linewidth=1, zorder=3, label=f"the winner, {winner.label}")
    _show_levels(panel, truth, results[0].setting.target)
    describe(panel, "The best network of every architecture", "weights and biases",
             "accuracy on all pixels (axis not from 0)", legend="below", columns=4)
    return figure


def plot_units(result):
    """Show what at most four units of the winner's last hidden layer add to z, which goes into the sigmoid; and z."""
    height, width = result.truth.shape
    passed = np.reshape(np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height)), (2, -1)).T  # (pixels, 2)
    *hidden, output = result.load_winner().layers
    for layer in hidden:
        passed = layer.infer(passed)
    added = passed * output.weights[:, 0]                                           # (pixels, units)
    pictures = {f"unit {unit + 1}": added[:, unit] for unit in sorted(np.argsort(-np.ptp(added, axis=0))[:4])}
    pictures["z: sum and bias"] = added.sum(axis=1) + output.biases                 # (pixels,)
    figure, axes = new_figure(1, len(pictures), width=2, height=2.4)
    for panel, (title, values) in zip(axes[0], pictures.items()):
        picture = panel.imshow(values.reshape(height, width) / np.abs(added).max(), cmap="RdBu_r", vmin=-1, vmax=1)
        panel.contour(result.predicted, levels=[0.5], colors=BLACK, linewidths=0.8, linestyles="--")
        describe(panel, title, COLUMN, ROW)
    colour_bar(figure, picture, axes[0].tolist(), "contribution to z; 1 is the\nlargest of all (z is clipped)")
    share_legend(figure, [Line2D([], [], color=BLACK, linewidth=0.8, linestyle="--", label="predicted border")])
    return figure


def plot_sample_curves(runs):
    """Show accuracy against samples of all methods: the median over seeds, and a band that holds half of them."""
    figure, axes = new_figure(width=8.5, height=4.2)
    panel, truth = axes[0, 0], runs[0].truth
    for colour, (method, own) in zip(METHODS, group(runs, "method").items()):
        low, middle, high = np.percentile([r.accuracies for r in own], (25, 50, 75), axis=0)
        panel.plot(own[0].samples, middle, color=colour, linewidth=1.2, label=f"{method} ({len(own)} seeds)")
        panel.fill_between(own[0].samples, low, high, color=colour, alpha=0.2, linewidth=0)
    _show_levels(panel, truth, TARGET)
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    panel.set_xlim(left=10)
    panel.set_ylim(max(truth.mean(), 1 - truth.mean()) - 0.15, 1)
    describe(panel, "Accuracy: median over seeds, and a band that holds half of them", SAMPLES,
             "accuracy on all pixels (axis not from 0)", legend="below", columns=3)
    return figure


def _show_levels(panel, truth, target):
    majority = max(truth.mean(), 1 - truth.mean())
    panel.axhline(target, color=BLACK, linestyle="--", linewidth=1, label=f"target, {target:.0%}")
    panel.axhline(majority, color=BLACK, linestyle=":", linewidth=1, label=f"majority class, {majority:.1%}")
    panel.grid(alpha=0.25)
