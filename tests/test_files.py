"""Files that appear whole or not at all, and what is said about damaged ones."""

import pickle
import re
import stat
from pathlib import Path

import numpy as np
import pytest

from smai_nn.files import load_json, load_npz, save_json, save_npz, save_text, write_atomically

ARRAYS = {"weights": np.arange(6.0).reshape(2, 3), "steps": np.array(7), "name": np.array("run"), "empty": np.empty(0)}


def assert_same_values(received):
    for name, array in received.items():
        np.testing.assert_array_equal(array, ARRAYS[name])
        assert array.dtype == ARRAYS[name].dtype


@pytest.mark.parametrize("error", [RuntimeError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_writer_that_raises_leaves_the_old_content_and_no_part_file(tmp_path, error):
    def write(file):
        file.write(b"new, but only hal")
        raise error

    path = save_text(tmp_path / "notes.txt", "old")
    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_raises_makes_no_file(tmp_path):
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "notes.txt", lambda file: file.write("text in a binary file"))
    assert list(tmp_path.iterdir()) == []


def test_the_old_content_is_there_until_the_new_one_is_complete(tmp_path):
    path = save_text(tmp_path / "notes.txt", "old")
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_text())

    write_atomically(path, write)
    assert seen == ["old"] and path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made_and_everyone_may_read_the_file(tmp_path):
    path = save_text(str(tmp_path / "a" / "b" / "notes.txt"), "naïve")
    assert path == tmp_path / "a" / "b" / "notes.txt"
    assert path.read_bytes() == "naïve".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_folder_in_the_way_is_not_replaced(tmp_path):
    (tmp_path / "notes.txt").mkdir()
    with pytest.raises(OSError):
        save_text(tmp_path / "notes.txt", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_npz_gives_back_the_same_arrays(tmp_path):
    received = load_npz(save_npz(tmp_path / "arrays.npz", ARRAYS))
    assert list(received) == list(ARRAYS)
    assert_same_values(received)


def test_json_gives_back_plain_values(tmp_path):
    content = {"loss": np.float32(0.5), "epochs": np.int64(3), "converged": np.bool_(True),
               "curve": np.array([[1, 2], [3, 4]]), "folder": Path("runs") / "a", "name": "ünï", "none": None}
    path = save_json(tmp_path / "metrics.json", content)
    assert load_json(path) == {"loss": 0.5, "epochs": 3, "converged": True, "curve": [[1, 2], [3, 4]],
                               "folder": "runs/a", "name": "ünï", "none": None}


def test_json_of_anything_else_raises_and_leaves_the_old_file(tmp_path):
    path = save_json(tmp_path / "metrics.json", {"loss": 1})
    with pytest.raises(TypeError, match="cannot write set as JSON"):
        save_json(path, {"loss": {1, 2}})
    assert load_json(path) == {"loss": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{", b"{'loss': 1}", b"\xff\xfe\x00"])
def test_what_is_not_json_raises_naming_the_file(tmp_path, content):
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.json: expected JSON, got something else"):
        load_json(path)


@pytest.mark.parametrize("load", [load_json, load_npz])
def test_a_missing_file_raises_saying_what_is_there(tmp_path, load):
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'absent'}: expected a file, found nothing")):
        load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path}: expected a file, found a folder there")):
        load(tmp_path)


def test_an_npz_cut_off_anywhere_raises(tmp_path):
    path = save_npz(tmp_path / "arrays.npz", {"weights": ARRAYS["weights"]})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"arrays\.npz: expected an \.npz archive of plain arrays"):
            load_npz(path)


def test_an_npz_with_a_bit_flipped_anywhere_never_gives_other_values(tmp_path):
    """It raises, or what is read is right; an archive's directory, which has no checksum, may lose a name."""
    path = save_npz(tmp_path / "arrays.npz", {"weights": ARRAYS["weights"], "steps": ARRAYS["steps"]})
    whole, refused = path.read_bytes(), 0
    for i in range(len(whole)):
        damaged = bytearray(whole)
        damaged[i] ^= 1 << i % 8
        path.write_bytes(damaged)
        try:
            assert_same_values(load_npz(path))
        except ValueError:
            refused += 1
    assert refused > len(whole) / 2


def test_an_npz_marked_as_encrypted_raises_as_any_other_damaged_file(tmp_path):
    """The lowest bit of the flags in the first entry of the archive's directory."""
    path = save_npz(tmp_path / "arrays.npz", ARRAYS)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"arrays\.npz: expected an \.npz archive of plain arrays"):
        load_npz(path)


class Intruder:
    """What a pickle can do when it is loaded: leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [
    lambda path, intruder: path.write_bytes(pickle.dumps(intruder)),
    lambda path, intruder: np.savez(path, a=np.ones(2), b=np.array([intruder], dtype=object)),
    lambda path, intruder: path.write_bytes(np.random.default_rng(0).bytes(1000)),
], ids=["pickle", "pickle in npz", "random bytes"])
def test_nothing_is_unpickled(tmp_path, write):
    path = tmp_path / "arrays.npz"
    write(path, Intruder(tmp_path / "intruder"))
    with pytest.raises(ValueError, match=r"arrays\.npz: expected an \.npz archive of plain arrays"):
        load_npz(path)
    assert not (tmp_path / "intruder").exists()
