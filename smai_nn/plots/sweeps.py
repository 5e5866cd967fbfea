"""Sweeps: final loss, accuracy and costs on the border against the settings; the gradient check against its step."""

import numpy as np
from matplotlib.lines import Line2D

from smai_nn.experiments.border import group, median, values_of
from smai_nn.plots.curves import SAMPLES
from smai_nn.plots.style import ACTIVATION_STYLES, SERIES, describe, new_figure, plain_log_scale, share_legend


def plot_effect(runs, by, x_label):
    """Show final loss and accuracy against the setting `by` ("depth" or "width"), a line for each activation.

    The line is the median over seeds, the band least to greatest, the dashed line the majority class.
    """
    figure, axes = new_figure(1, 2, width=4.8, height=3.6)
    places = [str(value) for value in sorted(group(runs, by))]
    for panel, name, y_label in zip(axes[0], ("loss", "accuracy"), ("loss on the map (BCE)", "accuracy")):
        for activation, own in group(runs, "activation").items():
            colour, marker = ACTIVATION_STYLES[activation]
            settings = group(own, by)
            values = np.array([values_of(settings[value], name) for value in sorted(settings)])  # (settings, seeds)
            panel.plot(places, np.median(values, axis=1), color=colour, marker=marker, markersize=4,
                       label=f"{activation}: median, range of seeds")
            panel.fill_between(places, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, linewidth=0)
        panel.grid(alpha=0.25)
        describe(panel, f"Final {name} by {by}", x_label, y_label)
    baseline = runs[0].majority_accuracy
    panel.axhline(baseline, color="black", linestyle="--", linewidth=1, label=f"majority class, {baseline:.1%}")
    share_legend(figure, panel.get_legend_handles_labels()[0], columns=3)
    return figure


def plot_costs(runs):
    """Show accuracy against samples (left) and seconds (right) until early stopping, a point a setting (medians).

    Colours are learning rates, markers batch sizes; the larger the marker, the more accumulation steps.
    """
    figure, axes = new_figure(1, 2, width=4.8, height=3.9)
    colours, markers = dict(zip(group(runs, "learning_rate"), SERIES)), dict(zip(group(runs, "batch_size"), "os^"))
    sizes = dict(zip(sorted(group(runs, "grad_accumulation_steps")), (18, 55, 120)))
    labels = {"samples": f"{SAMPLES}, until the stop", "training_seconds": "seconds of training, two runs at a time"}
    for panel, (name, label) in zip(axes[0], labels.items()):
        for (rate, batch, steps), own in group(runs, "learning_rate", "batch_size", "grad_accumulation_steps").items():
            panel.scatter(median(own, name), median(own, "accuracy"), color=colours[rate], marker=markers[batch],
                          s=sizes[steps], alpha=0.7, linewidth=0)
        panel.axhline(runs[0].majority_accuracy, color="black", linestyle="--", linewidth=1)
        plain_log_scale(panel.xaxis, "{x:,g}")
        panel.grid(alpha=0.25)
        describe(panel, f"{name.split('_')[-1].capitalize()} to converge", label, "median accuracy")
    dots = [(colour, "s", 36, f"learning rate {rate:g}") for rate, colour in colours.items()]
    dots += [("gray", marker, 55, f"batch {batch}") for batch, marker in markers.items()]
    dots += [("gray", "o", size, f"accumulation {steps}") for steps, size in sizes.items()]
    entries = [Line2D([], [], linestyle="", marker=marker, color=colour, markersize=np.sqrt(size), label=label)
               for colour, marker, size, label in dots]
    share_legend(figure, [*entries, Line2D([], [], color="black", linestyle="--", label="majority class")])
    return figure


def plot_gradient_errors(epsilons, errors):
    """Show the maximum relative error against epsilon; `errors` maps (activation, loss) to one value per epsilon."""
    figure, axes = new_figure(1, 2, width=4.8, height=3.8)
    for panel, loss in zip(axes[0], ("mse", "bce")):
        for activation, (colour, marker) in ACTIVATION_STYLES.items():
            values = errors[activation, loss]
            panel.loglog(epsilons, values, color=colour, marker=marker, markersize=4, label=activation)
        guide = np.array([e for e in epsilons if e >= 1e-4])
        panel.loglog(guide, 0.3 * guide ** 2, color="black", linestyle=":", label=r"slope of $\epsilon^2$")
        panel.axhline(1e-6, color="gray", linestyle="--", linewidth=1, label="$10^{-6}$")
        panel.grid(alpha=0.25)
        describe(panel, f"Numerical and backpropagated, {loss.upper()}", r"step $\epsilon$", "maximum relative error")
    share_legend(figure, panel.get_legend_handles_labels()[0], columns=6)
    return figure
