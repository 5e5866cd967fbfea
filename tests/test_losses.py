"""The losses: worked values, gradients against central differences, saturation, labels."""

import math

import numpy as np
import pytest

from smai_nn import BCE, MSE, Sigmoid

RNG = np.random.default_rng(0)
PROBABILITIES, LABELS = RNG.uniform(0.05, 0.95, (4, 3)), RNG.integers(0, 2, (4, 3)).astype(float)
LOGITS = np.log(PROBABILITIES / (1 - PROBABILITIES))


def test_mse_by_hand():
    """Differences 1, -2, 3, 0: the mean of 1, 4, 9, 0 is 3.5, and 2 / 4 of each is the gradient."""
    prediction, target = np.array([[2.0, 1.0], [3.0, 4.0]]), np.array([[1.0, 3.0], [0.0, 4.0]])
    assert MSE().value(prediction, target) == 3.5
    np.testing.assert_array_equal(MSE().gradient(prediction, target), [[0.5, -1.0], [1.5, 0.0]])


def test_bce_by_hand():
    """Probabilities 0.8 of a true 1 and 0.4 of a true 0, twice."""
    prediction, target = np.array([[0.8, 0.4], [0.8, 0.4]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert BCE().value(prediction, target) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2, rel=1e-14)
    np.testing.assert_allclose(BCE().gradient(prediction, target), 2 * [[-1 / 0.8 / 4, 1 / 0.6 / 4]], rtol=1e-14)


@pytest.mark.parametrize("value, point, gradient", [
    (MSE().value, PROBABILITIES, MSE().gradient(PROBABILITIES, LABELS)),
    (BCE().value, PROBABILITIES, BCE().gradient(PROBABILITIES, LABELS)),
    (BCE().value_from_logits, LOGITS, BCE().gradient_from_logits(PROBABILITIES, LABELS)),
], ids=["MSE", "BCE", "BCE from logits"])
def test_the_gradient_is_the_derivative_of_the_value(value, point, gradient):
    """Of a mean over rows and columns, against central differences."""
    for index in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[index] = 1e-5
        difference = value(point + step, LABELS) - value(point - step, LABELS)
        assert gradient[index] == pytest.approx(difference / 2e-5, rel=1e-6)


def test_bce_from_logits_is_the_same_loss():
    np.testing.assert_allclose(Sigmoid().forward(LOGITS), PROBABILITIES, rtol=1e-12)
    assert BCE().value_from_logits(LOGITS, LABELS) == pytest.approx(BCE().value(PROBABILITIES, LABELS), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_of_a_certain_and_wrong_probability_is_finite(dtype):
    prediction, target = np.array([[0], [1]], dtype), np.array([[1], [0]], dtype)
    with np.errstate(all="raise"):
        assert BCE().value(prediction, target) == pytest.approx(-math.log(np.finfo(dtype).eps), rel=1e-6)
        assert np.isfinite(BCE().gradient(prediction, target)).all()


@pytest.mark.parametrize("label", [0, 1])
def test_bce_from_float32_logits_keeps_its_digits(label):
    """Against float64, also where sigmoid(z) rounds to 0 or 1: at z = 12 with the label 1 it is 6.14e-6."""
    for z in np.linspace(-40, 40, 401, dtype=np.float32):
        exact = np.logaddexp(0, float(z) * (1 - 2 * label))
        assert BCE().value_from_logits(np.array([[z]]), np.float32([[label]])) == pytest.approx(exact, rel=1e-6, abs=0)


@pytest.mark.parametrize("label", [0.5, 2.0, -1.0, np.nan])
@pytest.mark.parametrize("method", ["value", "gradient", "value_from_logits"])
def test_bce_refuses_labels_other_than_zero_and_one(method, label):
    with pytest.raises(ValueError, match=f"BCE expected labels 0 or 1, got {label}; map the labels to these or use"):
        getattr(BCE(), method)(np.full((2, 1), 0.5), np.array([[1.0], [label]]))


@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)
@pytest.mark.parametrize("method", ["value", "gradient"])
def test_shapes_that_would_broadcast_are_refused(loss, method):
    with pytest.raises(ValueError, match=r"one shape, got \(3, 1\) and \(3,\)"):
        getattr(loss, method)(np.full((3, 1), 0.5), np.array([1.0, 0.0, 1.0]))
