"""MNIST: 28x28 grey digits, from whichever source there is.

In order: `mnist.npz` or the four idx files in $SMAI_DATA or data/; scikit-learn's cache of `mnist_784`; a download, if
$SMAI_DOWNLOAD is 1; the 5,000 digits that ship as data/mnist_5k.npz. Source: assignment section 3.1.
"""

import dataclasses
import gzip
import hashlib
import json
import os
import re
import struct
import zlib
from urllib.parse import urlsplit

import numpy as np

from smai_nn.datasets import sources
from smai_nn.files import load_npz

SHIPPED = "mnist_5k.npz"
SIZE = 28  # px, width and height
PARTS = {"train-images": "x_train", "train-labels": "y_train", "t10k-images": "x_test", "t10k-labels": "y_test"}
IDX_NAME = re.compile(r"((?:train|t10k)-(?:images|labels))[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
# How many digits of each class the whole of MNIST has; data sets of the same form, such as Fashion-MNIST, have others.
COUNTS = {"y_train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
          "y_test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)}
OPENML_ID = 554  # of mnist_784, whose first 60,000 rows are the training set
OPENML = "scikit-learn's mnist_784"
KEPT = "mnist_784.npz"  # scikit-learn's copy is a text that takes half a minute to read, so it is kept like this


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

    Raises ValueError for a damaged or incomplete one, or another data set; ConnectionError for a download that fails.
    """
    label, files = find_mnist()
    if not files:
        return _from_scikit_learn()
    arrays = load_npz(files["npz"]) if "npz" in files else {part: read_idx(path) for part, path in files.items()}
    return _checked(arrays, sources.describe(next(iter(files.values())), label))


def find_mnist():
    """Return (label, files) of the first source that is there.

    The files are a dict: one Path "npz", the idx files by their PARTS, or none at all for scikit-learn's copy.
    """
    if found := mnist_copies():
        return found[0]
    if sources.may_download() or not sources.is_replay() and (os.path.isfile(sources.cached(KEPT)) or _openml_copy()):
        return OPENML, {}
    return f"data/{SHIPPED}", {"npz": sources.ROOT / "data" / SHIPPED}


def mnist_copies():
    """Return [(label, files)] of all copies in $SMAI_DATA and data/, as in `find_mnist`; the first one is taken.

    Last are those that lack files, or that a folder's name gives away as another data set.
    """
    found = {}
    for label, folder, _, names in sources.walk(sources.places()):
        for name in names:
            if name.lower() == "mnist.npz":
                found[f"{label}/{name}"] = {"npz": folder / name}
            elif match := IDX_NAME.fullmatch(name):  # Kaggle has each in a folder of the same name
                files = found.setdefault(f"{label.removesuffix('/' + name)}/*-ubyte", {})
                files.setdefault(PARTS[match[1].lower()], folder / name)
    return sorted(found.items(), key=lambda copy: ("npz" not in copy[1] and len(copy[1]) < len(PARTS),
                                                   "fashion" in copy[0].lower()))


def load_shipped(note=""):
    """Return the Mnist that ships with the project; `note` is added to the source's label."""
    path = sources.ROOT / "data" / SHIPPED
    return _checked(load_npz(path), sources.describe(path, f"data/{SHIPPED}{note}"))


def read_idx(path):
    """Return the array of unsigned bytes in an idx file, gzipped or not. Raises ValueError for anything else."""
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        zero, kind, dimensions = struct.unpack(">HBB", content[:4])
        if zero != 0 or kind != 8:
            raise ValueError("its first bytes are not those of an idx file of bytes")
        shape = struct.unpack(f">{dimensions}I", content[4:4 + 4 * dimensions])
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole idx file of MNIST, could not read it ({error}); get it "
                         "again") from error


def _checked(arrays, source):
    """Return a Mnist of arrays of bytes (n, 28, 28) or (n, 784) and labels (n,), once they are known to be that."""
    if missing := [f"{part} ({stem})" for stem, part in PARTS.items() if part not in arrays]:
        raise ValueError(f"{source.label}: expected all four parts of MNIST, found no {', '.join(missing)}; add them "
                         "or take the others away")
    rows, counts = {}, {}
    for part, name in (("x_train", "y_train"), ("x_test", "y_test")):
        images, labels = arrays[part], arrays[name]
        if not (images.dtype == np.uint8 and images.shape[1:] in ((SIZE, SIZE), (SIZE * SIZE,)) and len(images)
                and labels.shape == (len(images),) and labels.dtype.kind in "iu" and np.isin(labels, range(10)).all()):
            raise ValueError(f"{source.label}: expected {part} as bytes (n, 28, 28) and {name} as n numbers 0 to 9, "
                             f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}; get them again")
        rows[part] = images.reshape(len(images), -1).astype(np.float32)
        rows[part] /= 255  # in place: the training set has 190 MB
        rows[name] = labels.astype(np.int64)
        counts[name] = tuple(np.bincount(rows[name], minlength=10).tolist())
    complete = all(sum(counts[name]) == sum(COUNTS[name]) for name in COUNTS)
    if complete and counts != COUNTS:
        kind = "Fashion-MNIST or KMNIST" if len(set(counts["y_train"])) == 1 else "another data set"
        raise ValueError(f"{source.label}: expected MNIST, whose training digits 0 to 9 are {COUNTS['y_train']}, got "
                         f"{kind}: {counts['y_train']}; put MNIST there")
    return Mnist(**rows, source=source, is_complete=complete)


def _openml_copy(whole=False):
    """Return whether scikit-learn has all files of mnist_784; if `whole`, also whether none of them is damaged.

    It is to be asked first: scikit-learn itself would download what is missing, and delete what is damaged.
    """
    about = sources.scikit_learn_home() / f"openml/openml.org/api/v1/json/data/{OPENML_ID}.gz"
    try:
        description = json.loads(gzip.decompress(about.read_bytes()))["data_set_description"]
        data = about.parents[4] / f"{urlsplit(description['url']).path.lstrip('/')}.gz"
        files = [data, about.parent / "features" / about.name, about.parent / "qualities" / about.name]
        if not whole:
            return all(path.is_file() for path in files)
        contents = [gzip.decompress(path.read_bytes()) for path in files]
        return hashlib.md5(contents[0]).hexdigest() == description["md5_checksum"]
    except (OSError, EOFError, ValueError, KeyError, zlib.error):
        return False


def _from_scikit_learn():
    """Return the Mnist that scikit-learn has or downloads, or the one that ships if its copy is damaged."""
    try:
        arrays = sources.kept(KEPT, _openml_arrays)
    except LookupError as error:
        return load_shipped(f" ({error})")
    digest = hashlib.sha256(b"".join(arrays[part].tobytes() for part in sorted(arrays))).hexdigest()
    return _checked(arrays, sources.DataSource(sources.cached(KEPT), OPENML, digest[:16]))


def _openml_arrays():
    """Return the arrays of mnist_784. Raises LookupError if scikit-learn would have to download it unasked."""
    if not sources.may_download() and not _openml_copy(whole=True):
        raise LookupError("scikit-learn's copy of mnist_784 is not complete")
    from sklearn.datasets import fetch_openml  # loaded late: it takes a second

    data, target = sources.fetch("MNIST", fetch_openml, data_id=OPENML_ID, return_X_y=True, as_frame=False,
                                 parser="liac-arff")
    images, labels, training = data.astype(np.uint8), target.astype(np.int64), sum(COUNTS["y_train"])
    return {"x_train": images[:training], "y_train": labels[:training],
            "x_test": images[training:], "y_test": labels[training:]}
