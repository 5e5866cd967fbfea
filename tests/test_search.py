"""Section 1.5, goal 1: stacked networks, the stages of the search, its run folder, facts; on small synthetic maps."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets.border import COLOURS, BorderDataset
from smai_nn.experiments.search import Search, SearchSetting, draw_starts, read_search, recount, run_search
from smai_nn.experiments.search_facts import count_table, search_facts, search_table
from smai_nn.experiments.stack import Architecture, architectures_up_to
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.search import plot_ancestry, plot_frontier, plot_units
from smai_nn.plots.style import audit
from smai_nn.runs import RunFolder

QUICK = SearchSetting(max_parameters=13, max_depth=2, starts=8, least_starts=2, closer_starts=8, sharpened=2,
                      explore_iterations=20, sharpen_iterations=5, vary_iterations=5, parents=2, children=2,
                      generations=2, rounds=1, target=0.97)
ROWS, COLUMNS = np.indices((16, 16))


def save_map(mask, folder):
    Image.fromarray(COLOURS[np.asarray(mask, int)].astype(np.uint8)).save(folder / "border.png")
    return BorderDataset(folder / "border.png")


@pytest.fixture
def wedge(place):
    """A map of 16 x 16 pixels, for which one line is not enough; it is the project's data here."""
    return save_map((COLUMNS > 16 / 3) & (ROWS > COLUMNS / 3), place)


def test_every_architecture_is_there_once_from_few_parameters_to_many():
    found = architectures_up_to(24, 3, ("tanh", "relu"))
    everything = {Architecture(hidden, activation) for depth in (1, 2, 3) for activation in ("tanh", "relu")
                  for hidden in itertools.product(range(1, 25), repeat=depth)}
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


def test_fit_lowers_every_loss_and_counts_the_samples_of_each_network(wedge):
    architecture, x, targets = Architecture((3,), "tanh"), wedge.inputs.T.copy(), wedge.targets[:, 0]
    drawn = draw_starts(architecture, 40, Search(wedge, QUICK).border, np.random.default_rng(0))
    fitted, losses, samples = architecture.fit(drawn, x, targets, 20)
    assert (losses < architecture.loss_and_gradient(drawn, x, targets)[0]).all()
    np.testing.assert_allclose(architecture.loss_and_gradient(fitted, x, targets)[0], losses, rtol=1e-4)
    assert (samples >= 20 * 256).all() and not (samples % 256).any()


def test_fit_keeps_the_best_where_the_loss_becomes_nan(wedge, monkeypatch):
    losses = iter([0.5, 0.3, 0.4] + [np.nan] * 100)
    monkeypatch.setattr(Architecture, "loss_and_gradient", lambda self, parameters, x, targets: (
        np.full(1, next(losses), np.float32), np.ones_like(parameters)))
    assert Architecture((1,), "tanh").fit(np.zeros((1, 5), np.float32), wedge.inputs.T, None, 5)[1] == np.float32(0.3)


def test_border_points_lie_between_the_countries(place):
    search = Search(save_map([[0, 0, 1], [0, 0, 1]], place), QUICK)
    assert sorted(search.border.tolist()) == [[0.75, 0], [0.75, 1]]


def test_a_starts_lines_pass_through_two_points_of_the_border(wedge):
    architecture = Architecture((5, 2), "relu")
    drawn = draw_starts(architecture, 3, Search(wedge, QUICK).border, np.random.default_rng(0))
    weights, biases = architecture.layers(drawn)[0]
    lengths = np.linalg.norm(weights, axis=1)                                               # (networks, units)
    distances = np.abs(Search(wedge, QUICK).border @ weights + biases[:, None]) / lengths[:, None]
    assert ((distances < 1e-5).sum(axis=1) >= 2).all() and lengths.min() > 1.99 and lengths.max() < 8.01


def test_sharpening_finds_pixels_that_a_fit_leaves_and_makes_children_of_their_parents_kind(wedge):
    search = Search(wedge, QUICK)
    explored = search.explore([Architecture((3,), "tanh"), Architecture((2,), "relu")], 3)
    sharpened = search.sharpen(explored, (4, 16, 64), 30)
    assert max(network.correct for network in sharpened) > max(network.correct for network in explored)
    assert [network.parent for network in sharpened] == explored
    assert [n.what for n in sharpened[0].ancestry] == ["start", "fitted to a quarter", "sharpened"]
    twins = search.sharpen([explored[0]] * 2, (4,), 5, "varied", 0.05)
    assert twins[0].parent is twins[1].parent is explored[0] and any(twins[0].parameters != twins[1].parameters)


def test_a_half_plane_needs_one_unit(place):
    search = Search(save_map(COLUMNS + 0.4 * ROWS > 9.6, place), QUICK)
    search.run()
    assert search.winner.architecture.hidden == (1,) and list(search.starts) == [5] and search.starts[5] >= 8


def test_a_closer_look_can_reach_what_the_first_look_missed_and_ends_the_search(wedge, monkeypatch):
    search, looked = Search(wedge, QUICK), []
    explore = search.explore
    monkeypatch.setattr(search, "explore", lambda found, number: looked.append(found) or explore(found, number))
    search.run()
    counts = [architectures[0].parameter_count for architectures in looked]
    first = counts[:counts.index(max(counts)) + 1]
    closer, reached = counts[len(first):], search.winner.architecture.parameter_count
    assert first == sorted(set(first)) and reached > 5 and search.winner.correct >= search.needed
    assert closer == sorted(closer) and all(count <= reached for count in closer)


def test_the_same_seed_gives_the_same_bits_and_another_one_others(wedge):
    bits = []
    for seed in (0, 0, 1):
        search = Search(wedge, dataclasses.replace(QUICK, target=1.0, max_parameters=9, seed=seed))
        search.run()
        bits.append([network.parameters.tobytes() for network in search.best.values()])
    assert bits[0] == bits[1] != bits[2]


@pytest.mark.parametrize("settings, message", [
    ({"target": 1.5}, "target: expected a number in [0, 1], got 1.5"),
    ({"max_parameters": 4}, "max_parameters: expected a whole number >= 5, got 4"),
    ({"activations": ("identity",)}, "activations: expected one of 'tanh', 'relu', 'sigmoid', got 'identity'"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SearchSetting(**settings)


def test_the_folder_has_the_checkpoint_its_pixels_and_its_ancestors(wedge):
    folder = run_search(QUICK)
    result = read_search(folder)
    assert result.setting == QUICK and RunFolder(folder).status == "completed"
    assert result.reached and result.correct == recount(result, wedge) == result.best[result.winner]
    assert result.correct == result.stages[-1]["correct pixels"] >= result.needed == 249
    assert [stage["stage"] for stage in result.stages][:2] == ["start", "fitted to a quarter"]
    samples = [stage["samples so far"] for stage in result.stages]
    assert samples == sorted(samples) == result.history.epoch_samples.tolist() and result.history.samples == samples[-1]
    assert all(audit(figure) == [] for figure in (plot_frontier([result]), plot_units(result), plot_ancestry(result)))
    assert set(run_figures(result)) == {"loss", "map"}


def test_a_target_out_of_reach_is_a_finished_result(wedge):
    result = read_search(run_search(dataclasses.replace(QUICK, target=1.0, max_parameters=5)))
    assert not result.reached and search_facts([result])["challenge.parameters"] is None
    assert audit(plot_frontier([result])) == audit(plot_units(result)) == []


def test_facts_and_tables_of_two_searches(wedge):
    result = read_search(run_search(dataclasses.replace(QUICK, target=0.5, max_parameters=5)))
    small, large, deep = Architecture((4,), "tanh"), Architecture((5,), "relu"), Architecture((1, 1), "tanh")
    one = dataclasses.replace(result, winner=small, best={small: 250, deep: 200}, starts={17: 30, 7: 4}, needed=240,
                              predicted=wedge.mask)
    two = dataclasses.replace(one, winner=large, best={small: 239, large: 256, deep: 210}, starts={17: 5, 21: 1})
    facts, expected = search_facts([two, one]), {
        "": 17, "_network": "2-4-1 tanh", "_searches": 2, "_search_successes": 1, "_most": 21, "_below": 210,
        "_below_misses": 30, "_below_network": "2-1-1-1 tanh", "_starts": 20, "_fewer_units": 210}
    assert {name: facts[f"challenge.parameters{name}"] for name in expected} == expected
    assert [list(row.values()) for row in count_table([one, two], most=21)] == [
        [7, "2-1-1-1 tanh", "200 210", "4"], [17, "2-4-1 tanh", "250 239", "35"], [21, "2-5-1 relu", "- 256", "1"]]
    assert [row["parameters"] for row in search_table([one, two], [250, 256])] == [17, 21]
