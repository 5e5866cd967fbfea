"""Run folders: where a run keeps what it was, did and came to; and many runs over the cores.

    runs/20251014-235900-1f3a-name/
        settings.json    what was asked for: experiment, version, setting with its seed, data source, package versions
        history.npz      loss of every iteration; loss, accuracy and seconds of every epoch
        parameters.npz   the model's final parameters
        <name>.npz       other arrays that the result is read from, such as the predicted map
        metrics.json     final figures and the status: running, completed, diverged, interrupted or failed
        *.png            figures, with the username in the file name
        run-*.wandb      Weights & Biases' own record of the same

Each file appears whole or not at all; the metrics come last, so that their status tells whether the folder is whole.
Source: assignment section 1.2, item 4.
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
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from smai_nn import wandb_log
from smai_nn.datasets.sources import ROOT
from smai_nn.files import load_json, load_npz, save_json, save_npz, write_atomically

DEFAULT_USERNAME = "smai.student"
FINISHED = ("completed", "diverged")  # the states of a folder from which a result can be read
UNFINISHED = ("running", "damaged")  # the states that a killed process leaves
NAME_LENGTH = 24  # of a run folder's name after its timestamp: Windows' paths end at 260 characters
PATIENCE = 4  # seconds that interrupted workers have to write what they have
NUMPY_DEFAULT = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}  # whatever numpy.seterr said
_preparations = []  # of the nested `heeding_one_interrupt` that this process is in
_stopping = threading.Event()  # set in a worker that has been interrupted: it begins no further run
MOST_ROWS = 25  # of a training run in W&B's record: a row takes about 420 bytes and 0.4 ms


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


@dataclasses.dataclass(frozen=True)
class Study:
    """Many small runs that share one folder and one W&B run, a row each."""

    name: str
    version: int
    run: object  # function: setting -> result
    result: type  # dataclass: `setting` first, then plain values and one-dimensional arrays
    find_data: object = None  # as above, for all settings together


def restore_setting(kind, content):
    """Return a setting of the dataclass `kind` from what JSON made of it: lists become tuples again."""
    return kind(**{name: _as_tuples(value) for name, value in content.items()})


def _as_tuples(value):
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def username():
    """Return the email username that figures and their file names carry: $SMAI_USERNAME or the default."""
    name = os.environ.get("SMAI_USERNAME") or DEFAULT_USERNAME
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name):
        raise ValueError(f"SMAI_USERNAME: expected letters, digits and . _ + - (the part of your email address before "
                         f"the @), got {name!r}")
    return name


def runs_root():
    """Return the folder that run folders go into, an absolute path: $SMAI_RUNS or runs/ beside the package."""
    given = os.environ.get("SMAI_RUNS", "").strip()
    return Path(given).expanduser().absolute() if given else ROOT / "runs"


@functools.cache  # they do not change while a process lives
def versions():
    """Return the versions of Python and of the packages that results depend on, a dict of strings."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "scikit-learn", "matplotlib", "pillow", "joblib", "wandb"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


class RunFolder:
    """The folder of one run. Use `RunFolder.create`, or open an existing one by its path."""

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def create(cls, name="", root=None):
        """Make a new folder <timestamp>-<suffix>[-name] under `root` (default: runs_root()).

        The name is made safe and short. Folders never collide, however many processes start in the same second:
        mkdir fails for one that exists, and then another suffix is drawn. Raises ValueError where none can be made.
        """
        root = Path(root or runs_root())
        name = re.sub(r"[^A-Za-z0-9.=+]+", "-", name).strip("-.")[:NAME_LENGTH].rstrip("-.")
        while True:
            stamp = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
            path = root / "-".join(filter(None, (stamp, name)))
            try:
                root.mkdir(parents=True, exist_ok=True)
                path.mkdir()
                return cls(path)
            except OSError as error:
                if not path.exists():
                    raise ValueError(f"{root}: expected a folder in which run folders can be made, got "
                                     f"{error.strerror}; set SMAI_RUNS to such a folder") from error

    @classmethod
    @contextlib.contextmanager
    def recording(cls, name, settings):
        """Make a folder, write `settings` (a dict) with the package versions, and yield it to a `with` block.

        If the block ends in an error, the status says so: "interrupted" for Ctrl-C, else "failed" with the error.
        """
        with heeding_one_interrupt():
            folder = cls.create(name)
            try:
                save_json(folder.path / "settings.json", {**settings, "versions": versions()})
                folder.set_status("running")
                yield folder
            except KeyboardInterrupt:
                if folder.status in UNFINISHED:
                    folder.set_status("interrupted")
                raise
            except Exception as error:
                folder.set_status("failed", error=f"{type(error).__name__}: {error}")
                raise

    @property
    def name(self):
        """The folder's own name."""
        return self.path.name

    @property
    def status(self):
        """The status in metrics.json; "damaged" if there is none to be read."""
        try:
            return load_json(self.path / "metrics.json")["status"]
        except (OSError, ValueError, KeyError, TypeError):
            return "damaged"

    def set_status(self, status, **figures):
        """Write metrics.json anew, with this status and these figures."""
        save_json(self.path / "metrics.json", {"status": status, **figures})

    def save_arrays(self, name, **arrays):
        """Write arrays as <name>.npz, compressed."""
        save_npz(self.path / f"{name}.npz", arrays, compressed=True)

    def finish(self, history, figures, *, model=None, status="completed"):
        """Write history, final parameters (of `model`, if given), W&B's record, and last the figures with the status.

        After an interrupted training all is kept, with the status "interrupted", and KeyboardInterrupt raised again.
        """
        self.save_arrays("history", **{name: values.astype(np.float32) for name, values in history.series().items()})
        if model is not None:
            model.save_to(self.path / "parameters.npz")
        figures = {**history.summary(), **figures}
        interrupted = history.stop_reason == "interrupted"
        if interrupted:  # at once: W&B may take longer than it is given
            self.set_status("interrupted", **figures)
        logged = wandb_log.log_run(self.path, self.settings(), _wandb_rows(history), figures)
        self.set_status("interrupted" if interrupted else status, **figures, wandb=logged)
        if interrupted:
            raise KeyboardInterrupt

    def save_picture(self, name, content, ending="png"):
        """Save a picture's bytes as <name>-<username>.<ending> and return the Path."""
        return write_atomically(self.path / f"{name}-{username()}.{ending}", lambda file: file.write(content))

    def settings(self):
        """Return what was asked for, a dict."""
        return load_json(self.path / "settings.json")

    def metrics(self):
        """Return the final figures and the status, a dict."""
        return load_json(self.path / "metrics.json")

    def arrays(self, name):
        """Return the arrays of <name>.npz, a dict."""
        return load_npz(self.path / f"{name}.npz")

    def listing(self):
        """Return (name, bytes) of the files in it."""
        return [(f.name, f.stat().st_size) for f in sorted(self.path.iterdir()) if f.is_file()]


def _wandb_rows(history):
    """Return the history as rows for W&B: at most MOST_ROWS epochs, evenly spread, the last one among them."""
    chosen = np.unique(np.linspace(0, history.epochs - 1, min(history.epochs, MOST_ROWS)).astype(int))
    return [{"epoch": int(i) + 1, "samples": int(history.epoch_samples[i]), "loss": history.epoch_loss[i],
             "accuracy": history.epoch_accuracy[i]} for i in chosen]


@contextlib.contextmanager
def heeding_one_interrupt(prepare=lambda: None):
    """Let only the first Ctrl-C interrupt the `with` block: what it then writes is not interrupted again.

    `prepare()` is called before KeyboardInterrupt is raised. After a nested block, the outer one heeds no further.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone may say what signals do
        yield
        return
    outer = signal.signal(signal.SIGINT, _on_interrupt)
    _preparations.append(prepare)
    try:
        yield
    finally:
        _preparations.pop()
        if not (_preparations and _is_interrupted()):
            signal.signal(signal.SIGINT, outer)


def _on_interrupt(number, frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for prepare in reversed(_preparations):
        prepare()
    raise KeyboardInterrupt


def _is_interrupted():
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def run_sweep(function, settings, *, workers=-1, description="runs", progress=True, keep=None):
    """Return [function(s) for s in settings], computed over `workers` processes (-1: all cores).

    `function` must be importable (defined in a module) and depend on its argument alone: seeds belong in the settings,
    so the results are the same for any number of workers. Every run has one BLAS thread: more would fight over the
    cores and change the last bits. It also has this package's environment variables of this moment, which say where its
    folder goes. `keep`, if given, is called with the list of results so far whenever one has come. An error in a run
    ends the sweep with that error and the setting that raised it; the folders of finished runs stay. So it is with
    Ctrl-C: the runs in work have PATIENCE seconds to write what they have, then no worker is left behind, and no folder
    that still says "running". The same call runs on a cluster: `with joblib.parallel_config(backend="dask"):
    run_sweep(...)`. Raises ValueError for no settings.
    """
    settings = list(settings)
    if not settings:
        raise ValueError(f"{description}: expected at least one setting to run, got none")
    variables, known, done = _package_variables(), set(runs_root().glob("*")), []
    jobs = (joblib.delayed(_run_one)(function, setting, variables) for setting in settings)
    with heeding_one_interrupt(lambda: _interrupt_workers(known)), warnings.catch_warnings():
        try:
            # A worker that has grown by 300 MB, by a data set say, is replaced once its run is done; nothing is lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
            results = joblib.Parallel(n_jobs=workers, return_as="generator", batch_size="auto")(jobs)
            for result in tqdm(results, total=len(settings), desc=description, file=sys.stdout, disable=not progress,
                               ncols=100):
                done.append(result)
                if keep is not None:
                    keep(done)
            return done
        except BaseException as error:
            if not (isinstance(error, KeyboardInterrupt) or _preparations and _is_interrupted()):
                raise
            for worker in _workers():
                worker.kill()
                worker.join()
            mark_interrupted(runs_root(), known)
            raise KeyboardInterrupt from None  # where joblib was interrupted at a bad moment, it raises something else


def unfinished_folders(root, known=()):
    """Return the RunFolders in `root`, but those in `known`, of runs that are in work or were killed."""
    folders = [RunFolder(path.parent) for path in root.glob("*/settings.json") if path.parent not in known]
    return [folder for folder in folders if folder.status in UNFINISHED]


def mark_interrupted(root, known=()):
    """Give the status "interrupted" to the folders in `root`, but those in `known`, that killed processes have left."""
    for folder in unfinished_folders(root, known):
        folder.set_status("interrupted")


def _workers():
    return [child for child in multiprocessing.active_children() if child.name.startswith("Loky")]


def _interrupt_workers(known):
    """Tell the workers to stop, and wait until no run that they have begun is in work, at most PATIENCE seconds."""
    workers, deadline = _workers(), time.monotonic() + PATIENCE
    for worker in workers if unfinished_folders(runs_root(), known) else ():
        os.kill(worker.pid, signal.SIGINT)  # on Windows, which has no such signal, this ends them at once
    while workers and unfinished_folders(runs_root(), known) and time.monotonic() < deadline:
        time.sleep(0.05)


def _package_variables():
    return {name: value for name, value in os.environ.items()
            if name.startswith("SMAI_") or name in ("WANDB_MODE", "SCIKIT_LEARN_DATA")}


def _run_one(function, setting, variables):
    # A worker outlives the sweep it was started for, and keeps the variables of that time.
    for name in _package_variables().keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
    if multiprocessing.parent_process() and threading.current_thread() is threading.main_thread():
        _end_with_parent()
        if _stopping.is_set():
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, lambda *_: _stopping.set())  # between two runs
    try:
        with heeding_one_interrupt(_stopping.set), _threadpools().limit(limits=1), np.errstate(**NUMPY_DEFAULT):
            return function(setting)
    except Exception as error:
        error.add_note(f"in the run with the settings {setting!r}")
        raise


@functools.cache  # once a worker
def _end_with_parent():
    """Watch from a thread whether the process that started this worker has been killed, which could not end it."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@functools.cache  # looking for the pools takes milliseconds, a run may take less
def _threadpools():
    return ThreadpoolController()
