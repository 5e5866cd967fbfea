"""The one place that decides where data files come from, what is kept of them and how the records name them.

Looked through are the folder $SMAI_DATA, then data/; a picture that ships with the project comes after all others of
its name. A replay shows what was committed, so it looks in data/ alone.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import os
import re
import socket
from pathlib import Path

from smai_nn.files import existing, load_npz, save_npz

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds data/, runs/ and the notebook
LEVELS = 4  # of folders below $SMAI_DATA and data/ that are looked through
MOST_FOLDERS = 500  # a folder of more folders than this is a collection, not a place to look through
DOWNLOAD_TIMEOUT = 30  # seconds without an answer after which a download is given up
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

    def __str__(self):
        return f"{self.label} (sha256 {self.sha256}...)"

    @property
    def is_shipped(self):
        """Whether it is one of the pictures that ship, which stand in for the course's."""
        return self.sha256 in SHIPPED

    def record(self):
        """Return what a run's settings keep of it."""
        return {"file": self.label, "sha256": self.sha256}


def is_replay():
    """Return whether committed runs are shown again: $SMAI_RUN is "replay"."""
    return os.environ.get("SMAI_RUN", "").strip() == "replay"


def may_download():
    """Return whether the user has asked for downloads: $SMAI_DOWNLOAD is 1."""
    return os.environ.get("SMAI_DOWNLOAD") == "1" and not is_replay()


def places():
    """Return the folders to look for data in, in order, as a dict label -> Path.

    Raises ValueError if $SMAI_DATA names no folder.
    """
    folders = {"data": ROOT / "data"}
    given = os.environ.get("SMAI_DATA")
    if not given or is_replay():
        return folders
    own = Path(given).expanduser()
    if not own.is_dir():
        bare = given.strip(" \t\r\n'\"")
        remedy = f"take the quotes or blanks around {bare} away" if bare != given else "name a folder, or unset it"
        raise ValueError(f"SMAI_DATA: expected the path of a folder, got {given!r}, which is "
                         f"{'a file' if own.is_file() else 'not there'}; {remedy}")
    return folders if own.resolve() == folders["data"].resolve() else {"$SMAI_DATA": own} | folders


def walk(folders):
    """Yield (label, folder, names of its folders, names of its files) of each of `folders` (a dict as of `places`).

    The folder itself comes first, then what is below it, level by level and by alphabet. Not looked into are
    folders of people's pictures (LFW has 5,749), any other large collection, and what is hidden.
    """
    for place, top in folders.items():
        level = [(place, top)]
        for _ in range(LEVELS + 1):
            below = []
            for label, folder in level:
                for _, subfolders, files in itertools.islice(os.walk(folder), 1):  # nothing if it cannot be read
                    yield label, folder, sorted(subfolders), sorted(files)
                    if len(subfolders) <= MOST_FOLDERS and "George_W_Bush" not in subfolders:
                        below += [(f"{label}/{name}", folder / name) for name in sorted(subfolders)
                                  if name[0] not in "._"]
            level = below


def copies(pattern):
    """Return (found, passed over): DataSources of the files whose whole name matches, in order; texts.

    Those that ship are left out if there are others. What cannot be opened, such as a broken link, is passed over.
    """
    found, passed = [], []
    for label, folder, _, files in walk(places()):
        for name in files:
            if re.fullmatch(pattern, name, re.IGNORECASE):
                try:
                    found.append(describe(folder / name, f"{label}/{name}"))
                except OSError as error:
                    passed.append(f"{label}/{name} ({error.strerror or 'a broken link'})")
    return [source for source in found if not source.is_shipped] or found, passed


def find_file(name):
    """Return the DataSource of the file `name`. Raises FileNotFoundError naming the places it looked in."""
    found, passed = copies(re.escape(name))
    if not found:
        raise FileNotFoundError(f"{name}: expected it in {' or '.join(places())}, found it in none (passed over: "
                                f"{', '.join(passed) or 'nothing'}); put it there or name its folder in SMAI_DATA")
    return found[0]


def describe(path, label=None):
    """Return the DataSource of an existing file. Raises FileNotFoundError if there is none."""
    path = existing(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DataSource(path, label or path.name, digest[:16])


def cached(name):
    """Return the Path of a file in the cache folder: $SMAI_CACHE or .cache/ beside data/."""
    return Path(os.environ.get("SMAI_CACHE") or ROOT / ".cache").expanduser() / name


def kept(name, make, *arguments):
    """Return the dict of arrays in a file of the cache folder, or make(*arguments), which is then kept there.

    A cache saves time, and nothing depends on it: one that is damaged, or cannot be written, is done without.
    """
    with contextlib.suppress(OSError, ValueError):
        return load_npz(cached(name))
    arrays = make(*arguments)
    with contextlib.suppress(OSError, ValueError):  # ValueError: an archive that a full disk cuts off cannot be closed
        save_npz(cached(name), arrays)
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
