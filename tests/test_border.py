"""The border data set: from any picture of two colours to samples, or to a clear error."""

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import BorderDataset, xor_arrays
from smai_nn.datasets.border import COLOURS, mask_from_image, touches_other_country

LABELS = np.array([[0, 1, 1], [0, 0, 1]])


def picture(labels=LABELS, scale=1):
    return np.kron(COLOURS[labels].astype(np.uint8), np.ones((scale, scale, 1), np.uint8))


def save(tmp_path, array, name="map.png", mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(tmp_path / name, **options)
    return tmp_path / name


def test_shipped_map_is_a_genuine_border_of_2500_pixels():
    dataset = BorderDataset()
    assert dataset.mask.shape == (50, 50) and len(dataset) == 2500
    assert dataset.mask.sum() == 498  # Belgian cells of the OpenStreetMap polygons
    assert dataset.majority_accuracy == pytest.approx(2002 / 2500)
    assert dataset.mask[0].sum() == 0 and dataset.mask[40, 20] == 1  # north is Dutch, the village is Belgian
    assert dataset.source.label == "data/border.png"


def test_labels_and_coordinates_of_a_small_map(tmp_path):
    dataset = BorderDataset(save(tmp_path, picture()))
    assert dataset.mask.tolist() == LABELS.tolist()
    assert dataset.inputs.tolist() == [[0, 0], [0.5, 0], [1, 0], [0, 1], [0.5, 1], [1, 1]]  # (x, y), row by row
    assert dataset.targets.ravel().tolist() == [0, 1, 1, 0, 0, 1]
    assert dataset.inputs.dtype == dataset.targets.dtype == np.float32


def test_samples_are_every_pixel_once_with_its_label():
    dataset = BorderDataset(dtype=np.float64)
    samples = dataset.samples(np.random.default_rng(0))
    truth = {tuple(xy): int(label) for xy, label in zip(dataset.inputs.tolist(), dataset.targets.ravel())}
    assert len(samples) == len(truth) == 2500
    assert dict(samples) == truth


def test_samples_are_shuffled_by_the_generator():
    dataset = BorderDataset()
    first, again, other = (dataset.samples(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again and first != other
    assert first != sorted(first) and dataset.samples() != dataset.samples()


@pytest.mark.parametrize("mode, name", [("RGB", "a.png"), ("RGBA", "a.png"), ("P", "a.png"), ("RGB", "a.bmp"),
                                        ("RGB", "a.jpg")])
def test_other_modes_formats_and_sizes_give_the_same_mask(tmp_path, mode, name):
    labels = np.random.default_rng(0).integers(0, 2, (4, 5))
    dataset = BorderDataset(save(tmp_path, picture(labels, scale=8), name, mode))
    assert (dataset.mask == np.kron(labels, np.ones((8, 8)))).all()


def test_nearly_right_colours_count_as_the_nearest():
    noisy = picture().astype(int) + np.random.default_rng(0).integers(-20, 20, (2, 3, 3))
    assert mask_from_image(noisy.clip(0, 255)).tolist() == LABELS.tolist()


@pytest.mark.parametrize("array, message", [
    (picture(np.zeros((3, 3), int)), "got only Netherlands"),
    (picture(np.ones((3, 3), int)), "got only Belgium"),
    (np.zeros((4, 4, 3), np.uint8), "near neither"),
    (np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8), "near neither"),
    (np.zeros((4, 4), np.uint8), "near neither"),
    (np.zeros((4, 4, 4), np.uint8), "near neither"),  # wholly transparent: white
    (picture(np.array([[0, 1, 0]])), "at least 2x2"),
    (np.zeros((4, 4), np.int32), "could not read"),  # 32-bit grey has no colours
])
def test_pictures_that_are_no_such_map_are_refused(tmp_path, array, message):
    with pytest.raises(ValueError, match=message):
        BorderDataset(save(tmp_path, array, "map.tiff"))


def test_truncated_and_foreign_files_are_refused(tmp_path):
    path = save(tmp_path, picture(np.random.default_rng(0).integers(0, 2, (60, 60))))
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match="expected a whole image file"):
        BorderDataset(path)
    path.write_text("no picture")
    with pytest.raises(ValueError, match="expected a whole image file"):
        BorderDataset(path)
    with pytest.raises(FileNotFoundError, match="found nothing"):
        BorderDataset(tmp_path / "absent.png")
    with pytest.raises(FileNotFoundError, match="found a folder"):
        BorderDataset(tmp_path)


def test_data_folder_comes_before_smai_data(tmp_path, monkeypatch):
    from smai_nn.datasets import sources
    for folder in ("repository/data", "own"):
        (tmp_path / folder).mkdir(parents=True)
    save(tmp_path / "own", picture(), "border.png")
    monkeypatch.setattr(sources, "ROOT", tmp_path / "repository")
    with pytest.raises(FileNotFoundError, match="set SMAI_DATA"):
        BorderDataset()
    monkeypatch.setenv("SMAI_DATA", str(tmp_path / "own"))
    assert BorderDataset().source.label == "$SMAI_DATA/border.png"
    save(tmp_path / "repository/data", picture(1 - LABELS), "border.png")
    assert BorderDataset().source.label == "data/border.png"


def test_pixels_that_touch_the_other_country():
    assert touches_other_country(np.array([[0, 0, 0, 1]] * 3)).tolist() == [[False, False, True, True]] * 3
    assert touches_other_country(np.array([[0, 0], [1, 1], [1, 1]])).tolist() == [[True] * 2, [True] * 2, [False] * 2]


def test_xor_is_xor():
    x, y = xor_arrays()
    assert {(*map(int, row), int(label)) for row, (label,) in zip(x, y)} == {(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)}
