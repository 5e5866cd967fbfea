"""One execution of the notebook: which runs are there already, which have to be made, and their figures.

By $SMAI_RUN: "train" makes all; "resume" what is missing in the execution's folder; "replay" shows what is committed.
"""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np

from smai_nn import wandb_log
from smai_nn.checks import require_choice
from smai_nn.datasets.sources import ROOT
from smai_nn.files import load_json, save_json, to_json
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.style import encode
from smai_nn.runs import RunFolder, run_sweep, runs_root, username

_folders = {}  # (experiment's name, setting as JSON) -> RunFolder, of all runs that this execution may take


def run_mode():
    """Return $SMAI_RUN: "train" (default), "resume" or "replay"."""
    mode = (os.environ.get("SMAI_RUN") or "train").strip()
    return require_choice(mode, "SMAI_RUN", ("train", "resume", "replay"))


def submission():
    """Return the folder of the committed execution, which a replay reads: $SMAI_SUBMISSION or runs/submission/."""
    return Path(os.environ.get("SMAI_SUBMISSION") or ROOT / "runs" / "submission").expanduser().absolute()


def begin_execution():
    """Forget earlier runs; look which may be taken, if any may: of two alike the finished one, the newer one."""
    _folders.clear()
    if run_mode() == "train":
        return
    root = submission() if run_mode() == "replay" else runs_root()
    folders = [RunFolder(path.parent) for path in root.glob("*/settings.json")]
    for folder in sorted(folders, key=lambda folder: (folder.status == "completed", folder.path.name)):
        try:
            asked = folder.settings()
            _folders[asked["experiment"], to_json(asked["setting"])] = folder
        except Exception as error:
            print(f"{folder.path.name}: settings.json is damaged, not taken ({error})")


def run_experiments(experiment, settings, description="runs"):
    """Return the results of all settings, in order; what this execution has already is not run again.

    A folder fits if experiment, version, setting and data (its sha256; not in a replay) are the same. One that is
    damaged or does not fit is named, and its run made anew. A single missing run is made in this process with a bar of
    its own, several over the cores. In a replay, raises ValueError for the first run that is missing.
    """
    wanted = {to_json(dataclasses.asdict(setting)): setting for setting in settings}
    read = functools.partial(_read_and_draw, experiment)
    results = {text: _take(experiment, text, read, setting) for text, setting in wanted.items()}
    missing = [text for text, result in results.items() if result is None]
    if missing:
        single = len(missing) == 1
        make = functools.partial(_run_and_draw, experiment, progress=single)
        made = run_sweep(make, [wanted[text] for text in missing], description=description, progress=not single,
                         workers=1 if single else -1)
        for text, path in zip(missing, made):
            _folders[experiment.name, text] = RunFolder(path)
            results[text] = experiment.read(path)
    return [results[to_json(dataclasses.asdict(setting))] for setting in settings]


def _run_and_draw(experiment, setting, progress=False):
    """Make one run and the figures that belong into its folder, and return the folder's path."""
    path = experiment.run(setting, progress=progress)
    _read_and_draw(experiment, path)
    return path


def _read_and_draw(experiment, path):
    """Return the result in a run's folder; draw its figures if there are none, or none of this username."""
    result = experiment.read(path)
    if run_mode() != "replay" and not any(path.glob(f"*-{username()}.png")):
        pictures = {name: encode(figure, colours=8 if name == "loss" else 16)
                    for name, figure in run_figures(result).items()}
        for earlier in path.glob("*.png"):
            earlier.unlink()
        for name, picture in pictures.items():  # all at once, so that there are all of them or none
            RunFolder(path).save_picture(name, *picture)
    return result


def run_study(study, settings, description=None):
    """Return the results of all settings, in order, kept together in one run folder; raises as `run_experiments`.

    The folder has plain values in `rows.json`, and all arrays of one name, end to end, in `arrays.npz`.
    """
    plain = [dataclasses.asdict(setting) for setting in settings]
    read = functools.partial(_read_rows, study, settings)
    results = _take(study, to_json(plain), read)
    if results is None:
        source = study.find_data() if study.find_data else None
        about = {"experiment": study.name, "version": study.version, "data": source and source.record()}
        with RunFolder.recording(study.name, about | {"setting": plain}) as folder:
            made = run_sweep(study.run, settings, description=description or study.name)
            rows = _save_rows(folder, made)
            last = [[float(loss) for loss in getattr(result, "losses", ())[-1:]] for result in made]  # [] if diverged
            table = [setting | row | {"final_loss": loss} for setting, row, loss in zip(plain, rows, last)]
            logged = wandb_log.log_run(folder.path, about, table, {"runs": len(rows)})
            folder.set_status("completed", runs=len(rows), wandb=logged)
        _folders[study.name, to_json(plain)] = folder
        results = read(folder.path)
    return results


def _save_rows(folder, results):
    """Write a study's results; return them as rows of plain values, an array's length in its place."""
    rows = [{name: value for name, value in vars(result).items() if name != "setting"} for result in results]
    names = [name for name, value in rows[0].items() if isinstance(value, np.ndarray)]
    folder.save_arrays("arrays", **{name: np.concatenate([row[name] for row in rows]) for name in names})
    rows = [row | {name: len(row[name]) for name in names} for row in rows]
    save_json(folder.path / "rows.json", rows)
    return rows


def _read_rows(study, settings, path):
    """Return the results that a study's folder holds."""
    rows = load_json(path / "rows.json")
    for name, values in RunFolder(path).arrays("arrays").items():
        ends = np.cumsum([row[name] for row in rows])
        for row, part in zip(rows, np.split(values, ends[:-1]), strict=True):
            row[name] = part
    return [study.read(setting, **row) for setting, row in zip(settings, rows, strict=True)]


def _take(experiment, text, read, *settings):
    """Return the result of a run that is there and fits, or None. In a replay, raises ValueError instead."""
    folder, mode = _folders.get((experiment.name, text)), run_mode()
    if folder is None:
        if mode != "replay":
            return None
        raise ValueError(f"{experiment.name}: expected a run folder in {submission()}, found none for {text[:300]}")
    try:
        asked = folder.settings()
        if asked["version"] != experiment.version:
            raise ValueError(f"expected version {experiment.version} of {experiment.name}, got {asked['version']}")
        if folder.status != "completed":
            raise ValueError(f"its status is {folder.status}")
        if mode == "resume" and experiment.find_data:
            now = experiment.find_data(*settings).record()
            if now["sha256"] != asked["data"]["sha256"]:
                raise ValueError(f"its data were {asked['data']}, now they are {now}")
        return read(folder.path)
    except Exception as error:  # a damaged folder fails in many ways
        problem = f"{folder.path.name}: not taken, {type(error).__name__}: {error}"
        if mode == "replay":
            raise ValueError(f"{problem}. A replay needs every run whole in {submission()}; train it") from error
        print(f"{problem}; run anew")
        return None
