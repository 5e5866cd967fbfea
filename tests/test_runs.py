"""Run folders, and W&B's record of them."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from tiny import TinySetting, run_tiny

from smai_nn import Adam, History, Linear, Model, Tanh, wandb_log
from smai_nn.runs import (
    MOST_ITERATIONS, RunFolder, _least_and_greatest, restore_setting, runs_root, username)

ROOT = Path(__file__).parents[1]


# Folders

@pytest.mark.parametrize("name, folder", [
    ("my cat.jpg", "my-cat.jpg"), (r"C:\pictures\cat", "C-pictures-cat"), ("../up", "up"), ("", ""), ("宿題", ""),
    ("2-" + "-".join(["128"] * 24), "2-128-128-128-128-128-12"), (23 * "a" + ". b", 23 * "a")])
def test_a_name_is_made_safe_and_short_and_refuses_nothing(name, folder):
    path = RunFolder.create(name).path
    assert path.name[24:].lstrip("-") == folder and path.is_dir()


@pytest.mark.parametrize("place", ["file", "file/runs"])
def test_a_place_that_cannot_be_written_is_named_with_the_remedy(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SMAI_RUNS", str(tmp_path / place))
    with pytest.raises(ValueError, match="file.*: expected a folder in which .*, got .*; set SMAI_RUNS"):
        RunFolder.create()


def test_the_place_of_runs_may_be_relative_or_in_the_home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given, expected in (("some/runs", tmp_path / "some" / "runs"), ("~/runs", tmp_path / "home" / "runs"),
                            ("", ROOT / "runs")):
        monkeypatch.setenv("SMAI_RUNS", given)
        assert runs_root() == expected


def test_a_folder_holds_everything_that_the_run_was():
    model = Model([Linear(2, 1, Tanh, rng=np.random.default_rng(0))], "mse", Adam(0.1))
    history = History(4, 2, [0.3, 0.1, 0.2, 0.1], [0.2, 0.15], [np.nan] * 2, [0.1, 0.1], 4, 0.2, "max_epochs", "7")
    with RunFolder.recording("small", {"experiment": "small", "setting": {"widths": (2, 1)}}) as folder:
        assert folder.status == "running" and RunFolder(folder.path).status == "running"
        folder.save_arrays("map", truth=np.eye(2, dtype=np.uint8))
        folder.finish(history, {"map_loss": np.float32(0.5), "worst": float("inf")}, model=model)
    assert {path.name for path in folder.path.iterdir()} == {
        "settings.json", "history.npz", "parameters.npz", "map.npz", "metrics.json"}
    for path in folder.path.glob("*.json"):
        assert json.loads(path.read_text(), parse_constant=pytest.fail) and str(ROOT) not in path.read_text()
    assert folder.settings()["setting"] == {"widths": [2, 1]}
    assert folder.settings()["versions"]["numpy"] == np.__version__
    metrics = folder.metrics()
    assert metrics["status"] == folder.status == "completed" and metrics["wandb"] == "disabled"
    assert (metrics["map_loss"], metrics["worst"], metrics["samples"]) == (0.5, None, 8)
    again = History.restore(folder.arrays("history"), metrics)
    assert again.iteration_loss == pytest.approx(history.iteration_loss, rel=1e-3) and again.seed == "7"
    assert folder.arrays("map")["truth"].tolist() == [[1, 0], [0, 1]]
    other = Model([Linear(2, 1, Tanh, rng=np.random.default_rng(1))], "mse", Adam(0.1))
    other.load_from(folder.path / "parameters.npz")
    assert np.array_equal(other.parameters, model.parameters)


@pytest.mark.parametrize("before, error, after", [
    ("running", KeyboardInterrupt(), {"status": "interrupted", "error": "KeyboardInterrupt: "}),
    ("completed", KeyboardInterrupt(), {"status": "completed"}),
    ("running", ZeroDivisionError("by 0"), {"status": "failed", "error": "ZeroDivisionError: by 0"})])
def test_a_run_that_ends_in_an_error_is_marked(before, error, after):
    with pytest.raises(type(error)), RunFolder.recording("bad", {}) as folder:
        folder.set_status(before)
        raise error
    assert folder.metrics() == after


def test_a_setting_comes_back_with_its_tuples():
    assert restore_setting(TinySetting, {"number": [1, [2]], "steps": 3}) == TinySetting((1, (2,)), 3)


def test_username_comes_from_one_setting(monkeypatch):
    assert username() == "smai.student"
    monkeypatch.setenv("SMAI_USERNAME", "ada.l")
    assert RunFolder.create().save_picture("loss", b"picture").name == "loss-ada.l.png"
    monkeypatch.setenv("SMAI_USERNAME", "ada/../l")
    with pytest.raises(ValueError, match="SMAI_USERNAME"):
        username()


# W&B

HOSTILE = {"WANDB_MODE": "OFFLINE", "WANDB_PROJECT": r"a/b\c", "WANDB_ENTITY": "#", "WANDB_RUN_ID": "left over",
           "WANDB_SERVICE": "3-1-unix-/nowhere", "WANDB_DIR": "/proc/nothing", "WANDB_CACHE_DIR": "/proc/nothing",
           "WANDB_SILENT": "perhaps", "WANDB_CONSOLE": "loud", "WANDB_API_KEY": "a blank", "WANDB_RESUME": "must"}
RECORD = """
import os
from tiny import TinySetting, run_tiny
before = dict(os.environ)
for number in (3, 4):
    run_tiny(TinySetting(number))
assert dict(os.environ) == before
"""


def test_the_record_depends_on_nothing_in_the_environment(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | HOSTILE
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    (tmp_path / "here").mkdir()
    done = subprocess.run([sys.executable, "-c", RECORD], cwd=tmp_path / "here", env=environment, text=True,
                          capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and not list((tmp_path / "here").iterdir())
    folders = [RunFolder(path) for path in runs_root().iterdir()]
    records = [record for folder in folders for record in folder.path.glob("run-*.wandb")]
    assert [folder.metrics()["wandb"] for folder in folders] == ["offline"] * 2
    assert len({record.name for record in records}) == 2
    for text in (b"steps", b"samples", b"square", b"epoch"):  # of the setting, the history and the summary
        assert text in records[0].read_bytes()


@pytest.mark.parametrize("wandb", [None, Mock(init=Mock(side_effect=OSError("disk full")))], ids=["missing", "broken"])
def test_training_goes_on_with_one_warning_when_wandb_fails(monkeypatch, wandb):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        metrics = [RunFolder(run_tiny(TinySetting(number))).metrics() for number in range(2)]
    assert [(m["status"], m["wandb"]) for m in metrics] == [("completed", "failed")] * 2
    assert sum("training goes on" in str(w.message) for w in caught) == 1


def test_training_goes_on_without_a_temporary_folder(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(wandb_log, "_caches", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.warns(UserWarning, match="No space left on device.; training goes on"):
        assert RunFolder(run_tiny(TinySetting(3))).metrics()["wandb"] == "failed"


@pytest.mark.parametrize("number", [0, 7, 500])
def test_a_record_has_few_rows_the_last_one_among_them_and_all_values_in_its_summary(number, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(wandb_log, "_record", lambda folder, config, rows, summary: taken.extend([rows, summary]))
    taken, rows = [], [{"loss": 1 / (n + 1), "accuracy": np.nan} for n in range(number)]
    assert wandb_log.log_run(tmp_path, {}, rows, {"epochs": number}) == "offline"
    assert len(taken[0]) == min(number, wandb_log.MOST_ROWS) and taken[0][-1:] == rows[-1:]
    losses = [float(f"{1 / (n + 1):.5g}") for n in range(number)]
    unknown = pytest.approx([np.nan] * number, nan_ok=True)
    assert taken[1] == {"epochs": number} | ({"every_loss": losses, "every_accuracy": unknown} if rows else {})


def test_a_long_series_keeps_its_range_and_its_length():
    losses = np.random.default_rng(0).random(MOST_ITERATIONS + 7)
    kept = _least_and_greatest(losses)
    assert kept.shape == losses.shape and len(np.unique(kept)) <= 1000
    for part, short in zip(np.array_split(losses, 500), np.array_split(kept, 500)):
        assert (short.min(), short.max()) == (part.min(), part.max())
    np.testing.assert_array_equal(_least_and_greatest(losses[:MOST_ITERATIONS]), losses[:MOST_ITERATIONS])


@pytest.mark.parametrize("extra", [0, 7])
def test_a_run_keeps_the_loss_of_every_iteration_however_long_it_is(extra):
    losses = np.random.default_rng(0).random(MOST_ITERATIONS + extra).tolist()
    with RunFolder.recording("long", {}) as folder:
        folder.finish(History(4, 4, iteration_loss=losses), {})
    assert (folder.path / "losses.npz").exists() == (extra > 0)
    kept = folder.arrays("losses" if extra else "history")["iteration_loss"]
    np.testing.assert_allclose(kept, losses, rtol=1e-3)
