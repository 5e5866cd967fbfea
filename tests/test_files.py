"""Files that appear whole or not at all, and what is said about damaged ones."""

import contextlib
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from smai_nn.files import load_json, load_npz, save_json, save_npz, save_text, write_atomically

ARRAYS = {"weights": np.arange(6.0).reshape(2, 3), "steps": np.array(7), "name": np.array("run"), "empty": np.empty(0)}


@pytest.mark.parametrize("error", [RuntimeError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("old", ["old", None])
def test_a_writer_that_raises_leaves_what_was_there_and_no_part_file(tmp_path, error, old):
    def write(file):
        file.write(b"new, but only hal")
        raise error

    path = tmp_path / "notes.txt"
    if old:
        save_text(path, old)
    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"notes.txt": old} if old else {})


def test_missing_folders_are_made(tmp_path):
    path = save_text(str(tmp_path / "a" / "notes.txt"), "naïve")
    assert path == tmp_path / "a" / "notes.txt" and path.read_bytes() == "naïve".encode()


@pytest.mark.parametrize("refusals", [1, 4, 5])
def test_a_moment_of_windows_sharing_violations_loses_nothing(tmp_path, monkeypatch, refusals):
    replace, pauses = os.replace, []

    def reluctant(source, target):
        if len(pauses) < refusals:
            raise PermissionError("it is being used by another process")
        replace(source, target)

    path = save_text(tmp_path / "notes.txt", "old")
    monkeypatch.setattr(os, "replace", reluctant)
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(PermissionError) if refusals == 5 else contextlib.nullcontext():  # more than about a second
        save_text(path, "new")
    assert 0 < sum(pauses) < 1.2 and (sum(pauses) > 0.9 or refusals == 1)
    assert path.read_text() == ("old" if refusals == 5 else "new") and list(tmp_path.iterdir()) == [path]


def test_json_is_plain_and_strict_with_null_for_what_is_no_number(tmp_path):
    content = {"loss": np.float32(0.5), "epochs": np.int64(3), "converged": np.bool_(True), "nan": [np.nan, np.inf],
               "curve": np.array([[1, np.nan], [3, 4]]), "folder": Path("runs") / "a", "name": "ünï", "none": None}
    path = save_json(tmp_path / "metrics.json", content)
    assert load_json(path) == {"loss": 0.5, "epochs": 3, "converged": True, "nan": [None, None],
                               "curve": [[1, None], [3, 4]], "folder": "runs/a", "name": "ünï", "none": None}
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        save_json(path, {"loss": {1, 2}})


def test_a_missing_file_raises_saying_what_is_there(tmp_path):
    for path, kind in ((tmp_path / "absent", "nothing"), (tmp_path, "a folder")):
        with pytest.raises(FileNotFoundError, match=re.escape(f"{path}: expected a file, found {kind} there")):
            load_npz(path)


def test_an_npz_cut_off_anywhere_is_refused(tmp_path):
    path = save_npz(tmp_path / "arrays.npz", ARRAYS, compressed=True)
    for name, array in load_npz(path).items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"arrays\.npz: expected an \.npz archive of plain arrays"):
            load_npz(path)


def test_nothing_is_unpickled(tmp_path):
    harmless = np.array([{"any": "object"}], dtype=object)
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(harmless))
    np.savez(tmp_path / "within.npz", a=np.ones(2), b=harmless)
    for name in ("pickle.npz", "within.npz"):
        with pytest.raises(ValueError, match=f"{name}: expected an .npz archive of plain arrays"):
            load_npz(tmp_path / name)
