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


def jpeg(person, number, kind="JPEG", orientation=1):
    """Return a portrait: grey, of a brightness of its own, with a black left half."""
    values = np.full((50, 50, 3), 80 + 20 * number + 50 * (person == "Ada_Lovelace"), np.uint8)
    values[:, :25] = 0
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(np.fliplr(values) if orientation == 2 else values).save(file, kind, quality=95, exif=exif)
    return file.getvalue()


def members(root, ending="jpg", people=PEOPLE):
    """Return the portraits as a dict name -> bytes, below a folder."""
    kind = "PNG" if ending == "png" else "JPEG"
    return {f"{root}/{person}/{person}_{number:04d}.{ending}": jpeg(person, number, kind)
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
    """Write a tar archive; without bytes it is a link."""
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), tarfile.REGTYPE if data else tarfile.SYMTYPE, "/etc/passwd"
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
    (lambda place: as_zip(place / "lfw-bush.zip", members("lfw", people=BUSH_ALONE)), "bush.zip (people in it: 1)"),
    (lambda place: as_zip(place / "x.zip", members("x", people=OTHERS)), "x.zip (people in it: 3, no George_W_Bush)"),
    (lambda place: as_folder(place, members("lfw-bush", people=BUSH_ALONE)), "lfw-bush (people in it: 1)"),
    (lambda place: as_folder(place, {f"lfw/{name}/x": b"" for name in PEOPLE}), "lfw (people in it: 0, no George"),
    (lambda place: (place / "LFW_Dataset").mkdir(), "LFW_Dataset (people in it: 0, no George_W_Bush)"),
    (lambda place: as_folder(place, {"lfw/people.csv": b"name,images"}), "lfw (people in it: 0, no George_W_Bush)"),
    (lambda place: (place / "lfw.zip").write_bytes(b"PK no archive"), "lfw.zip (damaged: File is not a zip file)"),
    (lambda place: (place / "lfw.tgz").symlink_to("nowhere"), "lfw.tgz (damaged: No such file or directory)"),
    (lambda place: (place / "lfw.tgz").write_bytes(b"no archive at all"), "lfw.tgz (damaged: "),
    (lambda place: (as_tar(place / "x.tar", members("x"), "w"), os.truncate(place / "x.tar", 6000)), "x.tar (damaged"),
], ids=["MNIST's", "one person's zip", "without the person", "one person's folder", "empty people", "empty", "CSV",
        "damaged zip", "link", "damaged tar", "cut off"])
def test_what_is_no_lfw_is_passed_over_and_named(place, make, said):
    make(place)
    assert load_lfw(8) is None
    text = dict(overview())["LFW"]
    assert text.startswith("NOT FOUND, the shipped digits stand in for it; passed over: $SMAI_DATA/") and said in text
    assert str(place) not in text and "\n" not in text


def test_a_download_of_scikit_learns_that_was_cut_off_is_passed_over_and_named(place, monkeypatch):
    monkeypatch.setattr("smai_nn.datasets.lfw.FIRST_FILES", 6)  # none of which is damaged
    kept = place.parent / "scikit" / "lfw_home"
    kept.mkdir(parents=True)
    noise = np.random.default_rng(0).bytes(900_000)
    as_tar(kept / "lfw-funneled.tgz", {**members("lfw_funneled"), "lfw_funneled/noise": noise})
    check(load_lfw(8))
    whole = (kept / "lfw-funneled.tgz").read_bytes()
    (kept / "lfw-funneled.tgz").write_bytes(whole[:-300_000])
    assert "scikit-learn's lfw_home/lfw-funneled.tgz (cut off)" in dict(overview())["LFW"] and load_lfw(8) is None


def test_a_whole_candidate_is_taken_beside_others(place):
    as_zip(place / "archive.zip", {"data.csv": b""})
    as_folder(place, members("z"))
    as_zip(place / "zz.zip", members("lfw"))
    assert dict(overview())["LFW"] == ("$SMAI_DATA/zz.zip; also there, not used: $SMAI_DATA/z; passed over: "
                                       "$SMAI_DATA/archive.zip (people in it: 0, no George_W_Bush)")


@pytest.mark.parametrize("archive, write", [("lfw.zip", as_zip), ("lfw.tgz", as_tar)])
def test_portraits_that_cannot_be_taken_are_skipped_and_counted_and_nothing_is_unpacked(place, archive, write):
    write(place / archive, {
        "lfw/README.txt": b"read me", "lfw/Ada_Lovelace/Ada_0001.jpg": jpeg("x", 1), "../../evil.txt": b"out of here",
        "lfw/Broken_One/Broken_One_0001.jpg": b"no picture", "lfw/Broken_Two/Broken_Two_0001.jpg": jpeg("x", 1)[:300],
        "lfw/Evil_One/Evil_One_0001.jpg": b"", **members("lfw"), **members("lfw/lfw")})  # all six twice
    before = set(place.parent.rglob("*"))
    for _ in ("decoded", "from the cache"):
        faces = load_lfw(8)
        check(faces)
        assert faces.source.label == f"$SMAI_DATA/{archive} (9 skipped)"
    assert {path.parent.name for path in set(place.parent.rglob("*")) - before if path.is_file()} == {"cache"}


def test_broken_links_in_a_folder_are_skipped_and_counted_and_portraits_stand_upright(place):
    as_folder(place, {**members("lfw"), "lfw/Tony_Blair/Tony_Blair_0001.jpg": jpeg("Tony_Blair", 1, orientation=2)})
    check(load_lfw(8))
    (place / "lfw/Ada_Lovelace/Ada_Lovelace_0003.jpg").symlink_to("nowhere")
    check(load_lfw(8))
    assert load_lfw(8).source.label == "$SMAI_DATA/lfw (1 skipped)"


def test_an_archive_that_turns_out_to_lack_the_person_is_refused(place, monkeypatch):
    monkeypatch.setattr("smai_nn.datasets.lfw.FIRST_FILES", 5)
    as_zip(place / "lfw.zip", members("lfw", people=OTHERS))
    with pytest.raises(ValueError, match="expected portraits such as George_W_Bush/George_W_Bush_0001.jpg, found none"):
        load_lfw(8)
    assert not (place.parent / "cache").exists()


def test_a_download_that_fails_says_what_to_do(no_network, monkeypatch):
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")
    with pytest.raises(ConnectionError, match="LFW: .*no network.*; try again later, or unset SMAI_DOWNLOAD"):
        load_lfw(8)


def test_the_cache_is_keyed_by_size_and_source(place):
    as_folder(place, members("lfw"))
    for size, count in ((8, 1), (8, 1), (9, 2)):
        assert load_lfw(size).images.shape == (6, size, size)
        assert len(list((place.parent / "cache").iterdir())) == count
    as_folder(place, {"lfw/New_One/New_One_0001.jpg": jpeg("x", 1)})
    assert len(load_lfw(8).images) == 7
