"""Labeled Faces in the Wild: portraits by person, from a folder or an archive, as small grey crops.

Looked for in $SMAI_DATA and data/, whatever its name: a folder of people's folders, or an archive of one (.zip, .tar,
.tgz, .tar.gz), read in place; then in scikit-learn's `lfw_home`; then a download, if $SMAI_DOWNLOAD is 1. The crops are
kept in the cache folder, keyed by source and settings. Source: assignment section 3.2.
"""

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import re
import sys
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from smai_nn.datasets import sources
from smai_nn.datasets.images import check_crop, resized_crop

NORMAL = "George_W_Bush"  # the person whose pictures the assignment asks for
FEWEST_PEOPLE = 3  # with fewer it is a part that somebody has picked, not LFW
FIRST_NAMES = 400  # of an archive, that tell what it is: to see all, a tar has to be unpacked
MOST_BYTES = 500_000_000  # of a tar that is looked into; LFW's own have up to 250 MB
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError, RuntimeError)
PORTRAIT = re.compile(r"(?:^|/)([^/]+)/\1_(\d{4})\.(?:jpe?g|png)$", re.IGNORECASE)  # Person_Name/Person_Name_0001.jpg
PICTURES = re.compile(r"(border\.png|smiley\.png|cat\.jpg|blur_0\.\w+)$")  # the course's other files
SKIPPED = ("stray files", "broken links", "duplicates", "unreadable")  # why files are not taken
WHOLE = (0.0, 1.0, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Faces:
    """Portraits: `images` (n, height, width) uint8, `people` (n,) names and `numbers` (n,), sorted by both."""

    images: np.ndarray
    people: np.ndarray
    numbers: np.ndarray
    source: sources.DataSource
    skipped: dict  # reason -> how many files were not taken

    def __str__(self):
        skipped = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items() if count) or "none"
        people = len(np.unique(self.people))
        return f"{len(self.images):,} pictures of {people:,} people, from {self.source}; skipped: {skipped}"


def find_lfw():
    """Return (label, Path) of the folder or archive of LFW, or None if there is none."""
    return next(((label, path) for label, path, reason in lfw_candidates() if not reason), None)


def lfw_candidates():
    """Yield (label, Path, reason) of what may be LFW, in order; the reason is why it is not, "" if it is."""
    kept = {} if sources.is_replay() else {"scikit-learn's lfw_home": sources.scikit_learn_home() / "lfw_home"}
    for label, folder, subfolders, files in sources.walk(sources.places() | kept):
        if NORMAL in subfolders:
            portraits = any(PORTRAIT.search(path.as_posix()) for path in (folder / NORMAL).glob("*"))
            yield label, folder, "" if portraits and len(subfolders) >= FEWEST_PEOPLE else (
                f"people in it: {len(subfolders)}" + f", no portrait of {NORMAL}" * (not portraits))
        elif "lfw" in folder.name.lower() and not any("lfw" in name.lower() for name in subfolders):
            yield label, folder, f"no folder {NORMAL} in it"
        for name in files:
            if name.lower().endswith(ARCHIVES):
                yield f"{label}/{name}", folder / name, _why_not(folder / name)
            elif "lfw" in name.lower() and not (folder / name).exists():
                yield f"{label}/{name}", folder / name, "a broken link"


def _why_not(archive):
    """Return why an archive is not LFW, or "" if it is."""
    is_tar = archive.suffix.lower() != ".zip"
    try:
        if is_tar and (size := archive.stat().st_size) > MOST_BYTES:
            return "larger than LFW"
        names = [name for name, _ in itertools.islice(_files(archive), FIRST_NAMES)]
        # A tar ends with zeros, gzip with the length of its content, a number of whole blocks.
        if is_tar and np.fromfile(archive, "<u4", offset=size - 4)[0] % tarfile.BLOCKSIZE:
            return "cut off"
    except DAMAGE as error:
        return f"damaged: {getattr(error, 'strerror', None) or str(error).partition(chr(10))[0]}"  # no path, one line
    people = {match[1] for name in names if (match := PORTRAIT.search(name))}
    if len(people) >= FEWEST_PEOPLE and (NORMAL in people or len(names) == FIRST_NAMES):
        return ""
    pictures = sorted({match[0] for name in names if (match := PICTURES.search(name))})
    who = f"people in it: {len(people)}" + f", no {NORMAL}" * (NORMAL not in people)
    return f"unpack it for its {', '.join(pictures)}" if pictures else who


def load_lfw(height=32, width=32, crop=WHOLE, *, progress=True):
    """Return Faces of `height` x `width` px, or None if LFW is not there and no download was asked for.

    `crop` is (top, bottom, left, right) in parts of the picture, from 0 to 1. What cannot be read or is no portrait is
    skipped and counted. Raises ValueError for bad options, a damaged archive, or a source without the assignment's
    person; ConnectionError for a download that fails.
    """
    check_crop(height, width, crop)
    found = find_lfw()
    if found is None and sources.may_download():
        from sklearn.datasets import fetch_lfw_people  # loaded late: it takes a second

        sources.fetch("LFW", fetch_lfw_people, min_faces_per_person=500, resize=0.1)
        found = find_lfw()
    if found is None:
        return None
    label, path = found
    source = sources.DataSource(path, label, _fingerprint(path))
    settings = f"{source.sha256} {height} {width} {tuple(float(v) for v in crop)}"
    name = f"faces-{hashlib.sha256(settings.encode()).hexdigest()[:16]}.npz"
    arrays = sources.kept(name, _decode_all, path, (height, width, crop), progress)
    skipped = dict(zip(SKIPPED, arrays.pop("skipped").tolist()))
    return Faces(**arrays, source=source, skipped=skipped)


def _decode_all(path, options, progress):
    """Return the arrays that are cached: all portraits, decoded over the cores, in the order of their names."""
    skipped = dict.fromkeys(SKIPPED, 0)
    images = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding a JPEG needs no lock
        try:
            for name, file in _files(path):
                match = PORTRAIT.search(name)
                key = match and (match[1], int(match[2]))
                if reason := ("stray files" if match is None else "broken links" if file is None else
                              "duplicates" if key in images else ""):
                    skipped[reason] += 1
                else:
                    images[key] = pool.submit(_decode, file.read(), *options)
        except DAMAGE as error:
            raise ValueError(f"{path}: expected a whole folder or archive of LFW, could not read it ({error}); get it "
                             "again") from error
        for key in tqdm(sorted(images), "decoding LFW", mininterval=0.5, file=sys.stdout, disable=not progress):
            if (image := images.pop(key).result()) is None:
                skipped["unreadable"] += 1
            else:
                images[key] = image  # at the end: the dict's order is now that of the names
    if NORMAL not in (person for person, _ in images):
        raise ValueError(f"{path}: expected portraits such as {NORMAL}/{NORMAL}_0001.jpg, found none in {len(images)} "
                         f"({', '.join(f'{n} {reason}' for reason, n in skipped.items())}); get it again")
    return {"images": np.stack(list(images.values())), "people": np.array([person for person, _ in images]),
            "numbers": np.array([number for _, number in images]), "skipped": np.array(list(skipped.values()))}


def _decode(content, height, width, crop):
    """Return the grey crop of an image file's bytes, (height, width) uint8, or None if they cannot be read."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return resized_crop(ImageOps.exif_transpose(image).convert("L"), height, width, crop)
    except Exception:  # a damaged file fails in a dozen ways
        return None


def _files(path):
    """Yield (name, opened file) of all files in a folder of people or in an archive; (name, None) for a broken link."""
    if path.is_dir():
        for file in sorted(path.glob("*/*")):
            with file.open("rb") if file.is_file() else contextlib.nullcontext() as opened:
                yield file.relative_to(path).as_posix(), opened
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, archive.open(info)
    else:
        with tarfile.open(path) as archive:
            for info in archive:
                if not info.isdir():
                    yield info.name, archive.extractfile(info) if info.isfile() else None
            if archive.fileobj.read().strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError("a file's name or size is damaged")


def _fingerprint(path):
    """Return 16 digits that change when an archive's content, or a folder's names, sizes or times do."""
    if path.is_file():
        return sources.describe(path).sha256
    digest = hashlib.sha256()
    for file in sorted(path.glob("*/*")):
        status = file.lstat()
        digest.update(f"{file.relative_to(path).as_posix()} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
