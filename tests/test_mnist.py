"""MNIST from every kind of source, made small, and what is refused."""

import gzip
import struct

import numpy as np
import pytest

from smai_nn.datasets import mnist, sources
from smai_nn.datasets.mnist import load_mnist, read_idx
from smai_nn.files import save_npz

RNG = np.random.default_rng(0)
ARRAYS = {"x_train": RNG.integers(0, 256, (20, 28, 28), np.uint8), "y_train": np.arange(20, dtype=np.uint8) % 10,
          "x_test": RNG.integers(0, 256, (10, 28, 28), np.uint8), "y_test": np.arange(10, dtype=np.uint8)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A second data folder, and no copy of scikit-learn's."""
    monkeypatch.setenv("SMAI_DATA", str(tmp_path / "more"))
    (tmp_path / "more").mkdir()
    return tmp_path / "more"


def idx(values):
    """Return the bytes of an idx file."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_idx(folder, joint="-", zipped=False):
    """Write the four idx files."""
    for part, stem in mnist.PARTS.items():
        path = folder / f"{stem}{joint}idx{ARRAYS[part].ndim}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(idx(ARRAYS[part])) if zipped else idx(ARRAYS[part]))


def check(data):
    """Check that what was loaded is ARRAYS."""
    assert data.x_train.dtype == np.float32 and data.x_train.shape == (20, 784)
    np.testing.assert_allclose(data.x_test, ARRAYS["x_test"].reshape(10, 784) / 255, rtol=1e-6)
    assert np.array_equal(data.y_train, ARRAYS["y_train"]) and not data.is_complete


def test_npz(place):
    np.savez(place / "mnist.npz", **ARRAYS)
    check(load_mnist())
    assert load_mnist().source.label == "$SMAI_DATA/mnist.npz"


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx(place, joint, zipped):
    write_idx(place, joint, zipped)
    check(load_mnist())


def test_shipped_digits_when_nothing_else_is_there(place):
    data = load_mnist()
    assert (len(data.x_train), len(data.x_test), data.is_complete) == (4000, 1000, False)
    assert data.source.label == "data/mnist_5k.npz" and "A PART OF MNIST" in str(data)
    assert np.bincount(np.concatenate([data.y_train, data.y_test])).tolist() == [500] * 10
    assert not {r.tobytes() for r in data.x_train} & {r.tobytes() for r in data.x_test}


def test_copy_kept_from_scikit_learn(place):
    save_npz(sources.cached("mnist_784.npz"), ARRAYS)
    check(load_mnist())


def test_scikit_learns_answer_is_checked_and_kept(place, monkeypatch):
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")
    calls = []

    def fetch(**options):
        calls.append(options)
        return np.zeros((70_000, 784)), np.array(["7"] * 70_000)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    assert load_mnist().is_complete and load_mnist().is_complete
    assert len(calls) == 1 and calls[0]["parser"] == "liac-arff"
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **options: (np.zeros((3, 784)), np.array(["7"] * 3)))
    sources.cached("mnist_784.npz").unlink()
    with pytest.raises(ValueError, match="expected mnist_784 to have 70,000 rows"):
        load_mnist()


def test_download_that_fails_says_what_to_do(place, monkeypatch):
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")

    def fetch(**options):
        raise TimeoutError("timed out")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    with pytest.raises(ConnectionError, match="could not .timed out.; try again later, or unset SMAI_DOWNLOAD"):
        load_mnist()


def test_incomplete_copy_of_scikit_learn_is_said_and_left_aside(place, monkeypatch):
    home = place.parent / "scikit" / "openml" / "openml.org"
    for name in ("api/v1/json/data/554.gz", "api/v1/json/data/features/554.gz", "data/v1/download/1.arff.gz"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"")

    def fetch(**options):
        raise OSError("no network")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    assert "scikit-learn's copy of mnist_784 is not complete" in str(load_mnist().source)


@pytest.mark.parametrize("changes, message", [
    ({"x_test": None}, "found no x_test"),
    ({"x_train": np.zeros((20, 27, 27), np.uint8)}, "expected x_train as bytes"),
    ({"x_train": np.zeros((20, 28, 28))}, "expected x_train as bytes"),
    ({"y_test": np.arange(9)}, "expected 10 labels 0 to 9 beside x_test"),
    ({"y_train": np.full(20, 10)}, "expected 20 labels 0 to 9 beside x_train"),
])
def test_wrong_arrays_are_refused(place, changes, message):
    np.savez(place / "mnist.npz", **{k: v for k, v in (ARRAYS | changes).items() if v is not None})
    with pytest.raises(ValueError, match=message):
        load_mnist()


def test_damaged_files_are_refused(place):
    write_idx(place, zipped=True)
    path = place / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    short = idx(ARRAYS["x_train"])[:500]
    for content in (whole[:200], b"", b"hello", gzip.compress(short), gzip.compress(b"\1\2\3\4")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="expected a whole idx file of MNIST"):
            read_idx(path)
    path.unlink()
    with pytest.raises(ValueError, match="expected all four idx files of MNIST, found no train-images"):
        load_mnist()
