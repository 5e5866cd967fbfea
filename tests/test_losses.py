"""The losses: worked values, gradients against central differences, saturation, labels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smai_nn import BCE, MSE, Sigmoid

moderate = settings(max_examples=60, deadline=None, derandomize=True)
shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)


def central_difference(value, point, step):
    """Return the derivative of the scalar function `value` in every entry of `point`."""
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        shift = np.zeros_like(point)
        shift[index] = step
        gradient[index] = (value(point + shift) - value(point - shift)) / (2 * step)
    return gradient


def test_mse_by_hand():
    """Differences 1, -2, 3, 0: the mean of 1, 4, 9, 0 is 3.5, and 2 / 4 of each is the gradient."""
    prediction, target = np.array([[2.0, 1.0], [3.0, 4.0]]), np.array([[1.0, 3.0], [0.0, 4.0]])
    assert MSE().value(prediction, target) == 3.5
    np.testing.assert_array_equal(MSE().gradient(prediction, target), [[0.5, -1.0], [1.5, 0.0]])


def test_bce_by_hand():
    """Probabilities 0.8 of a true 1 and 0.4 of a true 0."""
    prediction, target = np.array([[0.8], [0.4]]), np.array([[1.0], [0.0]])
    assert BCE().value(prediction, target) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2, rel=1e-14)
    np.testing.assert_allclose(BCE().gradient(prediction, target), [[-1 / 0.8 / 2], [1 / 0.6 / 2]], rtol=1e-14)


@moderate
@given(data=st.data())
def test_mse_gradient_is_the_derivative_of_its_value(data):
    shape = data.draw(shapes)
    numbers = hnp.arrays(np.float64, shape, elements=st.floats(-3, 3))
    prediction, target = data.draw(numbers), data.draw(numbers)
    numerical = central_difference(lambda p: MSE().value(p, target), prediction, 1e-4)
    np.testing.assert_allclose(MSE().gradient(prediction, target), numerical, atol=1e-9)


@moderate
@given(data=st.data())
def test_bce_gradient_is_the_derivative_of_its_value(data):
    shape = data.draw(shapes)
    prediction = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(0.05, 0.95)))
    target = data.draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0])))
    numerical = central_difference(lambda p: BCE().value(p, target), prediction, 1e-5)
    np.testing.assert_allclose(BCE().gradient(prediction, target), numerical, rtol=1e-6, atol=1e-9)


@moderate
@given(data=st.data())
def test_bce_from_logits_is_the_same_loss_and_its_derivative(data):
    shape = data.draw(shapes)
    logits = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-8, 8)))
    target = data.draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0])))
    prediction = Sigmoid().forward(logits)
    assert BCE().value_from_logits(logits, target) == pytest.approx(BCE().value(prediction, target), rel=1e-9)
    numerical = central_difference(lambda z: BCE().value_from_logits(z, target), logits, 1e-5)
    np.testing.assert_allclose(BCE().gradient_from_logits(prediction, target), numerical, atol=1e-9)


@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)
def test_the_loss_is_a_mean_over_rows_and_columns(loss):
    """Repeating the data, downwards or sideways, changes no loss and shares out the gradient."""
    rng = np.random.default_rng(0)
    prediction, target = rng.uniform(0.1, 0.9, (3, 2)), rng.integers(0, 2, (3, 2)).astype(float)
    for repeats in [(2, 1), (1, 2)]:
        twice = np.tile(prediction, repeats), np.tile(target, repeats)
        assert loss.value(*twice) == pytest.approx(loss.value(prediction, target), rel=1e-14)
        np.testing.assert_allclose(loss.gradient(*twice), np.tile(loss.gradient(prediction, target), repeats) / 2)


@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)
def test_value_and_gradient_are_the_two(loss):
    rng = np.random.default_rng(0)
    prediction, target = rng.uniform(0.1, 0.9, (4, 3)), rng.integers(0, 2, (4, 3)).astype(float)
    value, gradient = loss.value_and_gradient(prediction, target)
    assert value == loss.value(prediction, target)
    np.testing.assert_array_equal(gradient, loss.gradient(prediction, target))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_of_a_certain_and_wrong_probability_is_finite(dtype):
    prediction, target = np.array([[0], [1]], dtype), np.array([[1], [0]], dtype)
    with np.errstate(all="raise"):
        assert BCE().value(prediction, target) == pytest.approx(-math.log(np.finfo(dtype).eps), rel=1e-6)
        assert np.isfinite(BCE().gradient(prediction, target)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_from_extreme_logits_neither_overflows_nor_vanishes(dtype):
    logits, target = np.array([[1000], [-1000], [1000], [-1000]], dtype), np.array([[0], [1], [1], [0]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        assert BCE().value_from_logits(logits, target) == 500  # two losses of 1000, two of 0
        gradient = BCE().gradient_from_logits(Sigmoid().forward(logits), target)
    np.testing.assert_array_equal(gradient, [[0.25], [-0.25], [0], [0]])


@pytest.mark.parametrize("label", [0, 1])
def test_bce_from_float32_logits_keeps_its_digits(label):
    """Against float64, also where sigmoid(z) rounds to 0 or 1: at z = 12 with the label 1 it is 6.14e-6."""
    for z in np.linspace(-40, 40, 401, dtype=np.float32):
        exact = np.logaddexp(0, float(z) * (1 - 2 * label))
        assert BCE().value_from_logits(np.array([[z]]), np.float32([[label]])) == pytest.approx(exact, rel=1e-6, abs=0)


@pytest.mark.parametrize("label", [0.5, 2.0, -1.0, 255.0, np.nan])
@pytest.mark.parametrize("method", ["value", "gradient", "value_from_logits", "value_and_gradient"])
def test_bce_refuses_labels_other_than_zero_and_one(method, label):
    with pytest.raises(ValueError, match=f"BCE expected labels 0 or 1, got {label}"):
        getattr(BCE(), method)(np.full((2, 1), 0.5), np.array([[1.0], [label]]))


@pytest.mark.parametrize("loss", [MSE(), BCE()])
@pytest.mark.parametrize("method", ["value", "gradient", "value_and_gradient"])
def test_shapes_that_would_broadcast_are_refused(loss, method):
    with pytest.raises(ValueError, match=r"one shape, got \(3, 1\) and \(3,\)"):
        getattr(loss, method)(np.full((3, 1), 0.5), np.array([1.0, 0.0, 1.0]))
