"""Weights & Biases, kept at arm's length: offline unless asked, never a prompt, never a reason to fail.

Mode: $WANDB_MODE, "offline" by default. "online" is honoured only where an API key is configured already, since asking
for one would block a headless run. Source: assignment section 1.2, item 4.
"""

import atexit
import contextlib
import functools
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path

PROJECT = "smai-assignment-3"
_warned = False


def log_run(folder, config, rows, summary):
    """Record a finished run: its config, its history (a list of dicts), its summary, as `folder`/run-<id>.wandb.

    Returns what became of it: "offline", "online", "disabled" or "failed". Whatever goes wrong in W&B, or if it is not
    installed, the caller goes on with one warning per process.
    """
    if os.environ.get("WANDB_MODE") == "disabled":
        return "disabled"
    scratch = tempfile.mkdtemp()  # W&B's long paths, logs and caches stay out of the run folder
    try:
        import wandb  # here, not above: it takes a second, and no result depends on it

        mode = _mode(wandb)
        logging.getLogger("wandb").setLevel(logging.ERROR)
        run = wandb.init(project=PROJECT, name=folder.name, dir=scratch, config=config, mode=mode,
                         reinit="finish_previous", settings=_quiet(wandb))
        for row in rows:
            run.log({name: value for name, value in row.items() if value is not None and value == value})
        run.summary.update({name: value for name, value in summary.items() if value is not None})
        run.finish()
        for record in Path(scratch).rglob("run-*.wandb"):
            shutil.move(record, folder / record.name)
        _leave_quietly(wandb)
        return mode
    except Exception as error:  # W&B's errors are of many kinds, and none is worth a training run
        _warn(error)
        return "failed"
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@functools.cache  # registered once a process
def _leave_quietly(wandb):
    """End W&B's own process when this one ends, before W&B does so itself, which may end in a traceback.

    A worker of a sweep may find that process gone already; every run is finished by then, so nothing is lost.
    """
    def end():
        with contextlib.suppress(Exception, SystemExit):
            wandb.teardown()

    atexit.register(end)


def _mode(wandb):
    mode = os.environ.get("WANDB_MODE", "offline")
    return "online" if mode == "online" and wandb.api.api_key else "offline"


def _quiet(wandb):
    return wandb.Settings(silent=True, quiet=True, console="off", show_errors=False, show_warnings=False,
                          show_info=False, disable_git=True, disable_code=True, disable_job_creation=True,
                          x_disable_stats=True, x_disable_meta=True, x_disable_machine_info=True,
                          x_save_requirements=False)


def _warn(error):
    global _warned
    if not _warned:
        warnings.warn(f"W&B did not record this run ({type(error).__name__}: {error}); training goes on, and all "
                      "values are in the run folder", stacklevel=3)
        _warned = True
