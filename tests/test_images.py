"""Reading pictures: sizes, modes, transparency, bad files; the blurred set."""

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import sources
from smai_nn.datasets.blur import find_blurred
from smai_nn.datasets.images import read_image

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def saved(folder, image, name="picture.png"):
    """Save a Pillow image and return its path."""
    image.save(folder / name)
    return folder / name


def test_right_size_and_mode_come_back_as_they_are(tmp_path):
    grey, notes = read_image(saved(tmp_path, Image.fromarray(GREY)), "Gray", 8)
    assert np.array_equal(grey, GREY) and grey.dtype == np.uint8 and notes == []
    colour, notes = read_image(saved(tmp_path, Image.fromarray(COLOUR)), "RGB", 8)
    assert np.array_equal(colour, COLOUR) and notes == []


def test_other_size_is_resized_and_said(tmp_path):
    flat = np.full((30, 20, 3), 77, np.uint8)
    image, notes = read_image(saved(tmp_path, Image.fromarray(flat)), "RGB", 16)
    assert image.shape == (16, 16, 3) and (image == 77).all()
    assert notes == ["resized from 20x30 to 16x16"]


def test_colour_becomes_grey_by_luminance(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    image, notes = read_image(saved(tmp_path, Image.fromarray(red)), "Gray", 4)
    assert (image == round(0.299 * 255)).all() and notes == ["converted from mode RGB to grey"]


def test_alpha_is_laid_over_white(tmp_path):
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 3] = 128
    image, notes = read_image(saved(tmp_path, Image.fromarray(half)), "RGB", 4)
    assert np.all(image == 127) and notes == ["transparent parts laid over white"]


@pytest.mark.parametrize("mode", ["P", "CMYK"])
def test_other_colour_modes_are_converted(tmp_path, mode):
    name = "picture.tif" if mode == "CMYK" else "picture.png"
    image, notes = read_image(saved(tmp_path, Image.fromarray(COLOUR).convert(mode), name), "RGB", 8)
    assert image.shape == (8, 8, 3) and notes == [f"converted from mode {mode} to RGB"]


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY.astype(np.uint16) * 257))
    assert np.array_equal(read_image(path, "Gray", 8)[0], GREY)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_rgb_of_a_grey_picture_is_refused(tmp_path, mode):
    path = saved(tmp_path, Image.fromarray(GREY).convert(mode))
    with pytest.raises(ValueError, match='expected a colour picture for image_type "RGB", got a grey one .*use'):
        read_image(path, "RGB", 8)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    whole = saved(tmp_path, Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)), "a.jpg")
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:1000])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("cut.jpg", "text.png", "empty.png"):
        with pytest.raises(ValueError, match=f"{name}: expected a whole image file"):
            read_image(tmp_path / name, "RGB")
    with pytest.raises(FileNotFoundError, match="expected an image file, found nothing there"):
        read_image(tmp_path / "none.png", "RGB")


@pytest.mark.parametrize("name, image_type, mode, size", [
    ("smiley.png", "Gray", "L", (256, 256)), ("cat.jpg", "RGB", "RGB", (300, 300)),
    *((f"blur_{i}.jpg", "RGB", "RGB", (256, 256)) for i in range(11))])
def test_shipped_pictures(name, image_type, mode, size):
    path = sources.find_file(name).path
    with Image.open(path) as image:
        assert (image.mode, image.size) == (mode, size)
    assert read_image(path, image_type)[0].shape[:2] == (256, 256)


def test_shipped_blur_loses_detail_level_by_level():
    found, missing = find_blurred()
    assert list(found) == list(range(11)) and missing == []
    detail = [np.abs(np.diff(read_image(found[level].path, "RGB")[0].astype(float), axis=0)).mean() for level in found]
    assert all(np.diff(detail) < 0)


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A project without data, and a function that puts blurred pictures into it."""
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(sources, "ROOT", tmp_path)

    def put(*names, folder=tmp_path / "data"):
        folder.mkdir(exist_ok=True)
        for name in names:
            Image.fromarray(COLOUR).save(folder / name)
    return put


def test_png_ending_and_missing_levels(own_data):
    own_data("blur_0.png", "blur_9.png", "blur_12.png")
    found, missing = find_blurred()
    assert {level: s.label for level, s in found.items()} == {0: "data/blur_0.png", 9: "data/blur_9.png"}
    assert missing == [1, 2, 3, 4, 5, 6, 7, 8, 10]


def test_own_png_files_replace_the_shipped_set_and_never_mix_with_it(own_data):
    own_data(*(f"blur_{i}.jpg" for i in range(11)), "blur_0.png", "blur_1.png")
    assert [s.label for s in find_blurred()[0].values()] == ["data/blur_0.png", "data/blur_1.png"]


def test_blurred_pictures_in_the_second_folder(own_data, tmp_path, monkeypatch):
    own_data("blur_3.jpg", folder=tmp_path / "more")
    monkeypatch.setenv("SMAI_DATA", str(tmp_path / "more"))
    assert find_blurred()[0][3].label == "$SMAI_DATA/blur_3.jpg"


def test_no_blurred_picture_at_all(own_data):
    with pytest.raises(FileNotFoundError, match="blur_0.jpg to blur_10.jpg: expected them"):
        find_blurred()
