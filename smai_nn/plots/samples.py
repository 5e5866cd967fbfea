"""Section 1.5, goal 2: what few samples can do."""

import math

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from smai_nn.datasets.border import COUNTRIES
from smai_nn.experiments.border import group, median
from smai_nn.experiments.samples import CLOSE, EVERY, TARGET
from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.maps import COLUMN, COUNTRY_COLOURS, COUNTRY_MAP, ROW, country_patches
from smai_nn.plots import style
from smai_nn.plots.style import BLACK, BLUE, SKY, describe, new_figure, plain_log_scale, share_legend

COLOURS = (style.ORANGE, style.RED, style.BLUE, style.GREEN)  # of the methods, in the order of their runs


def plot_sample_curves(runs):
    """Show accuracy against samples of all methods: the median over seeds, and a band that holds half of them."""
    figure, axes = new_figure(width=8.5, height=4.2)
    panel, truth = axes[0, 0], runs[0].truth
    for colour, (method, own) in zip(COLOURS, group(runs, "method").items()):
        low, middle, high = np.percentile([r.accuracies for r in own], (25, 50, 75), axis=0)
        panel.plot(own[0].samples, middle, color=colour, linewidth=1.2, label=f"{method} ({len(own)} seeds)")
        panel.fill_between(own[0].samples, low, high, color=colour, alpha=0.2, linewidth=0)
    panel.axvline(CLOSE, color="gray", linewidth=1, label=f"every update up to here, then every {EVERY}")
    majority = max(truth.mean(), 1 - truth.mean())
    panel.axhline(TARGET, color=BLACK, linestyle="--", linewidth=1, label=f"target, {TARGET:.0%}")
    panel.axhline(majority, color=BLACK, linestyle=":", linewidth=1, label=f"majority class, {majority:.1%}")
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    panel.set_xlim(left=10)
    panel.set_ylim(majority - 0.15, 1)
    panel.grid(alpha=0.25)
    describe(panel, "Accuracy: median over seeds, and a band that holds half of them", SAMPLES,
             "accuracy on all pixels (axis not from 0)", legend="below", columns=3)
    return figure


def plot_settling(runs):
    """Show, a point a seed, when the target is first reached and from when on it is reached for good."""
    methods = group(runs, "method")
    figure, axes = new_figure(width=8.5, height=1.3 + 0.45 * len(methods))
    panel = axes[0, 0]
    kinds = (("first reached", "first", "o", SKY, 0.15), ("for good", "settled", "s", BLUE, -0.15))
    for place, own in enumerate(methods.values()):
        for label, name, marker, colour, shift in kinds:
            values, middle = [getattr(r, name) for r in own if getattr(r, name) < math.inf], median(own, name)
            panel.scatter(values, np.full(len(values), place + shift), s=16, marker=marker, color=colour, alpha=0.6)
            panel.plot([middle] * 2, [place + shift - 0.13, place + shift + 0.13], color=BLACK, linewidth=2)
            if len(values) < len(own):
                panel.text(1.01, place + shift, f"{label}: {len(own) - len(values)} of {len(own)} never", va="center",
                           transform=panel.get_yaxis_transform())
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    panel.xaxis.set_major_locator(LogLocator())
    panel.set_xlim(100, 1.5 * max(r.setting.samples for r in runs))
    panel.set_ylim(len(methods) - 0.5, -0.5)
    panel.set_yticks(range(len(methods)), methods)
    panel.grid(alpha=0.25, axis="x")
    handles = [Line2D([], [], linestyle="none", marker=marker, color=colour, label=label)
               for label, _, marker, colour, _ in kinds] + [Line2D([], [], color=BLACK, linewidth=2, label="median")]
    title = f"Samples until {TARGET:.0%} of all pixels are right, a point a seed"
    describe(panel, title, SAMPLES, "method", legend="below", handles=handles, columns=3)
    return figure


def plot_asked(runs):
    """Show for runs of least squares the pixels seen until the target was reached for good, on the predicted map."""
    figure, axes = new_figure(1, len(runs), width=4.6, height=4.6)
    for panel, run in zip(axes[0], runs):
        rows, columns = np.divmod(run.asked, run.truth.shape[1])
        panel.imshow(run.predicted, cmap=COUNTRY_MAP, vmin=0, vmax=1, alpha=0.45)
        panel.scatter(columns, rows, s=14, c=[COUNTRY_COLOURS[label] for label in run.truth.ravel()[run.asked]],
                      edgecolor=BLACK, linewidth=0.6)
        describe(panel, f"{run.setting.method}: {len(run.asked)} samples,\n{run.correct} of {run.truth.size} right",
                 COLUMN, ROW)
    dot = Line2D([], [], linestyle="none", marker="o", markerfacecolor="white", markeredgecolor=BLACK,
                 label="pixel seen, by label")
    share_legend(figure, [*country_patches(COUNTRIES, alpha=0.45), dot], columns=3)
    return figure
