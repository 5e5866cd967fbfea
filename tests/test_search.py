"""Section 1.5, goal 1: the stages of the search, its run folder, facts; on small synthetic maps."""

import dataclasses
import itertools

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets.border import COLOURS, BorderDataset
from smai_nn.experiments.search import (
    Architecture, Search, SearchSetting, architectures_up_to, draw_start, read_search, run_search,
    search_facts, search_table)
from smai_nn.plots.challenge import plot_frontier, plot_units
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.style import audit
from smai_nn.runs import RunFolder

QUICK = SearchSetting(max_parameters=13, max_depth=2, starts=4, sharpened=1, closer_starts=8, parents=2, children=2,
                      iterations=15, generations=2, beyond=0, near=0.2, target=0.97)
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


def test_fit_lowers_the_loss_and_every_evaluation_is_a_pass_over_all_pixels(wedge):
    search = Search(wedge, QUICK)
    model = Architecture((3,), "tanh").model()
    before = model.evaluate(wedge.inputs, wedge.targets)
    losses = search.fit(model)
    assert losses[0] == pytest.approx(before, rel=1e-4) and len(losses) >= 15
    assert model.evaluate(wedge.inputs, wedge.targets) == pytest.approx(min(losses), rel=1e-4) and min(losses) < before


def test_border_points_lie_between_the_countries(place):
    search = Search(save_map([[0, 0, 1], [0, 0, 1]], place), QUICK)
    assert sorted(search.border.tolist()) == [[0.75, 0], [0.75, 1]]


def test_a_starts_lines_pass_through_points_of_the_border(wedge):
    model, border = Architecture((5, 2), "relu").model(), Search(wedge, QUICK).border
    draw_start(model, border, np.random.default_rng(0))
    lengths = np.linalg.norm(model.layers[0].weights, axis=0)                               # (units,)
    distances = np.abs(border @ model.layers[0].weights + model.layers[0].biases) / lengths  # (points, units)
    assert (distances.min(axis=0) < 1e-5).all() and lengths.min() > 1.99 and lengths.max() < 8.01


def test_sharpening_finds_pixels_that_a_fit_leaves_and_makes_children_of_their_parents_kind(wedge):
    search = Search(wedge, dataclasses.replace(QUICK, iterations=8))
    [explored] = search.explore(Architecture((3,), "tanh"), 3, 1)
    sharpened = search.sharpen(explored, (4, 8, 16, 32, 64))
    assert sharpened.correct > explored.correct
    assert [row["stage"] for row in sharpened.stages] == ["start", "fitted", "sharpened"]
    assert sharpened.losses[:len(explored.losses)] == explored.losses
    twins = [search.sharpen(explored, (4,), 0.05) for _ in range(2)]
    assert [twin.stages[-1]["stage"] for twin in twins] == ["varied"] * 2
    assert any(twins[0].parameters != twins[1].parameters)


def test_a_half_plane_needs_one_unit(place):
    search = Search(save_map(COLUMNS + 0.4 * ROWS > 9.6, place), QUICK)
    search.run()
    assert search.winner.architecture.hidden == (1,) and list(search.starts) == [5] and search.starts[5] >= 4


def test_what_comes_near_gets_a_closer_look_and_the_search_ends_where_the_target_is_reached(wedge):
    search = Search(wedge, QUICK)
    search.run()
    counts, reached = [architecture.parameter_count for architecture in search.best], search.winner
    assert counts == sorted(counts) and reached.architecture.parameter_count == counts[-1] > 5
    assert reached.correct >= search.needed and search.starts[5] == 2 * (4 + 8)  # two architectures, both near


def test_the_same_seed_gives_the_same_bits_and_another_one_others(wedge):
    bits = []
    for seed in (0, 0, 1):
        search = Search(wedge, dataclasses.replace(QUICK, target=1.0, max_parameters=9, seed=seed))
        search.run()
        bits.append([network.parameters.tobytes() for network in search.best.values()])
    assert bits[0] == bits[1] != bits[2]


def test_the_folder_has_the_checkpoint_its_pixels_and_its_ancestors(wedge):
    folder = run_search(QUICK)
    result = read_search(folder)
    assert result.setting == QUICK and RunFolder(folder).status == "completed"
    assert result.reached and result.correct == result.recount(wedge) == result.best[result.winner]
    assert result.correct == result.stages[-1]["correct pixels"] >= result.needed == 249
    assert [stage["stage"] for stage in result.stages][:2] == ["start", "fitted"]
    samples = [stage["samples so far"] for stage in result.stages]
    assert samples == sorted(samples) and result.history.samples == result.history.epoch_samples[-1] == samples[-1]
    assert audit(plot_frontier([result])) == audit(plot_units(result)) == []
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
        "": 17, "_network": "2-4-1 tanh", "_searches": 2, "_search_successes": 1,
        "_below_misses": 30, "_below_network": "2-1-1-1 tanh", "_starts": 20}
    assert {name: facts[f"challenge.parameters{name}"] for name in expected} == expected
    assert [row["parameters"] for row in search_table([one, two], [250, 256])] == [17, 21]
