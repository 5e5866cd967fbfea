"""Feature mappings, their scaling, and the data loader."""

import numpy as np
import pytest
from PIL import Image
from tiny import network

from smai_nn import Identity, Modular_Dataloader, TrainConfig, Trainer, get_fourier, get_polynomial, get_raw
from smai_nn.features import pixel_coordinates, pixel_features, polynomial_exponents, scale_columns, scale_coordinates

POINT = np.array([[2.0, 3.0]])
COORDS = np.random.default_rng(0).uniform(-1, 1, (50, 2))


@pytest.fixture
def picture(tmp_path):
    """The path of an RGB picture of 8x8 px in which every pixel has a colour of its own."""
    values = np.random.default_rng(0).permutation(192).reshape(8, 8, 3).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def test_raw_is_the_coordinates_themselves():
    assert get_raw(POINT) is POINT


def test_polynomial_columns_by_hand():
    third = [8, 27, 4 * 3, 2 * 9]  # x^3, y^3, x^2 y, x y^2
    assert get_polynomial(POINT, 3).tolist() == [[2, 3, 4, 9, 6, *third]]
    assert get_polynomial(POINT).shape == (1, 20)  # order 5


@pytest.mark.parametrize("order, columns", [(1, 2), (5, 20), (15, 135), (25, 350)])
def test_polynomial_has_every_monomial_once(order, columns):
    exponents = polynomial_exponents(order)
    assert exponents.shape == (columns, 2) == (order * (order + 3) // 2, 2)
    assert {tuple(e) for e in exponents.tolist()} == {(i, j) for i in range(order + 1) for j in range(order + 1)
                                                      if 1 <= i + j <= order}
    assert np.all(np.diff(exponents.sum(axis=1)) >= 0)  # grouped by degree
    powers = COORDS[:, :1] ** exponents[:, 0] * COORDS[:, 1:] ** exponents[:, 1]
    np.testing.assert_allclose(get_polynomial(COORDS, order), powers, rtol=1e-12)


def test_fourier_columns_by_hand():
    expected = [1] + [wave(2 * np.pi * i * t) for t in (0.1, 0.7) for i in (1, 2) for wave in (np.sin, np.cos)]
    np.testing.assert_allclose(get_fourier(np.array([[0.1, 0.7]]), 2), [expected], rtol=1e-14)
    assert get_fourier(POINT).shape == (1, 41)  # freq 10


def test_fourier_has_period_1():
    np.testing.assert_allclose(get_fourier(COORDS + [2, -1], 25), get_fourier(COORDS, 25), atol=1e-11)


def test_frequencies_beyond_nyquist_repeat_lower_ones():
    columns = get_fourier(scale_coordinates(pixel_coordinates(16), 16, "Fourier"), 15)
    sin_of, cos_of = (lambda k: columns[:, 2 * k - 1]), (lambda k: columns[:, 2 * k])
    np.testing.assert_allclose(sin_of(13), -sin_of(3), atol=1e-12)
    np.testing.assert_allclose(cos_of(13), cos_of(3), atol=1e-12)


@pytest.mark.parametrize("call, message", [
    (lambda: get_polynomial(POINT, 2.5), "order: expected a whole number >= 1, got 2.5"),
    (lambda: get_fourier(POINT, 0), "freq: expected a whole number >= 1, got 0"),
    (lambda: get_fourier(np.array([0.1, 0.2]), 2), r"coords: expected shape \(n, 2\)"),
    (lambda: get_polynomial(np.array([[0.1, np.nan]]), 2), "coords: expected finite numbers"),
    (lambda: get_fourier(np.array([["a", "b"]]), 2), "coords: expected real numbers"),
    (lambda: scale_columns(np.array([[1.0, 0.0]])), "column of zeros, got one at 1"),
])
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_coordinates_go_along_rows():
    assert pixel_coordinates(2).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize("method, low, high", [("Raw", 0, 1), ("Polynomial", -1, 1), ("Fourier", 0, 255 / 256)])
def test_range_of_scaled_coordinates(method, low, high):
    coords = scale_coordinates(pixel_coordinates(256), 256, method)
    assert (coords.min(), coords.max()) == (low, high)


def test_polynomial_columns_of_order_25_are_bounded_and_of_one_size():
    features = pixel_features(256, "Polynomial", order=25)
    assert features.dtype == np.float32 and features.flags.c_contiguous
    np.testing.assert_allclose(np.mean(features.astype(float) ** 2, axis=0), 1, rtol=1e-5)
    assert np.abs(features).max() <= 26


@pytest.mark.parametrize("method, width", [("Raw", 2), ("Polynomial", 9), ("Fourier", 13)])
def test_loader_describes_its_arrays(picture, method, width):
    loader = Modular_Dataloader(picture, "RGB", method, order=3, freq=3, size=8)
    assert loader.feature_width == width and loader.features.shape == (64, width)
    assert loader.image.shape == (8, 8, 3) and loader.targets.shape == (64, loader.channels) == (64, 3)
    assert loader.features.dtype == loader.targets.dtype == np.float32
    np.testing.assert_array_equal(loader.features, pixel_features(8, method, 3, 3))
    np.testing.assert_allclose(loader.targets.reshape(8, 8, 3), np.asarray(Image.open(picture)) / 255, rtol=1e-6)
    assert loader.notes == [] and f": 64 pixels, {width} features, 3 channels)" in repr(loader)


def test_loader_takes_the_assignments_five_positional_arguments(picture):
    assert Modular_Dataloader(str(picture), "RGB", "Fourier", 5, 10).features.shape == (65536, 41)
    assert Modular_Dataloader(str(picture), "Gray", "Raw", None, None).image.shape == (256, 256)
    widths = [Modular_Dataloader(picture, "RGB", method, size=24).feature_width for method in ("Polynomial", "Fourier")]
    assert widths == [20, 41]  # order 5 and freq 10


def test_loader_finds_a_bare_name_in_data():
    assert Modular_Dataloader("smiley.png", "Gray", "Raw").source.label == "data/smiley.png"


def test_loader_covers_every_pixel_once_an_epoch_in_a_new_order(picture):
    loader = Modular_Dataloader(picture, "RGB", "Raw", size=8, batch_size=10, rng=np.random.default_rng(1))
    epochs = [list(loader) for _ in range(2)]
    assert len(loader) == len(epochs[0]) == 7
    assert [len(x) for x, _ in epochs[0]] == [10] * 6 + [4]
    everything = np.hstack([loader.features, loader.targets])
    orders = [np.vstack([np.hstack(batch) for batch in epoch]) for epoch in epochs]
    for rows in orders:
        assert not np.array_equal(rows, everything)
        assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, everything.tolist()))
    assert not np.array_equal(*orders)


def test_trainer_takes_a_loader_as_it_takes_its_arrays(picture):
    loader = Modular_Dataloader(picture, "RGB", "Fourier", freq=2, size=8)
    trained = []
    for data in ((loader,), (loader.features, loader.targets)):
        model = network((9, 4, 3), output=Identity, dtype=np.float32)
        Trainer(model, TrainConfig(batch_size=10, max_epochs=2), rng=np.random.default_rng(2)).fit(*data)
        trained.append(model.parameters)
    assert np.array_equal(*trained)


@pytest.mark.parametrize("image_type", ["RGB", "Gray"])
def test_the_targets_themselves_give_back_the_picture(picture, image_type):
    """Also of a prediction that overshoots a little."""
    loader = Modular_Dataloader(picture, image_type, "Raw", size=8)
    found = loader.as_image(0.5 + (loader.targets - 0.5) * 1.0001)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, loader.image)


def test_prediction_is_clipped_and_must_fit(picture):
    loader = Modular_Dataloader(picture, "Gray", "Raw", size=8)
    assert loader.as_image(np.linspace(-1, 2, 64).reshape(64, 1))[[0, -1], [0, -1]].tolist() == [0, 255]
    with pytest.raises(ValueError, match=r"prediction: expected shape \(64, 1\), got \(64, 3\)"):
        loader.as_image(np.zeros((64, 3)))


@pytest.mark.parametrize("changes, error, message", [
    ({"method": "Taylor"}, ValueError, "method: expected one of 'Raw', 'Polynomial', 'Fourier', got 'Taylor'"),
    ({"image_type": "CMYK"}, ValueError, "image_type: expected one of 'RGB', 'Gray'"),
    ({"method": "Polynomial", "order": 0}, ValueError, "order: expected a whole number >= 1, got 0"),
    ({"method": "Fourier", "freq": -1}, ValueError, "freq: expected a whole number >= 1, got -1"),
    ({"img_path": "nowhere.png"}, FileNotFoundError, "nowhere.png: expected it in .SMAI_DATA or data/"),
    ({"img_path": "/nowhere/cat.jpg"}, FileNotFoundError, "expected a file, found nothing there"),
    ({"batch_size": 0}, ValueError, "batch_size: expected a whole number >= 1"),
    ({"size": 1}, ValueError, "size: expected a whole number >= 2"),
    ({"rng": 0}, ValueError, "rng: expected a numpy Generator"),
])
def test_bad_options_of_the_loader(picture, changes, error, message):
    options = {"img_path": picture, "image_type": "RGB", "method": "Raw"} | changes
    with pytest.raises(error, match=message):
        Modular_Dataloader(**options)
