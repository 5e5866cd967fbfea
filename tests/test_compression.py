"""Section 3.1's experiment, on a few of the shipped digits: what is recorded, read and stated of it."""

import dataclasses

import numpy as np
import pytest

from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments import compression
from smai_nn.experiments.compression import BaselineSetting, DigitSetting, digit_facts, read_digits, run_digits
from smai_nn.plots.compression import plot_compression, plot_digits, plot_epoch_losses
from smai_nn.plots.style import audit
from smai_nn.trainer import History

TINY = DigitSetting(hidden=(32, 16), bottleneck=8, max_epochs=3, training_samples=300)


@pytest.fixture(autouse=True)
def fresh_digits():
    """Read the digits anew: they are kept in the process, whatever the folders are."""
    compression.digits.cache_clear()
    yield
    compression.digits.cache_clear()


def test_result_is_read_from_the_folder_alone(monkeypatch):
    path, data = run_digits(TINY), load_shipped()
    monkeypatch.setattr(compression, "load_mnist", None)
    result = read_digits(path)
    assert result.setting == TINY and result.source == "data/mnist_5k.npz" and not result.is_complete
    assert (result.history.sample_count, result.test_digits) == (300, len(data.x_test))
    assert result.history.epochs == len(result.held_out_mse) == 3 and result.held_out_mse[2] < result.held_out_mse[0]
    counts = np.bincount(data.y_test)
    assert np.average(result.class_mse, weights=counts) == pytest.approx(result.test_mse)


def test_pictures_are_the_first_of_each_class_and_what_the_autoencoder_makes_of_them():
    data, result = load_shipped(), read_digits(run_digits(TINY))
    autoencoder, _ = compression.train_autoencoder(TINY, data.x_train[:300])
    for digit in range(10):
        first = data.x_test[data.y_test == digit][:1]
        assert np.array_equal(result.originals[digit].ravel(), np.rint(255 * first[0]))
        np.testing.assert_allclose(result.rebuilt[digit].ravel(), 255 * autoencoder.reconstruct(first)[0], atol=0.6)


def test_no_component_is_the_mean_digit_and_more_components_lose_less():
    mean, two, eight = (compression.run_baseline(BaselineSetting(k, 500)) for k in (0, 2, 8))
    data = load_shipped()
    assert mean.test_mse == pytest.approx(np.square(data.x_test - data.x_train[:500].mean(axis=0)).mean(), rel=1e-5)
    assert mean.test_mse > two.test_mse > eight.test_mse and len(mean.class_mse) == 10


def made_up(bottleneck, train_mse, test_mse):
    history = History(10, 5, [0.3, 0.1], [0.2], [np.nan], [1.5], seconds=2.0)
    pictures = np.zeros((2, 28, 28), np.uint8)
    return compression.DigitResult(DigitSetting(bottleneck=bottleneck), "data/x.npz", True, 4, train_mse, test_mse,
                                   np.array([0.2]), np.array([0.01, 0.03]), np.arange(2), pictures, pictures, history,
                                   None)


RESULTS = [made_up(32, 0.01, 0.02), made_up(8, 0.04, 0.05)]
BASELINES = [compression.BaselineResult(BaselineSetting(k), mse, np.array([mse, mse]), np.zeros(2 * 784, np.uint8))
             for k, mse in ((0, 0.4), (8, 0.2), (32, 0.03))]


def test_facts_by_hand():
    trials = [compression.TrialResult(DigitSetting(optimizer="sgd", learning_rate=rate), mse)
              for rate, mse in ((3.0, 0.5), (10.0, 0.3), (30.0, 0.4))]
    facts = digit_facts(RESULTS, BASELINES, trials)
    assert facts["mnist.mean_digit.test_mse"] == 0.4 and facts["mnist.pca32.test_mse"] == 0.03
    assert facts["mnist.bottleneck8.test_mse"] == 0.05 and facts["mnist.bottleneck8.gain"] == pytest.approx(4)
    assert facts["mnist.bottleneck32.gap"] == pytest.approx(1)
    assert (facts["mnist.easiest_digit"], facts["mnist.hardest_digit"]) == (0, 1)
    assert facts["mnist.sgd.validation_mse"] == 0.3  # of the best rate


@pytest.mark.parametrize("figure", [
    lambda: plot_digits(range(2), {"original": RESULTS[0].originals, "rebuilt": RESULTS[0].rebuilt}, "digits"),
    lambda: plot_epoch_losses(RESULTS), lambda: plot_compression(RESULTS, BASELINES)])
def test_figures_are_complete(figure):
    assert audit(figure()) == []


def test_a_setting_refuses_what_there_is_not():
    with pytest.raises(ValueError, match="optimizer: expected one of"):
        dataclasses.replace(TINY, optimizer="rprop")
