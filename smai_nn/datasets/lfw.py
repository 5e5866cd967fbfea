"""Labeled Faces in the Wild: portraits by person, from a folder or an archive, as small grey pictures.

It is recognised by what is in it, whatever its name: a folder of people's folders, or an archive of one, read in place.
What was decoded is kept in the cache folder, keyed by source and size. Source: assignment section 3.2.
"""

import dataclasses
import hashlib
import io
import itertools
import re
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps

from smai_nn.datasets import sources
from smai_nn.datasets.sources import NORMAL

FEWEST_PEOPLE = 3  # with fewer it is a part that somebody has picked, not LFW
FIRST_FILES = 400  # tell what it is: to see all, a tar has to be unpacked
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError, RuntimeError)
PORTRAIT = re.compile(r"(?:^|/)([^/]+)/\1_(\d{4})\.(?:jpe?g|png)$", re.IGNORECASE)  # Person_Name/Person_Name_0001.jpg


@dataclasses.dataclass(frozen=True)
class Faces:
    """Portraits: `images` (n, height, width) uint8 and `people` (n,), their names, by which they are sorted."""

    images: np.ndarray
    people: np.ndarray
    source: sources.DataSource  # its label says how many portraits were skipped, if any


def find_lfw():
    """Return the DataSource of LFW's folder or archive, of which no picture is read for it, or None."""
    for label, path, reason in lfw_candidates():
        if not reason:
            return sources.DataSource(path, label, _fingerprint(path))
    return None


def lfw_candidates():
    """Return [(label, Path, reason)] of what may be LFW, in order; the reason is why it is not, "" if it is."""
    found = []
    for label, folder, subfolders, files in sources.walk():
        called_so = "lfw" in folder.name.lower() and not any("lfw" in name.lower() for name in subfolders)
        if NORMAL in subfolders or called_so:
            found.append((label, folder))
        found += [(f"{label}/{name}", folder / name) for name in files if name.lower().endswith(ARCHIVES)]
    return [(label, path, _why_not(path)) for label, path in found]


def _why_not(path):
    """Return why a folder or archive is not LFW, or "" if it is."""
    try:
        first = list(itertools.islice(_files(path), FIRST_FILES))
        # A tar ends with zeros, gzip with the length of its content, a number of whole blocks.
        if path.is_file() and path.suffix.lower() != ".zip" and (
                np.fromfile(path, "<u4", offset=path.stat().st_size - 4)[0] % tarfile.BLOCKSIZE):
            return "cut off"
    except DAMAGE as error:
        return f"damaged: {getattr(error, 'strerror', None) or str(error).partition(chr(10))[0]}"  # no path, one line
    people = {match[1] for match, _ in first if match}
    if len(people) >= FEWEST_PEOPLE and (NORMAL in people or len(first) == FIRST_FILES):
        return ""
    return f"people in it: {len(people)}" + f", no {NORMAL}" * (NORMAL not in people)


def load_lfw(size):
    """Return Faces of `size` x `size` px, or None if LFW is not there and no download was asked for.

    A portrait that is a broken link, double or damaged is skipped and counted. Raises ValueError for a damaged archive
    or one without the assignment's person, ConnectionError for a download that fails.
    """
    source = find_lfw()
    if source is None and sources.may_download():
        from sklearn.datasets import fetch_lfw_people  # loaded late: it takes a second

        sources.fetch("LFW", fetch_lfw_people, min_faces_per_person=500, resize=0.1)
        source = find_lfw()
    if source is None:
        return None
    arrays = sources.kept(f"faces-{source.sha256}-{size}.npz", _decode_all, source.path, size)
    skipped = int(arrays.pop("skipped"))
    label = source.label + f" ({skipped} skipped)" * (skipped > 0)
    return Faces(**arrays, source=dataclasses.replace(source, label=label))


def _decode_all(path, size):
    """Return the arrays that are cached: all portraits, decoded over the cores, in the order of their names."""
    contents, count = {}, 0
    try:
        for match, content in _files(path):
            count += match is not None
            if content:
                contents.setdefault((match[1], int(match[2])), content)
    except DAMAGE as error:
        raise ValueError(f"{path}: expected a whole folder or archive of LFW, could not read it ({error}); get it "
                         "again") from error
    keys = sorted(contents)
    with ThreadPoolExecutor() as pool:  # decoding a JPEG needs no lock
        decoded = pool.map(_decode, [contents[key] for key in keys], itertools.repeat(size))
        images = {key: image for key, image in zip(keys, decoded) if image is not None}
    if NORMAL not in (person for person, _ in images):
        raise ValueError(f"{path}: expected portraits such as {NORMAL}/{NORMAL}_0001.jpg, found none in {len(images)} "
                         f"({count - len(images)} skipped); get it again")
    return {"images": np.stack(list(images.values())), "people": np.array([person for person, _ in images]),
            "skipped": np.array(count - len(images))}


def _decode(content, size):
    """Return an image file's bytes as a grey picture, (size, size) uint8, or None if they cannot be read."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            upright = ImageOps.exif_transpose(image).convert("L")
            return np.asarray(upright.resize((size, size), Image.Resampling.BICUBIC))
    except Exception:  # a damaged file fails in a dozen ways
        return None


def _files(path):
    """Yield (match with PORTRAIT, bytes) of all files in a folder or archive; None for what is none of it."""
    if path.is_dir():
        for file in sorted(path.glob("*/*")):
            match = PORTRAIT.search(file.as_posix())
            yield match, file.read_bytes() if match and file.is_file() else None
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                match = PORTRAIT.search(name)
                yield match, archive.read(name) if match else None
    else:
        with tarfile.open(path) as archive:
            for info in archive:
                match = PORTRAIT.search(info.name)
                yield match, archive.extractfile(info).read() if match and info.isfile() else None


def _fingerprint(path):
    """Return 16 digits that change when an archive's content, or a folder's names, sizes or times do."""
    if path.is_file():
        return sources.describe(path).sha256
    files = [(file.as_posix(), file.lstat().st_size, file.lstat().st_mtime_ns) for file in sorted(path.glob("*/*"))]
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]
