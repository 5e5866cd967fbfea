"""The challenge's two methods, on small synthetic maps."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from PIL import Image

from smai_nn import Identity, Kalman, Linear, Model, Sigmoid, Tanh, TrainConfig, Trainer, challenge
from smai_nn.challenge import (
    SampleCurve,
    SearchSetting,
    anneal,
    best_of,
    border_points,
    correct_pixels,
    count_parameters,
    draw_start,
    explore,
    fit,
    frontier,
    place_first_layer,
    refine,
    search_smallest,
    settling_samples,
    shapes_up_to,
    sharpen,
    smoother_accuracies,
)
from smai_nn.datasets import BorderDataset
from smai_nn.datasets.border import COLOURS
from smai_nn.experiments.challenge import (
    FullMapSetting,
    SampleSetting,
    run_full_map,
    run_samples,
    run_search,
    sample_model,
    shape_table,
    streams,
)
from smai_nn.files import load_json
from smai_nn.metrics import accuracy
from smai_nn.runs import RunFolder, runs_root

QUICK = SearchSetting(max_parameters=17, max_depth=2, starts=20, closer_starts=40, chains=3, changes=200)


def dataset_of(mask, tmp_path, name="border.png"):
    path = tmp_path / name
    Image.fromarray(COLOURS[np.asarray(mask, int)].astype(np.uint8)).save(path)
    return BorderDataset(path)


def half_plane(size=12):
    rows, columns = np.indices((size, size))
    return (columns + 0.4 * rows > 0.6 * size).astype(int)


def wedge(size=16):
    rows, columns = np.indices((size, size))
    return ((columns > size / 3) & (rows > columns / 3)).astype(int)


@pytest.fixture
def wedge_map(tmp_path):
    return dataset_of(wedge(), tmp_path)


# Shapes and candidates


def test_every_shape_is_there_once_in_order():
    """Against all tuples of widths, counted one by one."""
    shapes = shapes_up_to(24, 3)
    assert len(set(shapes)) == len(shapes)
    widths = range(1, 8)
    everything = [(a,) for a in widths] + [(a, b) for a in widths for b in range(1, 25)] + [
        (a, b, c) for a in widths for b in range(1, 25) for c in range(1, 25)]
    assert set(shapes) == {hidden for hidden in everything if count_parameters(hidden) <= 24}
    assert [count_parameters(h) for h in shapes] == sorted(count_parameters(h) for h in shapes)


@pytest.mark.parametrize("hidden", [(4,), (4, 1), (3, 2), (2, 2, 2), (1, 3, 2, 4)])
def test_a_shape_has_as_many_parameters_as_its_model(hidden, wedge_map):
    candidate = draw_start(wedge_map, hidden, (0, 1))
    assert candidate.model().parameter_count == count_parameters(hidden) == candidate.parameter_count
    assert candidate.label.startswith("-".join(map(str, (2, *hidden, 1))) + " ")


def test_the_first_layers_lines_pass_through_two_points_of_the_border(wedge_map):
    points = border_points(wedge_map)
    layer = draw_start(wedge_map, (5,), (3,)).model().layers[0]
    distances = np.abs(points @ layer.weights + layer.biases) / np.linalg.norm(layer.weights, axis=0)
    assert ((distances < 1e-6).sum(axis=0) >= 2).all()
    assert (np.linalg.norm(layer.weights, axis=0) > 1.99).all() and (np.linalg.norm(layer.weights, axis=0) < 8.01).all()


def test_border_points_lie_between_the_countries(tmp_path):
    data = dataset_of([[0, 0, 1], [0, 0, 1]], tmp_path)
    np.testing.assert_allclose(sorted(border_points(data).tolist()), [[0.75, 0], [0.75, 1]])


def test_a_start_depends_on_its_entropy_alone(wedge_map):
    one, same, other = (draw_start(wedge_map, (3, 2), entropy) for entropy in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(one.stages[0].parameters, same.stages[0].parameters)
    assert not np.array_equal(one.stages[0].parameters, other.stages[0].parameters)


def test_pixels_are_counted_as_the_accuracy_is(wedge_map):
    model = draw_start(wedge_map, (4, 3), (5,)).model()
    assert correct_pixels(model, wedge_map) == round(
        accuracy(model.predict(wedge_map.inputs), wedge_map.targets) * len(wedge_map))


# Stages


def test_fit_lowers_the_loss_and_counts_its_samples(wedge_map):
    model = draw_start(wedge_map, (3,), (0,)).model()
    before = model.evaluate(wedge_map.inputs, wedge_map.targets)
    samples, loss = fit(model, wedge_map.inputs, wedge_map.targets, 20)
    assert model.evaluate(wedge_map.inputs, wedge_map.targets) == pytest.approx(loss, rel=1e-5) and loss < before
    assert samples % len(wedge_map) == 0 and samples >= 20 * len(wedge_map)
    assert not model.gradients.any()


def test_fit_keeps_the_best_if_the_loss_is_not_finite(wedge_map, monkeypatch):
    model = draw_start(wedge_map, (3,), (0,)).model()
    losses, train = [], Model.train

    def failing(self, x, y):
        if len(losses) == 4:
            raise challenge.NonFiniteLossError("loss")
        losses.append(train(self, x, y))
        return losses[-1]

    monkeypatch.setattr(Model, "train", failing)
    fit(model, wedge_map.inputs, wedge_map.targets, 20)
    assert model.evaluate(wedge_map.inputs, wedge_map.targets) == pytest.approx(min(losses), rel=1e-5)


def test_every_stage_follows_from_its_ancestor_and_none_loses_pixels_after_the_fits(wedge_map):
    found = explore((wedge_map, (3,), [(0, i) for i in range(8)]))
    assert len(found) == 2
    candidate = refine((wedge_map, found[0]))
    for stage, more in ((sharpen, ()), (anneal, (200,))):
        after = stage((wedge_map, candidate, *more))
        assert after.stages[:-1] == candidate.stages or after is candidate
        assert after.correct >= candidate.correct
        assert after.correct == correct_pixels(after.model(), wedge_map)
        candidate = after
    assert [stage.what for stage in candidate.stages][:3] == [
        "start", "15 iterations on a quarter", "45 iterations on a quarter"]
    assert candidate.samples == sum(stage.samples for stage in candidate.stages) > 0


def test_annealing_finds_what_a_change_can_find(tmp_path):
    """A line that is a little off the border is brought onto it."""
    data = dataset_of(half_plane(), tmp_path)
    blank = challenge.Candidate((1,), ("tanh",), (0,))
    model = blank.model()
    model.parameters = np.array([5.5, 2.2, -3.6, 3, 0])  # the very border, columns + 0.4 rows = 7.2
    assert correct_pixels(model, data) == len(data)
    model.layers[0].biases += 1
    off = blank.after("off", model, data)
    assert off.correct < len(data) - 10
    assert anneal((data, off, 3000)).correct > len(data) - 5


def test_best_of_prefers_fewer_parameters_among_equals(wedge_map):
    small, large = draw_start(wedge_map, (1,), (0,)), draw_start(wedge_map, (2,), (0,))
    same = dataclasses.replace(large, stages=(dataclasses.replace(large.stages[0], correct=small.correct),))
    assert best_of([same, small], 1) == [small]
    assert frontier({(2,): same, (1,): small}) == {5: small, 9: same}


# The search


def test_a_half_plane_needs_one_unit(tmp_path):
    data = dataset_of(half_plane(), tmp_path)
    result = search_smallest(data, dataclasses.replace(QUICK, target=0.98), workers=1, progress=False)
    assert result.winner.hidden == (1,) and result.winner.correct >= result.needed == math.ceil(0.98 * len(data))
    assert result.rounds[0]["round"] == "all shapes" and result.rounds[-1]["smallest"] == 5


def test_a_wedge_needs_more(wedge_map):
    result = search_smallest(wedge_map, dataclasses.replace(QUICK, target=0.97), workers=1, progress=False)
    assert 5 < result.winner.parameter_count <= 13
    assert all(c.correct < result.needed for count, c in frontier(result.best).items()
               if count < result.winner.parameter_count)


def test_the_same_seed_gives_the_same_bits_whatever_the_number_of_workers(wedge_map):
    setting = dataclasses.replace(QUICK, target=0.99, max_parameters=13, starts=4)
    one, two = (search_smallest(wedge_map, setting, workers=n, progress=False) for n in (1, 2))
    assert one.rounds == two.rounds and list(one.best) == list(two.best)
    for hidden, candidate in one.best.items():
        assert [s.parameters.tobytes() for s in candidate.stages] == [
            s.parameters.tobytes() for s in two.best[hidden].stages]
    other = search_smallest(wedge_map, dataclasses.replace(setting, seed=1), workers=1, progress=False)
    assert other.best[(3,)].stages[0].parameters.tobytes() != one.best[(3,)].stages[0].parameters.tobytes()


def test_a_target_out_of_reach_has_no_winner_but_is_recorded(wedge_map):
    run = run_search(dataclasses.replace(QUICK, target=1.0, max_parameters=5), wedge_map, workers=1, progress=False)
    assert run.result.winner is None and not run.reached
    metrics = RunFolder(runs_root() / run.folder).metrics()
    assert metrics["status"] == "completed" and metrics["reached"] is False


def test_the_run_folder_has_every_ancestor_and_the_count_of_its_checkpoint(wedge_map):
    run = run_search(dataclasses.replace(QUICK, target=0.95), wedge_map, workers=1, progress=False)
    folder = runs_root() / run.folder
    book = load_json(folder / "ancestors.json")
    assert book["network"] == run.winner.label and run.reached
    assert [a["what"] for a in book["ancestors"]] == [s.what for s in run.winner.stages]
    for number, (ancestor, stage) in enumerate(zip(book["ancestors"], run.winner.stages)):
        model = run.winner.model(0)
        model.load_from(folder / ancestor["file"])
        assert correct_pixels(model, wedge_map) == ancestor["correct pixels"] == stage.correct
        assert ancestor["samples so far"] == sum(s.samples for s in run.winner.stages[:number + 1])
    model.load_from(folder / "parameters.npz")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert correct_pixels(model, wedge_map) == run.correct == metrics["correct_pixels"] == run.winner.correct
    assert len(load_json(folder / "shapes.json")) == len(shapes_up_to(17, 2))
    assert shape_table([run], most=13)[0]["parameters"] == 5


@pytest.mark.parametrize("settings, message", [
    ({"target": 1.5}, "target: expected a number in [0, 1], got 1.5"),
    ({"max_parameters": 4}, "max_parameters: expected a whole number >= 5, got 4"),
    ({"starts": 0}, "starts: expected a whole number >= 1, got 0"),
    ({"seed": -1}, "seed: expected a whole number >= 0, got -1"),
    ({"hopeless": 2}, "hopeless: expected a number in [0, 1], got 2"),
])
def test_bad_search_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SearchSetting(**settings)


# Few samples


def test_the_first_layer_is_placed_in_the_unit_square():
    layer = Linear(2, 500, Tanh)
    place_first_layer(layer, 30, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(layer.weights, axis=0), 30, rtol=1e-5)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ layer.weights + layer.biases
    assert ((corners.min(axis=0) < 0) & (corners.max(axis=0) > 0)).all()  # every line passes through it
    angles = np.arctan2(*layer.weights)
    assert np.histogram(angles, 4, (-np.pi, np.pi))[0].min() > 90


@pytest.mark.parametrize("accuracies, expected", [
    ([0.95, 0.92], (10, 10)), ([0.5, 0.92], (20, 20)), ([0.92, 0.5], (10, None)), ([0.5, 0.6], (None, None)),
    ([0.5, 0.91, 0.9, 0.91, 0.95], (20, 40))])
def test_settling(accuracies, expected):
    assert settling_samples([10 * (i + 1) for i in range(len(accuracies))], accuracies, 0.91) == expected


def test_settling_of_nothing_raises():
    with pytest.raises(ValueError, match="expected as many as accuracies, at least one, got 0 and 0"):
        settling_samples([], [], 0.9)


def test_the_curve_looks_when_it_should_and_sees_the_model_as_it_is(wedge_map):
    model = Model([Linear(2, 4, Tanh, rng=np.random.default_rng(0)), Linear(4, 1, Sigmoid)], "bce")
    curve = SampleCurve(wedge_map.inputs, wedge_map.targets, every=10, growth=0.1)
    history = Trainer(model, TrainConfig(batch_size=1, max_epochs=2, patience=None), rng=np.random.default_rng(0),
                      callbacks=[curve]).fit(wedge_map.inputs, wedge_map.targets)
    assert curve.samples[:11] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert all(b - a == max(10, a // 10) for a, b in zip(curve.samples, curve.samples[1:]))
    at = curve.samples.index(256) if 256 in curve.samples else None
    assert history.samples == 512 and (at is None or curve.accuracies[at] == history.epoch_accuracy[0])


def test_averaging_looks_at_the_running_mean_and_leaves_the_model_alone(wedge_map):
    def train(averaging):
        model = Model([Linear(2, 4, Tanh, rng=np.random.default_rng(0)),
                       Linear(4, 1, Sigmoid, rng=np.random.default_rng(1))], "bce")
        curve = SampleCurve(wedge_map.inputs, wedge_map.targets, every=1, growth=0, averaging=averaging)
        means = []
        curve._look = lambda m: means.append((m.parameters if averaging is None else curve._mean).copy()) or 0
        Trainer(model, TrainConfig(batch_size=64, max_epochs=1, patience=None), rng=np.random.default_rng(0),
                callbacks=[curve]).fit(wedge_map.inputs, wedge_map.targets)
        return model.parameters.copy(), means

    plain, path = train(None)
    same, means = train(0.5)
    np.testing.assert_array_equal(plain, same)
    expected = path[0]
    for number, (values, mean) in enumerate(zip(path, means), start=1):
        expected = expected + max(0.5, 1 / number) * (values - expected)
        np.testing.assert_allclose(mean, expected, rtol=1e-4, atol=1e-6)


def test_least_squares_on_a_placed_layer_learns_a_map_in_one_pass(tmp_path):
    setting = SampleSetting((200,), "tanh", "least squares", batch_size=1, slope=40, max_epochs=1, target=0.9)
    result = run_samples(setting, dataset_of(wedge(24), tmp_path))
    assert result.settled is not None and result.first <= result.settled < 400 < result.history.samples == 576
    assert RunFolder(runs_root() / result.folder).metrics()["settled"] == result.settled


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "kalman"])
def test_every_method_runs_and_counts_its_samples(optimizer, tmp_path):
    size = 1 if optimizer == "kalman" else 4
    setting = SampleSetting((8,), "tanh", optimizer, learning_rate=0.05, batch_size=size, max_epochs=3)
    result = run_samples(setting, dataset_of(half_plane(), tmp_path))
    assert result.history.samples == 3 * 144 and result.samples[-1] <= 432
    assert max(result.accuracies) > 0.9


def test_samples_come_in_the_order_of_the_seed(tmp_path, monkeypatch):
    """What the kernel smoother is given is what the network saw."""
    data, seen = dataset_of(half_plane(), tmp_path), []
    train = Model.train
    monkeypatch.setattr(Model, "train", lambda self, x, y: seen.append(x.copy()) or train(self, x, y))
    run_samples(SampleSetting((3,), "tanh", "least squares", batch_size=1, slope=5, max_epochs=1, seed=7), data)
    np.testing.assert_array_equal(np.concatenate(seen), data.inputs[streams(7)[1].permutation(len(data))])


def test_the_smoother_against_a_loop(tmp_path):
    data = dataset_of(wedge(8), tmp_path)
    order, width = np.random.default_rng(0).permutation(len(data)), 0.2
    for n, got in zip((1, 5, 30), smoother_accuracies(data, order, (1, 5, 30), width)):
        right = 0
        for x, label in zip(data.inputs.astype(float), data.targets[:, 0]):
            weights = np.exp(-np.square(data.inputs[order[:n]].astype(float) - x).sum(axis=1) / (2 * width**2))
            right += (weights @ (2 * data.targets[order[:n], 0] - 1) > 0) == (label > 0.5)
        assert got == pytest.approx(right / len(data))


@pytest.mark.parametrize("settings, message", [
    ({"optimizer": "newton"}, "optimizer: expected one of 'sgd', 'adam', 'kalman', 'least squares', got 'newton'"),
    ({"activation": "sin"}, "activation: expected one of"),
])
def test_bad_sample_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SampleSetting(**settings)


def test_the_filters_output_begins_between_the_countries():
    model = sample_model(SampleSetting((6,), "tanh", "least squares", slope=10), np.random.default_rng(0))
    assert isinstance(model.layers[-1].activation, Identity) and isinstance(model.optimizer, Kalman)
    np.testing.assert_array_equal(model.predict(np.random.default_rng(0).random((5, 2))), 0.5)


# The whole map


def test_a_run_stops_with_the_epoch_that_has_every_pixel_right(tmp_path):
    data = dataset_of(half_plane(), tmp_path)
    result = run_full_map(FullMapSetting((4,), batch_size=16, max_epochs=500), data)
    assert result.correct == len(data) and result.history.stop_reason == "all correct"
    assert (result.history.epoch_accuracy[:-1] < 1).all() and result.history.epoch_accuracy[-1] == 1
    np.testing.assert_array_equal(result.predicted, data.mask)


def test_a_run_that_does_not_get_there_ends_with_its_best_epoch(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset_of(rng.integers(0, 2, (10, 10)), tmp_path)
    result = run_full_map(FullMapSetting((2,), batch_size=10, max_epochs=8), data)
    assert result.correct == round(100 * result.history.epoch_accuracy.max()) < 100
    assert result.history.stop_reason == "max_epochs"
    assert RunFolder(runs_root() / result.folder).metrics()["correct_pixels"] == result.correct
