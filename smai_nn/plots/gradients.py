"""The gradient check: how the error of central differences depends on their step."""

import numpy as np

from smai_nn.plots.style import ACTIVATION_STYLES, describe, new_figure, share_legend


def plot_gradient_errors(epsilons, errors):
    """Show the maximum relative error against epsilon; `errors` maps (activation, loss) to one value per epsilon."""
    losses = sorted({loss for _, loss in errors}, reverse=True)
    figure, axes = new_figure(1, len(losses), width=4.8, height=3.8)
    for panel, loss in zip(axes[0], losses):
        for (activation, its_loss), values in errors.items():
            if its_loss == loss:
                colour, marker = ACTIVATION_STYLES[activation]
                panel.loglog(epsilons, values, color=colour, marker=marker, markersize=4, label=activation)
        guide = np.array([e for e in epsilons if 1e-4 <= e <= 1e-1])
        panel.loglog(guide, 0.3 * guide ** 2, color="black", linestyle=":", label=r"slope of $\epsilon^2$")
        panel.axhline(1e-6, color="gray", linestyle="--", linewidth=1, label="asked for: $10^{-6}$")
        panel.grid(alpha=0.25)
        describe(panel, f"Numerical against backpropagated, {loss.upper()}", r"step $\epsilon$", "maximum relative error")
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0], columns=6)
    return figure
