"""MNIST: 28x28 grey digits from `mnist.npz`, four idx files or scikit-learn's copy; else the 5,000 that ship.

Source: assignment section 3.1.
"""

import dataclasses
import gzip
import re
import zlib

import numpy as np

from smai_nn.datasets import sources
from smai_nn.files import load_npz

SHIPPED = "mnist_5k.npz"
SIZE = 28  # px, width and height
PARTS = {"train-images": "x_train", "train-labels": "y_train", "t10k-images": "x_test", "t10k-labels": "y_test"}
FILE_NAME = re.compile(r"mnist\.npz|mnist_784\.arff\.gz|((?:train|t10k)-(?:images|labels))[-.]idx[13]-ubyte(?:\.gz)?")
# How many digits of each class the whole of MNIST has; data sets of the same form, such as Fashion-MNIST, have others.
COUNTS = {"y_train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
          "y_test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)}


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
    """Return a Mnist, from the first source that is there, or what ships; with $SMAI_DOWNLOAD=1 a download before that.

    Raises ValueError for a damaged or incomplete one, or another data set; ConnectionError for a download that fails.
    """
    if not mnist_copies() and sources.may_download():
        _from_scikit_learn()
    if not (found := mnist_copies()):
        return load_shipped()
    label, files = found[0]
    path = next(iter(files.values()))
    source = sources.describe(path, label)
    if path.name.endswith(".npz"):
        return _checked(load_npz(path), source)
    if path.name.endswith(".arff.gz"):  # a text that takes half a minute to read, so its arrays are kept
        return _checked(sources.kept(f"mnist-{source.sha256}.npz", _from_scikit_learn, path), source)
    return _checked({part: read_idx(path) for part, path in files.items()}, source)


def mnist_copies():
    """Return [(label, {part: Path})] of all copies, the one that is taken first; one in a single file has part None."""
    found = {}
    for label, folder, _, names in sources.walk():
        for match in filter(None, map(FILE_NAME.fullmatch, names)):
            name, stem = match.group(), match[1]
            found.setdefault(f"{label}/{'*-ubyte' if stem else name}", {})[stem and PARTS[stem]] = folder / name
    return sorted(found.items(), key=lambda copy: "fashion" in copy[0].lower())  # its names are those of MNIST


def load_shipped():
    """Return the Mnist that ships with the project."""
    path = sources.ROOT / "data" / SHIPPED
    return _checked(load_npz(path), sources.describe(path, f"data/{SHIPPED}"))


def read_idx(path):
    """Return the array of unsigned bytes in an idx file, gzipped or not. Raises ValueError for anything else."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if content[:3] != b"\0\0\x08":
            raise ValueError("its first bytes are not those of an idx file of bytes")
        shape = np.frombuffer(content, ">u4", content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, IndexError, ValueError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole idx file of MNIST, got another ({error}); get it again") from error


def _checked(arrays, source):
    """Return a Mnist of arrays of bytes (n, 28, 28) or (n, 784) and labels (n,), once they are known to be that."""
    if missing := [f"{part} ({stem})" for stem, part in PARTS.items() if part not in arrays]:
        raise ValueError(f"{source.label}: expected all four parts of MNIST, found no {', '.join(missing)}; add them "
                         "or take the others away")
    rows, counts = {}, {}
    for part, name in (("x_train", "y_train"), ("x_test", "y_test")):
        images, labels = arrays[part], arrays[name]
        if not (images.dtype == np.uint8 and images[:1].size == SIZE * SIZE and labels.shape == (len(images),)
                and labels.dtype.kind in "iu" and np.isin(labels, range(10)).all()):
            raise ValueError(f"{source.label}: expected {part} as bytes (n, 28, 28) and {name} as n numbers 0 to 9, "
                             f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}; get them again")
        rows[part] = images.reshape(len(images), -1).astype(np.float32)
        rows[part] /= 255  # in place: the training set has 190 MB
        rows[name] = labels.astype(np.int64)
        counts[name] = tuple(np.bincount(labels, minlength=10).tolist())
    complete = all(sum(counts[name]) == sum(COUNTS[name]) for name in COUNTS)
    if complete and counts != COUNTS:
        kind = "Fashion-MNIST or KMNIST" if len(set(counts["y_train"])) == 1 else "another data set"
        raise ValueError(f"{source.label}: expected MNIST, whose training digits 0 to 9 are {COUNTS['y_train']}, got "
                         f"{kind}: {counts['y_train']}; put MNIST there")
    return Mnist(**rows, source=source, is_complete=complete)


def _from_scikit_learn(path=None):
    """Return the arrays of mnist_784 from scikit-learn: of its copy, a Path, or downloaded.

    Raises ValueError for a damaged copy, ConnectionError for a download that fails.
    """
    from sklearn.datasets import fetch_openml  # loaded late: it takes a second

    if path and not sources.may_download():
        try:  # scikit-learn itself would delete a damaged copy, and download it unasked
            gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: expected a whole file, could not read it ({error}); delete it, or set "
                             "SMAI_DOWNLOAD=1 to get it again") from error
    data, target = sources.fetch("MNIST", fetch_openml, data_id=554, return_X_y=True, as_frame=False,
                                 parser="liac-arff")
    images, labels, training = data.astype(np.uint8), target.astype(np.int64), sum(COUNTS["y_train"])
    return {"x_train": images[:training], "y_train": labels[:training],
            "x_test": images[training:], "y_test": labels[training:]}
