"""LFW from every kind of source, made small, with what is damaged, stray or hostile among it."""

import io
import tarfile
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import sources
from smai_nn.datasets.lfw import WHOLE, find_lfw, load_lfw

PEOPLE = {"George_W_Bush": 3, "Ada_Lovelace": 2}
TIGHT = (0.25, 0.75, 0.25, 0.75)


def jpeg(person, number):
    """Return a portrait: grey, of a brightness of its own, with a black left half."""
    values = np.full((50, 50, 3), 80 + 20 * number + 50 * (person == "Ada_Lovelace"), np.uint8)
    values[:, :25] = 0
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=95)
    return file.getvalue()


def members(root):
    """Return the portraits as a dict name -> bytes, below a folder."""
    return {f"{root}/{person}/{person}_{number:04d}.jpg": jpeg(person, number)
            for person, count in PEOPLE.items() for number in range(1, count + 1)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A second data folder, with caches elsewhere."""
    monkeypatch.setenv("SMAI_DATA", str(tmp_path / "more"))
    (tmp_path / "more").mkdir()
    return tmp_path / "more"


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


def as_tar(path, content):
    """Write a gzipped tar archive."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def check(faces):
    """Check that the five portraits are there, in order, and right."""
    assert faces.people.tolist() == ["Ada_Lovelace"] * 2 + ["George_W_Bush"] * 3
    assert faces.numbers.tolist() == [1, 2, 1, 2, 3]
    assert faces.images.shape == (5, 10, 8) and faces.images.dtype == np.uint8
    np.testing.assert_allclose(faces.images[:, 5, 7], [150, 170, 100, 120, 140], atol=2)
    assert (faces.images[:, :, 0] < 5).all()


@pytest.mark.parametrize("make", [
    lambda place: as_folder(place, members("lfw-deepfunneled")), lambda place: as_folder(place, members("lfw")),
    lambda place: as_folder(place, members("lfw-deepfunneled/lfw-deepfunneled")),
    lambda place: as_zip(place / "lfw.zip", members("lfw-deepfunneled/lfw-deepfunneled")),
    lambda place: as_zip(place / "archive.zip", members("lfw_funneled")),
    lambda place: as_tar(place / "lfw-deepfunneled.tgz", members("lfw-deepfunneled")),
    lambda place: as_tar(place / "LFW.tar.gz", members("./lfw")),
    lambda place: as_folder(place.parent / "scikit" / "lfw_home", members("lfw_funneled")),
], ids=["folder", "lfw", "nested", "zip", "archive.zip", "tgz", "tar.gz", "lfw_home"])
def test_every_kind_of_source(place, make):
    make(place)
    check(load_lfw(10, 8, progress=False))


def test_nothing_there_is_none(place):
    assert find_lfw() is None and load_lfw() is None


def test_crop_is_in_parts_of_the_picture(place):
    as_folder(place, members("lfw"))
    left, right = (load_lfw(4, 4, crop, progress=False).images for crop in ((0, 1, 0, 0.5), (0, 1, 0.5, 1)))
    assert (left[:, :, :3] < 10).all() and (right > 90).all()


HOSTILE = {"../../evil/evil_0001.jpg": jpeg("x", 1), "/etc/evil/evil_0001.jpg": jpeg("x", 1),
           "C:/evil/evil_0001.jpg": jpeg("x", 1)}
STRAY = {"lfw/README.txt": b"read me", "lfw/Ada_Lovelace/notes.txt": b"", "lfw/Ada_Lovelace/Ada_0001.jpg": jpeg("x", 1)}
UNREADABLE = {"lfw/Broken_One/Broken_One_0001.jpg": b"no picture",
              "lfw/Broken_Two/Broken_Two_0001.jpg": jpeg("x", 1)[:300]}


@pytest.mark.parametrize("archive, write", [("lfw.zip", as_zip), ("lfw.tgz", as_tar)])
def test_what_is_no_portrait_is_skipped_counted_and_never_written(place, archive, write):
    write(place / archive, {**HOSTILE, **STRAY, **UNREADABLE, **members("lfw")})
    before = {p for p in place.parent.rglob("*")}
    faces = load_lfw(10, 8, progress=False)
    check(faces)
    assert faces.skipped == {"stray files": 3, "hostile names": 3, "unreadable": 2, "duplicates": 0}
    written = {p for p in place.parent.rglob("*") if p.is_file()} - before
    assert {p.parent.name for p in written} == {"cache"} and len(written) == 1


def test_links_in_an_archive_are_not_followed(place):
    as_tar(place / "lfw.tgz", members("lfw"))
    with tarfile.open(place / "lfw.tgz") as archive:
        content = {m.name: archive.extractfile(m).read() for m in archive}
    with tarfile.open(place / "lfw.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("lfw/Evil_One/Evil_One_0001.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    faces = load_lfw(10, 8, progress=False)
    check(faces)
    assert faces.skipped["hostile names"] == 1


def test_duplicates_and_huge_members_are_skipped(place):
    as_folder(place, {**members("lfw"), **members("lfw/lfw"),
                      "lfw/Big_One/Big_One_0001.jpg": bytes(5_000_001)})
    faces = load_lfw(10, 8, progress=False)
    check(faces)
    assert faces.skipped["duplicates"] == 5 and faces.skipped["stray files"] == 1


@pytest.mark.parametrize("name", ["lfw.zip", "lfw.tgz"])
@pytest.mark.parametrize("kept", [0, 100, -400])
def test_damaged_archive_is_refused_or_read_as_far_as_it_goes(place, name, kept):
    (as_zip if name.endswith("zip") else as_tar)(place / name, members("lfw"))
    (place / name).write_bytes((place / name).read_bytes()[:kept])
    with pytest.raises(ValueError, match="expected a whole .zip, .tgz or .tar.gz of LFW"):
        load_lfw(10, 8, progress=False)
    assert not (place.parent / "cache").exists()


def test_download_that_fails_says_what_to_do(place, monkeypatch):
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")

    def fetch(**options):
        raise TimeoutError("timed out")

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", fetch)
    with pytest.raises(ConnectionError, match="could not .timed out.; try again later, or unset SMAI_DOWNLOAD"):
        load_lfw()


def test_download_that_was_asked_for_is_found(place, monkeypatch):
    monkeypatch.setenv("SMAI_DOWNLOAD", "1")
    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", lambda data_home, **options: as_folder(
        data_home / "lfw_home", members("lfw_funneled")))
    check(load_lfw(10, 8, progress=False))


def test_source_without_portraits_is_refused(place):
    as_folder(place, STRAY)
    with pytest.raises(ValueError, match="expected portraits such as Person_Name/Person_Name_0001.jpg, found none"):
        load_lfw(10, 8, progress=False)


def test_cache_is_keyed_by_settings_and_source(place):
    as_folder(place, members("lfw"))
    load_lfw(10, 8, progress=False)
    load_lfw(10, 8, progress=False)
    cache = place.parent / "cache"
    assert len(list(cache.iterdir())) == 1
    load_lfw(8, 8, progress=False)
    load_lfw(10, 8, TIGHT, progress=False)
    assert len(list(cache.iterdir())) == 3
    time.sleep(0.01)
    as_folder(place, {"lfw/New_One/New_One_0001.jpg": jpeg("x", 1)})
    assert len(load_lfw(10, 8, progress=False)) == 6 and len(list(cache.iterdir())) == 4


def test_damaged_cache_is_made_again(place):
    as_folder(place, members("lfw"))
    load_lfw(10, 8, progress=False)
    (path,) = (place.parent / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:200])
    check(load_lfw(10, 8, progress=False))
    assert [p for p in (place.parent / "cache").iterdir()] == [path] and path.stat().st_size > 200


def test_a_decoding_that_is_cut_short_leaves_nothing(place, monkeypatch):
    as_folder(place, members("lfw"))

    def cut(*arguments, **arrays):
        raise KeyboardInterrupt

    monkeypatch.setattr("numpy.savez", cut)
    with pytest.raises(KeyboardInterrupt):
        load_lfw(10, 8, progress=False)
    assert list((place.parent / "cache").iterdir()) == []


def test_cached_arrays_equal_the_decoded_ones(place):
    as_folder(place, members("lfw"))
    first, second = load_lfw(10, 8, progress=False), load_lfw(10, 8, progress=False)
    assert np.array_equal(first.images, second.images) and first.skipped == second.skipped
    assert first.source.label == second.source.label == "$SMAI_DATA/lfw"


@pytest.mark.parametrize("options, message", [
    ({"height": 0}, "height: expected a whole number >= 1"), ({"crop": (0.5, 0.4, 0, 1)}, "expected top < bottom"),
    ({"crop": (0, 2, 0, 1)}, "crop: bottom: expected a number")])
def test_bad_options(place, options, message):
    with pytest.raises(ValueError, match=message):
        load_lfw(**options)


def test_whole_is_the_default_crop(place):
    as_folder(place, members("lfw"))
    assert np.array_equal(load_lfw(10, 8, progress=False).images, load_lfw(10, 8, WHOLE, progress=False).images)
    assert sources.cached("x").parent.name == "cache"
