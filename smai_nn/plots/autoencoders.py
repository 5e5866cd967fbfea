"""Figures of section 3: pictures and their reconstructions, latent spaces, errors, ROC and precision-recall curves."""

import itertools

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from smai_nn.plots.images import bar_beside
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SERIES,
    SKY,
    YELLOW,
    describe,
    new_figure,
    plain_log_scale,
)

# One colour for each kind of detector or compressor, in every figure.
AUTOENCODER, PCA, MEAN_PICTURE = BLUE, RED, BLACK
# Shades of these for the bottlenecks, from narrow to wide.
AUTOENCODER_SHADES, PCA_SHADES = ("#8EC1E8", "#2F8FD0", "#004C80"), ("#F2B48C", "#E07B3A", "#963F00")
NORMAL, ANOMALY = GREEN, PURPLE
CLASS_COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, YELLOW, BLACK, "#888888", "#8C510A")
CLASS_MARKERS = "os^Dv<>PX*"
GAP = 2  # px between the pictures of a mosaic
ERROR = "mean squared error of a picture"


def plot_mosaic(columns, rows, title, x_label, bar_label="intensity"):
    """Show a table of small pictures in one panel.

    `columns` are the names over it; `rows` maps a name to pictures (len(columns), height, width) in [0, 1].
    """
    height, width = next(iter(rows.values())).shape[1:]
    canvas = np.ones((len(rows) * (height + GAP) - GAP, len(columns) * (width + GAP) - GAP))
    for i, pictures in enumerate(rows.values()):
        for j, picture in enumerate(pictures):
            canvas[i * (height + GAP):, j * (width + GAP):][:height, :width] = picture
    scale = min(0.95, 10.5 / len(columns))
    lines = 1 + max(name.count("\n") for name in columns)
    figure, axes = new_figure(width=2 + scale * len(columns),
                              height=1.1 + 0.17 * lines + scale * len(rows) * height / width)
    panel = axes[0, 0]
    shown = panel.imshow(canvas, cmap="gray", vmin=0, vmax=1)
    panel.set_xticks([j * (width + GAP) + width / 2 for j in range(len(columns))], columns)
    panel.set_yticks([i * (height + GAP) + height / 2 for i in range(len(rows))], list(rows))
    bar = figure.colorbar(shown, cax=panel.inset_axes([1.015, 0, 0.012, 1]))
    bar.set_label(bar_label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    describe(panel, title, x_label, "picture", handles=[Patch(color=BLACK, label=f"{height}x{width} px each")],
             legend="below", tick_lines=lines)
    return figure


def plot_epoch_losses(curves, title, y_label="MSE"):
    """Show losses over epochs, `curves` a dict label -> values, one per epoch, on a logarithmic axis."""
    figure, axes = new_figure(width=6, height=3.8)
    panel = axes[0, 0]
    for colour, (label, values) in zip(SERIES, curves.items()):
        panel.plot(np.arange(1, len(values) + 1), values, color=colour, marker=".", label=label)
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    panel.margins(y=0.12)
    describe(panel, title, "epoch", y_label, legend="below", columns=2)
    return figure


def plot_compression(bottlenecks, curves, title):
    """Show errors against the bottleneck; `curves` maps a label to (colour, line style, values)."""
    figure, axes = new_figure(width=6, height=4)
    panel = axes[0, 0]
    for label, (colour, line, values) in curves.items():
        panel.plot(bottlenecks, values, color=colour, linestyle=line, marker="o", markersize=4, label=label)
    plain_log_scale(panel.yaxis)
    panel.set_xscale("log", base=2)
    panel.set_xticks(bottlenecks, [str(b) for b in bottlenecks])
    panel.grid(alpha=0.25)
    panel.margins(y=0.12)
    describe(panel, title, "bottleneck: numbers that are kept of a digit", "MSE per pixel, intensities in [0, 1]",
             legend="below", columns=2)
    return figure


def plot_latents(panels, labels):
    """Show points in the plane by class; `panels` is a list of (title, points (n, 2), axis name), `labels` is (n,)."""
    figure, axes = new_figure(1, len(panels), width=5.2, height=5)
    for panel, (title, points, name) in zip(axes[0], panels):
        legend_marks = []
        for label, colour, marker in zip(np.unique(labels), CLASS_COLOURS, CLASS_MARKERS):
            own = points[labels == label]
            panel.scatter(*own.T, s=9, color=colour, marker=marker, alpha=0.6, linewidths=0)
            legend_marks.append(Line2D([], [], color=colour, marker=marker, linestyle="", label=str(label)))
        low, high = np.percentile(points, (0.5, 99.5), axis=0)
        room = 0.12 * (high - low)
        panel.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
        classes = np.unique(labels)
        medians = np.array([np.median(points[labels == label], axis=0) for label in classes])
        for label, (x, y) in zip(classes, _apart(medians / (high - low), 0.06) * (high - low)):
            panel.text(x, y, str(label), fontsize=11, weight="bold", ha="center", va="center", color="black",
                       bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black",
                             "linewidth": 0.5, "alpha": 0.9})
        describe(panel, title, f"{name} 1", f"{name} 2", handles=legend_marks, legend="below", columns=5)
    return figure


def _apart(points, distance):
    """Return points (n, 2) moved as little as it takes until no two of them are closer than `distance`."""
    points = points.copy()
    for _ in range(100):
        for i, j in itertools.combinations(range(len(points)), 2):
            gap = points[j] - points[i]
            length = np.hypot(*gap)
            if length < distance:
                push = (distance - length) / 2 * (gap / length if length else np.array([1.0, 0.0]))
                points[i] -= push
                points[j] += push
    return points


def plot_crops(mean_picture, crops, areas, chosen, shares, title):
    """Show boxes (top, bottom, left, right) on the mean picture in the colour of their AUC, and AUC against `shares`.

    `shares` are the normals' own measure for each box; `chosen` maps what chose a box to its number.
    """
    figure, axes = new_figure(1, 2, width=5.2, height=4.6)
    panel, (height, width) = axes[0, 0], mean_picture.shape
    colours = ScalarMappable(Normalize(min(areas), max(areas)), "viridis")
    panel.imshow(mean_picture, cmap="gray", vmin=0, vmax=255)
    markers = []
    for number in sorted(range(len(crops)), key=lambda i: areas[i]):
        top, bottom, left, right = crops[number]
        panel.add_patch(Rectangle((left * width - 0.5, top * height - 0.5), (right - left) * width,
                                  (bottom - top) * height, fill=False, edgecolor=colours.to_rgba(areas[number]),
                                  linewidth=0.8))
    for (name, number), colour in zip(chosen.items(), (RED, SKY)):
        top, bottom, left, right = crops[number]
        panel.add_patch(Rectangle((left * width - 0.5, top * height - 0.5), (right - left) * width,
                                  (bottom - top) * height, fill=False, edgecolor=colour, linewidth=2.4))
        markers.append(Patch(facecolor="none", edgecolor=colour, label=name))
    figure.colorbar(colours, ax=panel, shrink=0.8, aspect=25).set_label("AUC (PCA, cross-validated)", fontsize=9)
    describe(panel, title, COLUMN, ROW, handles=markers, legend="below")
    panel = axes[0, 1]
    panel.scatter(shares, areas, s=14, color=BLACK, label="a box")
    for (name, number), colour in zip(chosen.items(), (RED, SKY)):
        panel.scatter(shares[number], areas[number], s=70, color=colour, zorder=3, label=name)
    panel.grid(alpha=0.25)
    panel.margins(y=0.12)
    describe(panel, "What the two measures say", "unexplained share of held-out normals (no anomalies needed)",
             "AUC against those set aside", legend="below")
    return figure


def plot_error_histogram(normal, anomalous, threshold, name, title):
    """Show how the errors of the test's normals and anomalies are distributed, and the threshold."""
    figure, axes = new_figure(width=6, height=3.9)
    panel = axes[0, 0]
    edges = np.linspace(0, np.quantile(np.concatenate([normal, anomalous]), 0.995), 50)
    for errors, colour, label in ((anomalous, ANOMALY, "others"), (normal, NORMAL, name.replace("_", " "))):
        panel.hist(errors, edges, weights=np.full(len(errors), 1 / len(errors)), color=colour, alpha=0.55,
                   label=f"{label} ({len(errors):,})")
    panel.axvline(threshold, color=BLACK, linestyle="--", label=f"threshold {threshold:.3f}")
    panel.margins(y=0.12)
    describe(panel, title, ERROR, "share of the group's pictures", legend="below", columns=3)
    return figure


def plot_roc(curves, title):
    """Show ROC curves; `curves` maps a label to (colour, line style, false positive rates, true positive rates)."""
    figure, axes = new_figure(width=5.6, height=5.2)
    panel = axes[0, 0]
    for label, (colour, line, false_rates, true_rates) in curves.items():
        panel.plot(false_rates, true_rates, color=colour, linestyle=line, linewidth=1.6, label=label)
    panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance, AUC 0.5")
    panel.grid(alpha=0.25)
    describe(panel, title, "false positive rate: normals called anomalies",
             "true positive rate: anomalies called anomalies", legend="lower right")
    return figure


def plot_precision_recall(curves, base_rate, title):
    """Show precision against recall, `curves` a dict label -> (colour, recalls, precisions), and the base rate.

    Twice: the whole square, and the part above nearly the base rate, below which no useful detector falls.
    """
    figure, axes = new_figure(1, 2, width=5.2, height=4.4)
    floor = base_rate - (1 - base_rate)
    for panel, low in zip(axes[0], (0, floor)):
        for label, (colour, recalls, precisions) in curves.items():
            panel.plot(recalls, precisions, color=colour, linewidth=1.5, label=label)
        panel.axhline(base_rate, color=BLACK, linestyle="--", linewidth=1, label=f"base rate {base_rate:.4f}")
        panel.set(xlim=(0, 1.01), ylim=(low, 1 + 0.08 * (1 - low)))
        panel.grid(alpha=0.25)
        describe(panel, title if low == 0 else f"{title}, enlarged", "recall", "precision", legend="below")
    return figure


def plot_cases(cases, threshold):
    """Show whole pictures, what is compared of them, reconstructions and error maps, a row for each case.

    `cases` is a list of (case, name, whole picture uint8, compared, rebuilt, squared errors, error); compared and
    rebuilt are (height, width) in the same units. Each row has its own range of grey, all error maps have one.
    """
    figure, axes = new_figure(len(cases), 4, width=2.75, height=3.05, margins=(0.52, 0.75, 0.12, 0.28))
    largest = float(np.quantile(np.stack([case[5] for case in cases]), 0.995))
    for line, (case, name, whole, compared, rebuilt, squares, error) in zip(axes, cases):
        low, high = np.quantile(compared, (0.005, 0.995))
        grey = {"cmap": "gray", "vmin": low, "vmax": high}
        colour = NORMAL if case.endswith("negative") else ANOMALY
        relation = "≤" if error <= threshold else ">"
        for panel, picture, options, kind, text in (
                (line[0], whole, {"cmap": "gray", "vmin": 0, "vmax": 255}, f"{case}: picture", name.replace("_", " ")),
                (line[1], compared, grey, "original", "what is compared"), (line[2], rebuilt, grey, "reconstruction",
                                                                            f"error {error:.3f}"),
                (line[3], squares, {"cmap": "magma", "vmin": 0, "vmax": largest}, "squared error",
                 f"{error:.3f} {relation} {threshold:.3f}")):
            panel.imshow(picture, **options)
            describe(panel, kind, COLUMN, ROW, handles=[Patch(color=colour, label=text)], legend="below")
    bar_beside(figure, axes[-1, -1], f"squared error of a pixel, up to {largest:.1f}")
    return figure


def plot_seed_areas(groups, title):
    """Show AUCs over seeds; `groups` maps a name to (areas of the autoencoder, area of PCA, of the mean picture)."""
    figure, axes = new_figure(width=1.5 + 1.6 * max(len(groups), 3), height=4)
    panel = axes[0, 0]
    for i, (areas, pca, mean) in enumerate(groups.values()):
        panel.scatter(np.linspace(i - 0.12, i + 0.12, len(areas)), areas, s=26, color=AUTOENCODER, zorder=3)
        for value, colour in ((pca, PCA), (mean, MEAN_PICTURE)):
            panel.hlines(value, i - 0.3, i + 0.3, color=colour, linewidth=2)
    handles = [Line2D([], [], color=AUTOENCODER, marker="o", linestyle="", label="autoencoder, a seed each"),
               Line2D([], [], color=PCA, label="PCA"), Line2D([], [], color=MEAN_PICTURE, label="mean picture")]
    panel.set_xticks(range(len(groups)), list(groups))
    panel.grid(alpha=0.25, axis="y")
    panel.margins(y=0.15)
    describe(panel, title, "what is normal", "AUC", handles=handles, legend="below", columns=3,
             tick_lines=1 + max(name.count("\n") for name in groups))
    return figure
