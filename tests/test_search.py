"""Section 1.5, goal 1: stacked networks, the stages of the search, its run folder, facts; on small synthetic maps."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets.border import COLOURS, BorderDataset
from smai_nn.experiments.search import (
    Search,
    SearchSetting,
    border_points,
    draw_starts,
    least_loss,
    load_winner,
    most_correct,
    read_search,
    recount,
    run_search,
)
from smai_nn.experiments.search_facts import (
    best_of_count,
    count_table,
    parameter_table,
    search_facts,
    search_table,
    stage_table,
)
from smai_nn.experiments.stack import Architecture, architectures_up_to
from smai_nn.files import load_json
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.search import plot_ancestry, plot_fewer, plot_frontier, plot_units
from smai_nn.plots.style import audit

QUICK = SearchSetting(max_parameters=13, max_depth=2, starts=8, least_starts=2, closer_starts=8, sharpened=2,
                      explore_iterations=20, sharpen_iterations=5, vary_iterations=5, parents=2, children=2,
                      generations=2, rounds=1, target=0.97)


def save_map(mask, folder):
    Image.fromarray(COLOURS[np.asarray(mask, int)].astype(np.uint8)).save(folder / "border.png")
    return BorderDataset(folder / "border.png")


@pytest.fixture
def wedge(place):
    """A map of 16 x 16 pixels, for which one line is not enough; it is the project's data here."""
    rows, columns = np.indices((16, 16))
    return save_map((columns > 16 / 3) & (rows > columns / 3), place)


@pytest.fixture
def half_plane(place):
    rows, columns = np.indices((12, 12))
    return save_map(columns + 0.4 * rows > 7.2, place)


# Stacks


def test_every_architecture_is_there_once_from_few_parameters_to_many():
    found = architectures_up_to(24, 3, ("tanh", "relu"))
    widths = range(1, 25)
    shapes = [(a,) for a in widths] + [(a, b) for a in range(1, 8) for b in widths] + [
        (a, b, c) for a in range(1, 8) for b in widths for c in widths]
    everything = [Architecture(hidden, phi) for hidden in shapes for phi in ("tanh", "relu")]
    assert len(set(found)) == len(found) and set(found) == {a for a in everything if a.parameter_count <= 24}
    assert [a.parameter_count for a in found] == sorted(a.parameter_count for a in found)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("hidden", [(4,), (3, 2), (2, 3, 1)])
def test_outputs_losses_and_gradients_are_those_of_a_model_network_by_network(hidden, activation, wedge):
    architecture, rng = Architecture(hidden, activation), np.random.default_rng(0)
    parameters = rng.normal(0, 2, (5, architecture.parameter_count)).astype(np.float32)
    x, targets = wedge.inputs.T.copy(), wedge.targets[:, 0]
    losses, gradients = architecture.loss_and_gradient(parameters, x, targets)
    outputs = architecture.forward(parameters, x)[-1][1]
    for row, loss, gradient, output in zip(parameters, losses, gradients, outputs):
        model = architecture.model(row)
        np.testing.assert_allclose(output.T, model.predict(wedge.inputs), atol=1e-5)
        assert model.train(wedge.inputs, wedge.targets) == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(gradient, model.gradients, rtol=1e-3, atol=1e-6)
        assert architecture.parameter_count == model.parameter_count


def test_fit_lowers_every_loss_and_counts_the_samples_of_each_network(wedge):
    architecture, x, targets = Architecture((3,), "tanh"), wedge.inputs.T.copy(), wedge.targets[:, 0]
    drawn = draw_starts(architecture, 40, border_points(wedge), np.random.default_rng(0))
    fitted, losses, samples = architecture.fit(drawn, x, targets, 20)
    assert (losses < architecture.loss_and_gradient(drawn, x, targets)[0]).all()
    np.testing.assert_allclose(architecture.loss_and_gradient(fitted, x, targets)[0], losses, rtol=1e-4)
    assert (samples >= 20 * 256).all() and not (samples % 256).any()


def test_fit_keeps_the_best_where_the_loss_becomes_nan(wedge, monkeypatch):
    losses = iter([0.5, 0.3, 0.4] + [np.nan] * 100)
    monkeypatch.setattr(Architecture, "loss_and_gradient", lambda self, parameters, x, targets: (
        np.full(1, next(losses), np.float32), np.ones_like(parameters)))
    assert Architecture((1,), "tanh").fit(np.zeros((1, 5), np.float32), wedge.inputs.T, None, 5)[1] == np.float32(0.3)


# Stages


def test_border_points_lie_between_the_countries(place):
    assert sorted(border_points(save_map([[0, 0, 1], [0, 0, 1]], place)).tolist()) == [[0.75, 0], [0.75, 1]]


def test_a_starts_lines_pass_through_two_points_of_the_border(wedge):
    architecture = Architecture((5, 2), "relu")
    drawn = draw_starts(architecture, 3, border_points(wedge), np.random.default_rng(0))
    weights, biases = architecture.layers(drawn)[0]
    lengths = np.linalg.norm(weights, axis=1)                                               # (networks, units)
    distances = np.abs(border_points(wedge) @ weights + biases[:, None]) / lengths[:, None]
    assert ((distances < 1e-5).sum(axis=1) >= 2).all() and lengths.min() > 1.99 and lengths.max() < 8.01


def test_sharpening_finds_pixels_that_a_fit_leaves(wedge):
    search = Search(wedge, QUICK)
    explored = least_loss(search.explore([Architecture((3,), "tanh"), Architecture((2,), "relu")], 8), 6)
    sharpened = search.sharpen(explored, (4, 16, 64), 30)
    assert most_correct(sharpened, 1)[0].correct > most_correct(explored, 1)[0].correct
    assert {network.parent for network in sharpened} == set(explored)
    assert [n.what for n in sharpened[0].ancestry] == ["start", "fitted to a quarter", "sharpened"]


def test_every_parent_has_children_of_its_own_kind(wedge):
    search = Search(wedge, QUICK)
    parents = search.explore([Architecture((3,), "tanh")], 2)
    children = search.vary(parents)
    assert [child.parent for child in children] == [parents[0]] * 2 + [parents[1]] * 2
    assert len({child.parameters.tobytes() for child in children}) == 4


def test_a_network_counts_as_many_pixels_as_its_model_has_right(wedge):
    search = Search(wedge, QUICK)
    for network in search.explore([Architecture((4, 3), "relu")], 3):
        prediction = network.architecture.model(network.parameters).predict(wedge.inputs)
        assert network.correct == ((prediction > 0.5) == (wedge.targets > 0.5)).sum()


# The search


def test_a_half_plane_needs_one_unit(half_plane):
    search = Search(half_plane, QUICK)
    search.run()
    assert search.winner.architecture.hidden == (1,) and list(search.starts) == [5] and search.starts[5] >= 8


def test_a_closer_look_can_reach_what_the_first_look_missed_and_ends_the_search(wedge, monkeypatch):
    search, looked = Search(wedge, QUICK), []
    explore = search.explore
    monkeypatch.setattr(search, "explore", lambda found, number: looked.append(found) or explore(found, number))
    search.run()
    counts = [architectures[0].parameter_count for architectures in looked]
    first = counts[:counts.index(max(counts)) + 1]
    assert first == sorted(set(first)) and search.winner.architecture.parameter_count > 5
    assert search.winner.correct >= search.needed
    closer = counts[len(first):]
    assert closer == sorted(closer) and all(count <= search.winner.architecture.parameter_count for count in closer)


def test_the_same_seed_gives_the_same_bits_and_another_one_others(wedge):
    setting = dataclasses.replace(QUICK, target=1.0, max_parameters=9)
    one, same, other = (Search(wedge, dataclasses.replace(setting, seed=seed)) for seed in (0, 0, 1))
    for search in (one, same, other):
        search.run()
    bits = [[n.parameters.tobytes() for n in search.best.values()] for search in (one, same, other)]
    assert bits[0] == bits[1] != bits[2]


@pytest.mark.parametrize("settings, message", [
    ({"target": 1.5}, "target: expected a number in [0, 1], got 1.5"),
    ({"max_parameters": 4}, "max_parameters: expected a whole number >= 5, got 4"),
    ({"starts": 0}, "starts: expected a whole number >= 1, got 0"),
    ({"activations": ("identity",)}, "activations: expected one of 'tanh', 'relu', 'sigmoid', got 'identity'"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SearchSetting(**settings)


# Run folder, facts, figures


def test_the_folder_has_every_ancestor_and_the_pixels_of_the_checkpoint(wedge):
    folder = run_search(QUICK)
    result = read_search(folder)
    assert result.reached and result.correct == recount(folder, wedge) >= result.needed == 249
    assert [stage["what"] for stage in result.stages][:2] == ["start", "fitted to a quarter"]
    for stage in result.stages:
        model = load_winner(folder)
        model.load_from(folder / stage["file"])
        assert ((model.predict(wedge.inputs) > 0.5) == (wedge.targets > 0.5)).sum() == stage["correct"]
    samples = sum(stage["samples"] for stage in result.stages)
    assert result.history.samples == samples == result.history.epoch_samples[-1]
    assert result.setting == QUICK and result.best[result.winner] == result.correct == result.stages[-1]["correct"]
    assert all(a.parameter_count < result.winner.parameter_count for a, _ in result.fewer)
    assert load_json(folder / "metrics.json")["status"] == "completed"
    assert all(audit(figure) == [] for figure in (
        plot_frontier([result]), plot_fewer(result), plot_units(result), plot_ancestry(result)))
    assert set(run_figures(result)) == {"loss", "map"}


def test_a_target_out_of_reach_is_a_finished_result(wedge):
    result = read_search(run_search(dataclasses.replace(QUICK, target=1.0, max_parameters=5)))
    assert not result.reached and search_facts([result])["challenge.parameters"] is None
    assert audit(plot_frontier([result])) == audit(plot_units(result)) == []


def test_facts_and_tables_of_two_searches(wedge):
    result = read_search(run_search(dataclasses.replace(QUICK, target=0.5, max_parameters=5)))
    small, large, deep = Architecture((4,), "tanh"), Architecture((5,), "relu"), Architecture((1, 1), "tanh")
    one = dataclasses.replace(result, winner=small, best={small: 250, deep: 200}, starts={17: 30, 7: 4}, needed=240,
                              parameters=np.zeros(17, np.float32), predicted=wedge.mask)
    two = dataclasses.replace(one, winner=large, best={small: 239, large: 256, deep: 210}, starts={17: 5, 21: 1})
    facts = search_facts([two, one])
    assert facts["challenge.parameters"] == 17 and facts["challenge.parameters_network"] == "2-4-1 tanh"
    assert facts["challenge.parameters_searches"] == 2 and facts["challenge.parameters_search_successes"] == 1
    assert facts["challenge.parameters_below"] == 210 and facts["challenge.parameters_below_misses"] == 30
    assert facts["challenge.parameters_below_network"] == "2-1-1-1 tanh" and facts["challenge.parameters_starts"] == 20
    assert best_of_count([one, two]) == {7: deep, 17: small, 21: large}
    assert [list(row.values()) for row in count_table([one, two], most=21)] == [
        [7, "2-1-1-1 tanh", "200 210", "4"], [17, "2-4-1 tanh", "250 239", "35"], [21, "2-5-1 relu", "- 256", "1"]]
    assert [row["parameters"] for row in search_table([one, two], [250, 256])] == [17, 21]
    assert [row["array"] for row in parameter_table(one)] == ["weights", "biases"] * 2
    assert len(stage_table(one)) == len(one.stages)
