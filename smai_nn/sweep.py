"""Many independent runs over the cores, through joblib, with one BLAS thread each.

The same call runs on a cluster: `with joblib.parallel_config(backend="dask"): run_sweep(...)`.
"""

import functools
import os
import sys
import warnings

import joblib
from threadpoolctl import ThreadpoolController
from tqdm import tqdm


def run_sweep(function, settings, *, workers=-1, description="runs", progress=True):
    """Return [function(s) for s in settings], computed over `workers` processes (-1: all cores).

    `function` must be importable (defined in a module) and depend on its argument alone: seeds
    belong in the settings, so the results are the same for any number of workers. Every run has
    one BLAS thread: more would fight over the cores and change the last bits. It also has the
    caller's $SMAI_... and other variables of this package, wherever it runs: they say where its
    folder goes. An error in a run ends the sweep with that error and the settings that raised it;
    the folders of finished runs stay. Raises ValueError for empty settings.
    """
    settings = list(settings)
    if not settings:
        raise ValueError(f"{description}: expected at least one setting to run, got none")
    variables = _package_variables()
    jobs = (joblib.delayed(_run_one)(function, setting, variables) for setting in settings)
    results = joblib.Parallel(n_jobs=workers, return_as="generator", batch_size="auto")(jobs)
    with warnings.catch_warnings():
        # A worker that has grown by 300 MB, by a data set say, is replaced once its run is done; nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
        return list(tqdm(results, total=len(settings), desc=description, file=sys.stdout, disable=not progress,
                         ncols=100))


def _package_variables():
    return {name: value for name, value in os.environ.items()
            if name.startswith("SMAI_") or name in ("WANDB_MODE", "SCIKIT_LEARN_DATA")}


def _run_one(function, setting, variables):
    # A worker outlives the sweep it was started for, and keeps the variables of that time.
    for name in _package_variables().keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
    try:
        with _threadpools().limit(limits=1):
            return function(setting)
    except Exception as error:
        error.add_note(f"in the run with the settings {setting!r}")
        raise


@functools.cache
def _threadpools():
    """The process's thread pools, found once: looking takes milliseconds, a run may take less."""
    return ThreadpoolController()
