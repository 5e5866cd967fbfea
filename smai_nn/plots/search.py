"""Section 1.5, goal 1: what few parameters can do."""

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.datasets.border import COUNTRIES
from smai_nn.experiments.search_facts import best_of_all, best_of_count
from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.maps import COLUMN, COUNTRY_MAP, ROW, country_patches
from smai_nn.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, colour_bar, describe, new_figure, share_legend

DEPTHS = {1: (BLUE, "o"), 2: (GREEN, "s"), 3: (PURPLE, "^"), 4: (ORANGE, "D")}  # colour and marker, by hidden layers


TRUE_BORDER = Line2D([], [], color=BLACK, linewidth=0.8, label="true border")


def plot_frontier(results):
    """Show the best accuracy of every architecture over all searches against its parameters."""
    figure, axes = new_figure(width=8.5, height=4.2)
    panel, truth, target = axes[0, 0], results[0].truth, results[0].setting.target
    majority = max(truth.mean(), 1 - truth.mean())
    best = {architecture: correct / truth.size for architecture, correct in best_of_all(results).items()}
    for depth, (colour, marker) in DEPTHS.items():
        own = [a for a in best if len(a.hidden) == depth]
        panel.scatter([a.parameter_count for a in own], [best[a] for a in own], s=20, color=colour, marker=marker,
                      alpha=0.7, linewidth=0, label=f"{depth} hidden layer{'s' * (depth > 1)}")
    tops = {count: best[a] for count, a in best_of_count(results).items()}
    panel.scatter(tops.keys(), tops.values(), s=160, marker="_", color=BLACK, linewidth=1,
                  label="best with so many parameters")
    for winner in dict.fromkeys(r.winner for r in results if r.reached):
        times = sum(r.winner == winner for r in results)
        panel.scatter(winner.parameter_count, best[winner], marker="*", s=150, color="white", edgecolor=BLACK,
                      linewidth=1, zorder=3, label=f"{winner.label}, winner of {times} search{'es' * (times > 1)}")
    panel.axhline(target, color=BLACK, linestyle="--", linewidth=1, label=f"target, {target:.0%}")
    panel.axhline(majority, color=BLACK, linestyle=":", linewidth=1, label=f"majority class, {majority:.1%}")
    panel.set_ylim(majority - 0.01, max(target, *tops.values()) + 0.01)
    panel.grid(alpha=0.25)
    describe(panel, f"The best network of every architecture in {len(results)} searches; "
             "the accuracy axis does not start at 0", "weights and biases", "accuracy on all pixels", legend="below",
             columns=4)
    return figure


def plot_fewer(result):
    """Show a search's winner, and beside it the best with fewer parameters and fewer units in the first layer."""
    shown = [(a, predicted) for a, predicted in result.fewer if a.hidden[0] < result.winner.hidden[0]][-2:]
    shown.append((result.winner, result.predicted))
    figure, axes = new_figure(1, len(shown), width=3.2, height=3.9)
    for panel, (architecture, predicted) in zip(axes[0], shown):
        panel.imshow(predicted, cmap=COUNTRY_MAP, vmin=0, vmax=1, alpha=0.55)
        panel.contour(result.truth, levels=[0.5], colors=BLACK, linewidths=0.8)
        right = np.mean(predicted == result.truth)
        describe(panel, f"{architecture.label}:\n{architecture.parameter_count} parameters, {right:.2%}", COLUMN, ROW)
    share_legend(figure, [*country_patches(COUNTRIES, alpha=0.55), TRUE_BORDER])
    return figure


def plot_units(result):
    """Show what the units of the winner's first layer add to its output, at most four, and where the border comes from.

    With one hidden layer a unit adds its output times its outgoing weight, and the sum, with the output's bias, is z,
    what goes into the sigmoid; with more of them, the units' outputs are shown as they are.
    """
    height, width = result.truth.shape
    rows, columns = np.indices(result.truth.shape)
    x = np.stack([columns.ravel() / (width - 1), rows.ravel() / (height - 1)]).astype(np.float32)
    passed = result.winner.forward(result.parameters[None], x)
    added, z = passed[0][1][0], passed[-1][0][0]                                    # (units, pixels), (1, pixels)
    if len(passed) == 2:
        added = added * result.winner.layers(result.parameters[None])[1][0][0]
    biggest = np.argsort(-np.ptp(added, axis=1))[:4]
    pictures = [(f"unit {unit + 1}", added[unit] / np.abs(added).max()) for unit in sorted(biggest)]
    pictures.append(("z, all together", np.clip(z[0] / np.abs(z).mean(), -1, 1)))
    figure, axes = new_figure(2, 3, width=3.2, height=3.2)
    for panel, (title, values) in zip(axes.flat, pictures):
        picture = panel.imshow(values.reshape(height, width), cmap="PuOr_r", vmin=-1, vmax=1)
        panel.contour(result.predicted, levels=[0.5], colors=BLACK, linewidths=0.8, linestyles="--")
        describe(panel, title, COLUMN, ROW)
    last = axes.flat[len(pictures)]
    last.imshow(result.predicted, cmap=COUNTRY_MAP, vmin=0, vmax=1, alpha=0.55)
    last.contour(result.truth, levels=[0.5], colors=BLACK, linewidths=0.8)
    describe(last, f"{result.winner.label}, {result.correct} px right", COLUMN, ROW)
    for panel in axes.flat[len(pictures) + 1:]:
        panel.remove()
    colour_bar(figure, picture, axes.ravel()[:len(pictures)].tolist(),
               "unit: share of the largest; z: in units of its mean size")
    predicted = Line2D([], [], color=BLACK, linewidth=0.8, linestyle="--", label="predicted border")
    share_legend(figure, [*country_patches(COUNTRIES, alpha=0.55), TRUE_BORDER, predicted])
    return figure


def plot_ancestry(result):
    """Show loss and accuracy of the winner's line of ancestors against the samples that have passed through it."""
    figure, axes = new_figure(1, 2, width=4.6, height=3.4)
    history = result.history
    for panel, values, name in ((axes[0, 0], history.epoch_loss, "mean squared error on all pixels"),
                                (axes[0, 1], history.epoch_accuracy, "accuracy on all pixels")):
        panel.plot(history.epoch_samples, values, color=BLUE, marker="o", label=result.winner.label)
        for number, stage in enumerate(result.stages):
            panel.annotate(stage["what"], (history.epoch_samples[number], values[number]), fontsize=8,
                           xytext=(4, -11 if number % 2 else 5), textcoords="offset points")
        panel.margins(x=0.25, y=0.15)
        panel.grid(alpha=0.25)
        describe(panel, "Winner and ancestors", SAMPLES, name, legend="best")
    return figure
