"""The border data set: from any picture of two colours to samples, or to a clear error."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from smai_nn.datasets import sources
from smai_nn.datasets.border import COLOURS, BorderDataset, mask_from_image, touches_other_country

LABELS = np.array([[0, 1, 1], [0, 0, 1]])
ORANGES = ("orange", "darkorange", "orangered", "coral", "sandybrown", "chocolate", "gold", "#ff7f0e", "#fc9", "#840")
PURPLES = ("purple", "blueviolet", "violet", "indigo", "rebeccapurple", "mediumpurple", "orchid", "plum", "#9467bd",
           "#330033")


def picture(labels=LABELS, scale=1, colours=COLOURS):
    return np.kron(np.asarray(colours)[labels].astype(np.uint8), np.ones((scale, scale, 1), np.uint8))


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


def test_labels_and_coordinates_of_a_small_map(tmp_path):
    dataset = BorderDataset(save(tmp_path, picture()))
    assert dataset.mask.tolist() == LABELS.tolist()
    assert dataset.inputs.tolist() == [[0, 0], [0.5, 0], [1, 0], [0, 1], [0.5, 1], [1, 1]]  # (x, y), row by row
    assert dataset.targets.ravel().tolist() == [0, 1, 1, 0, 0, 1]
    assert dataset.inputs.dtype == dataset.targets.dtype == np.float32


def test_samples_are_every_pixel_once_with_its_label_shuffled_by_the_generator():
    dataset = BorderDataset()
    first, again, other = (dataset.samples(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert len(first) == 2500 and dict(first) == dict(zip(map(tuple, dataset.inputs.tolist()), dataset.mask.ravel()))
    assert first == again and first != other and first != sorted(first) and dataset.samples() != dataset.samples()


@pytest.mark.parametrize("mode, name", [("RGB", "a.png"), ("RGBA", "a.png"), ("P", "a.png"), ("RGB", "a.bmp"),
                                        ("RGB", "a.jpg")])
def test_other_modes_formats_and_sizes_give_the_same_mask(tmp_path, mode, name):
    labels = np.random.default_rng(0).integers(0, 2, (4, 5))
    dataset = BorderDataset(save(tmp_path, picture(labels, scale=8), name, mode))
    assert (dataset.mask == np.kron(labels, np.ones((8, 8)))).all()


def test_any_orange_and_any_purple_are_netherlands_and_belgium():
    for pair in itertools.product(ORANGES, PURPLES):
        colours = [ImageColor.getrgb(name) for name in pair]
        assert mask_from_image(picture(colours=colours)).tolist() == LABELS.tolist(), pair


def test_noise_and_smooth_edges_count_as_the_nearest_colour():
    noisy = picture().astype(int) + np.random.default_rng(0).integers(-20, 20, (2, 3, 3))
    assert mask_from_image(noisy.clip(0, 255).astype(np.uint8)).tolist() == LABELS.tolist()
    drawn = Image.new("RGB", (800, 800), "orange")
    ImageDraw.Draw(drawn).ellipse((200, 200, 600, 600), "purple")
    mask = mask_from_image(np.asarray(drawn.resize((50, 50), Image.Resampling.BICUBIC)))
    assert mask[25, 25] == 1 and mask[0, 0] == 0 and mask.mean() == pytest.approx(np.pi / 16, rel=0.02)


@pytest.mark.parametrize("array, message", [
    (picture(np.ones((3, 3), int)), "one flat colour"),
    (picture(colours=[(0, 0, 0), (255, 255, 255)]), "got 2, most often .*255, 255, 255.*; draw two such"),
    (picture(colours=[(255, 0, 0), (255, 200, 0)]), "got 2, most often .*255, 200, 0"),  # two oranges
    (picture(np.array([[0, 1, 2]] * 3), colours=[*COLOURS, (255, 255, 255)]), "got 3"),
    (np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8), "got 81"),
    (picture(np.array([[0, 1, 1]])), "on 2x2 pixels or more, got 2, .*, on 1x3; draw"),
    (picture(np.array([[0], [1]])), "on 2x2 pixels or more, got 2, .*, on 2x1; draw"),
    (np.zeros((4, 4), np.int32), "could not read"),  # 32-bit grey has no colours
    (np.asarray(Image.open(sources.ROOT / "data/cat.jpg")), "expected two clear colours, near the orange and purple"),
])
def test_pictures_that_are_no_such_map_are_refused(tmp_path, array, message):
    with pytest.raises(ValueError, match=message):
        BorderDataset(save(tmp_path, array, "map.tiff"))


def test_pixels_that_touch_the_other_country():
    assert touches_other_country(np.array([[0, 0], [1, 1], [1, 1]])).tolist() == [[True] * 2, [True] * 2, [False] * 2]
