"""MNIST from every kind of source, made small, and what is refused."""

import gzip
import hashlib
import json
import struct

import numpy as np
import pytest

from smai_nn.datasets import mnist, overview
from smai_nn.datasets.mnist import load_mnist

RNG = np.random.default_rng(0)
ARRAYS = {"x_train": RNG.integers(0, 256, (20, 28, 28), np.uint8), "y_train": np.arange(20, dtype=np.uint8) % 10,
          "x_test": RNG.integers(0, 256, (10, 28, 28), np.uint8), "y_test": np.arange(10, dtype=np.uint8)}
IDX = {"x_train": "train-images-idx3-ubyte", "y_train": "train-labels-idx1-ubyte", "x_test": "t10k-images-idx3-ubyte",
       "y_test": "t10k-labels-idx1-ubyte"}


def idx(values):
    """Return the bytes of an idx file."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def check(data, complete=False):
    """Check that what was loaded is ARRAYS."""
    assert data.x_train.dtype == np.float32 and data.x_train.shape == (20, 784)
    np.testing.assert_allclose(data.x_test, ARRAYS["x_test"].reshape(10, 784) / 255, rtol=1e-6)
    assert np.array_equal(data.y_train, ARRAYS["y_train"]) and data.is_complete == complete


@pytest.fixture
def openml(tmp_path, no_network):
    """scikit-learn's cache of mnist_784, as its fetch_openml leaves it, with ARRAYS; and no network."""
    columns = [f"pixel{i + 1}" for i in range(784)]
    rows = np.concatenate([ARRAYS["x_train"], ARRAYS["x_test"]]).reshape(30, 784)
    arff = "\n".join(["@RELATION mnist_784", *(f"@ATTRIBUTE {name} real" for name in columns),
                      "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA", *(
                          ",".join(map(str, [*row, label % 10])) for row, label in zip(rows.tolist(), range(30)))])
    feature = {"data_type": "numeric", "is_target": "false", "is_ignore": "false", "is_row_identifier": "false",
               "number_of_missing_values": "0"}
    features = [*({**feature, "name": name, "index": str(i)} for i, name in enumerate(columns)),
                {**feature, "name": "class", "index": "784", "data_type": "nominal", "is_target": "true"}]
    about = {"id": "554", "name": "mnist_784", "version": "1", "status": "active", "format": "ARFF",
             "url": "http://example/data/v1/download/52667/mnist_784.arff",
             "md5_checksum": hashlib.md5(arff.encode()).hexdigest()}
    files = {"api/v1/json/data/554": json.dumps({"data_set_description": about}),
             "api/v1/json/data/features/554": json.dumps({"data_features": {"feature": features}}),
             "api/v1/json/data/qualities/554": json.dumps(
                 {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "30.0"}]}}),
             "data/v1/download/52667/mnist_784.arff": arff}
    for name, text in files.items():
        path = tmp_path / "scikit/openml/openml.org" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.mark.parametrize("form", ["{0}", "{0}.gz", "MNIST/raw/{0}", "{1}"])
def test_idx(place, form):
    for part, name in IDX.items():
        path = place / form.format(name, name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx(ARRAYS[part])) if path.suffix == ".gz" else idx(ARRAYS[part]))
    check(load_mnist())


def test_shipped_digits_when_nothing_else_is_there():
    data = load_mnist()
    assert (len(data.x_train), len(data.x_test), data.is_complete) == (4000, 1000, False)
    assert data.source.label == "data/mnist_5k.npz"
    assert np.bincount(np.concatenate([data.y_train, data.y_test])).tolist() == [500] * 10


def test_scikit_learns_copy_is_read_without_network_and_kept(openml, monkeypatch):
    monkeypatch.setattr(mnist, "COUNTS", (2,) * 10)  # as many digits as ARRAYS has: it is complete
    monkeypatch.setattr(mnist, "TEST_COUNT", 10)
    assert dict(overview())["MNIST"] == "scikit-learn's openml/52667/mnist_784.arff.gz"
    for _ in ("read", "from the cache"):
        check(load_mnist(), complete=True)
        monkeypatch.setattr("sklearn.datasets.fetch_openml", None)  # not needed a second time


def test_a_damaged_copy_is_left_as_it_is_and_a_download_happens_only_if_asked_for(openml, monkeypatch):
    damaged = openml.read_bytes()[:-100]
    openml.write_bytes(damaged)
    with pytest.raises(ValueError, match="mnist_784.arff.gz: expected whole files of MNIST.*; get it again, or delete"):
        load_mnist()
    assert openml.read_bytes() == damaged
    openml.unlink()
    assert load_mnist().source.label == "data/mnist_5k.npz"
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")
    with pytest.raises(OSError, match="no network"):
        load_mnist()


def test_another_data_set_under_mnists_names_is_said_to_be_one(place, monkeypatch):
    monkeypatch.setattr(mnist, "COUNTS", (1, 3, *(2,) * 8))
    np.savez(place / "mnist.npz", **ARRAYS)
    with pytest.raises(ValueError, match=r"\$SMAI_DATA/mnist.npz: expected MNIST, .*1, 3,.* got .2, 2,.*Fashion-MNIST"):
        load_mnist()


@pytest.mark.parametrize("changes", [{"x_train": np.zeros((20, 27, 27), np.uint8)}, {"x_train": np.zeros((20, 28, 28))},
                                     {"y_train": np.full(20, 10)}, {"y_train": np.arange(9)},
                                     {"x_train": np.empty((0, 28, 28), np.uint8), "y_train": np.empty(0, np.uint8)}])
def test_wrong_arrays_are_refused(place, changes):
    np.savez(place / "mnist.npz", **ARRAYS | changes)
    with pytest.raises(ValueError, match="28x28 bytes in x_train for each number 0 to 9 in y_train, got.*; get them"):
        load_mnist()


def test_labels_may_be_a_column_and_a_part_of_the_test_digits_is_not_all_of_mnist(place, monkeypatch):
    monkeypatch.setattr(mnist, "COUNTS", (2,) * 10)
    np.savez(place / "mnist.npz", **ARRAYS | {name: ARRAYS[name].reshape(-1, 1) for name in ("y_train", "y_test")})
    check(load_mnist())


@pytest.mark.parametrize("content, message", [
    (gzip.compress(idx(ARRAYS["x_test"]))[:200], "could not read one"), (b"hello", "could not read one"),
    (gzip.compress(b"hello", mtime=0), "28x28 bytes in x_test"), (None, "nothing there")])
def test_damaged_and_missing_idx_files_are_refused(place, content, message):
    for part, name in IDX.items():
        (place / f"{name}.gz").write_bytes(gzip.compress(idx(ARRAYS[part])))
    path = place / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content) if content else path.unlink()
    with pytest.raises(ValueError, match=rf"\$SMAI_DATA/train-images-idx3-ubyte.gz: expected .*{message}"):
        load_mnist()
