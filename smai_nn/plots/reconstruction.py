"""Curves of section 2: losses over epochs, residual spectra, aliasing, what blur does."""

import numpy as np

from smai_nn.plots.style import (
    BLACK,
    BLUE,
    METHOD_COLOURS,
    PURPLE,
    RED,
    describe,
    median_and_range,
    method_line,
    new_figure,
    plain_log_scale,
)

FREQUENCY = "radial frequency (cycles per picture)"


def plot_mapping_losses(runs, title):
    """Show training losses over epochs; `runs` is a list of (method, size of the mapping, label, epoch losses)."""
    figure, axes = new_figure(width=7.5, height=4.2)
    panel = axes[0, 0]
    for method, size, label, losses in runs:
        panel.plot(np.arange(1, len(losses) + 1), losses, linewidth=1.6, label=label, **method_line(method, size))
    panel.set_yscale("log")
    panel.grid(alpha=0.25)
    panel.margins(y=0.1)
    describe(panel, title, "epoch", "mean training loss of the epoch (MSE)", legend="below", columns=4)
    return figure


def plot_residual_spectra(target, residuals, title):
    """Show energy against frequency of the target, (frequencies, energy), and of residuals, one per mapping.

    `residuals` is a list of (method, size of the mapping, label, energy). The mean (frequency 0) is left out.
    """
    figure, axes = new_figure(width=7.5, height=4.4)
    panel = axes[0, 0]
    frequencies, energy = target
    panel.loglog(frequencies[1:], energy[1:], color=BLACK, linewidth=2.2, label="target")
    for method, size, label, own in residuals:
        panel.loglog(frequencies[1:], own[1:], linewidth=1.4, label=f"residual of {label}", **method_line(method, size))
    plain_log_scale(panel.xaxis)
    panel.margins(y=0.12)
    panel.grid(alpha=0.25)
    describe(panel, title, FREQUENCY, "mean square per unit of frequency", legend="below", columns=3)
    return figure


def plot_aliasing(size, frequency, freqs, ranks):
    """Show two waves of one sampled line that agree in all its pixels, and how many columns are independent.

    `size` is the line's number of pixels, `frequency` that of the lower wave; `ranks` are those of gamma for each of
    `freqs`.
    """
    figure, axes = new_figure(1, 2, width=5.2, height=3.8)
    x, pixels = np.linspace(0, 1, 2000), np.arange(size) / size
    panel = axes[0, 0]
    for own, colour in ((frequency, BLUE), (size - frequency, RED)):
        panel.plot(x, np.cos(2 * np.pi * own * x), color=colour, linewidth=0.9, label=f"cos, {own} cycles")
    panel.plot(pixels, np.cos(2 * np.pi * frequency * pixels), "o", color=BLACK, markersize=4,
               label=f"both, at the {size} pixels")
    panel.margins(y=0.12)
    describe(panel, f"Aliasing on a line of {size} pixels", "x = column / size", "value", legend="below", columns=3)
    panel = axes[0, 1]
    panel.plot(freqs, [4 * k + 1 for k in freqs], color=BLUE, linestyle="--", label="columns, 4k + 1")
    panel.plot(freqs, ranks, color=RED, marker=".", label="independent columns (rank)")
    panel.axvline(size / 2, color=BLACK, linewidth=1, label=f"Nyquist limit, {size // 2} cycles")
    panel.grid(alpha=0.25)
    panel.margins(y=0.12)
    describe(panel, f"What more frequencies add at {size} pixels", "number of frequencies k", "columns of gamma",
             legend="upper left")
    return figure


def plot_blur_losses(levels, losses, logarithmic):
    """Show final losses against blur; `losses` maps name -> (method, array (levels, seeds)): median and range."""
    figure, axes = new_figure(width=6.5, height=4)
    panel = axes[0, 0]
    for marker, (name, (method, values)) in zip("os", losses.items()):
        median_and_range(panel, levels, values, label=f"{name}: median and range over seeds",
                         color=METHOD_COLOURS[method], marker=marker)
    if logarithmic:
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)
    panel.set_xticks(levels, [f"blur_{level}" for level in levels], rotation=30)
    panel.grid(alpha=0.25)
    panel.margins(y=0.1)
    describe(panel, f"Final loss against blur, {'logarithmic' if logarithmic else 'linear'} axis",
             r"picture (blur $\sigma$ in px)", "final reconstruction loss (MSE)", legend="upper center")
    return figure


def plot_blur_explained(levels, variances, shares, losses):
    """Show what blur does to the target, and the losses in units of the target's variance.

    `shares` maps a label to the share of the variance above some frequency, per level; `losses` maps name ->
    (method, medians per level).
    """
    figure, axes = new_figure(1, 2, width=5.2, height=4)
    panel = axes[0, 0]
    panel.semilogy(levels, variances, color=BLACK, marker="o", markersize=4, label="variance")
    for colour, (label, values) in zip((BLUE, PURPLE), shares.items()):
        panel.semilogy(levels, np.asarray(variances) * values, color=colour, marker="s", markersize=4, label=label)
    panel = axes[0, 1]
    for marker, (name, (method, values)) in zip("os", losses.items()):
        panel.semilogy(levels, np.asarray(values) / variances, color=METHOD_COLOURS[method], marker=marker,
                       markersize=4, label=name)
    for panel, title, y_label in ((axes[0, 0], "The target", "mean square, intensities in [0, 1]"),
                                  (axes[0, 1], "Loss relative to the target's variance", "final loss / variance")):
        panel.set_xticks(levels)
        panel.grid(alpha=0.25)
        panel.margins(y=0.12)
        describe(panel, title, r"blur $\sigma$ (px)", y_label, legend="below", columns=2)
    return figure
