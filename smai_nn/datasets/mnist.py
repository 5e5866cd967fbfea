"""MNIST: 28x28 grey digits from `mnist.npz`, four idx files or scikit-learn's copy; else the 5,000 that ship."""

import dataclasses
import gzip

import numpy as np

from smai_nn.datasets import sources
from smai_nn.files import existing, load_npz

SHIPPED = "mnist_5k.npz"
SIZE = 28  # px, width and height
FILES = r"mnist\.npz|mnist_784\.arff\.gz|train-images[-.]idx3-ubyte(\.gz)?"  # beside the last are three more
IDX = {"x_train": ("train-images", "idx3"), "y_train": ("train-labels", "idx1"),
       "x_test": ("t10k-images", "idx3"), "y_test": ("t10k-labels", "idx1")}
# How many training digits there are of each; data sets of the same form, such as Fashion-MNIST, have others.
COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
TEST_COUNT = 10_000


@dataclasses.dataclass(frozen=True)
class Mnist:
    """Digits as rows: `x_train` (n, 784), `x_test` float32 in [0, 1]; `y_train` (n,), `y_test` integers 0 to 9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: sources.DataSource
    is_complete: bool  # the whole of MNIST, 60,000 and 10,000 digits, and not a part of it


def load_mnist():
    """Return a Mnist of the first source that is there, or what ships. Raises ValueError for damaged or other data."""
    if not sources.copies(FILES) and sources.may_download():
        _fetch_openml()
    if not (found := sources.copies(FILES)):
        return load_shipped()
    source = found[0]
    try:
        if source.path.suffix == ".npz":
            arrays = load_npz(source.path)
        elif ".arff" in source.path.name:  # a text that takes half a minute to read, so its arrays are kept
            gzip.decompress(source.path.read_bytes())  # scikit-learn would delete a damaged one, and download unasked
            arrays = sources.kept(f"mnist-{source.sha256}.npz", _fetch_openml)
        else:
            arrays = {part: _read_idx(source.path, *names) for part, names in IDX.items()}
    except Exception as error:  # a damaged file fails in a dozen ways
        raise ValueError(f"{source.label}: expected whole files of MNIST, could not read one ({error}); get it again, "
                         "or delete it") from error
    return _checked(arrays, source)


def load_shipped():
    """Return the Mnist that ships with the project."""
    path = sources.ROOT / "data" / SHIPPED
    return _checked(load_npz(path), sources.describe(path, f"data/{SHIPPED}"))


def _read_idx(training_images, stem, kind):
    """Return the bytes in one of the four idx files, of which the Path of the training images is given."""
    path = existing(training_images.with_name(training_images.name.replace("train-images", stem).replace("idx3", kind)))
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(content, np.uint8)[16 if kind == "idx3" else 8:]  # after the type and sizes


def _fetch_openml():
    """Return the arrays of scikit-learn's mnist_784, from its folder or else downloaded."""
    from sklearn.datasets import fetch_openml  # loaded late: it takes a second
    data, target = fetch_openml(data_id=554, return_X_y=True, as_frame=False, parser="liac-arff")
    images, labels, training = data.astype(np.uint8), target.astype(np.int64), sum(COUNTS)
    return {"x_train": images[:training], "y_train": labels[:training],
            "x_test": images[training:], "y_test": labels[training:]}


def _checked(arrays, source):
    """Return a Mnist of images and labels, n times 784 bytes and n numbers in any shape, n >= 1, else ValueError."""
    rows = {}
    for part, name in (("x_train", "y_train"), ("x_test", "y_test")):
        images, labels = (arrays.get(key, np.empty(0)) for key in (part, name))
        fits = images.dtype == np.uint8 and 0 < images.size == labels.size * SIZE ** 2
        if not fits or not np.isin(labels, range(10)).all():
            raise ValueError(f"{source.label}: expected 28x28 bytes in {part} for each number 0 to 9 in {name}, got "
                             f"{images.dtype} {images.shape} and {labels.dtype} {labels.shape}; get them again")
        rows[part] = images.reshape(-1, SIZE ** 2) / np.float32(255)
        rows[name] = labels.astype(np.int64).ravel()
    counts = tuple(np.bincount(rows["y_train"], minlength=10).tolist())
    if sum(counts) == sum(COUNTS) and counts != COUNTS:
        raise ValueError(f"{source.label}: expected MNIST, whose training digits 0 to 9 are {COUNTS}, got {counts} "
                         "(Fashion-MNIST and KMNIST have 6,000 of each); put MNIST there")
    return Mnist(**rows, source=source, is_complete=counts == COUNTS and len(rows["y_test"]) == TEST_COUNT)
