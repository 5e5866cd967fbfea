"""MNIST: 28x28 grey digits, from whichever source there is.

In order: `mnist.npz` or the four idx files in data/ or $SMAI_DATA; scikit-learn's cache of `mnist_784`; a download, if
$SMAI_DOWNLOAD is 1; the 5,000 digits that ship as data/mnist_5k.npz. Source: assignment section 3.1.
"""

import dataclasses
import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from smai_nn.datasets import sources
from smai_nn.files import load_npz, save_npz

SHIPPED = "mnist_5k.npz"
SIZE = 28  # px, width and height
OPENML_ID = 554  # of mnist_784; its first 60,000 rows are the training set
PARTS = {"x_train": "train-images", "y_train": "train-labels", "x_test": "t10k-images", "y_test": "t10k-labels"}


@dataclasses.dataclass(frozen=True)
class Mnist:
    """Digits as rows: `x_train` (n, 784), `x_test` float32 in [0, 1]; `y_train` (n,), `y_test` integers 0 to 9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: sources.DataSource
    is_complete: bool  # the whole of MNIST, 60,000 and 10,000 digits, and not a part of it

    def __str__(self):
        kind = "the whole MNIST" if self.is_complete else "A PART OF MNIST"
        return f"{kind}, {len(self.x_train):,} training and {len(self.x_test):,} test digits, from {self.source}"


def load_mnist():
    """Return a Mnist, from the first source that is there.

    Raises ValueError for a damaged or incomplete one, ConnectionError for a download that fails.
    """
    return find_mnist()[1]()


def find_mnist():
    """Return (label, function that returns the Mnist) of the first source that is there."""
    for label, folder in sources.places().items():
        npz = folder / "mnist.npz"
        if npz.is_file():
            return f"{label}/mnist.npz", lambda: _from_npz(npz, f"{label}/mnist.npz")
        if files := idx_files(folder):
            return f"{label}/{files['x_train'].name}", lambda: _from_idx(files, label)
    if sources.may_download():
        return "scikit-learn's mnist_784", _from_scikit_learn
    if _cached_by_scikit_learn():
        return "scikit-learn's mnist_784", _from_scikit_learn_or_shipped
    return f"data/{SHIPPED}", load_shipped


def load_shipped(note=""):
    """Return the Mnist that ships with the project; `note` is added to the source's label."""
    return _from_npz(sources.ROOT / "data" / SHIPPED, f"data/{SHIPPED}{note}")


def idx_files(folder):
    """Return the four idx files in a folder, as a dict part -> Path, or an empty one if there is none of them.

    They may be gzipped, and be named with "-idx3-ubyte" or ".idx3-ubyte". Raises ValueError if only some are there.
    """
    found = {}
    for part, stem in PARTS.items():
        dimensions = 3 if part.startswith("x") else 1
        for joint in ("-", "."):
            for ending in ("", ".gz"):
                path = folder / f"{stem}{joint}idx{dimensions}-ubyte{ending}"
                if path.is_file():
                    found.setdefault(part, path)
    if found and (missing := sorted(PARTS[part] for part in PARTS if part not in found)):
        raise ValueError(f"{folder}: expected all four idx files of MNIST, found no {', '.join(missing)}-idx...; add "
                         "them or take the others away")
    return found


def read_idx(path):
    """Return the array of unsigned bytes in an idx file, gzipped or not. Raises ValueError for anything else."""
    opener = gzip.open if Path(path).suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            content = file.read()
        zero, kind, dimensions = struct.unpack(">HBB", content[:4])
        if zero != 0 or kind != 8:
            raise ValueError("its first bytes are not those of an idx file of bytes")
        shape = struct.unpack(f">{dimensions}I", content[4:4 + 4 * dimensions])
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
        if values.size != np.prod(shape, dtype=np.int64):
            raise ValueError(f"it holds {values.size} values instead of {' x '.join(map(str, shape))}")
        return values.reshape(shape)
    except (OSError, EOFError, struct.error, ValueError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole idx file of MNIST, could not read it ({error}); get it "
                         "again") from error


def _from_npz(path, label):
    arrays = load_npz(path)
    if missing := sorted(set(PARTS) - set(arrays)):
        raise ValueError(f"{path}: expected arrays {', '.join(PARTS)}, found no {', '.join(missing)}")
    return _checked(arrays, sources.describe(path, label))


def _from_idx(files, label):
    arrays = {part: read_idx(path) for part, path in files.items()}
    return _checked(arrays, sources.describe(files["x_train"], f"{label}/{files['x_train'].name}"))


def _checked(arrays, source):
    """Return a Mnist of arrays of bytes (n, 28, 28) or (n, 784) and labels (n,), once they are known to be that."""
    rows = {}
    for part in ("x_train", "x_test"):
        images, labels = arrays[part], arrays["y" + part[1:]]
        if images.dtype != np.uint8 or images.shape[1:] not in ((SIZE, SIZE), (SIZE * SIZE,)) or not len(images):
            raise ValueError(f"{source.label}: expected {part} as bytes (n, 28, 28), got {images.dtype} {images.shape}")
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or not np.isin(labels, range(10)).all():
            raise ValueError(f"{source.label}: expected {len(images)} labels 0 to 9 beside {part}, got "
                             f"{labels.dtype} {labels.shape}")
        rows[part] = images.reshape(len(images), -1).astype(np.float32)
        rows[part] /= 255  # in place: the training set has 190 MB
        rows["y" + part[1:]] = labels.astype(np.int64)
    complete = (len(rows["x_train"]), len(rows["x_test"])) == (60_000, 10_000)
    return Mnist(**rows, source=source, is_complete=complete)


# scikit-learn's copy is a text file that takes half a minute to read: it is kept as an .npz from then on.


def _cached_by_scikit_learn():
    openml = sources.scikit_learn_home() / "openml" / "openml.org"
    described = all((openml / f"api/v1/json/data/{part}{OPENML_ID}.gz").is_file() for part in ("", "features/"))
    return sources.cached("mnist_784.npz").is_file() or (described and any(openml.glob("data/**/*.gz")))


def _from_scikit_learn_or_shipped():
    try:
        return _from_scikit_learn()
    except ConnectionError:
        return load_shipped(" (scikit-learn's copy of mnist_784 is not complete)")


def _from_scikit_learn():
    path = sources.cached("mnist_784.npz")
    if not path.is_file():
        from sklearn.datasets import fetch_openml  # loaded late: it takes a second

        with sources.time_limit(sources.DOWNLOAD_TIMEOUT if sources.may_download() else 1):
            try:
                data, target = fetch_openml(data_id=OPENML_ID, return_X_y=True, as_frame=False, parser="liac-arff",
                                            data_home=sources.scikit_learn_home(), n_retries=0)
            except OSError as error:
                raise ConnectionError(f"MNIST: expected to get mnist_784 through scikit-learn, could not ({error}); "
                                      "try again later, or unset SMAI_DOWNLOAD for the shipped digits") from error
        if data.shape != (70_000, SIZE * SIZE):
            raise ValueError(f"MNIST: expected mnist_784 to have 70,000 rows of 784 values, got {data.shape}")
        images, labels = data.astype(np.uint8), target.astype(np.int64)
        save_npz(path, {"x_train": images[:60_000], "y_train": labels[:60_000], "x_test": images[60_000:],
                        "y_test": labels[60_000:]}, compressed=True)
    return _from_npz(path, "scikit-learn's mnist_784")
