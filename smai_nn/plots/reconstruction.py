"""Figures of sections 2 and 3.1: fits of one row, waves, losses; pictures, maps and digits side by side."""

import numpy as np

from smai_nn.experiments.reconstruction import DETAIL, runs_by_method
from smai_nn.plots.border import COLUMN, ROW
from smai_nn.plots.style import BLACK, BLUE, METHOD_COLOURS, RED, colour_bar, describe, new_figure, share_legend

DASHES = {1: "-", 5: ":", 15: "--", 25: "-"}  # by the size of a mapping
GAP = 2  # px between digits


def plot_row_fits(row, fits):
    """Show one row of a picture, intensities (n,), and least-squares fits of it, a dict method -> values (n,)."""
    figure, axes = new_figure(1, len(fits), width=10 / len(fits), height=3)
    for panel, (method, fit) in zip(axes[0], fits.items()):
        panel.plot(row, color=BLACK, linewidth=1, label="the row")
        panel.plot(fit, color=METHOD_COLOURS[method], linewidth=1.6, label=f"fit by {method}'s columns")
        panel.set_ylim(-0.1, 1.25)
        panel.grid(alpha=0.25)
        describe(panel, f"{method}: mean squared error {np.mean((fit - row) ** 2):.4f}", "column (px)", "intensity",
                 legend="upper left")
    return figure


def plot_waves(size, highest, line):
    """Show f_1 and f_k (`highest` is k) on a row of `size` px, and two waves that agree in all pixels of a `line`."""
    figure, axes = new_figure(1, 2, width=5, height=3.4)
    for panel, pixels, wave, low, high, seen, title in (
            (axes[0, 0], size, np.sin, 1, highest, f"{highest} cycles", f"sin 2πfx on {size} px"),
            (axes[0, 1], line, np.cos, 3, line - 3, "both", f"Aliasing: cos 2πfx on {line} px")):
        x, at = np.linspace(0, 1, 4000), np.arange(pixels) / pixels
        panel.plot(x, wave(2 * np.pi * high * x), color=RED, linewidth=0.8, label=f"f = {high}")
        panel.plot(x, wave(2 * np.pi * low * x), color=BLUE, linewidth=1.6, label=f"f = {low}")
        panel.plot(at, wave(2 * np.pi * high * at), "o", color=BLACK, markersize=40 / pixels + 1.5,
                   label=f"{seen} at the {pixels} pixels")
        describe(panel, title, f"x = column / {pixels}", "value", legend="below")
    return figure


def plot_mapping_losses(groups):
    """Show training losses over epochs, a panel for each title -> results (ReconstructionResult) of `groups`."""
    figure, axes = new_figure(1, len(groups), width=10 / len(groups), height=4)
    for panel, (title, results) in zip(axes[0], groups.items()):
        for run in results:
            method, size = run.setting.mapping
            panel.semilogy(range(1, run.history.epochs + 1), run.history.epoch_loss, DASHES[size], linewidth=1.5,
                           color=METHOD_COLOURS[method], label=run.setting.label)
        panel.grid(alpha=0.25)
        describe(panel, f"{title}: training loss by mapping", "epoch", "training loss, mean of the epoch (MSE)")
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_blur_losses(results):
    """Show final losses against blur, mean and range of the seeds, on both axes; and what detail the target has."""
    figure, axes = new_figure(1, 2, width=5, height=3.9)
    colours = METHOD_COLOURS["Raw"], METHOD_COLOURS["Fourier"]
    for panel, scale in zip(axes[0], ("linear", "log")):
        for (name, levels), colour in zip(runs_by_method(results).items(), colours):
            places = [runs[0].setting.level for runs in levels]
            losses = np.array([[run.mse for run in runs] for runs in levels])  # (levels, seeds)
            panel.plot(places, losses.mean(axis=1), "o-", markersize=4, color=colour, label=f"{name}, mean of seeds")
            panel.fill_between(places, losses.min(axis=1), losses.max(axis=1), color=colour, alpha=0.2, linewidth=0,
                               label="their range")
        panel.set_yscale(scale)
        panel.set_xticks(places, [f"blur_{level}" for level in places], rotation=45)
        panel.grid(alpha=0.25)
        describe(panel, f"Final loss against blur, {scale} axis", r"picture (its number is the blur $\sigma$ in px)",
                 "final reconstruction loss (MSE)")
    axes[0, 1].plot(places, [runs[0].target_detail for runs in levels], "--", color=BLACK,
                    label=f"the target above {DETAIL} cycles")
    axes[0, 0].set_ylim(bottom=0)
    share_legend(figure, axes[0, 1].get_legend_handles_labels()[0], columns=5)
    return figure


def plot_maps(rows, label):
    """Show rows of maps (height, width) between -1 and 1, with one colour bar; a tile is (text, values)."""
    figure, axes = new_figure(len(rows), len(rows[0]), width=3.2, height=3)
    for panel, (text, values) in zip(axes.ravel(), [tile for row in rows for tile in row]):
        panel.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        describe(panel, text, COLUMN, ROW)
    colour_bar(figure, axes[0, 0].images[0], axes.ravel().tolist(), label)
    return figure


def plot_mosaic(rows, title):
    """Show rows of many pictures (uint8, of one size) as one picture; a tile is (text, picture), the text above it."""
    first = rows[0][0][1]
    gap = max(1, len(first) // 50)
    width, inches = first.shape[1] + gap, min(9, 1 + 2.8 * len(rows[0]))
    strip = 1 + int(0.22 * width * len(rows[0]) / inches)  # px: a line of text
    canvas = np.vstack([np.hstack([np.pad(rgb(picture), [(strip, gap), (0, gap), (0, 0)], constant_values=255)
                                   for _, picture in row]) for row in rows])
    tall, wide, _ = canvas.shape
    figure, ((panel,),) = new_figure(width=inches, height=(inches - 0.8) * tall / wide + 0.8)
    panel.imshow(canvas)
    for i, row in enumerate(rows):
        for j, (text, _) in enumerate(row):
            panel.text(j * width, i * tall / len(rows) + 0.75 * strip, text, va="baseline", fontsize=8.5)
    pixels = np.array([0, (width - gap) // 2])  # that are marked on both sides of every picture
    panel.set_xticks(np.add.outer(width * np.arange(len(rows[0])), pixels).ravel(), np.tile(pixels, len(rows[0])))
    panel.set_yticks(np.add.outer(tall / len(rows) * np.arange(len(rows)) + strip, pixels).ravel(),
                     np.tile(pixels, len(rows)))
    describe(panel, title, "column of each picture (px)", "row of each picture (px)")
    return figure


def plot_blurred(targets, runs, title, boxes=((0, 0, 1),)):
    """Show targets (uint8) above what was learnt of them, `runs`: name -> results; both have one for each level.

    `boxes` is what is shown, a list of (top, left, side) in parts of a picture.
    """
    levels = [run.setting.level for run in next(iter(runs.values()))]
    sources = {"target": targets} | {name: [run.image for run in own] for name, own in runs.items()}
    boxes = np.rint(np.multiply(boxes, len(targets[0]))).astype(int)
    rows = []
    for name, pictures in sources.items():
        rows.append([(f"{name} {level}", picture[top:top + side, left:left + side])
                     for top, left, side in boxes for level, picture in zip(levels, pictures)])
    return plot_mosaic(rows, title)


def plot_digits(classes, rows, title):
    """Show one digit of each class, the classes side by side: `rows` maps a name to (classes, height, width)."""
    height, width = (size + GAP for size in next(iter(rows.values())).shape[1:])
    canvas = np.block([[np.pad(picture, (0, GAP), constant_values=1) for picture in pictures]
                       for pictures in rows.values()])
    figure, ((panel,),) = new_figure(width=1.9 + 0.76 * len(classes), height=0.9 + 0.76 * len(rows))
    picture = panel.imshow(canvas[:-GAP, :-GAP], cmap="gray", vmin=0, vmax=1)
    panel.set_xticks((np.arange(len(classes)) + 0.5) * width, classes)
    panel.set_yticks((np.arange(len(rows)) + 0.5) * height, list(rows))
    figure.colorbar(picture, cax=panel.inset_axes([1.015, 0, 0.012, 1])).set_label("intensity")
    describe(panel, title, f"digit class ({width - GAP} x {height - GAP} px each)", "picture")
    return figure


def rgb(picture):
    """Return a picture with three channels: a grey one would need a colour bar."""
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
