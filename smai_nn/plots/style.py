"""What all figures share: colours, labels, the username stamp, and the audit of all of these."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from matplotlib.transforms import offset_copy

from smai_nn.runs import username

# Okabe and Ito's palette, distinguishable with any common colour blindness.
BLUE, ORANGE, GREEN, PURPLE, RED, SKY, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
SERIES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)

# One colour and one marker for each activation, in every figure.
ACTIVATION_STYLES = {"relu": (BLUE, "o"), "tanh": (RED, "s"), "sigmoid": (GREEN, "^"), "identity": (ORANGE, "D")}

# One colour for each feature mapping, one line style for each of its sizes.
METHOD_COLOURS = {"Raw": BLUE, "Polynomial": RED, "Fourier": GREEN}
SIZE_LINES = {5: ":", 15: "--", 25: "-"}


def method_line(method, size):
    """Return the colour and line style, as keywords of matplotlib's plot, of a mapping with its size."""
    return {"color": METHOD_COLOURS[method], "linestyle": "-" if method == "Raw" else SIZE_LINES.get(size, "-.")}


def new_figure(rows=1, columns=1, width=4.6, height=3.7, margins=None):
    """Return a Figure of rows x columns panels, each `width` x `height` inches, and its axes (rows, columns).

    The layout is found automatically, or fixed by `margins`, inches around each panel (left, bottom,
    right, top), which draws twice as fast: for the figures that every run of a sweep makes.
    """
    figure = Figure(figsize=(width * columns, height * rows), layout=None if margins else "constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    if margins:
        left, bottom, right, top = margins
        inner_width, inner_height = width - left - right, height - bottom - top
        figure.subplots_adjust(left / width / columns, bottom / height / rows, 1 - right / width / columns,
                               1 - top / height / rows, (left + right) / inner_width, (bottom + top) / inner_height)
    return figure, axes


def describe(axes, title, x_label, y_label, *, handles=None, legend="best", columns=1, tick_lines=1):
    """Give a panel its title, axis labels, legend and the username.

    `legend` is a matplotlib location, or "below" for a legend under the panel, where it hides
    nothing; `handles` replaces the labelled artists; `tick_lines` is how many lines the x-axis's tick labels have.
    """
    axes.set_title(title, fontsize=10, y=1)  # without y, it is looked for anew in every drawing
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.tick_params(labelsize=8)
    place = {"loc": legend}
    if legend == "below":  # a fixed distance, whatever the panel's size: past the tick labels and the x-label
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": 0,
                 "bbox_transform": offset_copy(axes.transAxes, axes.figure, y=-24 - 12 * tick_lines, units="points")}
    axes.legend(**({"handles": handles} if handles else {}), **place, ncols=columns, fontsize=8, framealpha=0.85)
    axes.text(0.98, 0.98, username(), ha="right", va="top", transform=axes.transAxes, fontsize=7.5, color="#333333",
              zorder=10, bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1})


def audit(figure):
    """Return what is missing in a Figure, a list of sentences; empty if it is complete.

    Every panel but a colour bar needs a title, both axis labels, a legend (or a colour bar of its
    own) with at least one entry, and the username inside it.
    """
    missing = []
    bars = {axes for axes in figure.axes if axes.get_label() == "<colorbar>"}
    panels = [axes for axes in figure.axes if axes not in bars]
    if not panels:
        missing.append("the figure has no panel")
    for axes in bars:
        if not (axes.get_ylabel() or axes.get_xlabel()):
            missing.append("a colour bar has no label")
    for number, axes in enumerate(panels):
        where = f"panel {number} ({axes.get_title() or 'no title'})"
        for name, text in (("title", axes.get_title()), ("x-label", axes.get_xlabel()), ("y-label", axes.get_ylabel())):
            if not text.strip():
                missing.append(f"{where} has no {name}")
        legend = axes.get_legend()
        has_legend = legend is not None and any(text.get_text().strip() for text in legend.get_texts())
        has_bar = any(getattr(image, "colorbar", None) for image in [*axes.images, *axes.collections])
        if not has_legend and not has_bar:
            missing.append(f"{where} has neither a legend nor a colour bar")
        if not axes.axison:
            missing.append(f"{where} has its axes switched off")
        if not any(text.get_text() == username() and text.get_visible() for text in axes.texts):
            missing.append(f"{where} does not show the username")
    return missing


def colour_bar(figure, picture, panels, label, shrink=1.0):
    """Add a colour bar for `picture` beside one panel or a list of them, in the figure's text sizes."""
    bar = figure.colorbar(picture, ax=panels, shrink=shrink, aspect=25)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def plain_log_scale(axis, form="{x:g}"):
    """Make a logarithmic axis whose ticks read 0.2, 0.5, 1 instead of powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter(form))
    axis.set_minor_locator(NullLocator())


def median_and_range(axes, x, values, *, label, color, marker="o"):
    """Draw the median over seeds as a line and least to greatest as a band; `values` is (len(x), seeds)."""
    values = np.asarray(values, float)
    axes.plot(x, np.median(values, axis=1), color=color, marker=marker, markersize=4, label=label)
    axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=color, alpha=0.15, linewidth=0)
