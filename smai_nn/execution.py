"""One execution of the notebook: which runs are there already, which have to be made, and their figures.

$SMAI_RUN says how: "train" makes every run (the default); "resume" takes the finished runs in the execution's folder
and makes what is missing; "replay" makes none and takes all from the committed folders. Either way a result is read
from a run folder.
"""

import dataclasses
import functools
import json
import os
import time
from pathlib import Path

import numpy as np

from smai_nn import wandb_log
from smai_nn.checks import require_choice
from smai_nn.datasets.sources import ROOT
from smai_nn.files import save_json, to_json
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.style import encode
from smai_nn.runs import FINISHED, RunFolder, run_sweep, runs_root

MODES = ("train", "resume", "replay")
SAVE_SECONDS = 5  # between two writings of a study's rows
_folders = {}  # identity (see `_identity`) -> folder, of all runs that this execution may take


class MissingRunError(ValueError):
    """A replay needs a run that is not among the committed folders."""


def run_mode():
    """Return $SMAI_RUN: "train" (default), "resume" or "replay"."""
    return require_choice((os.environ.get("SMAI_RUN") or "train").strip(), "SMAI_RUN", MODES)


def submission():
    """Return the folder of the committed execution, which a replay reads: $SMAI_SUBMISSION or runs/submission/."""
    given = os.environ.get("SMAI_SUBMISSION")
    return Path(given).expanduser() if given else ROOT / "runs" / "submission"


def begin_execution():
    """Forget earlier runs; look which there are, if they are to be taken."""
    _folders.clear()
    if run_mode() == "train":
        return
    for path in sorted((submission() if run_mode() == "replay" else runs_root()).glob("*/settings.json")):
        try:
            asked = RunFolder(path.parent).settings()
            _folders[_identity(asked["experiment"], asked["version"], asked["setting"])] = path.parent
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{path.parent.name}: damaged, not taken ({error})")


def run_experiments(experiment, settings, description="runs"):
    """Return the results of all settings, in order; what this execution has already is not run again.

    A folder fits if experiment, version, setting and data (its sha256; not in a replay) are the same. One that is
    damaged or not finished is named and its run made anew. A single missing run is made in this process with a bar of
    its own, several over the cores. Raises MissingRunError, naming the setting, for a run that a replay lacks.
    """
    identities = {_identity(experiment.name, experiment.version, dataclasses.asdict(s)): s for s in settings}
    results = {identity: _read_finished(experiment, s, identity) for identity, s in identities.items()}
    missing = [identity for identity, result in results.items() if result is None]
    _refuse_in_replay(description, [identities[identity] for identity in missing])
    if len(missing) == 1:
        made = [_run_and_draw(experiment, identities[missing[0]], progress=True)]
    else:
        made = run_sweep(functools.partial(_run_and_draw, experiment), [identities[i] for i in missing],
                         description=description) if missing else []
    for identity, path in zip(missing, made):
        _folders[identity], results[identity] = path, experiment.read(path)
    return [results[_identity(experiment.name, experiment.version, dataclasses.asdict(s))] for s in settings]


def run_experiment(experiment, setting):
    """Return the result of one setting; see `run_experiments`."""
    return run_experiments(experiment, [setting], experiment.name)[0]


def run_study(study, settings, description=None):
    """Return the results of all settings, in order, kept together in one run folder.

    The folder has plain values in `rows.json`, and all arrays of one name, end to end, in `arrays.npz`. An unfinished
    folder of the same settings is gone on with: its rows are not run again. Raises as `run_experiments`.
    """
    settings, description = list(settings), description or study.name
    plain = [dataclasses.asdict(s) for s in settings]
    identity = _identity(study.name, study.version, plain)
    results = _rows_so_far(study, settings, identity)
    if len(results) == len(settings):
        return results
    _refuse_in_replay(description, settings[len(results):])
    source = study.find_data() if study.find_data else None
    asked = {"experiment": study.name, "version": study.version, "setting": plain, "data": source and source.record()}
    with RunFolder.recording(study.name, asked) as folder:
        keeper = _Keeper(folder, results)
        try:
            run_sweep(study.run, settings[len(results):], description=description, keep=keeper.offer)
        finally:
            rows = keeper.save()
        logged = wandb_log.log_run(folder.path, {k: v for k, v in asked.items() if k != "setting"},
                                   [{**s, **row} for s, row in zip(plain, rows)], {"runs": len(rows)})
        folder.set_status("completed", runs=len(rows), wandb=logged)
    _folders[identity] = folder.path
    return _rows_so_far(study, settings, identity)


class _Keeper:
    """Writes a study's results so far into its folder, now and then."""

    def __init__(self, folder, before):
        self.folder, self.before, self.new, self.saved = folder, before, [], time.monotonic()

    def offer(self, results):
        self.new = results
        if time.monotonic() > self.saved + SAVE_SECONDS:
            self.save()

    def save(self):
        rows, arrays = [], {}
        for result in [*self.before, *self.new]:
            values = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "setting"}
            for name in [name for name, value in values.items() if isinstance(value, np.ndarray)]:
                arrays.setdefault(name, []).append(values.pop(name))
                values[f"{name}_size"] = len(arrays[name][-1])
            rows.append(values)
        self.folder.save_arrays("arrays", **{name: np.concatenate(parts) for name, parts in arrays.items()})
        save_json(self.folder.path / "rows.json", rows)  # last: rows whose arrays are missing would be worth nothing
        self.saved = time.monotonic()
        return rows


def _rows_so_far(study, settings, identity):
    """Return the results that the study's folder holds, from the first setting on; none without a folder that fits."""
    path = _folders.get(identity)
    if path is None or not _data_fit(study, path, ()):
        return []
    folder = RunFolder(path)
    try:
        rows = json.loads((path / "rows.json").read_text(encoding="utf-8"))
        ends, arrays, results = {}, folder.arrays("arrays"), []
        for setting, row in zip(settings, rows):
            for name, values in arrays.items():
                start = ends.get(name, 0)
                ends[name] = start + row.pop(f"{name}_size")
                row[name] = values[start:ends[name]]
            results.append(study.result(setting, **row))
        return results
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{path.name}: damaged, run anew ({error})")
        return []


def _run_and_draw(experiment, setting, progress=False):
    """Make one run, save the figures that belong into its folder, and return the folder's path."""
    path = experiment.run(setting, progress=progress)
    for name, figure in run_figures(experiment.read(path)).items():
        RunFolder(path).save_picture(name, *encode(figure))
    return path


def _read_finished(experiment, setting, identity):
    """Return the result of a finished run that fits, or None."""
    path = _folders.get(identity)
    if path is None or not _data_fit(experiment, path, (setting,)):
        return None
    if (status := RunFolder(path).status) not in FINISHED:
        print(f"{path.name}: {status}, run anew")
        return None
    try:
        return experiment.read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{path.name}: damaged, run anew ({error})")
        return None


def _data_fit(experiment, path, arguments):
    """Return whether a folder's data are those that a run would use now; a replay needs no data."""
    if run_mode() != "resume" or experiment.find_data is None:
        return True
    now, then = experiment.find_data(*arguments).record(), RunFolder(path).settings()["data"]
    if now != then:
        print(f"{path.name}: run anew, its data were {then}, now they are {now}")
    return now == then


def _identity(name, version, setting):
    """Return a text that is the same for two runs exactly if they were asked for the same."""
    return json.dumps([name, version, json.loads(to_json(setting))], sort_keys=True)


def _refuse_in_replay(description, missing):
    if missing and run_mode() == "replay":
        raise MissingRunError(f"{description}: expected all its runs in {submission().name}/, found none that fits for "
                              f"{missing[0]}; run the notebook anew, without SMAI_RUN=replay")
