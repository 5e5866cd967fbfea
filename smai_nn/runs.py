"""A run's folder: settings, history, metrics, parameters, figures and the W&B run, each whole or not at all.

    runs/20251014-235900-1f3a9c-name/
        settings.json   what was asked for: hyperparameters, seed, data source, package versions
        history.npz     loss of every iteration, loss and accuracy of every epoch
        metrics.json    final figures and the status: running, completed, interrupted or failed
        parameters.npz  the model's final parameters
        *.png           figures, with the username in the file name
        wandb/          Weights & Biases' own record of the same, offline

Source: assignment section 1.2, item 4.
"""

import datetime
import functools
import os
import platform
import re
import uuid
from importlib import metadata
from pathlib import Path

import numpy as np

from smai_nn import wandb_log
from smai_nn.datasets.sources import ROOT
from smai_nn.files import load_json, load_npz, save_json, save_npz, write_atomically

DEFAULT_USERNAME = "smai.student"
FIGURE_DPI = 90


def username():
    """Return the email username that figures and their file names carry: $SMAI_USERNAME or the default."""
    name = os.environ.get("SMAI_USERNAME") or DEFAULT_USERNAME
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name):
        raise ValueError(f"SMAI_USERNAME: expected letters, digits and . _ + - (the part of your email address before "
                         f"the @), got {name!r}")
    return name


def runs_root():
    """Return the folder that run folders go into: $SMAI_RUNS or runs/ beside the package."""
    return Path(os.environ.get("SMAI_RUNS") or ROOT / "runs")


@functools.cache
def versions():
    """Return the versions of Python and of the packages that results depend on, a dict of strings."""
    names = ("numpy", "scikit-learn", "matplotlib", "pillow", "joblib", "wandb")
    found = {"python": platform.python_version()}
    for name in names:
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

        It never collides, however many processes start in the same second: mkdir fails for a
        folder that exists, and then another suffix is drawn.
        """
        if not re.fullmatch(r"[A-Za-z0-9._=+-]{0,100}", name):
            raise ValueError(f"run name: expected at most 100 letters, digits and . _ = + -, got {name!r}")
        root = Path(root or runs_root())
        root.mkdir(parents=True, exist_ok=True)
        while True:
            stamp = f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
            try:
                (path := root / "-".join(filter(None, (stamp, name)))).mkdir()
                return cls(path)
            except FileExistsError:
                continue

    @property
    def name(self):
        """The folder's own name."""
        return self.path.name

    def begin(self, settings):
        """Write the settings, a dict, with the package versions added, and the status "running"."""
        save_json(self.path / "settings.json", {**settings, "versions": versions()})
        save_json(self.path / "metrics.json", {"status": "running"})

    def finish(self, model, history, metrics=None, *, config=None):
        """Write history, final parameters, metrics and the W&B run; the metrics last, as they hold the status."""
        save_npz(self.path / "history.npz", history.series())
        model.save_to(self.path / "parameters.npz")
        interrupted = history.stop_reason == "interrupted"
        figures = {**history.summary(), **(metrics or {}), "parameter_count": model.parameter_count}
        logged = wandb_log.log_run(self.path, config or {}, _wandb_rows(history), figures)
        save_json(self.path / "metrics.json",
                  {"status": "interrupted" if interrupted else "completed", **figures, "wandb": logged})

    def fail(self, error):
        """Mark the run as failed, with the error's text."""
        save_json(self.path / "metrics.json", {"status": "failed", "error": f"{type(error).__name__}: {error}"})

    def save_figure(self, name, figure):
        """Save a Figure as <name>-<username>.png and return the Path."""
        return write_atomically(self.path / f"{name}-{username()}.png",
                                lambda file: figure.savefig(file, format="png", dpi=FIGURE_DPI))

    def settings(self):
        """Return what `begin` wrote."""
        return load_json(self.path / "settings.json")

    def metrics(self):
        """Return the run's metrics and status."""
        return load_json(self.path / "metrics.json")

    def history(self):
        """Return the history's series, a dict of arrays."""
        return load_npz(self.path / "history.npz")

    def listing(self):
        """Return (name, bytes) of the files in it, W&B's taken together."""
        files = [f for f in sorted(self.path.iterdir()) if f.is_file()]
        rows = [(f.name, f.stat().st_size) for f in files]
        if (self.path / "wandb").is_dir():
            rows.append(("wandb/", sum(f.stat().st_size for f in (self.path / "wandb").rglob("*") if f.is_file())))
        return rows


def _wandb_rows(history, most=100):
    """Return the history as rows for W&B: every ~10th iteration (at most `most` in all), and every epoch's end."""
    every = max(10, len(history.iteration_loss) // most)
    rows = {int(s): {"samples": int(s), "loss": float(v)}
            for s, v in zip(history.iteration_samples[::every], history.iteration_loss[::every])}
    for i, samples in enumerate(history.epoch_samples):
        row = rows.setdefault(int(samples), {"samples": int(samples)})
        row |= {"epoch": i + 1, "epoch_loss": float(history.epoch_loss[i])}
        if not np.isnan(history.epoch_accuracy[i]):
            row["accuracy"] = float(history.epoch_accuracy[i])
    return [rows[samples] for samples in sorted(rows)]
