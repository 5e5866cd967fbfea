"""Every figure that the package can draw has a title, labels, a legend and the username."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from smai_nn import History, plots
from smai_nn.plots.style import audit, describe, new_figure

RNG = np.random.default_rng(0)
MASK = np.kron([[0, 1], [1, 0]], np.ones((5, 5), int))
COUNTRIES = ("Netherlands", "Belgium")
HISTORY = History(iteration_loss=[0.9, 0.8, 0.5, 0.4], iteration_samples=[8, 10, 18, 20], epoch_loss=[0.88, 0.48],
                  epoch_samples=[10, 20], epoch_accuracy=[0.5, 0.9], epoch_seconds=[0.1, 0.1])
PICTURE = RNG.integers(0, 256, (256, 256, 3), np.uint8)
GREY = PICTURE[:, :, 0]
ERROR = RNG.normal(0, 0.1, (256, 256, 3))
TABLES = RNG.random((2, 3, 2))

# What each public plotting function is called with; a new function without an entry fails the test.
EXAMPLES = {
    "plot_frontier": ({"seed 0": [(5, 0.8, False), (17, 0.91, True)], "seed 1": [(5, 0.8, False), (21, 0.92, True)]},
                      0.91, 0.8),
    "plot_units": (MASK, [("2-4-1 tanh, 91 %", MASK, RNG.normal(size=(2, 9)), RNG.normal(size=9))] * 2, COUNTRIES),
    "plot_sample_curves": ({f"method {n}": [(np.arange(60, 900, 20), RNG.random(42))] * 3 for n in range(6)},
                           0.91, 0.8),
    "plot_settling": ({"RLS": [(300, 350), (320, 400)], "SGD": [(None, None), (1000, None)]}, 0.91),
    "plot_picture_and_mask": (np.zeros((10, 10, 3), np.uint8), MASK, COUNTRIES),
    "plot_class_balance": ((60, 40), COUNTRIES),
    "plot_map_prediction": (MASK, 1 - MASK, COUNTRIES, "2-4-1 relu"),
    "plot_prediction_gallery": (MASK, [("one", MASK), ("two", 1 - MASK)], COUNTRIES),
    "plot_decision_regions": ([("a", RNG.random((9, 9))), ("b", RNG.random((9, 9)))],
                              np.array([[0, 0], [0, 1], [1, 0], [1, 1.]]), np.array([[0], [1], [1], [0]])),
    "plot_loss_against_samples": (
        {f"batch {n}, accumulation 1": HISTORY for n in range(5)} | {"series": HISTORY.series()},),
    "plot_early_stopping": (np.linspace(1, 0.5, 15), 10, 0.01),
    "plot_accuracy_against_samples": ({"one": HISTORY}, 0.8),
    "plot_gradient_errors": ([1e-1, 1e-2, 1e-3], {("relu", "mse"): RNG.random(3), ("tanh", "bce"): RNG.random(3)}),
    "plot_effect": ([1, 2, 3], {"relu": (RNG.random((3, 4)), RNG.random((3, 4)))}, "depth", "Depth", 0.8),
    "plot_convergence_costs": ((16, 64, 256), (1, 4), (0.1, 0.01), TABLES, "seconds", ".2f"),
    "plot_targets": ([("smiley.png", "grayscale", GREY), ("cat.jpg", "RGB", PICTURE)],),
    "plot_reconstruction": (PICTURE, PICTURE[::-1], "Fourier", "Fourier 25, seed 0", 0.01),
    "plot_reconstruction_grid": (GREY, [("Polynomial", f"Polynomial {k}", GREY, 0.01) for k in range(7)]),
    "plot_error_maps": ([("Raw", "Raw", ERROR)] + [("Fourier", f"Fourier {k}", ERROR) for k in range(6)],),
    "plot_basis_functions": ([[("Raw", "$x$", ERROR[:, :, 0])], [("Fourier", r"$\sin 2\pi x$", ERROR[:, :, 0])] * 3],),
    "plot_picture_rows": (["epoch 1", "epoch 150"], {
        "Polynomial 15": ("blue", [PICTURE, PICTURE], ["loss 1.23e-04"] * 2),
        "Raw": ("red", [GREY, GREY], ["a", "b"])}),
    "plot_mapping_losses": ([("Raw", 5, "Raw", [0.1, 0.01]), ("Fourier", 15, "Fourier 15", [0.1, 0.001])], "cat"),
    "plot_residual_spectra": ((np.arange(9), RNG.random(9)), [("Raw", 5, "Raw", RNG.random(9))], "cat"),
    "plot_aliasing": (16, 3, [1, 2, 3], [5, 9, 13]),
    "plot_blur_losses": ([0, 1, 2], {"BASE": ("Raw", RNG.random((3, 3))), "FOURIER": ("Fourier", RNG.random((3, 3)))},
                         True),
    "plot_blur_explained": ([0, 1, 2], [0.3, 0.2, 0.1], {"above 5 cycles": [0.2, 0.1, 0.01], "above 25": [0.1] * 3},
                            {"BASE": ("Raw", [0.1, 0.1, 0.1]), "FOURIER": ("Fourier", [0.1, 0.1, 0.1])}),
    "plot_mosaic": (["0", "George\nBush"], {"original": RNG.random((2, 28, 28)), "rebuilt": RNG.random((2, 28, 28))},
                    "digits", "digit class"),
    "plot_epoch_losses": ({"training": [0.1, 0.05], "test": [0.1, 0.06]}, "loss"),
    "plot_compression": ([2, 8, 32], {"PCA": ("red", "-", [0.1, 0.05, 0.01])}, "bottlenecks"),
    "plot_latents": ([("a", RNG.random((30, 2)), "latent"), ("b", RNG.random((30, 2)), "component")],
                     np.arange(30) % 10),
    "plot_crops": (GREY, [(0, 1, 0, 1), (0.2, 0.8, 0.3, 0.7)], [0.5, 0.9], {"chosen": 1, "other": 0}, [0.3, 0.2],
                   "boxes"),
    "plot_error_histogram": (RNG.random(20), 0.5 + RNG.random(90), 0.8, "George_W_Bush", "errors"),
    "plot_roc": ({"autoencoder": ("blue", "-", [0, 0, 1], [0, 1, 1])}, "ROC"),
    "plot_precision_recall": ({"autoencoder": ("blue", [1, 0.5, 0], [0.9, 0.95, 1])}, 0.9, "PR"),
    "plot_cases": ([("true negative", "George_W_Bush", GREY, *RNG.random((3, 32, 32)), 0.2),
                    ("false negative", "Somebody", GREY, *RNG.random((3, 32, 32)), 0.3)], 0.5),
    "plot_seed_areas": ({"Bush": ([0.9, 0.91], 0.88, 0.7), "two\nlines": ([0.8], 0.78, 0.6)}, "AUC"),
    "plot_cost_against_accuracy": ({"rate 1": ([10, 100], [0.5, 0.9])}, 0.8),
}


def plotting_functions():
    """Return every public plot_* function of smai_nn.plots by name."""
    modules = [importlib.import_module(f"smai_nn.plots.{info.name}") for info in pkgutil.iter_modules(plots.__path__)]
    return {name: f for module in modules for name, f in inspect.getmembers(module, inspect.isfunction)
            if name.startswith("plot_") and f.__module__ == module.__name__}


def test_every_plotting_function_has_an_example():
    assert set(plotting_functions()) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_figure_is_complete(name, monkeypatch):
    monkeypatch.setenv("SMAI_USERNAME", "ada.l")
    figure = plotting_functions()[name](*EXAMPLES[name])
    assert audit(figure) == []
    assert any(text.get_text() == "ada.l" for axes in figure.axes for text in axes.texts)


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_cut_off_and_no_text_overlaps(name):
    figure = plotting_functions()[name](*EXAMPLES[name])
    figure.draw_without_rendering()
    boxes = []
    for axes in figure.axes:
        parts = {"title": axes.title, "x-label": axes.xaxis.label, "y-label": axes.yaxis.label,
                 "legend": axes.get_legend()}
        boxes += [(f"{key} of {axes.get_title()!r}", part.get_window_extent()) for key, part in parts.items()
                  if part is not None and (key == "legend" or part.get_text())]
    for label, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, label
    for i, (label, box) in enumerate(boxes):
        for other_label, other in boxes[i + 1:]:
            assert not box.shrunk(0.98, 0.98).overlaps(other.shrunk(0.98, 0.98)), (label, other_label)


def test_samples_axis_of_the_loss_plot_counts_data_points():
    figure = plotting_functions()["plot_loss_against_samples"]({"one": HISTORY})
    per_iteration, per_epoch = figure.axes[0].lines
    assert per_iteration.get_xdata().tolist() == [8, 10, 18, 20] and per_epoch.get_xdata().tolist() == [10, 20]


def test_error_map_marks_exactly_the_wrong_pixels():
    predicted = MASK.copy()
    predicted[0, 0], predicted[9, 0] = 1, 1 - MASK[9, 0]
    figure = plotting_functions()["plot_map_prediction"](MASK, predicted, COUNTRIES, "x")
    right = plotting_functions()["plot_map_prediction"](MASK, MASK, COUNTRIES, "x")
    changed = (figure.axes[2].images[0].get_array() != right.axes[2].images[0].get_array()).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[0, 0], [9, 0]]
    assert "2 pixels" in figure.axes[2].get_title()


@pytest.mark.parametrize("spoil, message", [
    (lambda axes: axes.set_title(""), "has no title"),
    (lambda axes: axes.set_xlabel(" "), "has no x-label"),
    (lambda axes: axes.set_ylabel(""), "has no y-label"),
    (lambda axes: axes.get_legend().remove(), "neither a legend nor a colour bar"),
    (lambda axes: axes.set_axis_off(), "switched off"),
    (lambda axes: axes.texts[0].remove(), "username"),
])
def test_audit_finds_what_is_missing(spoil, message):
    figure, ((axes,),) = new_figure()
    axes.plot([0, 1], label="line")
    describe(axes, "Title", "x", "y")
    assert audit(figure) == []
    spoil(axes)
    assert len(audit(figure)) == 1 and message in audit(figure)[0]
