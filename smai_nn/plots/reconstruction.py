"""Curves of section 2: fits of one row, waves, losses over epochs, residual spectra, what blur does."""

import numpy as np

from smai_nn.experiments.reconstruction_facts import runs_by_method
from smai_nn.plots.style import (
    BLACK,
    BLUE,
    METHOD_COLOURS,
    PURPLE,
    RED,
    describe,
    new_figure,
    share_legend,
)

DASHES = {5: ":", 15: "--", 25: "-"}  # by the size of a mapping
CYCLES = "radial frequency (cycles per picture)"


def plot_row_fits(row, fits):
    """Show one row of a picture, intensities (n,), and least-squares fits: a list of (method, label, values (n,))."""
    figure, axes = new_figure(1, len(fits), width=10 / len(fits), height=3)
    for panel, (method, label, values) in zip(axes[0], fits):
        panel.plot(row, color=BLACK, linewidth=1, label="the row")
        panel.plot(values, color=METHOD_COLOURS[method], linewidth=1.6, label=f"fit of {label}'s columns")
        panel.set_ylim(-0.1, 1.25)
        panel.grid(alpha=0.25)
        describe(panel, f"{label}: mean squared error {np.mean((values - row) ** 2):.4f}", "column (px)", "intensity",
                 legend="upper left")
    return figure


def plot_waves(size, highest, line, freqs, ranks):
    """Show f_1 and f_k on a row of `size` px, two waves that agree in all pixels of a short line, and ranks of gamma.

    `highest` is k, `line` the short line's pixels; `ranks` are those of gamma on it for each number in `freqs`.
    """
    figure, axes = new_figure(1, 3, width=10 / 3, height=3.4)
    for panel, pixels, wave, low, high, seen in ((axes[0, 0], size, np.sin, 1, highest, f"{highest} cycles"),
                                                 (axes[0, 1], line, np.cos, 3, line - 3, "both")):
        x, at = np.linspace(0, 1, 4000), np.arange(pixels) / pixels
        panel.plot(x, wave(2 * np.pi * high * x), color=RED, linewidth=0.8, label=f"f = {high}")
        panel.plot(x, wave(2 * np.pi * low * x), color=BLUE, linewidth=1.6, label=f"f = {low}")
        panel.plot(at, wave(2 * np.pi * high * at), "o", color=BLACK, markersize=40 / pixels + 1.5,
                   label=f"{seen} at the {pixels} pixels")
    describe(axes[0, 0], f"sin 2πfx on {size} px", f"x = column / {size}", "value", legend="below")
    describe(axes[0, 1], f"Aliasing: cos 2πfx on {line} px", f"x = column / {line}", "value", legend="below")
    panel = axes[0, 2]
    panel.plot(freqs, [4 * k + 1 for k in freqs], color=BLUE, linestyle="--", label="columns, 4k + 1")
    panel.plot(freqs, ranks, color=RED, marker=".", label="independent columns (rank)")
    panel.axvline(line / 2, color=BLACK, linewidth=1, label=f"Nyquist limit, {line // 2} cycles")
    panel.grid(alpha=0.25)
    describe(panel, f"Columns of gamma on {line} px", "number of frequencies k", "columns", legend="below")
    return figure


def plot_mapping_losses(groups):
    """Show training losses over epochs, a panel for each title -> results (ReconstructionResult) of `groups`."""
    figure, axes = new_figure(1, len(groups), width=10 / len(groups), height=4)
    for panel, (title, results) in zip(axes[0], groups.items()):
        for result in results:
            losses = result.history.epoch_loss
            panel.plot(np.arange(1, len(losses) + 1), losses, **_line(result.setting), label=result.setting.label)
        panel.set_yscale("log")
        panel.grid(alpha=0.25)
        describe(panel, title, "epoch", "training loss, mean of the epoch (MSE)")
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_residual_spectra(groups):
    """Show energy against frequency of target and errors, a panel for each title -> results of `groups`.

    The mean (frequency 0) is left out.
    """
    figure, axes = new_figure(1, len(groups), width=10 / len(groups), height=4)
    for panel, (title, results) in zip(axes[0], groups.items()):
        panel.loglog(results[0].target_energy[1:], color=BLACK, linewidth=2.2, label="target")
        for result in results:
            panel.loglog(np.arange(1, len(result.error_energy)), result.error_energy[1:],
                         **_line(result.setting), label=f"error of {result.setting.label}")
        panel.lines[0].set_xdata(np.arange(1, len(results[0].target_energy)))
        panel.grid(alpha=0.25)
        describe(panel, title, CYCLES, "mean square per unit of frequency", legend="below", columns=2)
    return figure


def plot_blur_losses(results):
    """Show final losses against blur, on a linear and a logarithmic axis: the seed 0 joined, other seeds as marks."""
    figure, axes = new_figure(1, 2, width=5, height=3.9)
    for panel, kind in zip(axes[0], ("linear", "logarithmic")):
        for name, own in runs_by_method(results).items():
            method, levels = own[0].setting.method, [run.setting.level for run in own]
            style = {"color": METHOD_COLOURS[method]}
            panel.plot(levels, [run.mse for run in own], marker="o", markersize=4, label=f"{name}, seed 0", **style)
            others = [run for run in results if run.setting.method == method and run.setting.seed]
            panel.plot([run.setting.level for run in others], [run.mse for run in others], "x", markersize=6,
                       label=f"{name}, another seed", **style)
        if kind == "logarithmic":
            panel.set_yscale("log")
        else:
            panel.set_ylim(bottom=0)
        panel.set_xticks(levels, [f"blur_{level}" for level in levels], rotation=45)
        panel.grid(alpha=0.25)
        describe(panel, f"Final loss against blur, {kind} axis", r"picture (its number is the blur $\sigma$ in px)",
                 "final reconstruction loss (MSE)")
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0])
    return figure


def plot_blur_explained(results):
    """Show what blur does to the target, and the losses of the seed 0 in units of the target's variance."""
    figure, axes = new_figure(1, 2, width=5, height=3.9)
    for name, runs in runs_by_method(results).items():
        levels = [run.setting.level for run in runs]
        axes[0, 1].semilogy(levels, [run.mse / run.variance for run in runs], marker="o", markersize=4, label=name,
                            color=METHOD_COLOURS[runs[0].setting.method])
    for colour, label, first in ((BLACK, "all", 0), (BLUE, "above 5 cycles", 6), (PURPLE, "above 25 cycles", 26)):
        axes[0, 0].semilogy(levels, [run.target_energy[first:].sum() for run in runs], color=colour, marker="s",
                            markersize=4, label=f"variance, {label}")
    for panel, title, y_label in ((axes[0, 0], "What blur leaves of the target", "mean square, intensities in [0, 1]"),
                                  (axes[0, 1], "Loss relative to the target's variance", "final loss / variance")):
        panel.set_xticks(levels)
        panel.grid(alpha=0.25)
        describe(panel, title, r"blur $\sigma$ (px)", y_label, legend="below", columns=3)
    return figure


def _line(setting):
    """Return a mapping's colour and dashes."""
    return {"color": METHOD_COLOURS[setting.method], "linewidth": 1.5,
            "linestyle": "-" if setting.method == "Raw" else DASHES.get(setting.size_of_mapping, "-.")}
