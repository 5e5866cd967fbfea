"""Section 1.5, goal 1: what few parameters can do."""

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.experiments.search_facts import best_of_all
from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, colour_bar, describe, new_figure, share_legend

DEPTHS = {1: (BLUE, "o"), 2: (GREEN, "s"), 3: (PURPLE, "^"), 4: (ORANGE, "D")}  # colour and marker, by hidden layers


def plot_frontier(results):
    """Show the best accuracy of every architecture over all searches against its parameters."""
    figure, axes = new_figure(width=8.5, height=4.2)
    panel, truth, target = axes[0, 0], results[0].truth, results[0].setting.target
    majority = max(truth.mean(), 1 - truth.mean())
    best = {architecture: correct / truth.size for architecture, correct in best_of_all(results).items()}
    for depth, (colour, marker) in DEPTHS.items():
        own = [a for a in best if len(a.hidden) == depth]
        panel.scatter([a.parameter_count for a in own], [best[a] for a in own], s=20, color=colour, marker=marker,
                      alpha=0.7, linewidth=0, label=f"hidden layers: {depth}")
    tops = {a.parameter_count: accuracy for a, accuracy in best.items()}  # the best of a count comes last
    panel.scatter(tops.keys(), tops.values(), s=160, marker="_", color=BLACK, linewidth=1,
                  label="best with so many parameters")
    for winner in dict.fromkeys(r.winner for r in results if r.reached):
        times = sum(r.winner == winner for r in results)
        panel.scatter(winner.parameter_count, best[winner], marker="*", s=150, color="white", edgecolor=BLACK,
                      linewidth=1, zorder=3, label=f"{winner.label}, winner in {times} of {len(results)}")
    panel.axhline(target, color=BLACK, linestyle="--", linewidth=1, label=f"target, {target:.0%}")
    panel.axhline(majority, color=BLACK, linestyle=":", linewidth=1, label=f"majority class, {majority:.1%}")
    panel.set_ylim(majority - 0.01, max(target, *tops.values()) + 0.01)
    panel.grid(alpha=0.25)
    describe(panel, "The best network of every architecture", "weights and biases",
             "accuracy on all pixels (axis not from 0)", legend="below", columns=4)
    return figure


def plot_units(result):
    """Show what at most four units of the winner's last hidden layer add to z, which goes into the sigmoid; and z."""
    height, width = result.truth.shape
    x = np.reshape(np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height)), (2, -1)).astype(np.float32)
    passed = result.winner.forward(result.parameters[None], x)
    added = passed[-2][1][0] * result.winner.layers(result.parameters[None])[-1][0][0]      # (units, pixels)
    pictures = {f"unit {unit + 1}": added[unit] for unit in sorted(np.argsort(-np.ptp(added, axis=1))[:4])}
    pictures["z: sum and bias"] = passed[-1][0][0, 0]                             # (pixels,)
    figure, axes = new_figure(1, len(pictures), width=2, height=2.4)
    for panel, (title, values) in zip(axes[0], pictures.items()):
        picture = panel.imshow(values.reshape(height, width) / np.abs(added).max(), cmap="RdBu_r", vmin=-1, vmax=1)
        panel.contour(result.predicted, levels=[0.5], colors=BLACK, linewidths=0.8, linestyles="--")
        describe(panel, title, COLUMN, ROW)
    colour_bar(figure, picture, axes[0].tolist(), "share of the most that a unit\nadds to z (z itself: clipped)")
    share_legend(figure, [Line2D([], [], color=BLACK, linewidth=0.8, linestyle="--", label="predicted border")])
    return figure


def plot_ancestry(result):
    """Show the loss of the winner's line of ancestors against the samples that have passed through it."""
    figure, axes = new_figure(width=6.8, height=3.1)
    panel, history = axes[0, 0], result.history
    panel.plot(history.epoch_samples, history.epoch_loss, color=BLUE, marker="o", label=result.winner.label)
    for number, (stage, *place) in enumerate(zip(result.stages, history.epoch_samples, history.epoch_loss)):
        panel.annotate(stage["stage"], place, fontsize=8, xytext=(4, -11 if number % 2 else 5),
                       textcoords="offset points")
    panel.margins(y=0.15)
    panel.set_xlim(*np.multiply((-0.04, 1.2), max(1, history.samples)))  # room for the last stage's name
    panel.grid(alpha=0.25)
    describe(panel, "The winner and its ancestors", SAMPLES, "mean squared error on all pixels", legend="best")
    return figure
