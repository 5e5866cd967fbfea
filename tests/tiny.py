"""Small networks and data; a made-up experiment and study for the tests of sweeps, resume, replay and the runner."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from smai_nn import Adam, History, ReLU, Sigmoid, Tanh, TrainConfig, Trainer
from smai_nn.model import build_network
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting, runs_root


def network(widths=(2, 3, 1), activation=Tanh, output=Sigmoid, loss="mse", optimizer=None, seed=0, dtype=np.float64):
    """Return a small Model."""
    rng = np.random.default_rng(seed)
    return build_network(widths, activation, output, loss=loss, optimizer=optimizer, rng=rng, dtype=dtype)


def samples(n=10, outputs=1):
    """Return points of the unit square (n, 2) and 0-1 labels (n, outputs)."""
    rng = np.random.default_rng(1)
    return rng.uniform(size=(n, 2)), rng.integers(0, 2, (n, outputs)).astype(float)


@dataclasses.dataclass(frozen=True)
class TinySetting:
    """What is squared, and in how many steps."""

    number: int
    steps: int = 2


@dataclasses.dataclass(frozen=True)
class TinyResult:
    """The square, and how far the run got."""

    setting: TinySetting
    square: int
    history: History
    folder: Path


@dataclasses.dataclass(frozen=True)
class TinyRow:
    """One run of the study: the square, the number as often as it says, and the process."""

    setting: TinySetting
    square: int
    copies: np.ndarray
    process: int


def take_time():
    """Wait $SMAI_TINY_PAUSE seconds, 0 by default: what takes long in one execution need not in the next."""
    time.sleep(float(os.environ.get("SMAI_TINY_PAUSE") or 0))


def run_tiny(setting, progress=False):
    """Square a number as a training run would: interrupted, it writes what it has."""
    history = History(4, 4)
    with RunFolder.recording(f"tiny-{setting.number}", TINY.described(setting)) as folder:
        try:
            for _ in range(setting.steps):
                for name in History.SERIES:
                    getattr(history, name).append(0.5)
                take_time()
            history.stop_reason = "max_epochs"
        except KeyboardInterrupt:
            history.stop_reason = "interrupted"
        folder.finish(history, {"square": setting.number ** 2, "nothing": float("nan")})
    return folder.path


def read_tiny(folder):
    """Return the TinyResult of a folder."""
    folder = RunFolder(folder)
    metrics = folder.metrics()
    return TinyResult(restore_setting(TinySetting, folder.settings()["setting"]), metrics["square"],
                      History.restore(folder.arrays("history"), metrics), folder.path)


def run_row(setting):
    """Square a number, with no folder of its own."""
    return TinyRow(setting, setting.number ** 2, np.full(setting.number, setting.number), os.getpid())


TINY = Experiment("tiny", 1, run_tiny, read_tiny)
TINY_STUDY = Study("tinies", 1, run_row, TinyRow)
KEPT = []


def train(seed):
    """Train a small network and return its parameters."""
    model = network((2, 64, 64, 1), ReLU, loss="bce", optimizer=Adam(0.01), seed=seed, dtype=np.float32)
    Trainer(model, TrainConfig(batch_size=100, max_epochs=3), rng=np.random.default_rng(seed)).fit(*samples(300))
    return model.parameters


def blas_threads(_):
    """Return how many threads BLAS has."""
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def fail_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


def grow(number):
    """Keep a data set of 360 MB in the process from the second run on."""
    time.sleep(0.6)
    if number > 1 and not KEPT:
        KEPT.append(np.ones(45_000_000))
    return number


def kill_the_parent(number):
    """Be a run in which the process that started the sweep is killed, as for lack of memory."""
    (runs_root() / f"worker-{os.getpid()}").mkdir(parents=True)
    time.sleep(0.5)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
