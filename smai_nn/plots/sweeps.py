"""Sweeps on the border: final loss and accuracy against one setting, costs of convergence over three."""

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.experiments.border import group, median
from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.style import ACTIVATION_STYLES, SERIES, describe, median_and_range, new_figure, plain_log_scale, share_legend


def plot_effect(runs, by, x_label):
    """Show final loss and accuracy against the setting `by` ("depth" or "width"), a line for each activation.

    The line is the median over seeds, the band least to greatest, the dashed line the majority class.
    """
    figure, axes = new_figure(1, 2, width=4.8, height=3.6)
    values = sorted(group(runs, by))
    for activation, own in group(runs, "activation").items():
        colour, marker = ACTIVATION_STYLES[activation]
        for panel, name in zip(axes[0], ("loss", "accuracy")):
            array = [[getattr(r, name) for r in group(own, by)[value]] for value in values]
            median_and_range(panel, range(len(values)), array, label=f"{activation}: median, range of seeds",
                             color=colour, marker=marker)
    baseline = runs[0].majority_accuracy
    axes[0, 1].axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    for panel, title, name in zip(axes[0], ("Final loss", "Final accuracy"), ("loss on the map (BCE)", "accuracy")):
        panel.set_xticks(range(len(values)), [str(v) for v in values])
        panel.grid(alpha=0.25)
        describe(panel, f"{title} by {by}", x_label, name)
    share_legend(figure, axes[0, 1].get_legend_handles_labels()[0], columns=3)
    return figure


def plot_costs(runs):
    """Show accuracy against samples (left) and seconds (right) until early stopping, a point a setting (median).

    Colours are learning rates, sizes the samples of one update, batch_size x grad_accumulation_steps.
    """
    figure, axes = new_figure(1, 2, width=4.8, height=3.9)
    windows = sorted(group(runs, "samples_per_update"))
    sizes = dict(zip(windows, np.linspace(12, 130, len(windows))))
    for colour, (rate, own) in zip(SERIES, group(runs, "learning_rate").items()):
        for setting in group(own, "batch_size", "grad_accumulation_steps").values():
            for panel, name in zip(axes[0], ("samples", "seconds")):
                panel.scatter(median(setting, name), median(setting, "accuracy"), color=colour, alpha=0.75,
                              s=sizes[setting[0].setting.samples_per_update], linewidth=0)
    for panel, title, label in zip(axes[0], ("Samples to converge", "Seconds to converge"),
                                   (f"{SAMPLES}, until the stop", "seconds, two runs at a time")):
        panel.axhline(runs[0].majority_accuracy, color="black", linestyle="--", linewidth=1)
        plain_log_scale(panel.xaxis, "{x:,g}")
        panel.grid(alpha=0.25)
        describe(panel, title, label, "median accuracy")
    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=f"learning rate {rate:g}")
               for c, rate in zip(SERIES, group(runs, "learning_rate"))]
    entries += [Line2D([], [], linestyle="", marker="o", color="gray", markersize=np.sqrt(sizes[w]), label=f"{w} samples an update")
                for w in (windows[0], windows[len(windows) // 2], windows[-1])]
    entries.append(Line2D([], [], color="black", linestyle="--", label="majority class"))
    share_legend(figure, entries, columns=4)
    return figure
