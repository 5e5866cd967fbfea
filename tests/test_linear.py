"""One layer: a pass worked by hand, initial values, views, copies, refusals."""

import copy
import pickle
import re

import numpy as np
import pytest

from smai_nn import Identity, Linear, ReLU, Sigmoid, Tanh

ACTIVATIONS = [ReLU, Tanh, Sigmoid, Identity]
ARRAYS = ("weights", "biases", "weight_gradients", "bias_gradients")


def worked_layer():
    """Return a layer after a forward pass of two rows; its second unit is off for the second of them."""
    layer = Linear(2, 2, ReLU)
    layer.weights, layer.biases = [[1, -1], [2, 0.5]], [0, 1]
    layer.forward([[1.0, 1.0], [2.0, 0.0]])
    return layer


def test_forward_and_backward_by_hand():
    """No gradient passes the second unit for the second row."""
    layer = worked_layer()
    np.testing.assert_array_equal(layer.input, [[1, 1], [2, 0]])
    np.testing.assert_array_equal(layer.pre_activation, [[3, 0.5], [2, -1]])
    np.testing.assert_array_equal(layer.output, [[3, 0.5], [2, 0]])
    np.testing.assert_array_equal(layer.backward([[1.5, -3.0], [2.5, -5.0]]), [[4.5, 1.5], [2.5, 5]])
    np.testing.assert_array_equal(layer.weight_gradients, [[6.5, -3], [1.5, -3]])
    np.testing.assert_array_equal(layer.bias_gradients, [4, -3])


def test_backward_may_start_behind_the_activation_and_skip_the_input_gradient():
    layer = worked_layer()
    assert layer.backward([[1.0, 3.0], [1.0, 3.0]], of_pre_activation=True, input_gradient=False) is None
    np.testing.assert_array_equal(layer.bias_gradients, [2, 6])  # though the second unit is off once


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_later_calls_do_not_overwrite_earlier_results(activation):
    rng = np.random.default_rng(0)
    layer = Linear(3, 2, activation, rng=rng)
    results = [layer.forward(rng.normal(size=(4, 3))), layer.backward(rng.normal(size=(4, 2)))]
    copies = [result.copy() for result in results]
    layer.forward(rng.normal(size=(4, 3)))
    layer.backward(rng.normal(size=(4, 2)))
    np.testing.assert_array_equal(results[0], copies[0])
    np.testing.assert_array_equal(results[1], copies[1])


@pytest.mark.parametrize("activation, deviation", [
    (ReLU, np.sqrt(2 / 400)), (Tanh, np.sqrt(2 / 900)), (Identity, np.sqrt(2 / 900)), (Sigmoid, 4 * np.sqrt(2 / 900))])
def test_weights_have_he_variance_for_relu_else_glorot_variance(activation, deviation):
    """Normal for ReLU; uniform, so within sqrt(3) deviations, for the others."""
    weights = Linear(400, 500, activation, rng=np.random.default_rng(0)).weights
    assert weights.std() == pytest.approx(deviation, rel=0.01)
    assert abs(weights.mean()) < 4 * deviation / np.sqrt(weights.size)
    assert (np.abs(weights).max() <= np.sqrt(3) * deviation) == (activation is not ReLU)


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


def test_shapes_and_dtypes():
    layer = Linear(3, 2, Tanh, dtype=np.float32)
    assert layer.weights.shape == layer.weight_gradients.shape == (3, 2)
    assert layer.biases.shape == layer.bias_gradients.shape == (2,)
    assert layer.weights.dtype == layer.biases.dtype == layer.forward(np.ones((1, 3))).dtype == np.float32
    assert repr(layer) == "Linear(3, 2, Tanh())"
    assert Linear(3, 2, Tanh, dtype=float).dtype == Linear(3, 2, Tanh, dtype="float64").dtype == np.float64


@pytest.mark.parametrize("name", ARRAYS)
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
    layer.backward([[1.0, 2.0], [3.0, 4.0]])
    twin = duplicate(layer)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(twin, name), getattr(layer, name))
        assert not np.shares_memory(getattr(twin, name), getattr(layer, name))
    twin.weights[...] = [[1, 0], [0, 1]]
    twin.biases += 1
    np.testing.assert_array_equal(twin.forward([[5.0, 6.0]]), [[6, 8]])
    np.testing.assert_array_equal(layer.forward([[1.0, 1.0]]), [[3, 0.5]])


@pytest.mark.parametrize("settings, message", [
    ({"in_width": 0}, "in_width: expected a whole number >= 1, got 0"),
    ({"in_width": True}, "in_width: expected a whole number >= 1, got True"),
    ({"out_width": 2.0}, "out_width: expected a whole number >= 1, got 2.0"),
    ({"out_width": "3"}, "out_width: expected a whole number >= 1, got '3'"),
    ({"activation": "tanh"}, "activation: expected ReLU, Tanh, Sigmoid, Identity or an instance, got 'tanh'"),
    ({"activation": int}, "activation: expected ReLU, Tanh, Sigmoid, Identity or an instance, got <class 'int'>"),
    ({"rng": np.random.RandomState(0)}, "rng: expected a numpy Generator such as numpy.random.default_rng(0), got"),
    ({"dtype": np.int64}, "dtype: expected float32 or float64, got int64"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Linear(**{"in_width": 2, "out_width": 3, "activation": Tanh} | settings)


def test_forward_says_which_shape_it_expected():
    with pytest.raises(ValueError, match=re.escape("x: expected shape (n, 8) with n >= 1, got (32, 7)")):
        Linear(8, 2, Tanh).forward(np.zeros((32, 7)))


def test_backward_needs_a_forward_pass_and_its_shape():
    layer = Linear(3, 2, Tanh)
    with pytest.raises(ValueError, match=re.escape("expected grad_output (), as the last output, got (1, 2)")):
        layer.backward(np.zeros((1, 2)))
    layer.forward(np.zeros((4, 3)))
    for shape in [(4,), (1, 2), (4, 3), (2, 4)]:
        with pytest.raises(ValueError, match=re.escape(f"grad_output (4, 2), as the last output, got {shape}")):
            layer.backward(np.zeros(shape))
    assert not layer.weight_gradients.any()
