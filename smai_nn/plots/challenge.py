"""Section 1.5: what few parameters and few samples can do."""

import math

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.maps import COLUMN, COUNTRY_MAP, ROW, country_patches
from smai_nn.plots.style import BLACK, BLUE, RED, SERIES, describe, new_figure, plain_log_scale

UNIT_STYLES = ("-", "--", "-.", ":")


def plot_frontier(searches, target, baseline):
    """Show the accuracy of every shape against its parameter count, and the best for each count, for some searches.

    `searches` is a dict label -> list of (parameters, accuracy, whether it is the search's winner).
    """
    figure, axes = new_figure(width=8.5, height=4.6)
    panel = axes[0, 0]
    everything = [(count, value) for points in searches.values() for count, value, _ in points]
    panel.scatter(*np.transpose(everything), s=9, color="#888888", alpha=0.35, linewidth=0, label="a shape in a search")
    counts = sorted({count for count, _ in everything})
    best = [max(value for other, value in everything if other == count) for count in counts]
    panel.plot(counts, best, color=BLUE, linewidth=1.2, marker=".", label="best of its parameter count")
    winners = [(count, value) for points in searches.values() for count, value, won in points if won]
    if winners:
        panel.scatter(*np.transpose(winners), marker="*", s=130, color=RED, edgecolor="black", linewidth=0.5, zorder=3,
                      label=f"winner of a search ({len(winners)})")
    panel.axhline(target, color="black", linestyle="--", linewidth=1, label=f"target, {target:.0%}")
    panel.axhline(baseline, color="black", linestyle=":", linewidth=1, label=f"majority class, {baseline:.1%}")
    low = min(baseline, *best)
    panel.set_ylim(low - 0.01, max(target, *best) + 0.015)
    panel.grid(alpha=0.25)
    describe(panel, f"What a network with so many parameters can do ({len(searches)} searches)", "weights and biases",
             "accuracy on all pixels", legend="below", columns=3)
    panel.get_legend().legend_handles[0].set(alpha=1, sizes=[30])  # as faint as in the plot, it could not be seen
    return figure


def plot_units(mask, networks, countries):
    """Show maps with the lines on which the units of the first hidden layer are zero.

    `networks` is a list of (title, predicted 0-1 map, weights (2, units), biases (units,)).
    """
    most = max(len(biases) for _, _, _, biases in networks)
    below = 0.6 + 0.19 * math.ceil((most + 3) / 2)  # inches for the legend, two entries a row
    figure, axes = new_figure(1, len(networks) + 1, width=4, height=3.95 + below, margins=(0.55, below, 0.1, 0.6))
    height, width = mask.shape
    panels = [("Ground truth", mask, np.empty((2, 0)), np.empty(0)), *networks]
    for panel, (title, picture, weights, biases) in zip(axes[0], panels):
        panel.imshow(picture, cmap=COUNTRY_MAP, vmin=0, vmax=1, alpha=0.55)
        if len(biases):
            panel.contour(mask, levels=[0.5], colors="white", linewidths=1.5)
        handles = country_patches(countries, alpha=0.55)
        handles += [Line2D([], [], color="white", linewidth=1.5, label="true border")] if len(biases) else []
        for unit, (a, b, bias) in enumerate(zip(*weights, biases)):
            ends = _line_in_unit_square(a, b, bias)
            colour, line = SERIES[unit % len(SERIES)], UNIT_STYLES[unit // len(SERIES) % len(UNIT_STYLES)]
            colour = BLACK if colour == SERIES[3] else colour  # orange would not show on the Netherlands
            if ends is not None:
                panel.plot(*(ends * (width - 1, height - 1)).T, color=colour, linestyle=line, linewidth=2)
            handles.append(Line2D([], [], color=colour, linestyle=line, linewidth=2,
                                  label=f"unit {unit + 1}" + ("" if ends is not None else " (outside)")))
        panel.set_xlim(-0.5, width - 0.5)
        panel.set_ylim(height - 0.5, -0.5)
        describe(panel, title, COLUMN, ROW, handles=handles, legend="below", columns=2)
        panel.get_legend().get_frame().set_facecolor("#cccccc")
    return figure


def _line_in_unit_square(a, b, bias):
    """Return the two ends (2, 2) of a x + b y + bias = 0 within [0, 1]^2, or None if it does not pass through."""
    ends = [(x, -(a * x + bias) / b) for x in (0, 1) if b] + [(-(b * y + bias) / a, y) for y in (0, 1) if a]
    inside = [p for p in ends if all(-1e-9 <= c <= 1 + 1e-9 for c in p)]
    if not inside:
        return None
    return np.array([min(inside), max(inside)])


def plot_sample_curves(curves, target, baseline):
    """Show the accuracy against samples: the median over seeds, and a band from the 10th to the 90th percentile.

    `curves` is a dict label -> list of (samples, accuracies), one pair for each seed.
    """
    figure, axes = new_figure(width=9, height=5)
    panel = axes[0, 0]
    for colour, (label, runs) in zip(SERIES, curves.items()):
        start, end = max(s[0] for s, _ in runs), min(s[-1] for s, _ in runs)
        grid = np.geomspace(start, end, 300)
        values = np.array([np.interp(grid, s, a) for s, a in runs])
        low, middle, high = np.percentile(values, (10, 50, 90), axis=0)
        panel.plot(grid, middle, color=colour, linewidth=1.8, label=label)
        panel.fill_between(grid, low, high, color=colour, alpha=0.15, linewidth=0)
    panel.axhline(target, color="black", linestyle="--", linewidth=1, label=f"target, {target:.0%}")
    panel.axhline(baseline, color="black", linestyle=":", linewidth=1, label=f"majority class, {baseline:.1%}")
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    panel.set_xlim(left=50)
    panel.set_ylim(max(0.5, baseline - 0.15), 1.03)
    panel.grid(alpha=0.25)
    number = len(next(iter(curves.values())))
    title = f"Accuracy against samples seen: median of {number} seeds, band from the 10th to the 90th percentile"
    describe(panel, title, SAMPLES, "accuracy on all pixels", legend="lower right", columns=2)
    return figure


def plot_settling(methods, target):
    """Show, a point a seed, when the target is first crossed and when it is reached for good.

    `methods` is a dict label -> list of (first, settled), None where it never happens.
    """
    figure, axes = new_figure(width=8.5, height=1.8 + 0.45 * len(methods))
    panel = axes[0, 0]
    kinds = (("first crossing", "o", SERIES[5], 0.14), ("stays there from then on", "s", BLUE, -0.14))
    for place, runs in enumerate(methods.values()):
        for column, (_, marker, colour, shift) in enumerate(kinds):
            values = [run[column] for run in runs if run[column] is not None]
            panel.scatter(values, np.full(len(values), place + shift), s=14, marker=marker, color=colour, alpha=0.5,
                          linewidth=0)
            if len(values) < len(runs):
                panel.text(0.985, place + shift, f"{len(runs) - len(values)} of {len(runs)} never", fontsize=7.5,
                           color=BLUE, ha="right", va="center", transform=panel.get_yaxis_transform())
            if 2 * len(values) > len(runs):  # else the median is "never"
                median = np.median([math.inf if run[column] is None else run[column] for run in runs])
                panel.plot([median] * 2, [place + shift - 0.12, place + shift + 0.12], color=BLACK, linewidth=2)
    panel.set_yticks(range(len(methods)), methods)
    panel.set_ylim(len(methods) - 0.4, -0.9)
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    low, high = panel.get_xlim()
    panel.set_xlim(low, high * (high / low) ** 0.2)  # room for what is never
    panel.grid(alpha=0.25, axis="x")
    handles = [Line2D([], [], linestyle="none", marker=marker, color=colour, label=label)
               for label, marker, colour, _ in kinds] + [Line2D([], [], color=BLACK, linewidth=2, label="median")]
    describe(panel, f"Samples until {target:.0%} of all pixels are right, a point a seed", SAMPLES, "method",
             handles=handles, legend="below", columns=3)
    return figure
