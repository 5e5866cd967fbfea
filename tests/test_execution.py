"""Sweeps over the cores, interrupts, and what an execution takes from run folders: training, resume, replay."""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import distributed
import joblib
import numpy as np
import pytest
import tiny
from joblib.externals.loky import get_reusable_executor
from tiny import TINY, TINY_STUDY, TinySetting, run_tiny

from smai_nn import execution, runs
from smai_nn.execution import begin_execution, run_experiments, run_mode, run_study
from smai_nn.runs import RunFolder, run_sweep, runs_root

SETTINGS = [TinySetting(number) for number in (3, 1, 2)]


@pytest.fixture(autouse=True)
def fresh_execution():
    """Every test begins an execution of its own."""
    begin_execution()


def resume(monkeypatch):
    """Begin the execution again, as --resume does."""
    monkeypatch.setenv("SMAI_RUN", "resume")
    begin_execution()


def replay(monkeypatch):
    """Take the runs so far for the committed ones, and begin a replay with a place of its own."""
    shutil.copytree(runs_root(), runs_root().with_name("committed"))
    for name, value in (("SUBMISSION", runs_root().with_name("committed")), ("RUN", "replay"),
                        ("RUNS", runs_root().with_name("replay"))):
        monkeypatch.setenv(f"SMAI_{name}", str(value))
    begin_execution()


def statuses():
    return {folder.name.split("-", 3)[3]: RunFolder(folder).status for folder in runs_root().iterdir()}


# Sweeps

def test_results_are_bit_identical_for_any_number_of_workers_and_on_a_dask_cluster():
    alone, together = (run_sweep(tiny.train, range(4), workers=n, progress=False) for n in (1, 2))
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with distributed.Client(cluster), joblib.parallel_config(backend="dask"):
            on_cluster = run_sweep(tiny.train, range(2), progress=False)
    assert np.array_equal(alone, together) and np.array_equal(alone[:2], on_cluster)
    assert len({parameters.tobytes() for parameters in alone}) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_every_run_has_one_blas_thread(workers):
    assert run_sweep(tiny.blas_threads, range(3), workers=workers, progress=False) == [1] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_has_the_callers_variables_of_this_moment(workers, monkeypatch):
    for variable in ("SMAI_A", "SMAI_B"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "set")
            found = run_sweep(os.environ.get, ["SMAI_A", "SMAI_B"] * 2, workers=workers, progress=False)
        assert found == (["set", None] if variable == "SMAI_A" else [None, "set"]) * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_run_says_which_settings_it_had(workers):
    with pytest.raises(ValueError, match="three") as caught:
        run_sweep(tiny.fail_at_three, [1, 3], workers=workers, progress=False)
    assert "settings 3" in "".join(getattr(caught.value, "__notes__", [])) + str(caught.value.__cause__)


def test_results_come_in_the_order_of_the_settings_with_one_progress_bar(capsys):
    assert run_sweep(tiny.fail_at_three, [5, 1, 4], workers=2, description="tries") == [5, 1, 4]
    assert "tries: 100%" in capsys.readouterr().out
    with pytest.raises(ValueError, match="tries: expected at least one setting"):
        run_sweep(tiny.fail_at_three, [], description="tries")


def test_workers_that_keep_data_sets_lose_nothing_and_raise_no_warning():
    get_reusable_executor().shutdown(wait=True)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert run_sweep(tiny.grow, range(8), workers=2, progress=False) == list(range(8))
    get_reusable_executor().shutdown(wait=True)
    assert [str(warning.message) for warning in shown] == []


# Ctrl-C

def interrupt_when_begun(runs):
    """Send this process SIGINT, as Ctrl-C does, once that many runs have begun."""
    def act():
        while len(list(runs_root().glob("*/settings.json"))) < runs:
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=act, daemon=True).start()


def test_interrupted_workers_are_gone_and_their_folders_say_so(monkeypatch):
    monkeypatch.setenv("SMAI_TINY_PAUSE", "0.05")
    interrupt_when_begun(2)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(run_tiny, [TinySetting(number, steps=1000) for number in range(8)], workers=2, progress=False)
    assert multiprocessing.active_children() == []
    assert set(statuses().values()) == {"interrupted"} and len(statuses()) == 2
    monkeypatch.setenv("SMAI_TINY_PAUSE", "0")
    assert len(run_sweep(run_tiny, SETTINGS, workers=2, progress=False)) == 3  # and the next sweep has new workers


def test_an_interrupted_run_in_this_process_writes_what_it_has(monkeypatch):
    monkeypatch.setenv("SMAI_TINY_PAUSE", "0.02")
    interrupt_when_begun(1)
    with pytest.raises(KeyboardInterrupt):
        run_experiments(TINY, [TinySetting(3, steps=1000)])[0]
    (folder,) = map(RunFolder, runs_root().iterdir())
    assert folder.status == "interrupted"
    assert 0 < folder.metrics()["epochs"] == len(folder.arrays("history")["epoch_loss"]) < 1000


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process is not told of its parent's end")
def test_workers_end_when_the_process_that_started_them_is_killed():
    code = "import tiny; from smai_nn.runs import run_sweep; run_sweep(tiny.kill_the_parent, range(2), workers=2)"
    tests = Path(__file__).parent
    path = os.pathsep.join(map(str, (tests, tests.parent)))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
                          timeout=30)  # which waits until no process holds its output any more
    assert done.returncode == -signal.SIGKILL and list(runs_root().glob("worker-*"))


# Executions

def test_a_run_that_this_execution_has_is_not_made_again():
    first = run_experiments(TINY, SETTINGS[:2])
    again = run_experiments(TINY, [*SETTINGS, SETTINGS[0]])
    assert [result.square for result in again] == [9, 1, 4, 9]
    assert [result.folder for result in again[:2]] == [result.folder for result in first]
    assert len(list(runs_root().iterdir())) == 3


def test_resume_names_what_it_cannot_take_and_makes_only_that_anew(monkeypatch, capsys):
    before = {result.setting.number: result for result in run_experiments(TINY, SETTINGS)}
    (before[1].folder / "history.npz").write_bytes(b"PK truncated")
    RunFolder(before[2].folder).set_status("running")
    (runs_root() / "strange").mkdir()
    (runs_root() / "strange" / "settings.json").write_text("{")
    resume(monkeypatch)
    after = {result.setting.number: result for result in run_experiments(TINY, SETTINGS)}
    assert after[3].folder == before[3].folder
    assert {after[1].folder, after[2].folder}.isdisjoint(r.folder for r in before.values())
    shown = capsys.readouterr().out
    assert f"{before[1].folder.name}: not taken, ValueError" in shown and "ValueError: its status is running" in shown
    assert "strange: settings.json is damaged" in shown


@pytest.mark.parametrize("change, why", [({"version": 2}, "expected version 2 of tiny, got 1"),
                                         ({"find_data": lambda setting: DataNow("new")}, "its data were")])
def test_resume_makes_anew_what_came_of_another_version_or_other_data(change, why, monkeypatch, capsys):
    experiment = dataclasses.replace(TINY, find_data=lambda setting: DataNow("old"))
    folder = Path(run_experiments(experiment, [SETTINGS[0]])[0].folder)
    settings = RunFolder(folder).settings()
    runs.save_json(folder / "settings.json", {**settings, "data": DataNow("old").record()})
    resume(monkeypatch)
    assert run_experiments(experiment, [SETTINGS[0]])[0].folder == folder
    assert run_experiments(dataclasses.replace(experiment, **change), [SETTINGS[0]])[0].folder != folder
    assert f"{folder.name}: not taken, ValueError: {why}" in capsys.readouterr().out


@dataclasses.dataclass
class DataNow:
    """A data source that has moved, with these contents."""

    sha256: str

    def record(self):
        """Return what a run keeps of it."""
        return {"file": f"place {time.perf_counter()}", "sha256": self.sha256}


def test_resume_prefers_a_finished_run_to_a_later_interrupted_one(monkeypatch):
    folder = run_experiments(TINY, [SETTINGS[0]])[0].folder
    later = folder.with_name(f"29991231-235959-ffff-{folder.name}")
    shutil.copytree(folder, later)
    RunFolder(later).set_status("interrupted")
    resume(monkeypatch)
    assert run_experiments(TINY, [SETTINGS[0]])[0].folder == folder


def test_resume_draws_the_figures_that_a_run_lacks_or_has_of_another_username(monkeypatch):
    folder = run_experiments(TINY, [SETTINGS[0]])[0].folder
    monkeypatch.setattr(execution, "run_figures", lambda result: {"loss": result.square})
    monkeypatch.setattr(execution, "encode", lambda figure, colours: (b"%d" % figure, "png"))
    resume(monkeypatch)
    run_experiments(TINY, [SETTINGS[0]])[0]
    assert (folder / "loss-smai.student.png").read_bytes() == b"9"
    monkeypatch.setenv("SMAI_USERNAME", "ada.l")
    run_experiments(TINY, [SETTINGS[0]])
    assert [path.name for path in folder.glob("*.png")] == ["loss-ada.l.png"]


def refuse(*_, **__):
    """Be a run, or a search for data, that a replay must not begin."""
    raise AssertionError("a replay trains nothing and looks for no data")


def test_replay_takes_all_from_the_committed_folders_without_training(monkeypatch):
    before = run_experiments(TINY, SETTINGS)
    rows = run_study(TINY_STUDY, SETTINGS)
    replay(monkeypatch)
    committed = dataclasses.replace(TINY, run=refuse, find_data=refuse)
    after = run_experiments(committed, SETTINGS)
    assert [r.square for r in after] == [r.square for r in before]
    assert {r.folder.parent.name for r in after} == {"committed"}
    again = run_study(dataclasses.replace(TINY_STUDY, run=refuse, find_data=refuse), SETTINGS)
    assert [row.process for row in again] == [row.process for row in rows]
    assert not runs_root().exists()


@pytest.mark.parametrize("experiment, setting, why", [
    (TINY, TinySetting(3, steps=5), r'found none for {"number": 3, "steps": 5}'),
    (dataclasses.replace(TINY, version=2), SETTINGS[0], r"\S+-tiny-3: .*expected version 2 of tiny, got 1"),
    (TINY, SETTINGS[1], r"\S+-tiny-1: .*history.npz: expected a file")])
def test_replay_stops_at_a_folder_that_does_not_fit_and_names_it(experiment, setting, why, monkeypatch):
    run_experiments(TINY, SETTINGS)
    replay(monkeypatch)
    (damaged,) = runs_root().with_name("committed").glob("*-tiny-1")
    (damaged / "history.npz").unlink()
    with pytest.raises(ValueError, match=why):
        run_experiments(experiment, [setting])[0]


def test_run_mode_is_one_of_three_and_a_replay_without_committed_folders_says_so(monkeypatch, tmp_path):
    assert run_mode() == "train"
    monkeypatch.setenv("SMAI_SUBMISSION", str(tmp_path / "nowhere"))
    monkeypatch.setenv("SMAI_RUN", " replay ")
    begin_execution()
    with pytest.raises(ValueError, match=r"a run folder in \S+nowhere, found none for"):
        run_experiments(TINY, [SETTINGS[0]])[0]
    monkeypatch.setenv("SMAI_RUN", "again")
    with pytest.raises(ValueError, match="SMAI_RUN: expected one of 'train', 'resume', 'replay', got 'again'"):
        run_mode()


# Studies

def test_a_study_keeps_values_and_arrays_of_all_runs_in_one_folder():
    rows = run_study(TINY_STUDY, SETTINGS)
    assert [(row.square, row.copies.tolist()) for row in rows] == [(9, [3, 3, 3]), (1, [1]), (4, [2, 2])]
    (folder,) = map(RunFolder, runs_root().iterdir())
    assert folder.metrics() == {"status": "completed", "runs": 3, "wandb": "disabled"}
    assert [row.process for row in run_study(TINY_STUDY, SETTINGS)] == [row.process for row in rows]
