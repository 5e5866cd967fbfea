"""Figures of section 3.2: errors, ROC and precision-recall curves, hits and misses of detectors."""

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from smai_nn.experiments.detection import labelled
from smai_nn.plots.style import BLACK, GREEN, SERIES, colour_bar, describe, new_figure

ANOMALY = "#888888"
MARKS = "circle: chosen threshold, diamond: 95% of normals pass"


def plot_errors(run):
    """Show how the errors of a test's normals and anomalies are distributed, with three thresholds."""
    figure, axes = new_figure(width=7, height=3.6)
    panel, (normal, anomalous) = axes[0, 0], (run.errors["test"], run.errors["others"])
    edges = np.linspace(0, np.quantile(np.concatenate([normal, anomalous]), 0.995), 50)
    for errors, colour, label in ((anomalous, ANOMALY, "all others"), (normal, GREEN, run.normal)):
        panel.hist(errors, edges, weights=np.full(len(errors), 1 / len(errors)), color=colour, alpha=0.6,
                   label=f"{label} ({len(errors):,} pictures)")
    for rule, line in zip(run.scores, ("-", "--", ":")):
        panel.axvline(run.scores[rule]["threshold"], color=BLACK, linestyle=line, label=f"threshold: {rule}")
    describe(panel, f"Errors on the test: {run.setting.label}, seed {run.setting.seed}",
             "reconstruction error (MSE per pixel) of a picture", "share of the group's pictures", legend="upper right")
    return figure


def plot_roc(runs):
    """Show the ROC curves of three autoencoders, PCA and mean picture with their operating points."""
    figure, ((panel,),) = new_figure(width=6.4, height=5)
    for run, colour, line in zip(runs, SERIES, ("-", "-", "-", "--", ":")):  # the colours of the losses
        false_rates, true_rates, _ = roc_curve(*labelled(run.errors["test"], run.errors["others"]))
        label = f"{run.setting.label}: AUC {run.scores['chosen']['auc']:.3f}"
        panel.plot(false_rates, true_rates, line, color=colour, label=label)
        _mark_points(panel, run, "false_alarms", "recall", colour)
    panel.plot([0, 1], [0, 1], color=ANOMALY, linewidth=0.8, label="chance: AUC 0.5")
    describe(panel, f"ROC, seed {runs[0].setting.seed}; {MARKS}", "false positive rate: normals called anomalies",
             "true positive rate: anomalies called anomalies", legend="lower right")
    return figure


def plot_precision_recall(run):
    """Show the precision of a detector against its recall, from just below the base rate, with its operating points."""
    figure, axes = new_figure(width=7, height=4)
    panel, base_rate = axes[0, 0], run.scores["chosen"]["base_rate"]
    precisions, recalls, _ = precision_recall_curve(*labelled(run.errors["test"], run.errors["others"]))
    panel.plot(recalls, precisions, color=BLACK,
               label=f"{run.setting.label}: average precision {run.scores['chosen']['average_precision']:.4f}")
    _mark_points(panel, run, "recall", "precision", BLACK)
    panel.axhline(base_rate, color=ANOMALY, label=f"base rate, everything an anomaly: {base_rate:.4f}")
    floor = base_rate - 0.5 * (1 - base_rate)
    panel.set(xlim=(0, 1.02), ylim=(floor, 1 + 0.1 * (1 - floor)))
    describe(panel, f"Precision and recall, seed {run.setting.seed}; {MARKS}", "recall",
             f"precision (axis from {floor:.3f}, not from 0)", legend="below", columns=2)
    return figure


def _mark_points(panel, run, x, y, colour):
    """Mark both operating points of a run at the scores named `x` and `y`."""
    for marker, rule in (("o", "chosen"), ("D", "95% of normals pass")):
        panel.plot(run.scores[rule][x], run.scores[rule][y], marker, color=colour, markeredgecolor=BLACK)


def plot_cases(run):
    """Show a row for each case of a run: portrait, what is compared of it, reconstruction, and error map."""
    cases, limit = run.cases, run.scores["chosen"]["threshold"]
    low, high = (np.quantile(cases["compared"], q, axis=(1, 2), keepdims=True) for q in (0.005, 0.995))
    columns = {"picture": (cases["picture"] / 255, "gray", 1),
               "original: the box": ((cases["compared"] - low) / (high - low), "gray", 1),
               "reconstruction": ((cases["rebuilt"] - low) / (high - low), "gray", 1),
               "error map": (cases["squares"], "magma", np.quantile(cases["squares"], 0.995))}
    figure, ((panel,),) = new_figure(width=9.8, height=1.65 * len(cases["case"]))
    for j, (pictures, colours, highest) in enumerate(columns.values()):
        for i, picture in enumerate(pictures):
            shown = panel.imshow(picture, cmap=colours, vmin=0, vmax=highest,
                                 extent=(j - 0.48, j + 0.48, i + 0.48, i - 0.48))
    colour_bar(figure, shown, panel, "error map: squared error of a pixel", shrink=0.6)
    colour_bar(figure, panel.images[0], panel, "grey, from a picture's darkest to its brightest", shrink=0.6)
    labels = [f"{case}\n{person.replace('_', ' ')}\nerror {error:.3f}\n{'≤' if error <= limit else '>'} {limit:.3f}"
              for case, person, error in zip(cases["case"].tolist(), cases["person"].tolist(), cases["error"])]
    panel.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(labels) - 0.5, -0.5))
    panel.set_xticks(range(len(columns)), list(columns))
    panel.set_yticks(range(len(labels)), labels)
    describe(panel, f"Hits and misses: {run.setting.label}, seed {run.setting.seed}", "what is shown", "case")
    return figure
