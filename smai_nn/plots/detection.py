"""Figures of section 3.2: boxes, losses, errors, ROC and precision-recall curves, hits and misses of detectors."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SERIES,
    colour_bar,
    describe,
    new_figure,
    plain_log_scale,
)

NORMAL, ANOMALY = GREEN, "#888888"
BOTTLENECKS = (ORANGE, BLUE, PURPLE)  # from narrow to wide
BASELINES = {"PCA": (RED, "--"), "mean picture": (BLACK, ":")}
OPERATING_POINTS = {"threshold": ("o", "95% of the validation normals pass"),
                    "tuned_threshold": ("D", "tuned on people set aside")}


def plot_crops(crops, chosen):
    """Show boxes on the mean picture, and the AUC of each; `crops` are ChoiceResults, `chosen` is one of the boxes."""
    figure, axes = new_figure(1, 2, width=4.9, height=4.4)
    side = round(len(crops[0].mean_picture) ** 0.5)
    boxes = {_centre_and_side(r.setting.crop): r.set_aside_auc for r in crops}
    colours = dict(zip(sorted({centre for centre, size in boxes if size < 1}), SERIES))
    panel, colour = axes[0, 0], colours.get(_centre_and_side(chosen)[0], BLACK)
    shown = panel.imshow(crops[0].mean_picture.reshape(side, side), cmap="gray", vmin=0, vmax=255)
    for box in {r.setting.crop for r in crops if _centre_and_side(r.setting.crop)[0] == _centre_and_side(chosen)[0]}:
        top, bottom, left, right = (side * part - 0.5 for part in box)
        panel.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, color=colour,
                                  linewidth=3 if box == chosen else 1))
    handles = [Line2D([], [], color=colour, linewidth=width, label=label)
               for width, label in ((3, "chosen"), (1, "same centre, other sides"))]
    colour_bar(figure, shown, panel, "intensity", shrink=0.7)
    describe(panel, "Boxes on the normals' mean picture", COLUMN, ROW, legend="below", handles=handles, columns=2)
    panel = axes[0, 1]
    for centre, colour in colours.items():
        points = sorted((size, area) for (middle, size), area in boxes.items() if middle == centre and size < 1)
        panel.plot(*zip(*points), "o-", color=colour, label=f"centre at {centre:g} of the height")
    panel.plot([1], [boxes[0.5, 1]], "D", color=BLACK, label="whole picture")
    panel.grid(alpha=0.25)
    describe(panel, "What can be told from each box", "side of the box, in parts of the picture",
             "AUC, held-out normals against people set aside", legend="below", columns=2)
    return figure


def _centre_and_side(box):
    return round((box[0] + box[1]) / 2, 3), round(box[1] - box[0], 3)


def plot_training(runs):
    """Show the training loss of autoencoders against samples seen, and the error of the validation normals."""
    figure, axes = new_figure(width=7, height=3.6)
    panel = axes[0, 0]
    for colour, run in zip(BOTTLENECKS, runs):
        history = run.history
        panel.plot(history.epoch_samples, history.epoch_loss, color=colour, label=f"{run.setting.label}: training loss")
        panel.plot(history.samples, run.validation_error, "D", color=colour)
    panel.plot([], [], "D", color="white", markeredgecolor=BLACK, label="error of the validation normals at the end")
    plain_log_scale(panel.yaxis)
    panel.grid(alpha=0.25)
    describe(panel, f"Mean of each epoch, seed {runs[0].setting.seed}", "training samples seen",
             "MSE per pixel (training: from noisy inputs)", legend="upper right")
    return figure


def plot_errors(run):
    """Show how the errors of a test's normals and anomalies are distributed, with both thresholds."""
    figure, axes = new_figure(width=7, height=3.6)
    panel, (normal, anomalous) = axes[0, 0], run.test_errors()
    edges = np.linspace(0, np.quantile(np.concatenate([normal, anomalous]), 0.995), 50)
    for errors, colour, label in ((anomalous, ANOMALY, "all others"), (normal, NORMAL, run.normal.replace("_", " "))):
        panel.hist(errors, edges, weights=np.full(len(errors), 1 / len(errors)), color=colour, alpha=0.6,
                   label=f"{label} ({len(errors):,} pictures)")
    for (name, (_, label)), line in zip(OPERATING_POINTS.items(), ("-", "--")):
        panel.axvline(getattr(run, name), color=BLACK, linestyle=line, label=f"threshold: {label}")
    describe(panel, f"Errors on the test: {run.setting.label}, seed {run.setting.seed}",
             "reconstruction error (MSE per pixel) of a picture", "share of the group's pictures", legend="upper right")
    return figure


def plot_roc(autoencoders, baselines):
    """Show ROC curves of autoencoders of three bottlenecks, with both operating points, and of the baselines."""
    figure, axes = new_figure(width=6.4, height=5)
    panel = axes[0, 0]
    for run, (colour, line) in [*zip(autoencoders, [(c, "-") for c in BOTTLENECKS]),
                                *((run, BASELINES[run.setting.detector]) for run in baselines)]:
        panel.plot(*run.roc(), line, color=colour, linewidth=1.6,
                   label=f"{run.setting.label}: AUC {run.scores()['auc']:.3f}")
        for name, (marker, _) in OPERATING_POINTS.items() if run in autoencoders else ():
            scores = run.scores(getattr(run, name))
            panel.plot(1 - scores["specificity"], scores["recall"], marker, color=colour, markeredgecolor=BLACK)
    panel.plot([0, 1], [0, 1], color=ANOMALY, linewidth=0.8, label="chance: AUC 0.5")
    _mark_points(panel)
    panel.grid(alpha=0.25)
    describe(panel, f"ROC, seed {autoencoders[0].setting.seed}", "false positive rate: normals called anomalies",
             "true positive rate: anomalies called anomalies", legend="lower right")
    return figure


def plot_precision_recall(best, colour, baselines):
    """Show precision against recall, from just below the base rate, of an autoencoder and of the baselines."""
    figure, axes = new_figure(width=7, height=4)
    panel, base_rate = axes[0, 0], best.scores()["base_rate"]
    for run, style in [(best, (colour, "-")), *((run, BASELINES[run.setting.detector]) for run in baselines)]:
        panel.plot(*run.precision_recall(), style[1], color=style[0],
                   label=f"{run.setting.label}: average precision {run.scores()['average_precision']:.4f}")
    for name, (marker, _) in OPERATING_POINTS.items():
        scores = best.scores(getattr(best, name))
        panel.plot(scores["recall"], scores["precision"], marker, color=colour, markeredgecolor=BLACK)
    panel.axhline(base_rate, color=ANOMALY, label=f"base rate, everything an anomaly: {base_rate:.4f}")
    _mark_points(panel)
    floor = base_rate - 0.5 * (1 - base_rate)
    panel.set(xlim=(0, 1.02), ylim=(floor, 1 + 0.1 * (1 - floor)))
    panel.grid(alpha=0.25)
    describe(panel, f"Precision and recall, seed {best.setting.seed}; vertical axis from {floor:.3f}, not from 0",
             "recall", "precision", legend="below", columns=2)
    return figure


def _mark_points(panel):
    for marker, label in OPERATING_POINTS.values():
        panel.plot([], [], marker, color="white", markeredgecolor=BLACK, label=label)


def plot_cases(run):
    """Show a row for each case of a run: portrait, what is compared of it, reconstruction, and error map."""
    cases, limit = run.cases, run.threshold
    figure, axes = new_figure(1, 2, width=4.9, height=2.05 * len(cases["case"]))
    axes[0, 0].get_gridspec().set_width_ratios([3.1, 1])
    low, high = (np.quantile(cases["compared"], q, axis=(1, 2), keepdims=True) for q in (0.005, 0.995))
    labels = [f"{case}\n{person.replace('_', ' ')}\nerror {error:.3f}\n{'≤' if error <= limit else '>'} {limit:.3f}"
              for case, person, error in zip(cases["case"].tolist(), cases["person"].tolist(), cases["error"])]
    original, rebuilt = ((cases[name] - low) / (high - low) for name in ("compared", "rebuilt"))
    _draw_mosaic(axes[0, 0], {"picture": cases["picture"] / 255, "original: the box": original,
                              "reconstruction": rebuilt}, labels, "gray", 1)
    _draw_mosaic(axes[0, 1], {"error map": cases["squares"].astype(float)}, [""] * len(labels), "magma",
                 float(np.quantile(cases["squares"], 0.995)))
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
