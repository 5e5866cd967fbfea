"""The numerical gradient: closed forms, order of the error, detection of a wrong derivative, kinks."""

import re

import numpy as np
import pytest

from smai_nn import BCE, MSE, Identity, Linear, Model, ReLU, Sigmoid, Tanh, numerical_gradient
from smai_nn.gradcheck import backpropagated_gradient, compare_gradients
from smai_nn.model import build_network


def network(activation=Tanh, output=Sigmoid, loss="mse", outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    return build_network((3, 4, outputs), activation, output, loss=loss, optimizer=None, rng=rng, dtype=np.float64)


def samples(n=6, outputs=2):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 3)), rng.integers(0, 2, (n, outputs)).astype(float)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3, 1e-5])
def test_linear_regression_has_a_gradient_in_closed_form(epsilon):
    """2 X'(X W + b - Y) / N: the loss is quadratic, so that any epsilon is exact but for round-off."""
    model = Model([Linear(3, 2, Identity, rng=np.random.default_rng(0))], "mse")
    x, y = samples()
    error = x @ model.layers[0].weights + model.layers[0].biases - y
    expected = np.concatenate([(2 * x.T @ error / error.size).ravel(), 2 * error.sum(axis=0) / error.size])
    np.testing.assert_allclose(numerical_gradient(model, x, y, epsilon), expected, rtol=1e-8, atol=1e-9)


def test_logistic_regression_has_a_gradient_in_closed_form():
    """X'(p - Y) / N."""
    model = Model([Linear(3, 2, Sigmoid, rng=np.random.default_rng(0))], "bce")
    x, y = samples()
    error = model.predict(x) - y
    expected = np.concatenate([(x.T @ error / error.size).ravel(), error.sum(axis=0) / error.size])
    np.testing.assert_allclose(numerical_gradient(model, x, y), expected, rtol=1e-8, atol=1e-9)


def test_parameters_come_back_bit_by_bit_and_nothing_is_accumulated():
    model, (x, y) = network(ReLU), samples()
    before = model.parameters.tobytes()
    numerical_gradient(model, x, y, epsilon=0.1)
    compare_gradients(model, x, y, 0.1)
    assert model.parameters.tobytes() == before and not model.gradients.any()


def test_parameters_come_back_even_if_the_data_are_refused():
    model, (x, y) = network(loss="bce"), samples()
    before = model.parameters.tobytes()
    with pytest.raises(ValueError, match="BCE expected labels 0 or 1, got 0.5"):
        numerical_gradient(model, x, np.full_like(y, 0.5))
    assert model.parameters.tobytes() == before


def test_backpropagated_gradient_ignores_and_clears_what_was_accumulated():
    model, (x, y) = network(), samples()
    expected = backpropagated_gradient(model, x, y)
    model.gradients[...] = 5
    np.testing.assert_array_equal(backpropagated_gradient(model, x, y), expected)
    assert not model.gradients.any()


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid, Identity])
@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)
def test_backpropagation_agrees_entry_by_entry(activation, loss):
    """Every weight and bias, two outputs, a batch of six."""
    model = network(activation, loss=loss)
    comparison = compare_gradients(model, *samples(), 1e-5)
    assert comparison.excluded == 0 and comparison.relative_errors.size == model.parameter_count
    assert comparison.max_relative_error < 1e-6


@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)
def test_the_error_falls_as_epsilon_squared(loss):
    model, (x, y) = network(loss=loss), samples()
    large, small = (compare_gradients(model, x, y, epsilon).max_relative_error for epsilon in (1e-2, 1e-3))
    assert np.log10(large / small) == pytest.approx(2, abs=0.05)


def test_a_wrong_derivative_is_found(monkeypatch):
    """1 - tanh(z) in place of 1 - tanh(z)^2."""
    model, (x, y) = network(), samples()
    assert compare_gradients(model, x, y, 1e-5).max_relative_error < 1e-6
    monkeypatch.setattr(Tanh, "backward", lambda self, grad, z, a: grad * (1 - a))
    comparison = compare_gradients(model, x, y, 1e-5)
    assert comparison.max_relative_error > 0.1
    assert (comparison.relative_errors[-10:] < 1e-6).all()  # the output layer's entries are still right


def kinked_network(distance):
    """One ReLU unit with the pre-activation `distance` for the input 1, and its output doubled."""
    model = Model([Linear(1, 1, ReLU), Linear(1, 1, Identity)], "mse")
    model.parameters = [1, -1 + distance, 2, 0]
    return model


@pytest.mark.parametrize("distance", [2.0**-20, -(2.0**-20), 0.0])
def test_entries_that_cross_the_kink_are_left_out_and_counted(distance):
    """The unit's weight and bias move its input by epsilon, the next layer's do not move it."""
    comparison = compare_gradients(kinked_network(distance), [[1.0]], [[1.0]], epsilon=1e-5)
    assert comparison.excluded == 2 and comparison.relative_errors.size == 2
    assert comparison.max_relative_error < 1e-6


def test_entries_beyond_the_kink_are_compared():
    comparison = compare_gradients(kinked_network(2.0**-20), [[1.0]], [[1.0]], epsilon=1e-7)
    assert comparison.excluded == 0 and comparison.relative_errors.size == 4


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
