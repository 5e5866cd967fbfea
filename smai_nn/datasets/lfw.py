"""Labeled Faces in the Wild: portraits by person, from a folder or an archive, as small grey crops.

Looked for in data/ and $SMAI_DATA: a folder of people (`lfw-deepfunneled`, `lfw_funneled` or `lfw`, perhaps nested once
more in a folder of any of these names), or an archive of one, `lfw*.zip`, `.tgz` or `.tar.gz` (or `archive.zip`), read
in place; then scikit-learn's `lfw_home`; then a download, if $SMAI_DOWNLOAD is 1. The crops are kept in the cache
folder, keyed by source and settings. Source: assignment section 3.2.
"""

import dataclasses
import hashlib
import io
import os
import re
import sys
import tarfile
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from smai_nn.datasets import sources
from smai_nn.datasets.images import check_crop, resized_crop
from smai_nn.files import load_npz, save_npz

FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw")
ENDINGS = (".zip", ".tgz", ".tar.gz")
MOST_BYTES = 5_000_000  # of one picture; a larger member is none of LFW's
PORTRAIT = re.compile(r"(?:^|/)([^/]+)/\1_(\d{4})\.jpg$")  # Person_Name/Person_Name_0001.jpg
WHOLE = (0.0, 1.0, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Faces:
    """Portraits: `images` (n, height, width) uint8, `people` (n,) names and `numbers` (n,), sorted by both."""

    images: np.ndarray
    people: np.ndarray
    numbers: np.ndarray
    source: sources.DataSource
    skipped: dict  # reason -> how many files were not taken

    def __len__(self):
        return len(self.images)

    def __str__(self):
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items() if count) or "none"
        people = len(np.unique(self.people))
        return f"{len(self):,} pictures of {people:,} people, from {self.source}; skipped: {skipped}"


def find_lfw():
    """Return (label, Path) of the folder or archive of LFW, or None if there is none."""
    places = [(label, folder, FOLDERS) for label, folder in sources.places().items()]
    kept = sources.scikit_learn_home() / "lfw_home"
    for label, folder, names in [*places, ("scikit-learn's lfw_home", kept, FOLDERS)]:
        for name in names:
            if (folder / name).is_dir():
                return f"{label}/{name}", folder / name
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                name = path.name.lower()
                if name.endswith(ENDINGS) and (name.startswith("lfw") or name == "archive.zip") and path.is_file():
                    return f"{label}/{path.name}", path
    return None


def load_lfw(height=32, width=32, crop=WHOLE, *, progress=True):
    """Return Faces of `height` x `width` px, or None if LFW is not there and no download was asked for.

    `crop` is (top, bottom, left, right) in parts of the picture, from 0 to 1. What cannot be read, is no portrait or
    has a name that leads elsewhere is skipped and counted. Raises ValueError for bad options, an archive that is none,
    or a source without any portrait; ConnectionError for a download that fails.
    """
    check_crop(height, width, crop)
    found = find_lfw()
    if found is None and sources.may_download():
        _download()
        found = find_lfw()
    if found is None:
        return None
    label, path = found
    source = sources.DataSource(path, label, _fingerprint(path))
    settings = f"{source.sha256} {height} {width} {tuple(float(v) for v in crop)}"
    cached = sources.cached(f"lfw-{hashlib.sha256(settings.encode()).hexdigest()[:16]}.npz")
    try:
        arrays = load_npz(cached)
    except (FileNotFoundError, ValueError):  # not there yet, or damaged
        arrays = _decode_all(path, height, width, crop, progress)
        save_npz(cached, arrays)
    skipped = dict(zip(arrays["reasons"].tolist(), arrays["counts"].tolist()))
    return Faces(arrays["images"], arrays["people"], arrays["numbers"], source, skipped)


def _decode_all(path, height, width, crop, progress):
    """Return the arrays that are cached: all portraits, decoded over the cores, in the order of their names."""
    skipped = {"stray files": 0, "hostile names": 0, "unreadable": 0, "duplicates": 0}

    def decode(member):
        person, number, file = member
        return person, number, _decode(file, height, width, crop)

    portraits = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding a JPEG needs no lock
        members = list(_members(path, skipped))
        decoded = pool.map(decode, members)
        for person, number, image in tqdm(decoded, total=len(members), desc="decoding LFW", file=sys.stdout, ncols=100,
                                          disable=not progress, mininterval=0.5):
            if image is None:
                skipped["unreadable"] += 1
            elif (person, number) in portraits:
                skipped["duplicates"] += 1
            else:
                portraits[person, number] = image
    if not portraits:
        raise ValueError(f"{path}: expected portraits such as Person_Name/Person_Name_0001.jpg, found none "
                         f"({', '.join(f'{n} {reason}' for reason, n in skipped.items())})")
    keys = sorted(portraits)
    return {"images": np.stack([portraits[key] for key in keys]), "people": np.array([person for person, _ in keys]),
            "numbers": np.array([number for _, number in keys]), "reasons": np.array(list(skipped)),
            "counts": np.array(list(skipped.values()))}


def _decode(file, height, width, crop):
    """Return the grey crop of an image file (Path or BytesIO), (height, width) uint8, or None if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                grey = image.convert("L")
    except Exception:  # a damaged file fails in a dozen ways
        return None
    return resized_crop(grey, height, width, crop)


def _members(path, skipped):
    """Yield (person, number, Path or BytesIO) for every portrait in a folder or an archive."""
    if path.is_dir():
        for file in sorted([*path.glob("*/*"), *path.glob("*/*/*")]):
            if file.is_file() and (key := _portrait(file.relative_to(path).as_posix(), file.stat().st_size, skipped)):
                yield *key, file
        return
    try:
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not info.is_dir() and (key := _portrait(info.filename, info.file_size, skipped)):
                        yield *key, _content(lambda: archive.read(info))
        else:
            with tarfile.open(path, "r:gz") as archive:
                for info in archive:
                    if info.isdir():
                        continue
                    if not info.isfile():
                        skipped["hostile names"] += 1  # a link
                    elif key := _portrait(info.name, info.size, skipped):
                        yield *key, _content(lambda: archive.extractfile(info).read())
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole .zip, .tgz or .tar.gz of LFW, could not read it ({error}); get it "
                         "again") from error


def _portrait(name, size, skipped):
    """Return (person, number) of a member's name, or None, counted, if it is no portrait's."""
    name = name.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name:
        skipped["hostile names"] += 1
        return None
    match = PORTRAIT.search(name)
    if not match or size > MOST_BYTES:
        skipped["stray files"] += 1
        return None
    return match[1], int(match[2])


def _content(read):
    """Return read() as a file; an empty one, which no picture is, if the member is damaged."""
    try:
        return io.BytesIO(read())
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return io.BytesIO()


def _fingerprint(path):
    """Return 16 digits that change when an archive's content, or a folder's names, sizes or times do."""
    if path.is_file():
        return sources.describe(path).sha256
    digest = hashlib.sha256()
    for file in sorted([*path.glob("*/*"), *path.glob("*/*/*")]):
        status = file.stat()
        digest.update(f"{file.relative_to(path)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _download():
    """Have scikit-learn download the funneled pictures into its lfw_home, checked by it."""
    from sklearn.datasets import fetch_lfw_people  # loaded late: it takes a second

    with sources.time_limit(sources.DOWNLOAD_TIMEOUT):
        try:
            fetch_lfw_people(data_home=sources.scikit_learn_home(), min_faces_per_person=500, resize=0.1)
        except OSError as error:
            raise ConnectionError(f"LFW: expected to download it through scikit-learn, could not ({error}); try again "
                                  "later, or unset SMAI_DOWNLOAD to go on without it") from error
