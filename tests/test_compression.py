"""Section 3.1's experiment, on a few of the shipped digits: what is recorded, read and stated of it."""

import dataclasses

import numpy as np
import pytest

from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments import compression
from smai_nn.experiments.compression import WAYS, DigitSetting, class_rows, digit_facts, read_digits, run_digits
from smai_nn.plots.compression import plot_compression, plot_digits, plot_epoch_losses
from smai_nn.plots.style import audit
from smai_nn.trainer import History

TINY = DigitSetting(hidden=(32, 16), bottleneck=8, max_epochs=3, training_samples=300)


@pytest.fixture(autouse=True)
def fresh_digits():
    """Read the digits anew: they are kept in the process, whatever the folders are."""
    compression.digits.cache_clear()


def test_result_is_read_from_the_folder_alone(monkeypatch):
    path, data = run_digits(TINY), load_shipped()
    monkeypatch.setattr(compression, "load_mnist", None)
    result = read_digits(path)
    assert result.setting == TINY and result.source == "data/mnist_5k.npz" and not result.is_complete
    assert (result.history.sample_count, result.test_digits) == (300, len(data.x_test))
    assert result.history.epochs == len(result.held_out_mse) == 3 and result.held_out_mse[2] < result.held_out_mse[0]
    for way in WAYS:
        mean = np.average(result.class_mse[way], weights=np.bincount(data.y_test))
        assert mean == pytest.approx(result.test_mse[way])


def test_pictures_are_the_first_of_each_class_and_what_the_autoencoder_makes_of_them():
    data, result = load_shipped(), read_digits(run_digits(TINY))
    autoencoder, _ = compression.train_autoencoder(TINY, data.x_train[:300])
    first = np.stack([data.x_test[data.y_test == digit][0] for digit in range(10)])
    assert np.array_equal(result.originals.reshape(10, -1), np.rint(255 * first))
    rebuilt = result.rebuilt["autoencoder"].reshape(10, -1)
    np.testing.assert_allclose(rebuilt, 255 * autoencoder.reconstruct(first), atol=0.6)


def test_pca_is_better_than_the_mean_digit_of_the_training_set():
    result, data = read_digits(run_digits(dataclasses.replace(TINY, max_epochs=1))), load_shipped()
    mean = data.x_train[:300].mean(axis=0)
    assert result.test_mse["mean digit"] == pytest.approx(np.square(data.x_test - mean).mean(), rel=1e-5)
    assert result.test_mse["PCA"] < result.test_mse["mean digit"]


def made_up(bottleneck, train_mse, *test_mse):
    history, pictures = History(10, 5, [0.3, 0.1], [0.2], [np.nan], [1.5], seconds=2.0), np.zeros((2, 28, 28), np.uint8)
    return compression.DigitResult(
        DigitSetting(bottleneck=bottleneck), "x.npz", True, 4, train_mse, dict(zip(WAYS, test_mse)), np.arange(2),
        dict.fromkeys(WAYS, np.array([0.01, 0.03])), dict.fromkeys(WAYS, pictures), pictures, np.array([0.2]),
        history, None)


RESULTS = [made_up(32, 0.01, 0.02, 0.03, 0.4), made_up(8, 0.04, 0.05, 0.2, 0.4)]


def test_facts_by_hand():
    trials = [compression.TrialResult(DigitSetting(optimizer="sgd", learning_rate=rate), mse)
              for rate, mse in ((3.0, 0.5), (10.0, 0.3), (30.0, 0.4))]
    facts = digit_facts(RESULTS, trials)
    assert facts["mnist.mean_digit.test_mse"] == 0.4 and facts["mnist.pca32.test_mse"] == 0.03
    assert facts["mnist.bottleneck8.test_mse"] == 0.05 and facts["mnist.bottleneck8.gain"] == pytest.approx(4)
    assert facts["mnist.bottleneck32.gap"] == pytest.approx(1)
    assert facts["mnist.sgd.validation_mse"] == 0.3  # of the best rate
    assert class_rows(RESULTS[0])[1] == {"digit": "PCA", "0": "0.0100", "1": "0.0300"}


@pytest.mark.parametrize("figure", [
    lambda: plot_digits(range(2), {"original": RESULTS[0].originals, "rebuilt": RESULTS[0].rebuilt["PCA"]}, "digits"),
    lambda: plot_epoch_losses(RESULTS), lambda: plot_compression(RESULTS)])
def test_figures_are_complete(figure):
    assert audit(figure()) == []


def test_a_setting_refuses_what_there_is_not():
    with pytest.raises(ValueError, match="optimizer: expected one of"):
        dataclasses.replace(TINY, optimizer="rprop")
