"""Figures of section 3.2: boxes, losses, errors, ROC and precision-recall curves, hits and misses of detectors."""

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.metrics import precision_recall_curve, roc_curve

from smai_nn.experiments.anomaly import labelled
from smai_nn.experiments.detection import WHOLE
from smai_nn.plots import style
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import BLACK, colour_bar, describe, new_figure

NORMAL, ANOMALY = style.GREEN, "#888888"
BOTTLENECKS = (style.ORANGE, style.BLUE, style.PURPLE)  # from narrow to wide
BASELINES = {"PCA": (style.RED, "--"), "mean picture": (BLACK, ":")}
OPERATING_POINTS = {"scores": ("o", "-", "95% of the validation normals pass"),  # marker, line, label
                    "tuned_scores": ("D", "--", "tuned on people set aside")}


def plot_crops(crops, chosen):
    """Show the chosen box on the mean picture, and the AUC of each box; `crops` are ChoiceResults."""
    figure, axes = new_figure(1, 2, width=4.9, height=4.4)
    (panel, areas), side = axes[0], round(len(crops[0].mean_picture) ** 0.5)
    shown = panel.imshow(crops[0].mean_picture.reshape(side, side), cmap="gray", vmin=0, vmax=255)
    top, bottom, left, right = (side * part - 0.5 for part in chosen)
    panel.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, color=style.ORANGE, linewidth=3,
                              label="chosen box: rows {:g} to {:g}, columns {:g} to {:g}".format(*chosen)))
    colour_bar(figure, shown, panel, "intensity", shrink=0.7)
    describe(panel, "The normals' mean picture", COLUMN, ROW, legend="below")
    points = {}
    for result in crops:
        top, bottom, _, _ = result.setting.crop
        centre = "whole picture" if result.setting.crop == WHOLE else f"centre at {(top + bottom) / 2:g} of the height"
        points.setdefault(centre, []).append((bottom - top, result.set_aside_auc))
    for (centre, values), colour in zip(points.items(), style.SERIES):
        areas.plot(*zip(*values), "o-", color=colour, label=centre)
    areas.grid(alpha=0.25)
    describe(areas, "What can be told from each box", "side of the box, in parts of the picture",
             "AUC, held-out normals against people set aside", legend="below", columns=2)
    return figure


def plot_training(runs):
    """Show the training loss of autoencoders against samples seen, and the error of the validation normals."""
    figure, axes = new_figure(width=7, height=3.6)
    panel = axes[0, 0]
    for colour, run in zip(BOTTLENECKS, runs):
        history = run.history
        panel.plot(history.epoch_samples, history.epoch_loss, color=colour, label=f"{run.setting.label}: training loss")
        panel.plot(history.samples, run.errors["validation"].mean(), "D", color=colour)
    panel.plot([], [], "D", color="white", markeredgecolor=BLACK, label="error of the validation normals at the end")
    style.plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, f"Mean of each epoch, seed {runs[0].setting.seed}", "training samples seen",
             "MSE per pixel (training: from noisy inputs)", legend="upper right")
    return figure


def plot_errors(run):
    """Show how the errors of a test's normals and anomalies are distributed, with both thresholds."""
    figure, axes = new_figure(width=7, height=3.6)
    panel, (normal, anomalous) = axes[0, 0], (run.errors["test"], run.errors["others"])
    edges = np.linspace(0, np.quantile(np.concatenate([normal, anomalous]), 0.995), 50)
    for errors, colour, label in ((anomalous, ANOMALY, "all others"), (normal, NORMAL, run.normal.replace("_", " "))):
        panel.hist(errors, edges, weights=np.full(len(errors), 1 / len(errors)), color=colour, alpha=0.6,
                   label=f"{label} ({len(errors):,} pictures)")
    for rule, (_, line, label) in OPERATING_POINTS.items():
        panel.axvline(getattr(run, rule)["threshold"], color=BLACK, linestyle=line, label=f"threshold: {label}")
    describe(panel, f"Errors on the test: {run.setting.label}, seed {run.setting.seed}",
             "reconstruction error (MSE per pixel) of a picture", "share of the group's pictures", legend="upper right")
    return figure


def plot_roc(runs, colours):
    """Show the ROC curves of detectors with their operating points; `colours` is a dict bottleneck -> colour."""
    figure, axes = new_figure(width=6.4, height=5)
    panel = axes[0, 0]
    for run in runs:
        rates = roc_curve(*labelled(run.errors["test"], run.errors["others"]))[:2]
        _draw_curve(panel, run, colours, rates, ("false_alarms", "recall"), f"AUC {run.scores['auc']:.3f}")
    panel.plot([0, 1], [0, 1], color=ANOMALY, linewidth=0.8, label="chance: AUC 0.5")
    _mark_points(panel)
    describe(panel, f"ROC, seed {runs[0].setting.seed}", "false positive rate: normals called anomalies",
             "true positive rate: anomalies called anomalies", legend="lower right")
    return figure


def plot_precision_recall(runs, colours):
    """Show precision against recall, from just below the base rate; the arguments are as of `plot_roc`."""
    figure, axes = new_figure(width=7, height=4)
    panel, base_rate = axes[0, 0], runs[0].scores["base_rate"]
    for run in runs:
        precisions, recalls, _ = precision_recall_curve(*labelled(run.errors["test"], run.errors["others"]))
        _draw_curve(panel, run, colours, (recalls, precisions), ("recall", "precision"),
                    f"average precision {run.scores['average_precision']:.4f}")
    panel.axhline(base_rate, color=ANOMALY, label=f"base rate, everything an anomaly: {base_rate:.4f}")
    _mark_points(panel)
    floor = base_rate - 0.5 * (1 - base_rate)
    panel.set(xlim=(0, 1.02), ylim=(floor, 1 + 0.1 * (1 - floor)))
    describe(panel, f"Precision and recall, seed {runs[0].setting.seed}; vertical axis from {floor:.3f}, not from 0",
             "recall", "precision", legend="below", columns=2)
    return figure


def _draw_curve(panel, run, colours, curve, measures, label):
    """Draw a run's curve (x, y), and its operating points at the two scores named in `measures`."""
    colour, line = BASELINES.get(run.setting.detector) or (colours[run.setting.bottleneck], "-")
    panel.plot(*curve, line, color=colour, linewidth=1.6, label=f"{run.setting.label}: {label}")
    for rule, (marker, _, _) in OPERATING_POINTS.items():
        scores = getattr(run, rule)
        panel.plot(scores[measures[0]], scores[measures[1]], marker, color=colour, markeredgecolor=BLACK)


def _mark_points(panel):
    for marker, _, label in OPERATING_POINTS.values():
        panel.plot([], [], marker, color="white", markeredgecolor=BLACK, label=label)
    panel.grid(alpha=0.25)


def plot_cases(run):
    """Show a row for each case of a run: portrait, what is compared of it, reconstruction, and error map."""
    cases, limit = run.cases, run.scores["threshold"]
    figure, axes = new_figure(1, 2, width=4.9, height=2.05 * len(cases["case"]))
    axes[0, 0].get_gridspec().set_width_ratios([3.1, 1])
    low, high = (np.quantile(cases["compared"], q, axis=(1, 2), keepdims=True) for q in (0.005, 0.995))
    labels = [f"{case}\n{person.replace('_', ' ')}\nerror {error:.3f}\n{'≤' if error <= limit else '>'} {limit:.3f}"
              for case, person, error in zip(cases["case"].tolist(), cases["person"].tolist(), cases["error"])]
    columns = {"picture": cases["picture"] / 255, "original: the box": (cases["compared"] - low) / (high - low),
               "reconstruction": (cases["rebuilt"] - low) / (high - low)}
    _draw_mosaic(axes[0, 0], columns, labels, "gray", 1)
    _draw_mosaic(axes[0, 1], {"error map": cases["squares"].astype(float)}, [""] * len(labels), "magma",
                 np.quantile(cases["squares"], 0.995))
    for panel, title, bar in zip(axes[0], ("Originals and reconstructions", "Errors"), (
            "grey, from a picture's darkest to its brightest", "squared error of a pixel")):
        colour_bar(figure, panel.images[0], panel, bar, shrink=0.6)
        describe(panel, title, "what is shown", "case")
    return figure


def _draw_mosaic(panel, columns, labels, colours, highest):
    """Draw pictures (cases, height, width) of each column, of whatever size, as squares side by side."""
    for j, pictures in enumerate(columns.values()):
        for i, picture in enumerate(pictures):
            panel.imshow(picture, cmap=colours, vmin=0, vmax=highest, extent=(j - 0.48, j + 0.48, i + 0.48, i - 0.48))
    panel.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(labels) - 0.5, -0.5))
    panel.set_xticks(range(len(columns)), list(columns))
    panel.set_yticks(range(len(labels)), labels)
