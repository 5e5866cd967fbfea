"""Sweeps: the same results for any number of workers, and on a cluster."""

import os
import time
import warnings

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_info

from smai_nn import Adam, ReLU, Sigmoid, TrainConfig, Trainer
from smai_nn.model import build_network
from smai_nn.sweep import run_sweep

X = np.random.default_rng(0).random((300, 2), dtype=np.float32)
Y = (X[:, :1] > X[:, 1:]).astype(np.float32)


def train(seed):
    """Train a small network and return its parameters."""
    initial, shuffle = np.random.default_rng(seed).spawn(2)
    model = build_network([2, 64, 64, 1], ReLU, Sigmoid, loss="bce", optimizer=Adam(0.01), rng=initial)
    Trainer(model, TrainConfig(batch_size=100, max_epochs=3), rng=shuffle).fit(X, Y)
    return model.parameters.copy()


def blas_threads(_):
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def variable(name):
    return os.environ.get(name)


def fail_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


def test_results_are_bit_identical_for_any_number_of_workers():
    alone, together = (run_sweep(train, range(6), workers=n, progress=False) for n in (1, 2))
    assert np.array_equal(alone, together)
    assert len({parameters.tobytes() for parameters in alone}) == 6


@pytest.mark.parametrize("workers", [1, 2])
def test_every_run_has_one_blas_thread(workers):
    assert run_sweep(blas_threads, range(3), workers=workers, progress=False) == [1, 1, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_has_the_callers_variables_of_this_moment(workers, monkeypatch):
    names = ["SMAI_RUNS", "SMAI_USERNAME"]
    for value in ("first", "second", None):
        if value is None:
            monkeypatch.delenv("SMAI_RUNS")
        else:
            monkeypatch.setenv("SMAI_RUNS", value)
        assert run_sweep(variable, names * 3, workers=workers, progress=False) == [value, None] * 3


def test_results_come_in_the_order_of_the_settings():
    assert run_sweep(fail_at_three, [5, 1, 4], workers=2, progress=False) == [5, 1, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_run_says_which_settings_it_had(workers):
    with pytest.raises(ValueError, match="three") as caught:
        run_sweep(fail_at_three, [1, 3], workers=workers, progress=False)
    notes = "".join(getattr(caught.value, "__notes__", [])) + str(caught.value.__cause__)
    assert "settings 3" in notes


def test_no_settings_are_refused():
    with pytest.raises(ValueError, match="at least one setting"):
        run_sweep(fail_at_three, [])


def test_one_progress_bar_counts_the_runs(capsys):
    run_sweep(fail_at_three, [1, 2], workers=1, description="tries")
    assert "tries: 100%" in capsys.readouterr().out


def test_the_same_call_runs_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with distributed.Client(cluster), joblib.parallel_config(backend="dask"):
            on_cluster = run_sweep(train, range(3), progress=False)
    assert np.array_equal(on_cluster, run_sweep(train, range(3), workers=1, progress=False))


KEPT = []


def grow(number):
    """Keep a data set of 360 MB in the process from the second run on."""
    time.sleep(0.7)
    if number > 1 and not KEPT:
        KEPT.append(np.ones(45_000_000))
    return number


def test_workers_that_keep_data_sets_lose_nothing_and_raise_no_warning():
    get_reusable_executor().shutdown(wait=True)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert run_sweep(grow, range(8), workers=2, progress=False) == list(range(8))
    get_reusable_executor().shutdown(wait=True)
    assert [str(warning.message) for warning in shown] == []
