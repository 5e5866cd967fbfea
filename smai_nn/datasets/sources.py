"""Where data files come from: $SMAI_DATA, data/, scikit-learn's folders, in a replay data/ alone; shipped ones last."""

import contextlib
import dataclasses
import hashlib
import os
import re
import socket
from pathlib import Path

from smai_nn.files import existing, load_npz, save_npz

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds data/, runs/ and the notebook
SHIPPED = (ROOT / "data/SHA256SUMS").read_text()  # of the pictures that ship; any other in data/ is somebody's own
LEVELS = 4  # of folders below a place that are looked through
NORMAL = "George_W_Bush"  # the person whose pictures the assignment asks for: beside him are people's folders


@dataclasses.dataclass(frozen=True)
class DataSource:
    """Where a data set came from."""

    path: Path  # the file, or the folder of LFW
    label: str  # the same without this machine's folders, e.g. "data/border.png"
    sha256: str  # first 16 digits of the content's hash; of a folder's, that of the names and sizes in it

    def record(self):
        """Return what a run's settings keep of it."""
        return {"file": self.label, "sha256": self.sha256}


def may_download():
    """Return whether the user has asked for downloads through scikit-learn, which then gives up after a while."""
    asked = os.environ.get("SMAI_DOWNLOAD") == "1"
    if asked:
        socket.setdefaulttimeout(30)  # seconds without an answer; scikit-learn itself would wait for ever
    return asked


def walk():
    """Return [(label, Path)]: each place, then the files and folders below it, by level and then by alphabet.

    What is hidden, or a person's folder, is left out. Raises ValueError if $SMAI_DATA names no folder.
    """
    data, home = ROOT / "data", Path(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data").expanduser()
    own = Path(os.environ.get("SMAI_DATA") or data).expanduser()
    places = {own: "$SMAI_DATA", data: "data", home / "lfw_home": "scikit-learn's lfw_home",  # without SMAI_DATA, own
              home / "openml/openml.org/data/v1/download": "scikit-learn's openml"}  # is data, and so called "data"
    if os.environ.get("SMAI_RUN", "").strip() == "replay":
        places = {data: "data"}
    elif not own.is_dir():
        raise ValueError("SMAI_DATA: expected the path of a folder without quotes or blanks around it, got "
                         f"{str(own)!r}, which is none; name a folder, or unset it")
    found = []
    for place, label in places.items():
        level = [(label, place)]
        for _ in range(LEVELS + 2):  # the place itself, the folders' levels, and the files in the deepest folders
            found += level
            level = [(f"{label}/{entry.name}", entry) for label, folder in level if not (folder / NORMAL).is_dir()
                     for entry in sorted(folder.glob("*")) if entry.name[0] not in "._"]
    return found


def copies(pattern):
    """Return the DataSources of all readable files whose whole name matches, in order; shipped ones if no others."""
    found = [describe(path, label) for label, path in walk()
             if re.fullmatch(pattern, path.name, re.IGNORECASE) and path.is_file() and os.access(path, os.R_OK)]
    return [source for source in found if source.sha256 not in SHIPPED] or found


def find_file(name):
    """Return the DataSource of the file `name`. Raises FileNotFoundError naming the places it looked in."""
    if found := copies(re.escape(name)):
        return found[0]
    raise FileNotFoundError(f"{name}: expected it in $SMAI_DATA or data/, found it in neither; put it there")


def describe(path, label=None):
    """Return the DataSource of a file, or of a folder of folders. Raises FileNotFoundError if there is none."""
    path = Path(path)
    listed = sorted((file.name, file.lstat().st_size) for file in path.glob("*/*"))
    content = repr(listed).encode() if path.is_dir() else existing(path).read_bytes()
    return DataSource(path, label or path.name, hashlib.sha256(content).hexdigest()[:16])


def kept(name, make, *arguments):
    """Return the dict of arrays in a file of $SMAI_CACHE or .cache/, or make(*arguments), which is then kept there."""
    path = Path(os.environ.get("SMAI_CACHE") or ROOT / ".cache").expanduser() / name
    with contextlib.suppress(OSError, ValueError):
        return load_npz(path)
    arrays = make(*arguments)
    with contextlib.suppress(OSError, ValueError):  # ValueError: an archive that a full disk cuts off cannot be closed
        save_npz(path, arrays)
    return arrays
