"""Reading pictures: sizes, modes, transparency, orientation, bad files; crops; the blurred set."""

import io

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import sources
from smai_nn.datasets.images import crop_pictures, find_blurred, read_image

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def saved(folder, image, name="picture.png", **options):
    """Save a Pillow image and return its path."""
    folder.mkdir(exist_ok=True)
    image.save(folder / name, **options)
    return folder / name


def test_right_size_and_mode_come_back_as_they_are(tmp_path):
    grey, notes = read_image(saved(tmp_path, Image.fromarray(GREY)), "Gray", 8)
    assert np.array_equal(grey, GREY) and grey.dtype == np.uint8 and notes == []
    colour, notes = read_image(saved(tmp_path, Image.fromarray(COLOUR)), "RGB", 8)
    assert np.array_equal(colour, COLOUR) and notes == []


def test_colour_becomes_grey_by_luminance(tmp_path):
    image, notes = read_image(saved(tmp_path, Image.fromarray(COLOUR)), "Gray", 8)
    assert np.abs(image - COLOUR @ [0.299, 0.587, 0.114]).max() <= 0.51 and notes == ["converted from mode RGB to grey"]


def test_alpha_is_laid_over_white(tmp_path):
    half = np.dstack([np.zeros((4, 4, 3), np.uint8), np.repeat([[128], [255]], 8).reshape(4, 4).astype(np.uint8)])
    image, notes = read_image(saved(tmp_path, Image.fromarray(half)), "RGB", 4)
    assert (image[:2] == 127).all() and (image[2:] == 0).all() and notes == ["transparent parts laid over white"]


@pytest.mark.parametrize("mode", ["P", "CMYK"])
def test_other_colour_modes_are_converted(tmp_path, mode):
    name = "picture.tif" if mode == "CMYK" else "picture.png"
    image, notes = read_image(saved(tmp_path, Image.fromarray(COLOUR).convert(mode), name), "RGB", 8)
    assert image.shape == (8, 8, 3) and notes == [f"converted from mode {mode} to RGB"]


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY.astype(np.uint16) * 257))
    assert np.array_equal(read_image(path, "Gray", 8)[0], GREY)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_is_turned_as_its_exif_orientation_says(tmp_path, orientation):
    undo = [None, np.fliplr, lambda a: np.rot90(a, 2), np.flipud, lambda a: a.swapaxes(0, 1), np.rot90,
            lambda a: np.rot90(a, 2).swapaxes(0, 1), lambda a: np.rot90(a, -1)][orientation - 1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(undo(COLOUR)), exif=exif)
    image, notes = read_image(path, "RGB", 8)
    assert np.array_equal(image, COLOUR)
    assert notes == ["turned as its EXIF orientation says"]


def test_one_flat_colour_is_refused_where_it_is_read(tmp_path):
    drawing = np.dstack([np.full((8, 8, 3), 255, np.uint8), GREY])  # white on a transparent ground
    path = saved(tmp_path, Image.fromarray(drawing))
    for image_type in ("Gray", "RGB"):
        with pytest.raises(ValueError, match="expected a picture, got the one flat colour .*255.*; export it on"):
            read_image(path, image_type)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_rgb_of_a_grey_picture_is_refused(tmp_path, mode):
    path = saved(tmp_path, Image.fromarray(GREY).convert(mode))
    with pytest.raises(ValueError, match='expected a colour picture for image_type "RGB", got a grey one .*use'):
        read_image(path, "RGB", 8)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole, "JPEG")
    for name, content in (("cut.jpg", whole.getvalue()[:1000]), ("text.png", b"not a picture"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: expected a whole image file"):
            read_image(tmp_path / name, "RGB")
    with pytest.raises(FileNotFoundError, match="expected an image file, found nothing there"):
        read_image(tmp_path / "none.png", "RGB")


def test_crops_are_in_parts_of_the_picture():
    image = np.kron(np.array([[10, 20], [30, 40]], np.uint8), np.ones((10, 10), np.uint8))
    np.testing.assert_allclose(crop_pictures([image], 4, 3, (0.5, 1, 0, 0.5)), np.full((1, 4, 3), 30), atol=1)


@pytest.mark.parametrize("crop", [(0.5, 0.4, 0, 1), (0, 2, 0, 1)])
def test_bad_crops_are_refused(crop):
    with pytest.raises(ValueError, match="box can.t"):
        crop_pictures([GREY], 8, 8, crop)


def test_shipped_blur_loses_detail_level_by_level():
    found, missing = find_blurred()
    assert list(found) == list(range(11)) and missing == []
    assert read_image(sources.find_file("cat.jpg").path, "RGB")[1] == ["resized from 300x300 to 256x256"]
    detail = [np.abs(np.diff(read_image(found[level].path, "RGB")[0].astype(float), axis=0)).mean() for level in found]
    assert all(np.diff(detail) < 0)


@pytest.mark.parametrize("own, shipped", [(range(10), [10]), ([0, 9], range(11))])
def test_own_blurred_pictures_in_data_never_mix_with_the_shipped_ones(tmp_path, monkeypatch, own, shipped):
    (tmp_path / "data").mkdir()
    for level in shipped:
        (tmp_path / f"data/blur_{level}.jpg").write_bytes((sources.ROOT / f"data/blur_{level}.jpg").read_bytes())
    for level in [*own, 12]:
        saved(tmp_path / "data", Image.fromarray(COLOUR), f"blur_{level}.{'png' if len(shipped) > 1 else 'jpg'}")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    found, missing = find_blurred()
    assert list(found) == list(own) and missing == [level for level in range(11) if level not in own]
    assert not any(source.is_shipped for source in found.values())


def test_blurred_pictures_are_of_the_shallowest_folder_and_of_one_ending(place):
    for name in ("b/blur_2.jpg", "a/blur_3.jpg", "a/blur_4.png", "a/blur_10.jpg"):
        saved((place / name).parent, Image.fromarray(COLOUR), (place / name).name)
    assert [source.label for source in find_blurred()[0].values()] == [f"$SMAI_DATA/a/blur_{i}.jpg" for i in (3, 10)]
