"""Files that appear whole or not at all: written beside the target, then renamed over it."""

import contextlib
import json
import time
import uuid
from pathlib import Path

import numpy as np


def write_atomically(path, write):
    """Call `write(binary_file)` on a new file beside `path`, then rename it to `path`; return the Path.

    A process killed at any moment leaves the old file or the new one, at worst also a `.part` file. Folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("wb") as file:
            write(file)
        for pause in (0.01, 0.05, 0.2, 0.75):  # seconds: Windows refuses while another program reads the old file
            with contextlib.suppress(PermissionError):
                return part.replace(path)
            time.sleep(pause)
        return part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def save_text(path, text):
    """Write `text` as UTF-8, atomically. Returns the Path."""
    return write_atomically(path, lambda file: file.write(text.encode()))


def save_json(path, content):
    """Write `content` as indented JSON, atomically. Returns the Path."""
    return save_text(path, to_json(content, indent=2) + "\n")


def to_json(content, indent=None):
    """Return `content` as strict JSON: NumPy's scalars and arrays as numbers and lists, paths as text, NaN as null."""
    without_nan = json.loads(json.dumps(content, default=_plain), parse_constant=lambda name: None)
    return json.dumps(without_nan, indent=indent, allow_nan=False)


def _plain(value):
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def load_json(path):
    """Read a JSON file. Raises FileNotFoundError, or ValueError if it is not JSON."""
    return json.loads(existing(path).read_text(encoding="utf-8"))


def save_npz(path, arrays, *, compressed=False):
    """Write a dict of arrays as .npz, atomically. Returns the Path."""
    save = np.savez_compressed if compressed else np.savez
    return write_atomically(path, lambda file: save(file, **arrays))


def load_npz(path):
    """Read a .npz file into a dict of arrays, never unpickling. Raises FileNotFoundError, or ValueError if damaged."""
    path = existing(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds files that are no arrays")
        return arrays
    except Exception as error:  # a damaged archive fails in a dozen ways, from zlib's to the tokenizer's
        raise ValueError(f"{path}: expected an .npz archive of plain arrays, got one that is damaged or something else "
                         f"({error}); save it again") from error


def existing(path):
    """Return the Path of a file. Raises FileNotFoundError saying what is there instead."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file, found {'a folder' if path.is_dir() else 'nothing'} there")
    return path
