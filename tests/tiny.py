"""A made-up experiment and study for the tests of sweeps, resume, replay and the runner: they square numbers."""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np

from smai_nn import History
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting


@dataclasses.dataclass(frozen=True)
class TinySetting:
    """What is squared, in how many steps, and how long each step takes."""

    number: int
    steps: int = 2
    pause: float = 0.0  # seconds


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


def run_tiny(setting, progress=False):
    """Square a number as a training run would: interrupted, it writes what it has."""
    history = History(4, 4)
    with RunFolder.recording(f"tiny-{setting.number}", TINY.described(setting)) as folder:
        try:
            for _ in range(setting.steps):
                time.sleep(setting.pause)
                for series in (history.iteration_loss, history.epoch_loss, history.epoch_accuracy, history.epoch_seconds):
                    series.append(0.5)
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
    time.sleep(setting.pause)
    return TinyRow(setting, setting.number ** 2, np.full(setting.number, setting.number), os.getpid())


TINY = Experiment("tiny", 1, run_tiny, read_tiny)
TINY_STUDY = Study("tinies", 1, run_row, TinyRow)
