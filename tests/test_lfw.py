"""LFW from every kind of source, made small, with what is damaged, stray or none of it."""

import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import overview
from smai_nn.datasets.lfw import load_lfw

PEOPLE = {"Ada_Lovelace": 2, "George_W_Bush": 3, "Tony_Blair": 1}
OTHERS = {"Ada_Lovelace": 1, "Grace_Hopper": 1, "Tony_Blair": 3}


def jpeg(person, number):
    """Return a portrait: grey, of a brightness of its own, with a black left half."""
    values, file = np.full((50, 50, 3), 80 + 20 * number + 50 * (person == "Ada_Lovelace"), np.uint8), io.BytesIO()
    values[:, :25] = 0
    Image.fromarray(values).save(file, "JPEG", quality=95)
    return file.getvalue()


def members(root, ending="jpg", people=PEOPLE):
    """Return the portraits as a dict name -> bytes, below a folder."""
    return {f"{root}/{person}/{person}_{number:04d}.{ending}": jpeg(person, number)
            for person, count in people.items() for number in range(1, count + 1)}


def as_folder(place, content):
    """Write files."""
    for name, data in content.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)


def as_zip(path, content):
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def as_tar(path, content, mode="w:gz"):
    """Write a tar archive."""
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def check(faces):
    """Check that the six portraits are there, in order, and right."""
    assert faces.people.tolist() == ["Ada_Lovelace"] * 2 + ["George_W_Bush"] * 3 + ["Tony_Blair"]
    assert faces.images.shape == (6, 8, 8) and faces.images.dtype == np.uint8
    np.testing.assert_allclose(faces.images[:, 5, 7], [150, 170, 100, 120, 140, 100], atol=2)
    assert (faces.images[:, :, 0] < 5).all()


@pytest.mark.parametrize("make", [
    lambda place: as_folder(place, members("LFW_Dataset")),
    lambda place: as_folder(place, members("Q3-20250901T0909-1-001/Q3/LFW_Dataset/LFW_Dataset")),
    lambda place: as_folder(place, members(".")),  # SMAI_DATA names the people's folder itself
    lambda place: as_folder(place, members("archive/pictures", "JPG")),
    lambda place: as_folder(place, members("lfw", "png")),
    lambda place: as_folder(place.parent / "scikit" / "lfw_home", members("lfw_funneled")),
    lambda place: as_zip(place / "Q3-20250901T0909-1-001.zip", members("Q3/LFW_Dataset")),
    lambda place: as_zip(place / "archive.zip", {"names.csv": b"", **members("lfw-deepfunneled/lfw-deepfunneled"),
                                                 "__MACOSX/lfw/Ada_Lovelace/._Ada_Lovelace_0001.jpg": b"resource"}),
    lambda place: as_tar(place / "lfw-deepfunneled.tgz", members("lfw-deepfunneled")),
    lambda place: as_tar(place / "LFW.tar.gz", members("./lfw")),
    lambda place: as_tar(place / "faces.tar", members("lfw_funneled"), "w"),
], ids=["folder", "nested", "itself", "JPG", "png", "lfw_home", "Drive's zip", "archive.zip", "tgz", "tar.gz", "tar"])
def test_every_kind_of_source_is_recognised_by_what_is_in_it(place, make):
    make(place)
    check(load_lfw(8))


BUSH_ALONE = {"George_W_Bush": 3}


@pytest.mark.parametrize("make, said", [
    (lambda place: as_zip(place / "archive.zip", {"train-images.idx3-ubyte": b"1"}), "archive.zip (people in it: 0,"),
    (lambda place: as_zip(place / "x.zip", members("x", people=OTHERS)), "x.zip (people in it: 3, no George_W_Bush)"),
    (lambda place: as_folder(place, members("lfw-bush", people=BUSH_ALONE)), "lfw-bush (people in it: 1)"),
    (lambda place: (place / "LFW_Dataset").mkdir(), "LFW_Dataset (people in it: 0, no George_W_Bush)"),
    (lambda place: (place / "lfw.zip").write_bytes(b"PK no archive"), "lfw.zip (damaged: File is not a zip file)"),
    (lambda place: (place / "lfw.tgz").write_bytes(b"no archive at all"), "lfw.tgz (damaged: "),
    (lambda place: (as_tar(place / "x.tar", members("x"), "w"), os.truncate(place / "x.tar", 6000)), "x.tar (damaged"),
], ids=["MNIST's", "without the person", "one person", "empty", "damaged zip", "damaged tar", "cut off"])
def test_what_is_no_lfw_is_passed_over_and_named(place, make, said):
    make(place)
    assert load_lfw(8) is None
    text = dict(overview())["LFW"]
    assert text.startswith("NOT FOUND, ") and f"; passed over: $SMAI_DATA/{said}" in text
    assert str(place) not in text and "\n" not in text


def test_a_whole_candidate_is_taken_beside_others(place):
    as_zip(place / "archive.zip", {"data.csv": b""})
    as_folder(place, members("z"))
    as_zip(place / "zz.zip", members("lfw"))
    assert dict(overview())["LFW"] == ("$SMAI_DATA/z; passed over: $SMAI_DATA/archive.zip (people in it: 0, no "
                                       "George_W_Bush); also there, not used: $SMAI_DATA/zz.zip")


@pytest.mark.parametrize("archive, write", [("lfw.zip", as_zip), ("lfw.tgz", as_tar)])
def test_only_portraits_are_taken_and_nothing_is_unpacked(place, archive, write):
    write(place / archive, {"lfw/README.txt": b"read me", "lfw/Ada_Lovelace/Ada_0001.jpg": jpeg("x", 1),
                            "../../evil.txt": b"out of here", **members("lfw"), **members("lfw/lfw")})  # all six twice
    before = set(place.parent.rglob("*"))
    for _ in ("decoded", "from the cache"):
        check(load_lfw(8))
    assert {path.parent.name for path in set(place.parent.rglob("*")) - before if path.is_file()} == {"cache"}


def test_a_damaged_portrait_is_named(place):
    as_folder(place, {**members("lfw"), "lfw/Ada_Lovelace/Ada_Lovelace_0003.jpg": jpeg("x", 1)[:300]})
    with pytest.raises(ValueError, match="lfw: expected whole pictures, could not read .*Ada_Lovelace_0003.jpg"):
        load_lfw(8)


def test_a_download_is_asked_of_scikit_learn_if_wanted(no_network, monkeypatch):
    assert load_lfw(8) is None
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")
    with pytest.raises(OSError, match="no network"):
        load_lfw(8)


def test_the_cache_is_keyed_by_size_and_source(place):
    as_folder(place, members("lfw"))
    for size, count in ((8, 1), (8, 1), (9, 2)):
        assert load_lfw(size).images.shape == (6, size, size)
        assert len(list((place.parent / "cache").iterdir())) == count
    as_folder(place, {"lfw/New_One/New_One_0001.jpg": jpeg("x", 1)})
    assert len(load_lfw(8).images) == 7
