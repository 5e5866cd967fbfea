"""Where data come from: the order of places, what is searched, what is said of it, and the cache."""

import os

import numpy as np
import pytest

from smai_nn.datasets import overview, sources

COURSE = ("Q1/border.png", "Q2/smiley.png", "Q2/cat.jpg", *(f"Q2/blurred/blur_{level}.png" for level in range(10)),
          *(f"Q3/LFW_Dataset/{name}/{name}_0001.jpg" for name in ("Ada_Lovelace", "George_W_Bush", "Tony_Blair")))


def put(folder, *names, content=b"whatever"):
    """Write files, with their folders."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_what_smai_data_has_comes_before_an_own_file_in_data_and_that_before_what_ships(tmp_path, place, monkeypatch):
    shipped = (sources.ROOT / "data/border.png").read_bytes()
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"border.png: expected it in \$SMAI_DATA or data/"):
        sources.find_file("border.png")
    put(tmp_path, "data/border.png", "own/border.png", content=shipped)
    assert sources.find_file("border.png").label == "$SMAI_DATA/border.png"
    put(tmp_path, "data/x/border.png")
    assert sources.find_file("border.png").label == "data/x/border.png"
    put(place, "Q1/Border.PNG")
    assert sources.find_file("border.png").label == "$SMAI_DATA/Q1/Border.PNG"


def test_the_shallowest_wins_then_the_first_by_alphabet_four_levels_deep(place):
    for name in ("1/2/3/4/5/cat.jpg", ".hidden/cat.jpg", "1/2/3/4/cat.jpg", "b/cat.jpg", "a/cat.jpg", "cat.jpg"):
        put(place, name)
        expected = "data/cat.jpg" if "5" in name or name[0] == "." else f"$SMAI_DATA/{name}"
        assert sources.find_file("cat.jpg").label == expected


@pytest.mark.parametrize("value", ["{}/absent", "{}/file", "'{}/own'", "{}/own "])
def test_a_bad_smai_data_is_an_error_at_once(tmp_path, monkeypatch, value):
    put(tmp_path, "file", "own/border.png")
    monkeypatch.setenv("SMAI_DATA", value.format(tmp_path))
    with pytest.raises(ValueError, match="SMAI_DATA: expected the path of a folder without quotes or blanks.*, got"):
        overview()


def test_a_replay_looks_in_data_alone(place, monkeypatch):
    put(place, *COURSE, "mnist.npz")
    monkeypatch.setenv("SMAI_RUN", "replay")
    assert all(text.startswith(("data/", "NOT FOUND, the shipped digits")) for _, text in overview())


def test_the_table_of_shipped_pictures_is_right():
    pictures = [path for path in (sources.ROOT / "data").iterdir() if path.suffix in (".png", ".jpg")]
    assert {f"{sources.describe(path).sha256}  {path.name}" for path in pictures} == {
        line[:16] + line[64:] for line in sources.SHIPPED.splitlines()}


def test_substitutes_are_called_so():
    *pictures, digits, faces = dict(overview()).values()
    assert pictures == [f"data/{name}, A SUBSTITUTE for the course's" for name in (
        "border.png", "smiley.png", "cat.jpg", "blur_0.jpg to 10 (11 pictures)")]
    assert digits.startswith("data/mnist_5k.npz, A PART OF MNIST") and faces.startswith("NOT FOUND, the shipped digits")


@pytest.mark.parametrize("inside", ["", "Assignment 3/", "Q-20250901T0909-1-001/"])
def test_the_courses_download_is_found_as_it_is_unpacked_and_nothing_of_it_is_decoded(place, inside):
    put(place, *(inside + name for name in COURSE), content=b"damaged")
    assert [text for name, text in overview() if name != "MNIST"] == [f"$SMAI_DATA/{inside}{name}" for name in (
        "Q1/border.png", "Q2/smiley.png", "Q2/cat.jpg", "Q2/blurred/blur_0.png to 9 (10 pictures)", "Q3/LFW_Dataset")]


def test_doubles_are_named(place):
    put(place, "Q1/border.png", "copy/border.png")
    (place / "border.png").symlink_to("nowhere")  # skipped
    assert overview()[0][1] == "$SMAI_DATA/Q1/border.png; also there, not used: $SMAI_DATA/copy/border.png"


@pytest.mark.parametrize("trouble", ["folder is a file", "damaged", "full disk"])
def test_a_cache_that_is_damaged_or_cannot_be_written_is_done_without(tmp_path, trouble):
    resource = pytest.importorskip("resource")  # POSIX's
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if trouble == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    else:
        put(tmp_path, "cache" if trouble == "folder is a file" else "cache/x.npz")
    try:
        assert sources.kept("x.npz", dict, {"a": np.ones(10_000)})["a"].sum() == 10_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "cache").is_dir() or os.listdir(tmp_path / "cache") == ["x.npz"] * (trouble == "damaged")
    assert sources.kept("x.npz", dict, {"a": np.zeros(1)})["a"].sum() == (10_000 if trouble == "damaged" else 0)
