"""Runs on the border: from a setting over a folder to a result, tables and facts."""

import dataclasses

import numpy as np
import pytest

from smai_nn import Linear, Model, ReLU, Sigmoid
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import (
    BORDER, BorderResult, BorderSetting, best_and_worst, cost_facts, effect_facts, grid_facts, loss_and_accuracy,
    one_run_facts, pivot, read_border, run_border, study_facts, vary)
from smai_nn.runs import RunFolder
from smai_nn.trainer import History

SMALL = BorderSetting(hidden=(4,), max_epochs=12, batch_size=256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of one small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMAI_RUNS", str(tmp_path_factory.mktemp("runs")))
        return run_border(SMALL)


def test_a_result_is_read_from_the_folder_alone(folder):
    result, data = read_border(folder), BorderDataset()
    assert result.setting == SMALL and result.parameter_count == 17 and result.folder == folder
    assert result.accuracy == np.mean(result.predicted == result.truth) and np.array_equal(result.truth, data.mask)
    assert result.history.epochs == 12 and result.history.samples == 12 * 2500


def test_the_folder_holds_settings_data_versions_and_the_final_parameters(folder):
    asked, data, result = RunFolder(folder).settings(), BorderDataset(), read_border(folder)
    assert (asked["experiment"], asked["version"]) == (BORDER.name, BORDER.version)
    assert asked["setting"]["seed"] == 0 and len(asked["data"]["sha256"]) == 16 and "numpy" in asked["versions"]
    model = Model([Linear(2, 4, ReLU, dtype=np.float32), Linear(4, 1, Sigmoid, dtype=np.float32)], "bce")
    model.load_from(folder / "parameters.npz")
    assert np.array_equal(data.as_map(model.predict(data.inputs) > 0.5), result.predicted)
    assert model.evaluate(data.inputs, data.targets) == pytest.approx(result.loss, rel=1e-5)


def test_the_same_setting_gives_the_same_bits(folder):
    again = run_border(SMALL)
    assert np.array_equal(*(RunFolder(f).arrays("history")["iteration_loss"] for f in (folder, again)))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="activation: expected one of"):
        BorderSetting(activation="gelu")


def test_vary_gives_every_combination_with_every_seed():
    settings = vary(SMALL, (0, 1), learning_rate=[0.1, 0.2], activation=["relu", "tanh"])
    assert len(set(settings)) == 8 and {s.hidden for s in settings} == {(4,)}


def made_up(accuracy=0.9, loss=0.2, epochs=30, **setting):
    """Return a BorderResult with these figures, on a map of four pixels."""
    setting = dataclasses.replace(SMALL, **setting)
    history = History(4, 2, [0.5] * 2 * epochs, np.linspace(1, 0.2, epochs).tolist(), [0.5] * epochs, [0.01] * epochs,
                      updates=epochs, seconds=0.5, stop_reason="early_stopping")
    return BorderResult(setting, 100 * len(setting.hidden), loss, accuracy, 0.8, history, np.array([[0, 1], [0, 0]]),
                        np.zeros((2, 2), int), None)


RUNS = [made_up(accuracy, activation=name, hidden=(4,) * depth, seed=seed, epochs=epochs)
        for name, depth, seed, accuracy, epochs in (
            ("relu", 1, 0, 0.80, 11), ("relu", 1, 1, 0.84, 30), ("relu", 2, 0, 0.90, 40), ("relu", 2, 1, 0.92, 50),
            ("tanh", 1, 0, 0.85, 20), ("tanh", 1, 1, 0.85, 20), ("tanh", 2, 0, 0.83, 20), ("tanh", 2, 1, 0.85, 20))]


def test_tables_show_medians_and_ranges():
    table = pivot(RUNS, ("activation",), "depth", loss_and_accuracy)
    assert list(table[0]) == ["activation", "depth 1", "depth 2"]
    assert table[0]["depth 1"] == "0.200, 82.0 (80.0–84.0) %, 1 stuck"


def test_stuck_runs_ended_soon_near_the_majority_class():
    assert made_up(0.804, epochs=20).is_stuck
    assert not any(run.is_stuck for run in (made_up(0.81, epochs=20), made_up(0.804, epochs=30),
                                            made_up(0.804, epochs=20, activation="identity")))


def test_effect_facts_and_those_of_all_runs():
    longer = [made_up(0.95, epochs=200), made_up(0.92, epochs=200, hidden=(4, 4))]
    facts = effect_facts(RUNS, "depth", longer)
    assert facts["depth.relu.first"] == pytest.approx(0.82) and facts["depth.relu.best_at"] == 2
    assert facts["depth.tanh.best_at"] == 1
    assert facts["depth.seed_range"] == pytest.approx(0.02)
    assert (facts["depth.longer"], facts["depth.longer_best"], facts["depth.longer_epochs"]) == (0.92, 0.95, 200)
    facts = study_facts(RUNS)
    assert (facts["border.least_accuracy"], facts["border.best_accuracy"], facts["border.reach_91"]) == (0.80, 0.92, 1)
    assert (facts["border.stuck"], facts["border.stuck_deep"]) == (1, 0)


def test_grid_facts():
    facts = grid_facts([*RUNS, made_up(0.80, activation="identity")])
    assert facts["grid.best"] == "2-4-4-1 relu" and facts["grid.best_median"] == pytest.approx(0.91)
    assert facts["grid.setting_range"] == pytest.approx(0.09)
    assert facts["grid.edge_share"] == 0.75 and facts["grid.errors_at_edge"] == 1
    assert (facts["grid.runs"], facts["grid.converged"]) == (9, 9)
    assert [run.setting.label for run in best_and_worst(RUNS)] == ["2-4-4-1 relu", "2-4-1 relu"]


def test_cost_facts():
    runs = [made_up(accuracy, learning_rate=rate, batch_size=64, epochs=epochs)
            for accuracy, rate, epochs in ((0.88, 0.01, 25), (0.9, 0.003, 40))]
    facts = cost_facts(runs)
    assert facts["cost.leanest"] == "rate 0.01, batch 64, accumulation 1" and facts["cost.leanest.accuracy"] == 0.88
    assert facts["cost.least.samples"] == facts["cost.most.samples"] == pytest.approx(130)
    assert facts["cost.64x1.milliseconds"] == pytest.approx(10)


def test_facts_of_single_runs():
    facts, losses = one_run_facts(made_up(epochs=30)), np.linspace(1, 0.2, 30)
    assert facts["run.last_ratio"] == pytest.approx(losses[29] / losses[19])
    assert facts["run.ratio_before"] == pytest.approx(max(losses[t] / losses[t - 10] for t in range(10, 29)))
