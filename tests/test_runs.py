"""Run folders, W&B, and what is recorded of a run."""

import builtins
import datetime
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from smai_nn import MSE, Adam, Callback, Linear, Model, ReLU, Tanh, TrainConfig, wandb_log
from smai_nn.experiments.border import BorderSetting, run_border, run_missing, vary
from smai_nn.experiments.recording import train_and_save
from smai_nn.runs import RunFolder, runs_root, username

ROOT = Path(__file__).parents[1]
X = np.random.default_rng(0).random((20, 2))
Y = X[:, :1] * X[:, 1:]


def small_model(learning_rate=0.01):
    rng = np.random.default_rng(1)
    return Model([Linear(2, 4, Tanh, rng=rng), Linear(4, 1, Tanh, rng=rng)], MSE(), Adam(learning_rate))


def record(model=None, callbacks=(), **changes):
    config = TrainConfig(batch_size=8, max_epochs=3, **changes)
    return train_and_save(model or small_model(), config, X, Y, rng=np.random.default_rng(7), name="small",
                          settings={"seed": 7}, callbacks=callbacks)


def test_dozens_of_processes_get_folders_of_their_own(tmp_path):
    code = f"from smai_nn.runs import RunFolder; [print(RunFolder.create('x', r'{tmp_path}').name) for _ in range(5)]"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) for _ in range(24)]
    names = [name for process in processes for name in process.communicate()[0].decode().split()]
    assert len(names) == len(set(names)) == 120
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_name_that_exists_is_never_taken_again(tmp_path, monkeypatch):
    draws = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("smai_nn.runs.uuid.uuid4", lambda: type("U", (), {"hex": next(draws)}))
    clock = Mock(now=lambda: datetime.datetime(2025, 1, 1))
    monkeypatch.setattr("smai_nn.runs.datetime", Mock(datetime=clock))
    assert RunFolder.create(root=tmp_path).name == "20250101-000000-aaaaaa"
    assert RunFolder.create(root=tmp_path).name == "20250101-000000-bbbbbb"


@pytest.mark.parametrize("name", ["a/b", "../up", "with space", "x" * 101])
def test_names_that_are_no_folder_names_are_refused(name):
    with pytest.raises(ValueError, match="run name"):
        RunFolder.create(name)


def test_run_folder_holds_everything_that_the_run_was():
    model = small_model()
    folder, history = record(model)
    assert folder.path.parent == runs_root() and folder.name.endswith("-small")
    assert {p.name for p in folder.path.iterdir()} == {
        "settings.json", "history.npz", "metrics.json", "parameters.npz", "loss-smai.student.png"}

    settings = folder.settings()
    assert settings["seed"] == 7 and settings["training"]["batch_size"] == 8
    assert settings["optimizer"] == {
        "name": "Adam", "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    assert settings["versions"]["numpy"] == np.__version__

    metrics = folder.metrics()
    assert metrics["status"] == "completed" and metrics["stop_reason"] == "max_epochs"
    assert metrics["samples"] == 60 and metrics["updates"] == 9 and metrics["parameter_count"] == 17
    assert metrics["final_loss"] == history.epoch_loss[-1]

    series = folder.history()
    assert np.array_equal(series["iteration_loss"], history.iteration_loss)
    assert series["iteration_samples"].tolist() == [8, 16, 20, 28, 36, 40, 48, 56, 60]

    other = small_model()
    other.load_from(folder.path / "parameters.npz")
    assert np.array_equal(other.parameters, model.parameters)


def test_interrupted_run_is_saved_and_marked():
    class Interrupt(Callback):
        def on_epoch_end(self, trainer):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(callbacks=[Interrupt()])
    (path,) = runs_root().iterdir()
    metrics = RunFolder(path).metrics()
    assert metrics["status"] == "interrupted" and metrics["epochs"] == 1
    small_model().load_from(path / "parameters.npz")


def test_failed_run_is_marked_with_its_error():
    model = Model([Linear(2, 4, ReLU, rng=np.random.default_rng(1)), Linear(4, 1, Tanh, rng=np.random.default_rng(1))],
                  "mse", Adam(0.1))
    model.layers[0].weights[...] = 1e200  # overflows in the first product with itself
    model.layers[1].activation = ReLU()
    model.layers[1].weights[...] = 1e200
    with pytest.raises(ValueError, match="epoch 0, batch 0, learning rate 0.1"):
        record(model)
    (path,) = runs_root().iterdir()
    metrics = RunFolder(path).metrics()
    assert metrics["status"] == "failed" and "learning rate 0.1" in metrics["error"]


def test_border_run_records_seed_data_source_and_map():
    result = run_border(BorderSetting(hidden=(4,), max_epochs=2, seed=3))
    folder = RunFolder(runs_root() / result.folder)
    assert folder.settings()["seed"] == 3
    assert folder.settings()["data"]["file"] == "data/border.png"
    assert folder.metrics()["map_accuracy"] == result.accuracy
    assert (folder.path / "map-smai.student.png").is_file()


def test_same_setting_gives_the_same_bits_and_another_seed_others():
    first, again, other = (run_border(BorderSetting(hidden=(4,), max_epochs=2, seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.history.iteration_loss, again.history.iteration_loss)
    assert not np.array_equal(first.history.iteration_loss, other.history.iteration_loss)


def test_wandb_keeps_config_history_and_summary_offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    folder, _ = record()
    assert folder.metrics()["wandb"] == "offline"
    (log,) = folder.path.glob("wandb/offline-run-*/run-*.wandb")
    expected = (b"batch_size", b"epoch_loss", b"parameter_count", b"final_loss")
    deadline = time.monotonic() + 30  # W&B's own process writes the file in its own time
    while not all(text in log.read_bytes() for text in expected) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [text for text in expected if text not in log.read_bytes()] == []


def test_wandb_online_without_an_account_stays_offline(monkeypatch):
    import types
    monkeypatch.setenv("WANDB_MODE", "online")
    assert wandb_log._mode(types.SimpleNamespace(api=types.SimpleNamespace(api_key=None))) == "offline"
    assert wandb_log._mode(types.SimpleNamespace(api=types.SimpleNamespace(api_key="k" * 40))) == "online"


@pytest.mark.parametrize("failure", ["missing", "broken"])
def test_training_goes_on_with_one_warning_when_wandb_fails(monkeypatch, failure):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(wandb_log, "_warned", False)
    if failure == "missing":
        real = builtins.__import__

        def without_wandb(name, *rest):
            if name == "wandb":
                raise ImportError("No module named 'wandb'")
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without_wandb)
    else:
        def broken(*_, **__):
            raise OSError("disk full")

        monkeypatch.setattr("wandb.init", broken)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folders = [record()[0] for _ in range(2)]
    assert [folder.metrics()["wandb"] for folder in folders] == ["failed", "failed"]
    assert all(folder.metrics()["status"] == "completed" for folder in folders)
    assert sum("training goes on" in str(w.message) for w in caught) == 1


@pytest.mark.parametrize("error", ["ConnectionResetError('lost')", "SystemExit(-9)"])
def test_process_ends_quietly_if_wandbs_own_process_is_gone(error):
    code = f"""
import types
from smai_nn import wandb_log

def teardown():
    print("torn down")
    raise {error}

fake = types.ModuleType("wandb")
fake.teardown = teardown
wandb_log._leave_quietly(fake)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "torn down\n", "")


def test_wandb_disabled_writes_nothing():
    folder, _ = record()
    assert folder.metrics()["wandb"] == "disabled" and not (folder.path / "wandb").exists()


def test_json_files_are_plain_and_hold_no_absolute_path():
    folder, _ = record()
    for path in folder.path.glob("*.json"):
        text = path.read_text()
        assert json.loads(text) and str(ROOT) not in text


def test_username_comes_from_one_setting(monkeypatch):
    assert username() == "smai.student"
    monkeypatch.setenv("SMAI_USERNAME", "ada.l")
    assert username() == "ada.l"
    assert (record()[0].path / "loss-ada.l.png").is_file()
    monkeypatch.setenv("SMAI_USERNAME", "ada/../l")
    with pytest.raises(ValueError, match="SMAI_USERNAME"):
        username()


def test_what_has_been_run_is_not_run_again():
    made = [run_border(BorderSetting(hidden=(4,), max_epochs=1, seed=1))]
    settings = vary(BorderSetting(hidden=(4,), max_epochs=1), seeds=(0, 1))
    results = run_missing(settings, made, "some")
    assert [r.setting for r in results] == settings and results[1] is made[0] and len(list(runs_root().iterdir())) == 2
    assert run_missing(settings, results, "none") == results and len(list(runs_root().iterdir())) == 2
