"""Common ground of all tests: W&B off, run folders in a temporary place, one BLAS thread."""

import os

os.environ["WANDB_MODE"] = "disabled"
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before NumPy is imported
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def own_run_folder(tmp_path, monkeypatch):
    """Every test gets folders of its own, and no setting of the person who runs the tests."""
    for variable in [name for name in os.environ if name.startswith("SMAI_")]:
        monkeypatch.delenv(variable)
    for variable, folder in (("SMAI_RUNS", "runs"), ("SMAI_CACHE", "cache"), ("SCIKIT_LEARN_DATA", "scikit")):
        monkeypatch.setenv(variable, str(tmp_path / folder))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of data of one's own, which SMAI_DATA names."""
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("SMAI_DATA", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def no_network(monkeypatch):
    """Every look-up of a host name fails, and nobody waits to try again."""
    def refuse(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
