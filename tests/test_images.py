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


HALF = np.dstack([COLOUR, np.full((8, 8), 128, np.uint8)])


@pytest.mark.parametrize("picture, name, image_type, expected, notes", [
    (Image.fromarray(GREY), "a.png", "Gray", GREY, []),
    (Image.fromarray(COLOUR), "a.png", "RGB", COLOUR, []),
    (Image.fromarray(COLOUR), "a.png", "Gray", COLOUR @ [0.299, 0.587, 0.114], ["converted from mode RGB to L"]),
    (Image.fromarray(HALF), "a.png", "RGB", 255 - (255 - COLOUR) * (128 / 255), ["converted from mode RGBA to RGB"]),
    (Image.fromarray(COLOUR).convert("P"), "a.png", "RGB", None, ["converted from mode P to RGB"]),
    (Image.fromarray(COLOUR).convert("CMYK"), "a.tif", "RGB", COLOUR, ["converted from mode CMYK to RGB"]),
    (Image.fromarray(GREY), "a.png", "RGB", GREY[..., None], ["converted from mode L to RGB"]),
], ids=["grey", "colour", "to grey", "alpha", "palette", "CMYK", "grey as RGB"])
def test_any_mode_becomes_eight_bits_and_what_was_done_is_said(tmp_path, picture, name, image_type, expected, notes):
    image, said = read_image(saved(tmp_path, picture, name), image_type, 8)
    assert image.dtype == np.uint8 and image.shape == (8, 8, 3)[:2 + (image_type == "RGB")] and said == notes
    assert expected is None or np.abs(image - expected).max() <= 1


def test_a_picture_is_turned_as_its_exif_orientation_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = saved(tmp_path, Image.fromarray(np.rot90(COLOUR)), exif=exif)
    assert np.array_equal(read_image(path, "RGB", 8)[0], COLOUR)


def test_one_flat_colour_is_refused_where_it_is_read(tmp_path):
    drawing = np.dstack([np.full((8, 8, 3), 255, np.uint8), GREY])  # white on a transparent ground
    path = saved(tmp_path, Image.fromarray(drawing))
    for image_type in ("Gray", "RGB"):
        with pytest.raises(ValueError, match="expected a picture, got the one flat colour .*255.*; export it on"):
            read_image(path, image_type)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole, "JPEG")
    for name, content in (("cut.jpg", whole.getvalue()[:1000]), ("text.png", b"not a picture"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}: expected a whole image file"):
            read_image(tmp_path / name, "RGB")
    with pytest.raises(FileNotFoundError, match="expected a file, found nothing there"):
        read_image(tmp_path / "none.png", "RGB")


def test_crops_are_in_parts_of_the_picture():
    image = np.kron(np.array([[10, 20], [30, 40]], np.uint8), np.ones((10, 10), np.uint8))
    np.testing.assert_allclose(crop_pictures([image], 4, 3, (0.5, 1, 0, 0.5)), np.full((1, 4, 3), 30), atol=1)


def test_shipped_blur_loses_detail_level_by_level():
    found, missing = find_blurred()
    assert list(found) == list(range(11)) and missing == []
    assert read_image(sources.find_file("cat.jpg").path, "RGB")[1] == ["resized from 300x300 to 256x256"]
    detail = [np.abs(np.diff(read_image(found[level].path, "RGB")[0].astype(float), axis=0)).mean() for level in found]
    assert all(np.diff(detail) < 0)


def test_own_blurred_pictures_in_data_never_mix_with_the_shipped_ones(tmp_path, monkeypatch):
    shipped = sources.find_file("blur_10.jpg").path.read_bytes()
    for level in [*range(10), 12]:
        saved(tmp_path / "data", Image.fromarray(COLOUR), f"blur_{level}.jpg")
    (tmp_path / "data/blur_10.jpg").write_bytes(shipped)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    found, missing = find_blurred()
    assert [source.label for source in found.values()] == [f"data/blur_{level}.jpg" for level in range(10)]
    assert missing == [10]


def test_blurred_pictures_are_of_the_shallowest_folder_and_of_one_ending(place):
    for name in ("b/blur_2.jpg", "a/blur_3.jpg", "a/blur_4.png", "a/blur_10.jpg"):
        saved((place / name).parent, Image.fromarray(COLOUR), (place / name).name)
    assert [source.label for source in find_blurred()[0].values()] == [f"$SMAI_DATA/a/blur_{i}.jpg" for i in (3, 10)]
