"""The one place that decides where data files come from, what is kept of them and how the records name them.

Looked through are the folder $SMAI_DATA, then data/, then what scikit-learn keeps; a picture that ships with the
project comes after all others of its name. A replay shows what was committed, so it looks in data/ alone.
"""

import contextlib
import dataclasses
import hashlib
import os
import re
import socket
from pathlib import Path

from smai_nn.files import existing, load_npz, save_npz

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds data/, runs/ and the notebook
DOWNLOAD_TIMEOUT = 30  # seconds without an answer after which a download is given up
LEVELS = 4  # of folders below a place that are looked through
NORMAL = "George_W_Bush"  # the person whose pictures the assignment asks for: beside him are people's folders
# The pictures that ship, by the first 16 digits of their sha256; any other picture in data/ is somebody's own.
SHIPPED = frozenset("""
    291108bd7ffbb264 aea3a2751f9cee5f c0fddbb3d292dbe9 2ae68dd1fe137b06 4e78414e849f13b4 c30c8aca989b5fbe
    373e58755602c02f bc677e645abf072d 0a03c47d96a6c21c ced1e1cb4c910675 3bbbd6ce92e314f8 abe547ed4bc107e8
    972b491e8b5e6547 739334c40d12d75a""".split())


@dataclasses.dataclass(frozen=True)
class DataSource:
    """Where a data set came from."""

    path: Path  # the file
    label: str  # the same without this machine's folders, e.g. "data/border.png"
    sha256: str  # first 16 digits of the content's hash

    @property
    def is_shipped(self):
        """Whether it is one of the pictures that ship, which stand in for the course's."""
        return self.sha256 in SHIPPED

    def record(self):
        """Return what a run's settings keep of it."""
        return {"file": self.label, "sha256": self.sha256}


def is_replay():
    """Return whether committed runs are shown again."""
    return os.environ.get("SMAI_RUN", "").strip() == "replay"


def may_download():
    """Return whether the user has asked for downloads."""
    return os.environ.get("SMAI_DOWNLOAD") == "1" and not is_replay()


def places():
    """Return {label: folder} to look for data in, in order. Raises ValueError if $SMAI_DATA names no folder."""
    data, given = {"data": ROOT / "data"}, os.environ.get("SMAI_DATA")
    if is_replay():
        return data
    own = Path(given or ROOT / "data").expanduser()
    if given and not own.is_dir():
        raise ValueError(f"SMAI_DATA: expected the path of a folder without quotes or blanks around it, got {given!r}, "
                         f"which is {'a file' if own.is_file() else 'not there'}; name a folder, or unset it")
    return ({} if own.resolve() == data["data"].resolve() else {"$SMAI_DATA": own}) | data | {
        "scikit-learn's lfw_home": scikit_learn_home() / "lfw_home",
        "scikit-learn's openml": scikit_learn_home() / "openml/openml.org/data/v1/download"}


def walk():
    """Return [(label, folder, names of its folders, names of its files)]: each place and what is below it.

    Below a place the order is by level, then by alphabet. What is hidden, or in a person's folder, is left out.
    """
    found = []
    for place, top in places().items():
        below = []
        for name, folders, files in os.walk(top, followlinks=True):
            folder = Path(name)
            parts = folder.relative_to(top).parts
            below.append((len(parts), "/".join((place, *parts)), folder, sorted(folders), sorted(files)))
            leaf = len(parts) == LEVELS or NORMAL in folders
            folders[:] = [] if leaf else [each for each in folders if each[0] not in "._"]  # os.walk goes on into these
        found += [entry[1:] for entry in sorted(below)]
    return found


def copies(pattern):
    """Return the DataSources of all readable files whose whole name matches, in order; shipped ones if no others."""
    found = [describe(folder / name, f"{label}/{name}") for label, folder, _, files in walk() for name in files
             if re.fullmatch(pattern, name, re.IGNORECASE) and os.access(folder / name, os.R_OK)]
    return [source for source in found if not source.is_shipped] or found


def find_file(name):
    """Return the DataSource of the file `name`. Raises FileNotFoundError naming the places it looked in."""
    if found := copies(re.escape(name)):
        return found[0]
    raise FileNotFoundError(f"{name}: expected it in $SMAI_DATA or data/, found it in neither; put it there")


def describe(path, label=None):
    """Return the DataSource of an existing file. Raises FileNotFoundError if there is none."""
    path = existing(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DataSource(path, label or path.name, digest[:16])


def kept(name, make, *arguments):
    """Return the dict of arrays in a file of the cache folder, or make(*arguments), which is then kept there.

    A cache that is damaged, or cannot be written, is done without. It is $SMAI_CACHE, or .cache/ beside data/.
    """
    path = Path(os.environ.get("SMAI_CACHE") or ROOT / ".cache").expanduser() / name
    with contextlib.suppress(OSError, ValueError):
        return load_npz(path)
    arrays = make(*arguments)
    with contextlib.suppress(OSError, ValueError):  # ValueError: an archive that a full disk cuts off cannot be closed
        save_npz(path, arrays)
    return arrays


def scikit_learn_home():
    """Return the folder in which scikit-learn keeps data sets: $SCIKIT_LEARN_DATA or its default."""
    return Path(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data").expanduser()


def fetch(what, function, **options):
    """Return what one of scikit-learn's functions gets from its folder or the network. Raises ConnectionError."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # scikit-learn itself would wait for ever
    try:
        return function(data_home=scikit_learn_home(), n_retries=1, **options)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{what}: expected to get it through scikit-learn, could not ({error}); try again later, "
                              "or unset SMAI_DOWNLOAD to go on without it") from error
    finally:
        socket.setdefaulttimeout(before)
