"""One layer: a pass worked by hand, derivatives, accumulation, initial values, views, refusals."""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smai_nn import Identity, Linear, ReLU, Sigmoid, Tanh

ACTIVATIONS = [ReLU, Tanh, Sigmoid, Identity]


def worked_layer():
    layer = Linear(2, 2, ReLU)
    layer.weights = [[1, -1], [2, 0.5]]
    layer.biases = [0, 1]
    return layer


def test_forward_by_hand():
    layer, x = worked_layer(), np.array([[1.0, 1.0], [2.0, 0.0]])
    np.testing.assert_array_equal(layer.forward(x), [[3, 0.5], [2, 0]])
    np.testing.assert_array_equal(layer.input, x)
    np.testing.assert_array_equal(layer.pre_activation, [[3, 0.5], [2, -1]])
    np.testing.assert_array_equal(layer.output, [[3, 0.5], [2, 0]])


def test_backward_by_hand():
    """The second unit is off for the second row, so no gradient passes it there."""
    layer = worked_layer()
    layer.forward([[1.0, 1.0], [2.0, 0.0]])
    grad_input = layer.backward([[1.5, -3.0], [2.5, -5.0]])
    np.testing.assert_array_equal(layer.weight_gradients, [[6.5, -3], [1.5, -3]])
    np.testing.assert_array_equal(layer.bias_gradients, [4, -3])
    np.testing.assert_array_equal(grad_input, [[4.5, 1.5], [2.5, 5]])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(n=st.integers(1, 5), a=st.integers(1, 4), b=st.integers(1, 4),
       activation=st.sampled_from(ACTIVATIONS), seed=st.integers(0, 2**32 - 1))
def test_backward_gives_the_derivatives_in_weights_biases_and_input(n, a, b, activation, seed):
    """Against central differences of sum(G * output) for a random G."""
    rng = np.random.default_rng(seed)
    layer, x, grad_output = Linear(a, b, activation, rng=rng), rng.normal(size=(n, a)), rng.normal(size=(n, b))
    layer.forward(x)
    assume(activation is not ReLU or np.abs(layer.pre_activation).min() > 1e-3)  # no kink within the step
    grad_input = layer.backward(grad_output)
    for array, analytic in [(layer.weights, layer.weight_gradients), (layer.biases, layer.bias_gradients),
                            (x, grad_input)]:
        for index in np.ndindex(array.shape):
            value, sums = array[index], []
            for step in (1e-5, -1e-5):
                array[index] = value + step
                sums.append((grad_output * layer.infer(x)).sum())
            array[index] = value
            assert analytic[index] == pytest.approx((sums[0] - sums[1]) / 2e-5, rel=1e-6, abs=1e-7)


def test_gradients_accumulate_until_zero_grad():
    rng = np.random.default_rng(0)
    layer, x, grad_output = Linear(3, 2, Tanh, rng=rng), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    layer.forward(x)
    layer.backward(grad_output)
    once = layer.weight_gradients.copy(), layer.bias_gradients.copy()
    layer.backward(grad_output)
    layer.forward(x)
    layer.backward(grad_output)
    np.testing.assert_allclose(layer.weight_gradients, 3 * once[0], rtol=1e-14)
    np.testing.assert_allclose(layer.bias_gradients, 3 * once[1], rtol=1e-14)
    layer.zero_grad()
    assert not layer.weight_gradients.any() and not layer.bias_gradients.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_later_calls_do_not_overwrite_earlier_results(activation):
    rng = np.random.default_rng(0)
    layer = Linear(3, 2, activation, rng=rng)
    results = [layer.forward(rng.normal(size=(4, 3))), layer.backward(rng.normal(size=(4, 2)))]
    copies = [result.copy() for result in results]
    layer.backward(rng.normal(size=(4, 2)))
    layer.forward(rng.normal(size=(4, 3)))
    layer.backward(rng.normal(size=(4, 2)))
    for result, earlier in zip(results, copies):
        np.testing.assert_array_equal(result, earlier)


def test_backward_may_start_behind_the_activation_and_skip_the_input_gradient():
    layer = worked_layer()
    layer.forward([[2.0, 0.0]])
    assert layer.backward([[1.0, 3.0]], of_pre_activation=True, input_gradient=False) is None
    np.testing.assert_array_equal(layer.bias_gradients, [1, 3])  # though the second unit is off


@pytest.mark.parametrize("activation", [Tanh, Sigmoid(), ReLU, Identity])
def test_an_exchanged_activation_takes_effect_forwards_backwards_and_in_inference(activation):
    layer, x, grad_output = worked_layer(), np.array([[1.0, -2.0]]), np.array([[3.0, 5.0]])
    layer.forward(x)
    layer.activation = activation
    fresh = Linear(2, 2, activation)
    fresh.weights, fresh.biases = layer.weights, layer.biases
    np.testing.assert_array_equal(layer.forward(x), fresh.forward(x))
    np.testing.assert_array_equal(layer.infer(x), fresh.output)
    np.testing.assert_array_equal(layer.backward(grad_output), fresh.backward(grad_output))
    with pytest.raises(ValueError, match="activation: expected ReLU, Tanh"):
        layer.activation = "tanh"
    assert isinstance(layer.activation, type(fresh.activation))


def test_relu_weights_have_he_variance():
    weights = Linear(400, 500, ReLU, rng=np.random.default_rng(0)).weights
    assert weights.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    assert abs(weights.mean()) < 4 * np.sqrt(2 / 400) / np.sqrt(weights.size)


@pytest.mark.parametrize("activation, gain", [(Tanh, 1), (Identity, 1), (Sigmoid, 4)])
def test_other_weights_are_uniform_with_glorot_variance(activation, gain):
    weights = Linear(400, 500, activation, rng=np.random.default_rng(0)).weights
    limit = gain * np.sqrt(6 / 900)
    assert weights.std() == pytest.approx(gain * np.sqrt(2 / 900), rel=0.01)
    assert 0.999 * limit < np.abs(weights).max() <= limit
    assert abs(weights.mean()) < 4 * weights.std() / np.sqrt(weights.size)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_unit_starts_with_its_hyperplane_through_the_unit_cube(activation):
    """Over the cube, each z_j takes both signs: its least and greatest values are at corners."""
    for seed in range(50):
        layer = Linear(3, 20, activation, rng=np.random.default_rng(seed))
        least = np.minimum(layer.weights, 0).sum(axis=0) + layer.biases
        greatest = np.maximum(layer.weights, 0).sum(axis=0) + layer.biases
        assert (least < 0).all() and (greatest > 0).all()


def test_without_rng_every_layer_differs_and_the_global_seed_has_no_say():
    np.random.seed(0)
    first = Linear(3, 4, Tanh())
    np.random.seed(0)
    assert (first.weights != Linear(3, 4, Tanh()).weights).all()


def test_initialise_draws_anew_in_place():
    layer = Linear(3, 4, Tanh, rng=np.random.default_rng(0))
    weights = layer.weights
    layer.initialise(np.random.default_rng(7))
    assert layer.weights is weights
    np.testing.assert_array_equal(weights, Linear(3, 4, Tanh, rng=np.random.default_rng(7)).weights)


def test_shapes_and_dtypes():
    layer = Linear(3, 2, Tanh, dtype=np.float32)
    assert layer.weights.shape == layer.weight_gradients.shape == (3, 2)
    assert layer.biases.shape == layer.bias_gradients.shape == (2,)
    assert layer.weights.dtype == layer.biases.dtype == layer.forward(np.ones((1, 3))).dtype == np.float32
    assert repr(layer) == "Linear(3, 2, Tanh())"
    assert Linear(3, 2, Tanh, dtype=float).dtype == Linear(3, 2, Tanh, dtype="float64").dtype == np.float64


@pytest.mark.parametrize("name", ["weights", "biases", "weight_gradients", "bias_gradients"])
def test_assigning_copies_into_the_array_that_is_there(name):
    layer = Linear(3, 2, Tanh)
    array = getattr(layer, name)
    values = np.arange(array.size, dtype=float).reshape(array.shape)
    setattr(layer, name, values)
    values += 100
    assert getattr(layer, name) is array
    np.testing.assert_array_equal(array.ravel(), np.arange(array.size))


@pytest.mark.parametrize("values", [0.0, np.zeros(2), np.zeros((1, 2)), np.zeros((2, 3))])
def test_assigning_another_shape_raises_even_if_it_would_broadcast(values):
    layer = Linear(3, 2, Tanh)
    before = layer.weights.copy()
    with pytest.raises(ValueError, match=re.escape(f"weights: expected shape (3, 2), got {np.shape(values)}")):
        layer.weights = values
    np.testing.assert_array_equal(layer.weights, before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda layer: pickle.loads(pickle.dumps(layer))],
                         ids=["deepcopy", "copy", "pickle"])
def test_a_copy_has_the_same_values_in_memory_of_its_own(duplicate):
    layer = worked_layer()
    layer.forward([[1.0, 1.0]])
    layer.backward([[1.0, 2.0]])
    twin = duplicate(layer)
    for name in ("weights", "biases", "weight_gradients", "bias_gradients"):
        np.testing.assert_array_equal(getattr(twin, name), getattr(layer, name))
        assert not np.shares_memory(getattr(twin, name), getattr(layer, name))
    twin.weights[...] = [[1, 0], [0, 1]]
    twin.biases += 1
    np.testing.assert_array_equal(twin.forward([[5.0, 6.0]]), [[6, 8]])
    np.testing.assert_array_equal(layer.forward([[1.0, 1.0]]), [[3, 0.5]])


@pytest.mark.parametrize("arguments, message", [
    ((0, 2, Tanh), "in_width: expected a whole number >= 1, got 0"),
    ((2, -1, Tanh), "out_width: expected a whole number >= 1, got -1"),
    ((2.0, 2, Tanh), "in_width: expected a whole number >= 1, got 2.0"),
    ((True, 2, Tanh), "in_width: expected a whole number >= 1, got True"),
    ((2, "3", Tanh), "out_width: expected a whole number >= 1, got '3'"),
    ((2, 3, "tanh"), "activation: expected ReLU, Tanh, Sigmoid, Identity or an instance, got 'tanh'"),
    ((2, 3, int), "activation: expected ReLU, Tanh, Sigmoid, Identity or an instance, got <class 'int'>"),
])
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Linear(*arguments)


@pytest.mark.parametrize("settings, message", [
    ({"rng": 0}, "rng: expected a numpy Generator such as numpy.random.default_rng(0), got 0"),
    ({"rng": np.random.RandomState(0)}, "rng: expected a numpy Generator"),
    ({"dtype": np.int64}, "dtype: expected float32 or float64, got int64"),
    ({"dtype": np.float16}, "dtype: expected float32 or float64, got float16"),
])
def test_bad_rng_and_dtype(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Linear(2, 3, Tanh, **settings)


@pytest.mark.parametrize("x, received", [
    (np.zeros((32, 7)), "(32, 7)"), (np.zeros(8), "(8,); use"), (np.zeros((0, 8)), "(0, 8)"),
    (np.zeros((2, 3, 8)), "(2, 3, 8)"), (1.0, "()"),
])
def test_forward_says_which_shape_it_expected(x, received):
    expected = f"x: expected shape (n, 8) with n >= 1, got {received}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        Linear(8, 2, Tanh).forward(x)


def test_backward_needs_a_forward_pass_and_its_shape():
    layer = Linear(3, 2, Tanh)
    with pytest.raises(ValueError, match=re.escape("expected grad_output (), as the last output, got (1, 2)")):
        layer.backward(np.zeros((1, 2)))
    layer.forward(np.zeros((4, 3)))
    for shape in [(4,), (1, 2), (4, 3), (2, 4)]:
        with pytest.raises(ValueError, match=re.escape(f"grad_output (4, 2), as the last output, got {shape}")):
            layer.backward(np.zeros(shape))
    assert not layer.weight_gradients.any()
