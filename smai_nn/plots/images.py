"""Pictures: targets, reconstructions, their errors, basis functions, strips of selected epochs."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch

from smai_nn.metrics import psnr
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import BLACK, METHOD_COLOURS, colour_bar, describe, new_figure

ERROR_RANGE = (1 / 255, 1)  # from one step of 8 bits to the whole range
_MARGINS = (0.55, 0.75, 0.12, 0.3)  # inches: labels, a legend line below, a line of title
_ERROR_LABEL = "absolute error, mean of channels"


def plot_targets(pictures):
    """Show pictures, each (title, what it is, uint8 array (height, width) or (height, width, 3))."""
    figure, axes = new_figure(1, len(pictures), width=3.7, height=4, margins=_MARGINS)
    for panel, (title, kind, picture) in zip(axes[0], pictures):
        _draw(panel, picture)
        describe(panel, title, COLUMN, ROW, handles=[Patch(color=BLACK, label=kind)], legend="below")
    return figure


def plot_reconstruction(target, picture, method, title, mse):
    """Show target, reconstruction and absolute error side by side; the pictures are uint8."""
    figure, axes = new_figure(1, 3, width=3.6, height=3.9, margins=_MARGINS)
    _target(axes[0, 0], target)
    _reconstruction(axes[0, 1], picture, method, title, mse)
    error = np.abs(np.subtract(picture, target, dtype=float)) / 255
    _error(axes[0, 2], error, method, "Absolute error")
    bar_beside(figure, axes[0, 2], _ERROR_LABEL)
    return figure


def plot_reconstruction_grid(target, results):
    """Show the target and reconstructions in two rows; `results` is a list of (method, label, uint8 picture, mse)."""
    columns = -(-(len(results) + 1) // 2)
    figure, axes = new_figure(2, columns, width=3.1, height=3.4, margins=_MARGINS)
    _target(axes[0, 0], target)
    for panel, (method, label, picture, mse) in zip(axes.flat[1:], results):
        _reconstruction(panel, picture, method, label, mse)
    for panel in axes.flat[len(results) + 1:]:
        panel.remove()
    return figure


def plot_error_maps(errors):
    """Show absolute errors on one logarithmic colour scale; `errors` is a list of (method, label, error array)."""
    columns = -(-len(errors) // 2)
    figure, axes = new_figure(2, columns, width=3.1, height=3.3)
    for panel, (method, label, error) in zip(axes.flat, errors):
        _error(panel, error, method, f"{label}: where it errs")
    for panel in axes.flat[len(errors):]:
        panel.remove()
    colour_bar(figure, axes[0, 0].images[0], axes[:, -1].tolist() if len(errors) == axes.size else axes[0, -1],
               _ERROR_LABEL)
    return figure


def plot_basis_functions(rows):
    """Show columns of the mappings as pictures: a list of rows of (method, formula, values (height, width)).

    All values lie in [-1, 1]; the last row has the most panels.
    """
    figure, axes = new_figure(len(rows), max(map(len, rows)), width=2.9, height=3.05, margins=(0.55, 0.75, 0.25, 0.3))
    for line, row in zip(axes, rows):
        for panel, (method, formula, values) in zip(line, row):
            panel.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
            describe(panel, formula, COLUMN, ROW, handles=[Patch(color=METHOD_COLOURS[method], label=method)],
                     legend="below")
        for panel in line[len(row):]:
            panel.remove()
    bar_beside(figure, axes[1, -1] if len(rows) > 1 else axes[0, -1], "value, between -1 and 1")
    return figure


def plot_picture_rows(titles, rows):
    """Show rows of pictures under common titles; `rows` maps label -> (colour, uint8 pictures, a text for each)."""
    figure, axes = new_figure(len(rows), len(titles), width=2.5, height=2.85, margins=(0.52, 0.72, 0.08, 0.25))
    for line, (label, (colour, pictures, texts)) in zip(axes, rows.items()):
        for panel, title, picture, text in zip(line, titles, pictures, texts):
            _draw(panel, picture)
            handle = Patch(color=colour, label=f"{label}: {text}")
            describe(panel, title, COLUMN, ROW, handles=[handle], legend="below")
    return figure


def bar_beside(figure, panel, label):
    """Put a colour bar to the right of the last panel of a row, in room made at the figure's right edge."""
    parameters, width = figure.subplotpars, figure.get_figwidth()
    shrink = width / (width + 0.55)
    figure.set_figwidth(width + 0.55)
    figure.subplots_adjust(left=parameters.left * shrink, right=parameters.right * shrink)
    bar = figure.colorbar(panel.images[0], cax=panel.inset_axes([1.03, 0, 0.04, 1]))
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _draw(panel, picture):
    panel.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _target(panel, target):
    _draw(panel, target)
    describe(panel, "Target", COLUMN, ROW, handles=[Patch(color=BLACK, label="target")], legend="below")


def _reconstruction(panel, picture, method, title, mse):
    _draw(panel, picture)
    figures = Patch(color=METHOD_COLOURS[method], label=f"MSE {mse:.2e}, {psnr(mse):.1f} dB")
    describe(panel, title, COLUMN, ROW, handles=[figures], legend="below")


def _error(panel, error, method, title):
    size = np.abs(error).reshape(*error.shape[:2], -1).mean(axis=2)
    panel.imshow(np.maximum(size, ERROR_RANGE[0]), cmap="magma", norm=LogNorm(*ERROR_RANGE))
    largest = Patch(color=METHOD_COLOURS[method], label=f"mean {size.mean():.4f}, largest {size.max():.2f}")
    describe(panel, title, COLUMN, ROW, handles=[largest], legend="below")
