"""The one place that decides where data files come from, what is kept of them and how the records name them."""

import dataclasses
import hashlib
import os
import socket
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds data/, runs/ and the notebook
DOWNLOAD_TIMEOUT = 30  # seconds without an answer after which a download is given up


@dataclasses.dataclass(frozen=True)
class DataSource:
    """Where a data set came from."""

    path: Path  # the file
    label: str  # the same without this machine's folders, e.g. "data/border.png"
    sha256: str  # first 16 digits of the content's hash

    def __str__(self):
        return f"{self.label} (sha256 {self.sha256}...)"

    def record(self):
        """Return what a run's settings keep of it."""
        return {"file": self.label, "sha256": self.sha256}


def places():
    """Return the folders to look for data in, in order, as a dict label -> Path."""
    folders = {"data": ROOT / "data"}
    if os.environ.get("SMAI_DATA"):
        folders["$SMAI_DATA"] = Path(os.environ["SMAI_DATA"]).expanduser()
    return folders


def cached(name):
    """Return the Path of a file in the cache folder: $SMAI_CACHE or .cache/ beside data/."""
    return Path(os.environ.get("SMAI_CACHE") or ROOT / ".cache").expanduser() / name


def scikit_learn_home():
    """Return the folder in which scikit-learn keeps data sets: $SCIKIT_LEARN_DATA or its default."""
    return Path(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data").expanduser()


def may_download():
    """Return whether the user has asked for downloads: $SMAI_DOWNLOAD is 1."""
    return os.environ.get("SMAI_DOWNLOAD") == "1"


@contextmanager
def time_limit(seconds):
    """Give up network connections that do not answer for so long; scikit-learn itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def find_file(name):
    """Return the DataSource of the file `name`: in data/, else in the folder $SMAI_DATA.

    Raises FileNotFoundError naming the places it looked in.
    """
    for label, folder in places().items():
        if (folder / name).is_file():
            return describe(folder / name, f"{label}/{name}")
    raise FileNotFoundError(f"{name}: expected it in {' or '.join(places())}, found it in none; "
                            "put it there or set SMAI_DATA to the folder that has it")


def describe(path, label=None):
    """Return the DataSource of an existing file. Raises FileNotFoundError if there is none."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file, found {'a folder' if path.is_dir() else 'nothing'} there")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DataSource(path, label or path.name, digest[:16])
