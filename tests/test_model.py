"""The network: a step worked by hand, gradients, accumulation, one memory for all views, copies, save and load."""

import copy
import math
import pickle
import re

import joblib
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tiny import network, samples

from smai_nn import BCE, MSE, SGD, Adam, Identity, Linear, MLPAutoencoder, Model, ReLU, Sigmoid, Tanh
from smai_nn.gradcheck import backpropagated_gradient, numerical_gradient
from smai_nn.model import NonFiniteLossError

ACTIVATIONS = [ReLU, Tanh, Sigmoid, Identity]
each_loss = pytest.mark.parametrize("loss", [MSE(), BCE()], ids=repr)


def test_a_training_step_by_hand():
    """Two rows through 2-2-1 with ReLU: outputs 2.5 for targets 1 and 0, then a step of 0.1."""
    model = Model([Linear(2, 2, ReLU()), Linear(2, 1, Identity())], "mse", SGD(0.1))
    first, last = model.layers
    first.weights, first.biases = [[1, -1], [2, 0.5]], [0, 1]
    last.weights, last.biases = [[1], [-2]], [0.5]

    loss = model.train([[1.0, 1.0], [2.0, 0.0]], [[1.0], [0.0]])

    np.testing.assert_array_equal(first.pre_activation, [[3, 0.5], [2, -1]])
    np.testing.assert_array_equal(last.output, [[2.5], [2.5]])
    assert loss == (1.5**2 + 2.5**2) / 2
    np.testing.assert_array_equal(last.weight_gradients, [[3 * 1.5 + 2 * 2.5], [0.5 * 1.5]])
    np.testing.assert_array_equal(last.bias_gradients, [4])
    np.testing.assert_array_equal(first.weight_gradients, [[6.5, -3], [1.5, -3]])
    np.testing.assert_array_equal(first.bias_gradients, [4, -3])

    model.update()

    np.testing.assert_allclose(first.weights, [[0.35, -0.7], [1.85, 0.8]], rtol=1e-14)
    np.testing.assert_allclose(first.biases, [-0.4, 1.3], rtol=1e-14)
    np.testing.assert_allclose(last.weights, [[0.05], [-2.075]], rtol=1e-14)
    np.testing.assert_allclose(last.biases, [0.1], rtol=1e-14)


def test_a_cross_entropy_step_by_hand():
    """The logit ln 3 is the probability 3/4; for the label 1, dL/dz = -1/4."""
    model = Model([Linear(1, 1, Sigmoid())], "bce", SGD(1.0))
    model.parameters = [math.log(3), 0]
    assert model.train([[1.0]], [[1.0]]) == pytest.approx(math.log(4 / 3), rel=1e-14)
    np.testing.assert_allclose(model.gradients, [-0.25, -0.25], rtol=1e-14)
    model.update()
    np.testing.assert_allclose(model.parameters, [math.log(3) + 0.25, 0.25], rtol=1e-14)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_train_gives_the_gradient_of_the_loss_for_any_network(data):
    """Against central differences: any depth, widths, activations, outputs, batch, and both losses."""
    widths = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    hidden = [data.draw(st.sampled_from(ACTIVATIONS)) for _ in widths[2:]]
    loss = data.draw(st.sampled_from(["mse", "bce"]))
    output = Sigmoid if loss == "bce" else data.draw(st.sampled_from(ACTIVATIONS))
    seed, n = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 5))
    model, rng = network(widths, hidden, output, loss, seed=seed), np.random.default_rng(seed)
    x, y = rng.uniform(-1, 1, (n, widths[0])), rng.integers(0, 2, (n, widths[-1])).astype(float)
    analytic = backpropagated_gradient(model, x, y)
    kinks = [np.abs(layer.pre_activation).min() for layer in model.layers if isinstance(layer.activation, ReLU)]
    assume(min(kinks, default=1) > 1e-3)  # a step of 1e-5 then crosses none
    numerical = numerical_gradient(model, x, y, epsilon=1e-5)
    np.testing.assert_allclose(analytic, numerical, rtol=1e-5, atol=1e-7 * max(1, np.abs(analytic).max()))


@each_loss
def test_train_is_forward_loss_and_backward(loss):
    model, (x, y) = network((2, 4, 3), loss=loss), samples(32, 3)
    prediction = model.forward(x)
    assert model.backward(loss.gradient(prediction, y)).shape == x.shape
    by_steps = model.gradients.copy()
    model.zero_grad()
    assert model.train(x, y) == pytest.approx(loss.value(prediction, y), rel=1e-12)
    np.testing.assert_allclose(model.gradients, by_steps, rtol=1e-10, atol=1e-15)


def test_four_batches_of_eight_add_up_to_four_times_the_gradient_of_32():
    """The cumulative gradient is the sum of the batches' mean gradients."""
    model, (x, y) = network(), samples(32)
    whole = backpropagated_gradient(model, x, y)
    losses = [model.train(x[i:i + 8], y[i:i + 8]) for i in range(0, 32, 8)]
    np.testing.assert_allclose(model.gradients, 4 * whole, rtol=1e-12, atol=1e-16)
    assert np.mean(losses) == pytest.approx(model.evaluate(x, y), rel=1e-14)


def test_train_changes_no_parameter_and_update_applies_and_clears_the_sum():
    model, (x, y) = network(optimizer=SGD(0.5)), samples()
    before = model.parameters.copy()
    model.train(x, y)
    model.train(x[:7], y[:7])  # batches may differ in size
    np.testing.assert_array_equal(model.parameters, before)
    total = model.gradients.copy()
    model.update()
    np.testing.assert_array_equal(model.parameters, before - 0.5 * total)
    assert total.any() and not model.gradients.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrong_row, sign", [(0, 1), (1, -1)])
def test_cross_entropy_of_a_saturated_and_wrong_output_has_its_full_gradient(wrong_row, sign, dtype):
    """Logits 1000, -1000, 1000, -1000, one of them wrong: its dL/dz is +-1/4, that of the others 0."""
    model = Model([Linear(1, 1, Sigmoid(), dtype=dtype)], "bce")
    model.parameters = [1000, 0]
    x, y = np.array([[1], [-1], [1], [-1]]), np.array([[1], [0], [1], [0]])
    y[wrong_row] = 1 - y[wrong_row]
    with np.errstate(over="raise", invalid="raise"):
        assert model.train(x, y) == model.evaluate(x, y) == 1000 / 4
    np.testing.assert_array_equal(model.layers[0].bias_gradients, [sign / 4])
    np.testing.assert_array_equal(model.layers[0].weight_gradients, [[sign / 4 * x[wrong_row, 0]]])


@each_loss
def test_predict_and_evaluate_equal_forward_and_loss_and_store_nothing(loss):
    """Also for more rows than are handled at a time, the last piece being smaller."""
    model, (x, y) = network((2, 3, 2), loss=loss), samples(10_000, 2)
    prediction, mean = model.predict(x), model.evaluate(x, y)
    assert model.layers[0].input is None and model.layers[0].output is None and not model.gradients.any()
    np.testing.assert_allclose(prediction, model.forward(x), rtol=1e-14)
    assert mean == pytest.approx(loss.value(prediction, y), rel=1e-12)


def test_a_diverged_model_raises_and_accumulates_nothing():
    model = network(output=Identity)
    model.train(*samples())
    before = model.gradients.copy()
    model.parameters[-1] = 1e200
    with np.errstate(over="ignore"), pytest.raises(NonFiniteLossError, match="got inf; the parameters have probably"):
        model.train(*samples())
    np.testing.assert_array_equal(model.gradients, before)


def test_the_assignments_call_needs_no_further_argument():
    model = Model([Linear(2, 5, Tanh()), Linear(5, 1, Sigmoid())], "mse")
    assert isinstance(model.loss, MSE) and repr(model.optimizer) == "SGD(learning_rate=0.1)"
    assert all(isinstance(Model([Linear(2, 1, Sigmoid())], loss).loss, BCE) for loss in ("BCE", BCE, BCE()))
    assert Model([Linear(2, 1, Tanh)]).optimizer is not Model([Linear(2, 1, Tanh)]).optimizer


def test_build_network_takes_one_hidden_activation_or_one_for_each():
    model = network((2, 3, 4, 1), activation=[ReLU, Identity])
    assert [repr(layer) for layer in model.layers] == \
        ["Linear(2, 3, ReLU())", "Linear(3, 4, Identity())", "Linear(4, 1, Sigmoid())"]
    assert [str(layer.activation) for layer in network((2, 3, 4, 1)).layers] == ["Tanh()", "Tanh()", "Sigmoid()"]
    np.testing.assert_array_equal(network(seed=3).parameters, network(seed=3).parameters)
    for widths, activation in (((2, 3, 4, 1), [ReLU]), ((2,), ReLU)):
        with pytest.raises(ValueError, match="expected one activation for each of the hidden layers, got"):
            network(widths, activation)


# One memory: whichever way a parameter is written, every way of reading it sees the change.

def test_parameters_are_the_layers_in_order_weights_row_by_row_then_biases():
    model = Model([Linear(2, 2, Tanh), Linear(2, 1, Tanh)])
    model.parameters = np.arange(9)
    first, last = model.layers
    np.testing.assert_array_equal(first.weights, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(first.biases, [4, 5])
    np.testing.assert_array_equal(last.weights, [[6], [7]])
    np.testing.assert_array_equal(last.biases, [8])
    assert model.parameter_count == 9 and (model.in_width, model.out_width) == (2, 1)


def test_writes_through_layers_and_through_the_flat_vector_are_one():
    model = network()
    layer, vector = model.layers[0], model.parameters
    layer.weights = np.full((2, 3), 2.0)
    np.testing.assert_array_equal(vector[:6], 2)
    layer.biases -= layer.biases
    np.testing.assert_array_equal(vector[6:9], 0)
    model.parameters = np.zeros(model.parameter_count)
    model.parameters += 1
    assert model.parameters is vector and (layer.weights == 1).all() and (layer.biases == 1).all()


def test_a_model_keeps_the_values_and_gradients_its_layers_have():
    layer = Linear(2, 1, Tanh)
    layer.weights, layer.biases, layer.weight_gradients = [[1], [2]], [3], [[4], [5]]
    model = Model([layer])
    np.testing.assert_array_equal(model.parameters, [1, 2, 3])
    np.testing.assert_array_equal(model.gradients, [4, 5, 0])
    assert model.layers[0] is layer and np.shares_memory(layer.weights, model.parameters)


def test_update_and_zero_grad_clear_every_layers_gradients():
    model = network((2, 3, 4, 1))
    gradients = [array for layer in model.layers for array in (layer.weight_gradients, layer.bias_gradients)]
    for clear in (model.zero_grad, model.update):
        model.train(*samples())
        assert all(array.any() for array in gradients)
        clear()
        assert not any(array.any() for array in gradients)


@pytest.mark.parametrize("name, value", [("layers", []), ("loss", BCE()), ("dtype", np.float32), ("in_width", 3)])
def test_what_may_not_be_exchanged_refuses(name, value):
    with pytest.raises(AttributeError):
        setattr(network(), name, value)
    with pytest.raises(AttributeError):
        network().layers[0].activation = Tanh()


# Copies: whichever way a model is duplicated, the duplicate is whole, learns, and has nothing to do with the original.

@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
                         ids=["copy", "deepcopy", "pickle"])
def test_a_copy_learns_as_a_new_model_with_the_same_parameters_and_alone(duplicate):
    (x, y), model, fresh = samples(), network(optimizer=Adam(0.1)), network(optimizer=Adam(0.1))
    model.train(x, y)
    model.update()
    model.train(x, y)
    before, gradients = model.parameters.copy(), model.gradients.copy()
    twin = duplicate(model)
    np.testing.assert_array_equal(twin.parameters, before)
    np.testing.assert_array_equal(twin.gradients, gradients)
    assert repr(twin) == repr(model)
    twin.zero_grad()
    fresh.parameters = before
    for each in (twin, fresh):
        each.train(x, y)
        each.update()
    np.testing.assert_array_equal(twin.parameters, fresh.parameters)
    np.testing.assert_array_equal(twin.predict(x), fresh.predict(x))
    np.testing.assert_array_equal(model.parameters, before)
    np.testing.assert_array_equal(model.gradients, gradients)


def five_steps(model, x):
    """Return the loss before and after five steps."""
    before = model.evaluate(x, x)
    for _ in range(5):
        model.train(x, x)
        model.update()
    return before, model.evaluate(x, x)


def test_a_model_learns_in_a_worker_process_that_got_it_as_read_only_memory_maps():
    """joblib does so with arrays of more than 1 MB, or here of more than 1 KB."""
    x = np.random.default_rng(0).random((64, 40))
    model = MLPAutoencoder(40, (30, 20), 4, rng=np.random.default_rng(1), dtype=np.float64)
    expected = five_steps(copy.deepcopy(model), x)
    found, = joblib.Parallel(n_jobs=2, max_nbytes="1K")([joblib.delayed(five_steps)(model, x)])
    assert found == pytest.approx(expected) and found[1] < 0.9 * found[0]


def test_a_model_refuses_layers_of_another_and_takes_copies_of_them():
    model = network((2, 3, 3, 1))
    for layers in (model.layers, model.layers[1:], [Linear(2, 2, Tanh), model.layers[0]]):
        with pytest.raises(ValueError, match=re.escape("is part of another Model; use copy.deepcopy(layers)")):
            Model(layers)
    decoder = Model(copy.deepcopy(model.layers[1:]))
    before = model.parameters.copy()
    np.testing.assert_array_equal(decoder.parameters, before[9:])
    decoder.parameters[...] = 0
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize("layers, loss, optimizer, message", [
    ([], "mse", None, "layers: expected a list of at least one Linear, got []"),
    ([Tanh()], "mse", None, "layers: expected a list of at least one Linear, got [Tanh()]"),
    ([Linear(2, 2, Tanh)] * 2, "mse", None, "layers: expected different layers, got one of them twice"),
    ([Linear(2, 3, Tanh), Linear(4, 1, Tanh)], "mse", None,
     "expected widths that chain, got Linear(2, 3, Tanh()) before Linear(4, 1, Tanh())"),
    ([Linear(2, 3, Tanh), Linear(3, 1, Tanh, dtype=np.float32)], "mse", None,
     "expected one dtype, got float64 before float32"),
    ([Linear(2, 1, Tanh)], "huber", None, "loss: expected 'mse', 'bce', MSE or BCE, got 'huber'"),
    ([Linear(2, 1, Tanh)], None, None, "loss: expected 'mse', 'bce', MSE or BCE, got None"),
    ([Linear(2, 1, Tanh)], "bce", None, "Model with BCE: expected a Sigmoid output, got Linear(2, 1, Tanh())"),
    ([Linear(2, 1, Tanh)], "mse", "sgd", "optimizer: expected an instance such as SGD(learning_rate=0.1), got 'sgd'"),
    ([Linear(2, 1, Tanh)], "mse", SGD, "optimizer: expected an instance such as SGD(learning_rate=0.1), got"),
])
def test_bad_arguments_of_a_model(layers, loss, optimizer, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Model(layers, loss, optimizer)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


X, Y = samples(4)


@pytest.mark.parametrize("x, y, message", [
    (X, Y[:, 0], "y: expected shape (n, 1) with n >= 1, got (4,); use y.reshape(-1, 1)"),
    (X, Y[:3], "y: expected 4 rows, as x has, got 3"),
    (X[:, 0], Y, "x: expected shape (n, 2) with n >= 1, got (4,); use x.reshape(-1, 2)"),
    (X[:, :1], Y, "x: expected shape (n, 2) with n >= 1, got (4, 1)"),
    (X[None], Y, "x: expected shape (n, 2) with n >= 1, got (1, 4, 2)"),
    (X[:0], Y[:0], "x: expected shape (n, 2) with n >= 1, got (0, 2)"),
    (changed(X, (2, 1), np.nan), Y, "x: expected finite numbers, got 1 NaN or infinite, the first at index (2, 1)"),
    (X, changed(Y, 3, -np.inf), "y: expected finite numbers, got 1 NaN or infinite, the first at index (3, 0)"),
    (X.astype(str), Y, "x: expected real numbers, got dtype <U32"),
    (X + 1j, Y, "x: expected real numbers, got dtype complex128"),
])
def test_bad_data_are_refused_before_anything_changes(x, y, message):
    model = network()
    model.gradients[...] = 1
    before = model.parameters.copy()
    for method in (model.train, model.evaluate, model.check_data):
        with pytest.raises(ValueError, match=re.escape(message)):
            method(x, y)
    for method in (model.predict, model.forward) if message.startswith("x") else ():
        with pytest.raises(ValueError, match=re.escape(message)):
            method(x)
    np.testing.assert_array_equal(model.gradients, 1)
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize("method", ["train", "evaluate"])
def test_cross_entropy_refuses_labels_other_than_zero_and_one(method):
    model = network(loss="bce")
    with pytest.raises(ValueError, match="BCE expected labels 0 or 1, got 0.5; map the labels"):
        getattr(model, method)(X, changed(Y, 3, 0.5))
    assert not model.gradients.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_and_load_give_back_the_same_bits(tmp_path, dtype):
    model, other = network((2, 5, 3, 1), dtype=dtype), network((2, 5, 3, 1), seed=9, dtype=dtype)
    other.load_from(model.save_to(tmp_path / "parameters.npz"))
    assert other.parameters.tobytes() == model.parameters.tobytes()
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_the_file_names_every_array(tmp_path):
    model = network()
    with np.load(model.save_to(tmp_path / "parameters.npz")) as file:
        assert {name: file[name].shape for name in file.files} == \
            {"layer0.weights": (2, 3), "layer0.biases": (3,), "layer1.weights": (3, 1), "layer1.biases": (1,)}
        np.testing.assert_array_equal(file["layer1.weights"], model.layers[1].weights)


@pytest.mark.parametrize("name, written", [
    ("parameters", "parameters.npz"), ("net.v2", "net.v2.npz"), ("new/folder/a.npz", "new/folder/a.npz")])
def test_a_path_without_npz_gets_it_for_saving_and_loading(tmp_path, name, written):
    model, other = network(), network(seed=9)
    assert model.save_to(str(tmp_path / name)) == tmp_path / written
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == [tmp_path / written]
    other.load_from(str(tmp_path / name))
    np.testing.assert_array_equal(other.parameters, model.parameters)


FITS = {"layer0.weights": np.ones((3, 5)), "layer0.biases": np.ones(5), "layer1.weights": np.ones((5, 1)),
        "layer1.biases": np.ones(1)}  # a 3-5-1 network


@pytest.mark.parametrize("arrays, message", [
    ({**FITS, "layer0.weights": np.ones((1, 5))}, "got {'layer0.weights': (1, 5)"),  # one row would broadcast
    ({**FITS, "layer1.weights": np.float64(1)}, "'layer1.weights': (), "),
    ({**FITS, "layer0.weights": np.ones((5, 3))}, "got {'layer0.weights': (5, 3)"),  # transposed
    ({**FITS, "layer2.weights": np.ones((1, 1))}, "'layer2.weights': (1, 1)}"),  # an extra layer
    ({name: array for name, array in FITS.items() if "1" not in name}, "(3, 5), 'layer0.biases': (5,)}"),
    ({**FITS, "layer0.biases": np.array([1, 1, np.nan, 1, 1])}, "layer0.biases: expected finite numbers, got 1 NaN"),
    ({}, "'layer1.weights': (5, 1), 'layer1.biases': (1,)}, got {}"),
    ({**FITS, "layer1.biases": np.array([1j])}, "layer1.biases: expected floating-point numbers, got dtype complex128"),
    ({**FITS, "layer1.biases": np.array(["1"])}, "layer1.biases: expected floating-point numbers, got dtype <U1"),
    ({**FITS, "layer1.biases": np.array([1.0], dtype=object)}, "npz archive of plain arrays"),
])
def test_loading_parameters_that_do_not_fit_raises_and_changes_nothing(tmp_path, arrays, message):
    model = network((3, 5, 1), dtype=np.float32)
    before = model.parameters.tobytes()
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=rf"other\.npz.*{re.escape(message)}"):
        model.load_from(tmp_path / "other.npz")
    assert model.parameters.tobytes() == before
