"""Figures: what all of them must have, and those of part 1."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from smai_nn import plots
from smai_nn.activations import ACTIVATIONS
from smai_nn.plots.border import (
    plot_costs, plot_effect, plot_gradient_errors, plot_loss_against_samples, plot_map_prediction,
    plot_picture_and_mask)
from smai_nn.plots.style import audit, describe, new_figure, share_legend
from tests.test_border_runs import RUNS, made_up

RNG = np.random.default_rng(0)
MASK = np.kron([[0, 1], [1, 0]], np.ones((5, 5), int))
COUNTRIES = ("Netherlands", "Belgium")
HISTORY = made_up(epochs=15).history

FIGURES = {
    "plot_picture_and_mask": lambda: plot_picture_and_mask(np.zeros((10, 10, 3), np.uint8), MASK, COUNTRIES),
    "plot_map_prediction": lambda: plot_map_prediction(MASK, 1 - MASK, COUNTRIES, "2-4-1 relu, seed 0"),
    "plot_loss_against_samples": lambda: plot_loss_against_samples({"one": HISTORY, "two": HISTORY}),
    "plot_gradient_errors": lambda: plot_gradient_errors(
        [1e-1, 1e-2, 1e-3], {(name, loss): RNG.random(3) for name in ACTIVATIONS for loss in ("mse", "bce")}),
    "plot_effect": lambda: plot_effect(RUNS, "depth", "hidden layers"),
    "plot_costs": lambda: plot_costs(RUNS),
}


def test_every_plotting_function_is_drawn_by_a_test():
    modules = [importlib.import_module(f"smai_nn.plots.{info.name}") for info in pkgutil.iter_modules(plots.__path__)]
    names = {name for module in modules for name, f in inspect.getmembers(module, inspect.isfunction)
             if name.startswith("plot_") and f.__module__ == module.__name__}
    tested = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in names if f"{name}(" not in tested} == set()


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_complete_and_nothing_overlaps(name, monkeypatch):
    monkeypatch.setenv("SMAI_USERNAME", "ada.l")
    figure = FIGURES[name]()
    assert audit(figure) == [] and "ada.l" in [text.get_text() for text in figure.texts]
    figure.draw_without_rendering()
    parts = [("shared legend", legend) for legend in figure.legends] + [("username", text) for text in figure.texts]
    for axes in figure.axes:
        parts += [(f"{axes.get_title()!r} {part}", thing) for part, thing in (
            ("title", axes.title), ("x-label", axes.xaxis.label), ("y-label", axes.yaxis.label)) if thing.get_text()]
    boxes = [(label, thing.get_window_extent()) for label, thing in parts]
    for label, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, label
    for i, (label, box) in enumerate(boxes):
        for other_label, other in boxes[i + 1:]:
            assert not box.shrunk(0.98, 0.98).overlaps(other.shrunk(0.98, 0.98)), (label, other_label)


def test_samples_axis_of_the_loss_plot_counts_data_points():
    lines = FIGURES["plot_loss_against_samples"]().axes[0].lines
    assert lines[0].get_xdata().tolist() == [4 * epoch for epoch in range(1, 16)]


def test_error_map_marks_exactly_the_wrong_pixels():
    predicted = MASK.copy()
    predicted[0, 0], predicted[9, 0] = 1, 1 - MASK[9, 0]
    figures = [plot_map_prediction(MASK, p, COUNTRIES, "x") for p in (predicted, MASK)]
    changed = np.not_equal(*(figure.axes[2].images[0].get_array() for figure in figures)).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[0, 0], [9, 0]] and "2 px" in figures[0].axes[2].get_title()


@pytest.mark.parametrize("spoil, message", [
    (lambda figure: figure.axes[0].set_title(""), "has no title"),
    (lambda figure: figure.axes[0].set_xlabel(" "), "has no x-label"),
    (lambda figure: figure.axes[0].set_ylabel(""), "has no y-label"),
    (lambda figure: figure.axes[0].get_legend().remove(), "neither a legend nor a colour bar"),
    (lambda figure: figure.texts[0].remove(), "username"),
])
def test_audit_finds_what_is_missing(spoil, message):
    figure, ((axes,),) = new_figure()
    axes.plot([0, 1], label="line")
    describe(axes, "Title", "x", "y", legend="best")
    assert audit(figure) == []
    spoil(figure)
    assert len(audit(figure)) == 1 and message in audit(figure)[0]


def test_a_shared_legend_or_a_colour_bar_of_the_same_scale_is_enough():
    figure, ((left, right),) = new_figure(1, 2)
    pictures = [axes.imshow(np.eye(3), vmin=0, vmax=1) for axes in (left, right)]
    for axes in (left, right):
        describe(axes, "Title", "x", "y")
    assert len(audit(figure)) == 2
    figure.colorbar(pictures[0], ax=left).set_label("value")
    assert audit(figure) == []
    right.plot([0, 1], label="line")
    assert len(audit(figure)) == 1
    share_legend(figure, right.lines)
    assert audit(figure) == []


def test_a_users_matplotlibrc_does_not_reach_the_figures():
    matplotlib.rcParams.update({"image.origin": "lower", "text.usetex": True, "axes.titlecolor": "white",
                                "figure.figsize": (1, 1)})
    figure = plot_map_prediction(MASK, MASK, COUNTRIES, "x")
    assert figure.axes[0].get_ylim() == (9.5, -0.5) and figure.axes[0].title.get_color() == "black"
