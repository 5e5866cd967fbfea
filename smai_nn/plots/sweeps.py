"""Sweeps: final loss and accuracy against one setting, costs of convergence over several."""

import numpy as np

from smai_nn.plots.style import (
    ACTIVATION_STYLES,
    SERIES,
    colour_bar,
    describe,
    median_and_range,
    new_figure,
    plain_log_scale,
)


def plot_effect(values, results, x_label, title, baseline):
    """Show final loss and accuracy against a setting; `results` maps activation -> (losses, accuracies).

    Both arrays are (len(values), seeds). The line is the median, the band least to greatest.
    """
    figure, axes = new_figure(1, 2, width=5, height=3.8)
    for activation, arrays in results.items():
        colour, marker = ACTIVATION_STYLES[activation]
        for panel, array in zip(axes[0], arrays):
            median_and_range(panel, range(len(values)), array, label=f"{activation}: median and range",
                             color=colour, marker=marker)
    axes[0, 1].axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    for panel, name in zip(axes[0], ("final loss on the map (BCE)", "final accuracy")):
        panel.set_xticks(range(len(values)), [str(v) for v in values])
        panel.margins(y=0.15)  # room for the username
        panel.grid(alpha=0.25)
        describe(panel, f"{title}: {name.split(' on ')[0]}", x_label, name, legend="below")
    return figure


def plot_convergence_costs(batch_sizes, accumulations, learning_rates, tables, name, number_format):
    """Show one grid of medians for each learning rate: batch size down, accumulation steps across.

    `tables` is (learning rates, batch sizes, accumulations); `name` is what the colours mean.
    """
    figure, axes = new_figure(1, len(learning_rates), width=3.7, height=3.2)
    low, high = np.nanmin(tables), np.nanmax(tables)
    for panel, rate, table in zip(axes[0], learning_rates, tables):
        picture = panel.imshow(table, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            panel.text(column, row, format(value, number_format), ha="center", va="center", fontsize=8,
                       color="black" if value > (low + high) / 2 else "white")
        panel.set_xticks(range(len(accumulations)), accumulations)
        panel.set_yticks(range(len(batch_sizes)), batch_sizes)
        panel.plot([], [], "s", color="gray", label="median over seeds")
        title = f"{name[0].upper()}{name[1:]},\nlearning rate {rate:g}"
        describe(panel, title, "grad_accumulation_steps", "batch_size", legend="below")
    colour_bar(figure, picture, axes[0, :].tolist(), name)
    return figure


def plot_cost_against_accuracy(groups, baseline):
    """Show accuracy against samples to converge, one point a run; `groups` maps label -> (samples, accuracy)."""
    figure, axes = new_figure(width=7, height=3.8)
    panel = axes[0, 0]
    for colour, marker, (label, (samples, accuracy)) in zip(SERIES, "osD^vP*", groups.items()):
        panel.scatter(samples, accuracy, s=22, color=colour, marker=marker, alpha=0.75, label=label)
    panel.axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    plain_log_scale(panel.xaxis, "{x:,.0f}")
    panel.margins(y=0.15)
    panel.grid(alpha=0.25)
    describe(panel, "What convergence costs: one point a run", "training samples until early stopping",
             "final accuracy", legend="lower right")
    return figure
