"""Curves of section 2: fits of one row, waves, losses over epochs, residual spectra, what blur does."""

import numpy as np

from smai_nn.experiments.reconstruction_facts import runs_by_method
from smai_nn.plots.style import BLACK, BLUE, METHOD_COLOURS, RED, describe, new_figure, share_legend

DASHES = {5: ":", 15: "--", 25: "-"}  # by the size of a mapping


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
            panel.semilogy(range(1, run.history.epochs + 1), run.history.epoch_loss, label=run.setting.label,
                           **_line(run.setting))
        panel.grid(alpha=0.25)
        describe(panel, f"{title}: training loss by mapping", "epoch", "training loss, mean of the epoch (MSE)")
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_residual_spectra(groups):
    """Show energy against frequency of target and errors, without the mean (frequency 0); `groups` as above."""
    figure, axes = new_figure(1, len(groups), width=10 / len(groups), height=4)
    for panel, (title, results) in zip(axes[0], groups.items()):
        frequencies = range(1, len(results[0].target_energy))
        panel.loglog(frequencies, results[0].target_energy[1:], color=BLACK, linewidth=2.2, label="target")
        for run in results:
            panel.loglog(frequencies, run.error_energy[1:], label=f"error of {run.setting.label}", **_line(run.setting))
        panel.grid(alpha=0.25)
        describe(panel, f"{title}: energy of the target and of the errors", "radial frequency (cycles per picture)",
                 "mean square per unit of frequency", legend="below", columns=2)
    return figure


def plot_blur_losses(results):
    """Show final losses against blur, on a linear and a logarithmic axis: the seed 0 joined, other seeds as marks."""
    figure, axes = new_figure(1, 2, width=5, height=3.9)
    for panel, scale in zip(axes[0], ("linear", "log")):
        for name, own in runs_by_method(results).items():
            method, levels = own[0].setting.method, [run.setting.level for run in own]
            others = [run for run in results if run.setting.method == method and run.setting.seed]
            panel.plot(levels, [run.mse for run in own], "o-", color=METHOD_COLOURS[method], markersize=4,
                       label=f"{name}, seed 0")
            panel.plot([run.setting.level for run in others], [run.mse for run in others], "x", markersize=6,
                       color=METHOD_COLOURS[method], label=f"{name}, another seed")
        panel.set_yscale(scale)
        panel.set_xticks(levels, [f"blur_{level}" for level in levels], rotation=45)
        panel.grid(alpha=0.25)
        describe(panel, f"Final loss against blur, {scale} axis", r"picture (its number is the blur $\sigma$ in px)",
                 "final reconstruction loss (MSE)")
    axes[0, 0].set_ylim(bottom=0)
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_blur_explained(results):
    """Show what blur leaves of the target, and the losses of the seed 0 beside it."""
    figure, axes = new_figure(width=7, height=3.9)
    panel = axes[0, 0]
    for name, runs in runs_by_method(results).items():
        levels = [run.setting.level for run in runs]
        panel.semilogy(levels, [run.mse for run in runs], "o-", color=METHOD_COLOURS[runs[0].setting.method],
                       label=f"loss of {name}")
    for dashes, label, first in (("-", "all", 0), ("--", "above 5 cycles", 6)):
        panel.semilogy(levels, [run.target_energy[first:].sum() for run in runs], dashes, color=BLACK,
                       label=f"target's variance, {label}")
    panel.set_xticks(levels)
    panel.grid(alpha=0.25)
    describe(panel, "What blur leaves of the target, and what of it is not learnt", r"blur $\sigma$ (px)",
             "mean square, intensities in [0, 1]", legend="below", columns=2)
    return figure


def _line(setting):
    """Return a mapping's colour and dashes."""
    return {"color": METHOD_COLOURS[setting.method], "linewidth": 1.5,
            "linestyle": "-" if setting.method == "Raw" else DASHES.get(setting.size_of_mapping, "-.")}
