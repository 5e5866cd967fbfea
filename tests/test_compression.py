"""Section 3.1's experiment, on a few of the shipped digits."""

import dataclasses

import numpy as np
import pytest

from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments import compression
from smai_nn.experiments.compression import DigitSetting, run_digits
from smai_nn.files import load_json
from smai_nn.runs import RunFolder, runs_root
from smai_nn.sweep import run_sweep

TINY = DigitSetting(hidden=(32, 16), bottleneck=8, max_epochs=3, training_samples=300)


@pytest.fixture(autouse=True)
def fresh_digits():
    """Read the digits anew: they are kept in the process, whatever the folders are."""
    compression.digits.cache_clear()
    yield
    compression.digits.cache_clear()


def test_errors_are_those_of_the_returned_autoencoder():
    result, data = run_digits(TINY), load_shipped()
    own = result.autoencoder
    assert result.test_mse == pytest.approx(np.mean((own.reconstruct(data.x_test) - data.x_test) ** 2), rel=1e-5)
    train = data.x_train[:300]
    assert result.train_mse == pytest.approx(np.mean((own.reconstruct(train) - train) ** 2), rel=1e-5)
    assert len(result.epoch_test_mse) == 3 and result.epoch_test_mse[-1] == result.test_mse
    assert result.test_mse < result.epoch_test_mse[0]


def test_the_run_folder_says_where_the_digits_came_from():
    folder = RunFolder(runs_root() / run_digits(TINY).folder)
    settings, metrics = folder.settings(), folder.metrics()
    assert settings["data"]["file"] == "data/mnist_5k.npz" and settings["data"]["is_complete"] is False
    assert settings["autoencoder"]["bottleneck"] == 8 and settings["seed"] == 0
    assert metrics["status"] == "completed" and metrics["test_mse"] == metrics["epoch_test_mse"][-1]
    assert {p.name.split("-")[0] for p in folder.path.glob("*.png")} == {"loss", "digits"}
    assert load_json(folder.path / "metrics.json") == metrics


def test_the_same_bits_for_any_number_of_workers():
    settings = [dataclasses.replace(TINY, seed=seed, max_epochs=1) for seed in (0, 1)]
    one, two = (run_sweep(run_digits, settings, workers=workers, progress=False) for workers in (1, 2))
    for a, b in zip(one, two):
        assert a.autoencoder.model.parameters.tobytes() == b.autoencoder.model.parameters.tobytes()
    assert one[0].test_mse != one[1].test_mse


def test_pca_of_digits_falls_with_the_components_and_is_scikit_learns():
    from sklearn.decomposition import PCA

    _, errors = compression.pca_of_digits((2, 8, 32))
    assert errors[2] > errors[8] > errors[32]
    data = load_shipped()
    peer = PCA(8, svd_solver="full").fit(data.x_train)
    rebuilt = peer.inverse_transform(peer.transform(data.x_test))
    assert errors[8] == pytest.approx(np.mean((rebuilt - data.x_test) ** 2), rel=1e-4)


def test_interpolation_begins_and_ends_with_the_two_reconstructions():
    own = run_digits(TINY).autoencoder
    first, second = load_shipped().x_test[:2]
    pictures = compression.interpolate(own, first, second, [0, 0.5, 1])
    np.testing.assert_allclose(pictures[[0, 2]], own.reconstruct(np.stack([first, second])), atol=1e-6)
    assert pictures.shape == (3, 784)


def test_one_of_each_is_the_first_of_each_class():
    assert compression.one_of_each(np.array([2, 0, 2, 1, 0])).tolist() == [1, 3, 0]


def test_neighbour_agreement_by_hand():
    points = np.array([[0, 0], [0, 0.1], [5, 5], [5, 5.2], [5, 5.1]])
    assert compression.neighbour_agreement(points, np.array([0, 0, 1, 1, 0])) == pytest.approx(2 / 5)
    assert compression.neighbour_agreement(np.zeros((4, 2)), np.ones(4)) == 1


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="output_activation: expected one of"):
        DigitSetting(output_activation="softmax")
