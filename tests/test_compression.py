"""Section 3.1's experiment, on a few of the shipped digits: what is recorded, read and stated of it."""

import dataclasses

import numpy as np
import pytest

from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments import compression
from smai_nn.experiments.compression import DigitSetting, digit_facts, error_rows, read_digits, run_digits
from smai_nn.plots.reconstruction import plot_digits
from smai_nn.plots.style import audit
from smai_nn.trainer import History

TINY = DigitSetting(hidden=(32, 16), bottleneck=8, max_epochs=3, training_samples=300)


@pytest.fixture(autouse=True)
def fresh_digits():
    """Read the digits anew: they are kept in the process, whatever the folders are."""
    compression.digits.cache_clear()


def test_result_is_read_from_the_folder_alone(monkeypatch):
    path, data = run_digits(TINY), load_shipped()
    monkeypatch.setattr(compression, "digits", None)
    result = read_digits(path)
    assert result.setting == TINY and not result.is_complete
    assert (result.history.sample_count, result.history.epochs) == (300, 3)
    mean = data.x_train[:300].mean(axis=0)
    assert result.mean_digit_mse == pytest.approx(np.square(data.x_test - mean).mean(), rel=1e-5)
    assert result.pca_mse < result.mean_digit_mse


def test_pictures_are_the_first_of_each_class_and_what_the_autoencoder_makes_of_them():
    data, result = load_shipped(), read_digits(run_digits(TINY))
    autoencoder, _ = compression.train_autoencoder(TINY, data.x_train[:300])
    first = np.stack([data.x_test[data.y_test == digit][0] for digit in range(10)])
    np.testing.assert_allclose(result.originals.reshape(10, -1), first, atol=1e-3)
    np.testing.assert_allclose(result.rebuilt.reshape(10, -1), autoencoder.reconstruct(first), atol=1e-3)


def made_up(bottleneck, *errors, **options):
    pictures = np.zeros((2, 28, 28))
    return compression.DigitResult(DigitSetting(bottleneck=bottleneck, **options), True, *errors, np.arange(2),
                                   pictures, pictures, pictures, History(10, 5))


def test_facts_and_table_by_hand():
    results = [made_up(32, 0.01, 0.02, 0.03, 0.4), made_up(8, 0.04, 0.05, 0.2, 0.4)]
    trials = [made_up(32, mse, 1, 1, 1, optimizer="sgd") for mse in (0.5, 0.3, 0.4)]
    facts = digit_facts(results, trials)
    assert facts["mnist.mean_digit.test_mse"] == 0.4 and facts["mnist.pca32.test_mse"] == 0.03
    assert facts["mnist.bottleneck8.test_mse"] == 0.05 and facts["mnist.bottleneck8.gain"] == pytest.approx(4)
    assert facts["mnist.bottleneck32.gap"] == pytest.approx(1)
    assert facts["mnist.sgd.trial_mse"] == 0.3  # of the best rate
    assert [row["test MSE"] for row in error_rows(results)] == "0.02000 0.05000 0.03000 0.20000 0.40000 0.00383".split()


def test_figure_is_complete():
    result = made_up(32, 0.01, 0.02, 0.03, 0.4)
    assert audit(plot_digits(result.classes, {"original": result.originals, "PCA": result.pca_rebuilt}, "digits")) == []


def test_a_setting_refuses_what_there_is_not():
    with pytest.raises(ValueError, match="optimizer: expected one of"):
        dataclasses.replace(TINY, optimizer="rprop")
