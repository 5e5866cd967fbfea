"""The numerical gradient: a closed form, detection of a wrong derivative, kinks."""

import re
from unittest.mock import Mock

import numpy as np
import pytest
from tiny import network, samples

from smai_nn import Identity, Linear, Model, ReLU, Sigmoid, Tanh, numerical_gradient
from smai_nn.gradcheck import crosses_kink, backpropagated_gradient, compare_gradients


@pytest.mark.parametrize("activation, loss, slope, epsilon", [
    (Identity, "mse", 2, 1e-1), (Identity, "mse", 2, 1e-5), (Sigmoid, "bce", 1, 1e-5)])
def test_linear_and_logistic_regression_have_a_gradient_in_closed_form(activation, loss, slope, epsilon):
    """2 X'(X W + b - Y) / N for linear regression, whose loss is quadratic: any epsilon is exact; X'(p - Y) / N."""
    model = Model([Linear(2, 3, activation, rng=np.random.default_rng(0))], loss)
    x, y = samples(6, 3)
    error = slope * (model.predict(x) - y) / y.size
    expected = np.concatenate([(x.T @ error).ravel(), error.sum(axis=0)])
    np.testing.assert_allclose(numerical_gradient(model, x, y, epsilon), expected, rtol=1e-8, atol=1e-9)


def test_parameters_come_back_bit_by_bit_whatever_happens(monkeypatch):
    model, (x, y) = network(activation=ReLU, loss="bce"), samples()
    before = model.parameters.tobytes()
    compare_gradients(model, x, y, 0.1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Model, "forward", Mock(side_effect=[None, KeyboardInterrupt]))
        crosses_kink(model, x, 0.1)
    with pytest.raises(ValueError, match="BCE expected labels 0 or 1, got 0.5"):
        numerical_gradient(model, x, np.full_like(y, 0.5))
    assert model.parameters.tobytes() == before and not model.gradients.any()


def test_backpropagated_gradient_ignores_and_clears_what_was_accumulated():
    model, (x, y) = network(), samples()
    expected = backpropagated_gradient(model, x, y)
    model.gradients[...] = 5
    np.testing.assert_array_equal(backpropagated_gradient(model, x, y), expected)
    assert not model.gradients.any()


def test_a_wrong_derivative_is_found(monkeypatch):
    """1 - tanh(z) in place of 1 - tanh(z)^2, entry by entry."""
    model, (x, y) = network((2, 4, 2)), samples(outputs=2)
    right = compare_gradients(model, x, y, 1e-5)
    assert right.max_relative_error < 1e-6 and right.relative_errors.size == model.parameter_count
    monkeypatch.setattr(Tanh, "backward", lambda self, grad, z, a: grad * (1 - a))
    wrong = compare_gradients(model, x, y, 1e-5)
    assert wrong.max_relative_error > 0.1
    assert (wrong.relative_errors[-10:] < 1e-6).all()  # the output layer's entries are still right


@pytest.mark.parametrize("distance, epsilon, excluded", [
    (2.0**-20, 1e-5, 2), (-(2.0**-20), 1e-5, 2), (0.0, 1e-5, 2), (2.0**-20, 1e-7, 0)])
def test_entries_that_cross_the_kink_are_left_out_and_counted(distance, epsilon, excluded):
    """One ReLU unit, its input `distance`; its weight and bias move it by epsilon, the next layer's do not move it."""
    model = Model([Linear(1, 1, ReLU), Linear(1, 1, Identity)], "mse")
    model.parameters = [1, -1 + distance, 2, 0]
    comparison = compare_gradients(model, [[1.0]], [[1.0]], epsilon)
    assert comparison.excluded == excluded and comparison.relative_errors.size == 4 - excluded
    assert comparison.max_relative_error < (1e-6 if excluded else 1e-3)


def test_one_row_at_the_kink_is_enough_to_exclude():
    """A weight from an input of 0 does not move it."""
    model = Model([Linear(2, 1, ReLU)], "mse")
    model.parameters = [1, 1, -1 + 2.0**-20]
    comparison = compare_gradients(model, [[5.0, 5.0], [0.0, 1.0]], [[1.0], [1.0]], epsilon=1e-5)
    assert comparison.excluded == 2 and comparison.relative_errors.size == 1


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("nan"), float("inf"), "small"])
def test_bad_epsilon(epsilon):
    with pytest.raises(ValueError, match=re.escape(f"epsilon: expected a number in (0, inf), got {epsilon!r}")):
        numerical_gradient(network(), *samples(), epsilon)
