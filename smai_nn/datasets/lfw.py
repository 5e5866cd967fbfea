"""Labeled Faces in the Wild, recognised by what is in it: a folder of people's folders, or an archive of one."""

import dataclasses
import functools
import io
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from smai_nn.datasets import sources

FEWEST_PEOPLE = 3  # with fewer it is a part that somebody has picked, not LFW
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
PORTRAIT = re.compile(r"(?:^|/)([^/]+)/\1_(\d{4})\.(?:jpe?g|png)$", re.IGNORECASE)  # Person_Name/Person_Name_0001.jpg


@dataclasses.dataclass(frozen=True)
class Faces:
    """Portraits: `images` (n, height, width) uint8 and `people` (n,), their names, by which they are sorted."""

    images: np.ndarray
    people: np.ndarray
    source: sources.DataSource


def find_lfw():
    """Return the DataSource of LFW's folder or archive, of which no picture is read for it, or None."""
    return next((sources.describe(path, label) for label, path, reason in lfw_candidates() if not reason), None)


def lfw_candidates():
    """Return [(label, Path, reason)] of what may be LFW, in order; the reason is why it is not, "" if it is."""
    found = []
    for label, path in sources.walk():
        name = path.name.lower()
        is_called_so = "lfw" in name and path.is_dir() and not any(path.glob("*[Ll][Ff][Ww]*"))
        if is_called_so or (path / sources.NORMAL).is_dir() or (path.is_file() and name.endswith(ARCHIVES)):
            found.append((label, path, _why_not(path, path.stat().st_mtime_ns)))
    return found


@functools.cache  # the names in a .tar.gz take a second
def _why_not(path, changed):
    """Return why a folder or archive, last `changed` at this time, is not LFW, or "" if it is."""
    try:
        people = {match[1] for name, _ in _files(path) if (match := PORTRAIT.search(name))}
    except Exception as error:  # a damaged archive fails in a dozen ways
        return f"damaged: {str(error).partition(chr(10))[0]}"  # one line of it
    reason = f"people in it: {len(people)}" + f", no {sources.NORMAL}" * (sources.NORMAL not in people)
    return "" if len(people) >= FEWEST_PEOPLE and sources.NORMAL in people else reason


def load_lfw(size):
    """Return Faces of `size` x `size` px, or None if LFW is not there. Raises ValueError for a damaged portrait."""
    if not find_lfw() and sources.may_download():
        from sklearn.datasets import fetch_lfw_people  # loaded late: it takes a second
        fetch_lfw_people(min_faces_per_person=500, resize=0.1)
    if not (source := find_lfw()):
        return None
    return Faces(**sources.kept(f"lfw-{source.sha256}-{size}.npz", _decode_all, source.path, size), source=source)


def _decode_all(path, size):
    """Return the arrays that are cached: all portraits, in the order of their names."""
    images, name = {}, "it"
    try:
        for name, read in _files(path):
            if match := PORTRAIT.search(name):
                with Image.open(io.BytesIO(read())) as image:
                    grey = image.convert("L").resize((size, size), Image.Resampling.BICUBIC)
                images[match[1], match[2]] = np.asarray(grey)
    except Exception as error:  # a damaged file fails in a dozen ways
        raise ValueError(f"{path}: expected whole pictures, could not read {name} ({error}); get it again") from error
    keys = sorted(images)
    return {"images": np.stack([images[key] for key in keys]), "people": np.array([person for person, _ in keys])}


def _files(path):
    """Yield (name, function that returns its bytes) of each file in a folder's folders or in an archive."""
    if path.is_dir():
        for file in filter(Path.is_file, path.glob("*/*")):  # which a broken link is not
            yield file.as_posix(), file.read_bytes
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, functools.partial(archive.read, name)
    else:
        with tarfile.open(path) as archive:
            for info in filter(tarfile.TarInfo.isfile, archive):
                yield info.name, archive.extractfile(info).read
