"""Run folders (assignment 1.2, item 4), each file of which appears whole or not at all; many runs over the cores.

    runs/20251014-235900-1f3a9c2b-name/
        settings.json    what was asked for: experiment, version, setting with its seed, data source, package versions
        history.npz      loss of every iteration (of more than 4,000 their range, and all of them in losses.npz), epochs
        parameters.npz   the model's final parameters
        <name>.npz       other arrays that the result is read from, such as the predicted map
        metrics.json     final figures and the status: running, completed, interrupted or failed
        *.png, *.wandb   figures, with the username in the file name; Weights & Biases' own record of the same
"""

import contextlib
import dataclasses
import datetime
import functools
import multiprocessing
import os
import platform
import re
import signal
import sys
import threading
import time
import uuid
import warnings
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from smai_nn import wandb_log
from smai_nn.datasets.sources import ROOT
from smai_nn.files import load_json, load_npz, save_json, save_npz, write_atomically

DEFAULT_USERNAME = "smai.student"
NAME_LENGTH = 24  # of a run folder's name after its timestamp: Windows' paths end at 260 characters
MOST_ITERATIONS = 4000  # calls of Model.train of which a history keeps every loss


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One kind of run with a folder of its own: how it is made, and how its result is read."""

    name: str
    version: int  # to be raised when the same setting would no longer give the same result
    run: object  # function: setting, progress=False -> Path of the run folder
    read: object  # function: folder -> result
    find_data: object = None  # function: setting -> the DataSource that a run would use now; None: no data set

    def described(self, setting, source=None):
        """Return how a run folder's settings.json begins: experiment, version, setting and data source."""
        return {"experiment": self.name, "version": self.version, "setting": dataclasses.asdict(setting),
                "data": source and source.record()}


class Study(Experiment):
    """Many small runs in one folder: `run` makes a result, `read` is its class: setting, plain values, 1-D arrays."""


def restore_setting(kind, content):
    """Return a setting of the dataclass `kind` from what JSON made of it: lists become tuples again."""
    def as_tuples(value):
        return tuple(map(as_tuples, value)) if isinstance(value, list) else value

    return kind(**{name: as_tuples(value) for name, value in content.items()})


def username():
    """Return the email username that figures and their file names carry: $SMAI_USERNAME or the default."""
    name = os.environ.get("SMAI_USERNAME") or DEFAULT_USERNAME
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name):
        raise ValueError(f"SMAI_USERNAME: expected the part of your email address before the @, of letters, digits and "
                         f". _ + -, got {name!r}")
    return name


def runs_root():
    """Return the folder that run folders go into: $SMAI_RUNS or runs/ beside the package."""
    return Path(os.environ.get("SMAI_RUNS") or ROOT / "runs").expanduser().absolute()


@functools.cache
def versions():
    """Return the versions of Python and of the packages that results depend on, a dict of strings."""
    packages = ("numpy", "scipy", "scikit-learn", "matplotlib", "pillow", "joblib")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


class RunFolder:
    """The folder of one run. Use `RunFolder.create`, or open an existing one by its path."""

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def create(cls, name=""):
        """Make a folder <timestamp>-<random>[-name, made safe and short] in runs_root(); ValueError if it cannot be."""
        name = re.sub(r"[^A-Za-z0-9.=+]+", "-", name).strip("-.")[:NAME_LENGTH].rstrip("-.")
        stamp = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
        path = runs_root() / "-".join(filter(None, (stamp, name)))
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise ValueError(f"{path.parent}: expected a folder in which run folders can be made, got "
                             f"{error.strerror}; set SMAI_RUNS to such a folder") from error
        return cls(path)

    @classmethod
    @contextlib.contextmanager
    def recording(cls, name, settings):
        """Make a folder with `settings`, a dict; after an error its status is "interrupted" (Ctrl-C) or "failed"."""
        folder = cls.create(name)
        try:
            folder.set_status("running")
            save_json(folder.path / "settings.json", {**settings, "versions": versions()})
            yield folder
        except BaseException as error:
            if folder.status == "running" or not isinstance(error, KeyboardInterrupt):
                status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                folder.set_status(status, error=f"{type(error).__name__}: {error}")
            raise

    @property
    def status(self):
        """The status in metrics.json; "damaged" if there is none to be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return self.metrics()["status"]
        return "damaged"

    def set_status(self, status, **figures):
        """Write metrics.json anew, with this status and these figures."""
        save_json(self.path / "metrics.json", {"status": status, **figures})

    def save_arrays(self, name, **arrays):
        """Write arrays as <name>.npz, compressed."""
        save_npz(self.path / f"{name}.npz", arrays, compressed=True)

    def save_picture(self, name, content, ending="png"):
        """Save a picture's bytes as <name>-<username>.<ending> and return the Path."""
        return write_atomically(self.path / f"{name}-{username()}.{ending}", lambda file: file.write(content))

    def finish(self, history, figures, *, model=None, half=False, status="completed"):
        """Write history, parameters of `model` (with `half` in half precision), W&B's record, figures and status.

        After an interrupted training, raises KeyboardInterrupt again, without W&B, which may take too long.
        """
        with np.errstate(over="ignore"):  # half precision where three digits are all that is ever shown
            series = {name: values.astype(np.float32) for name, values in history.series().items()}
            if len(series["iteration_loss"]) > MOST_ITERATIONS:  # all of them: large, not among what is committed
                self.save_arrays("losses", iteration_loss=series["iteration_loss"])
            series["iteration_loss"] = _least_and_greatest(series["iteration_loss"]).astype(np.float16)
            series["epoch_seconds"] = series["epoch_seconds"].astype(np.float16)
        self.save_arrays("history", **series)
        if model is not None:
            saved = model.save_to(self.path / "parameters.npz")
            kept = {name: array.astype(np.float16) if half else array for name, array in load_npz(saved).items()}
            self.save_arrays("parameters", **kept)  # compressed
        figures = {**history.summary(), **figures}
        if history.stop_reason == "interrupted":
            self.set_status("interrupted", **figures)
            raise KeyboardInterrupt
        rows = [{"samples": int(samples), "loss": loss, "accuracy": accuracy} for samples, loss, accuracy in
                zip(history.epoch_samples, history.epoch_loss, history.epoch_accuracy)]
        logged = wandb_log.log_run(self.path, self.settings(), rows, figures)
        self.set_status(status, **figures, wandb=logged)

    def settings(self):
        """Return what was asked for, a dict."""
        return load_json(self.path / "settings.json")

    def metrics(self):
        """Return the final figures and the status, a dict."""
        return load_json(self.path / "metrics.json")

    def arrays(self, name):
        """Return the arrays of <name>.npz, a dict."""
        return load_npz(self.path / f"{name}.npz")


def _least_and_greatest(losses):
    """Keep of a long series what its plot shows: each of 500 stretches gets its least and greatest value by turns."""
    if len(losses) <= MOST_ITERATIONS:
        return losses
    return np.concatenate([np.resize([stretch.min(), stretch.max()], len(stretch))
                           for stretch in np.array_split(losses, 500)])


def run_sweep(function, settings, *, workers=-1, description="runs", progress=True):
    """Return [function(s) for s in settings], computed over `workers` processes (-1: all cores); the same for any.

    `function` must be importable. Every run has one BLAS thread, since more would fight over the cores and change the
    last bits, and the SMAI_ variables of this moment. An error in a run ends the sweep with that error and the setting;
    then, as after Ctrl-C, no worker goes on. ValueError for no settings.
    """
    settings = list(settings)
    if not settings:
        raise ValueError(f"{description}: expected at least one setting to run, got none")
    jobs = (joblib.delayed(_run_one)(function, setting, _package_variables()) for setting in settings)
    with warnings.catch_warnings():
        # A worker that has grown by 300 MB, by a data set say, is replaced once its run is done; nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
        try:
            results = joblib.Parallel(n_jobs=workers, return_as="generator")(jobs)
            return list(tqdm(results, total=len(settings), desc=description, file=sys.stdout, disable=not progress,
                             ncols=90))
        except BaseException:
            get_reusable_executor().shutdown(kill_workers=True)  # where all of this process's workers are
            mark_interrupted(runs_root())
            raise


def mark_interrupted(root):
    """Say "interrupted" in the folders of runs in `root` whose processes have been ended in the midst of work."""
    for folder in [RunFolder(path.parent) for path in root.glob("*/metrics.json")]:
        if folder.status == "running":
            folder.set_status("interrupted")


def _package_variables():
    return {name: value for name, value in os.environ.items() if name.startswith(("SMAI_", "SCIKIT_LEARN_DATA"))}


def _run_one(function, setting, variables):
    # A worker outlives the sweep it was started for, and keeps the variables of that time.
    for name in _package_variables().keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
    if multiprocessing.parent_process() and threading.current_thread() is threading.main_thread():
        _begin_worker()
    try:
        with threadpool_limits(1):
            return function(setting)
    except Exception as error:
        error.add_note(f"in the run with the settings {setting!r}")
        raise


@functools.cache  # once a worker
def _begin_worker():
    """Leave Ctrl-C to the process that started this worker; end when that one has been killed."""
    def watch(parent):
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, args=[os.getppid()], daemon=True).start()
