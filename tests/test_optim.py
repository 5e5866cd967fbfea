"""The optimizers against their textbook formulas, step by step."""

import copy
import pickle
import re

import numpy as np
import pytest

from smai_nn import SGD, Adam, Identity, Kalman, Linear, Model, Momentum, Tanh

each_optimizer = pytest.mark.parametrize("make", [
    lambda: SGD(0.1), lambda: Momentum(0.1, 0.9), lambda: Adam(0.1), lambda: Kalman(2.0, 0.5)],
    ids=["SGD", "Momentum", "Adam", "Kalman"])


def textbook_sgd(p, gradients, rate):
    for g in gradients:
        p = p - rate * g
        yield p


def textbook_momentum(p, gradients, rate, momentum):
    v = 0
    for g in gradients:
        v = momentum * v + g
        p = p - rate * v
        yield p


def textbook_adam(p, gradients, rate, beta1, beta2, epsilon):
    """Kingma and Ba 2015, algorithm 1."""
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        p = p - rate * m_hat / (np.sqrt(v_hat) + epsilon)
        yield p


CASES = [
    (SGD, textbook_sgd, (0.3,)),
    (Momentum, textbook_momentum, (0.1, 0.9)), (Momentum, textbook_momentum, (0.2, 0.0)),
    (Adam, textbook_adam, (0.001, 0.9, 0.999, 1e-8)), (Adam, textbook_adam, (0.1, 0.5, 0.9, 1e-2)),
    (Adam, textbook_adam, (0.1, 0.0, 0.0, 1e-3)),
]


@pytest.mark.parametrize("size", [1, 7, 100_007])
@pytest.mark.parametrize("optimizer, textbook, settings", CASES)
def test_every_step_is_the_textbook_formula(optimizer, textbook, settings, size):
    rng = np.random.default_rng(0)
    start, all_gradients = rng.normal(size=size), rng.normal(size=(12, size))
    parameters, gradients, optimizer = start.copy(), np.empty(size), optimizer(*settings)
    for g, expected in zip(all_gradients, textbook(start, all_gradients, *settings)):
        gradients[...] = g
        optimizer.step(parameters, gradients)
        np.testing.assert_allclose(parameters, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(gradients, g)


def test_two_steps_of_momentum_by_hand():
    """v = 2, then 0.5 * 2 + 1 = 2."""
    parameters, gradients, optimizer = np.array([1.0]), np.array([2.0]), Momentum(0.25, 0.5)
    optimizer.step(parameters, gradients)
    assert parameters[0] == 0.5
    gradients[0] = 1
    optimizer.step(parameters, gradients)
    assert parameters[0] == 0


@pytest.mark.parametrize("gradient", [1e-3, -5.0, 1e5])
def test_the_first_adam_step_is_the_learning_rate_whatever_the_gradient(gradient):
    parameters = np.zeros(1)
    Adam(0.01).step(parameters, np.array([gradient]))
    assert parameters[0] == pytest.approx(-0.01 * np.sign(gradient), rel=1e-4)


def test_adam_leaves_parameters_without_gradient_where_they_are():
    parameters = np.array([1.0, 2.0])
    Adam(0.1).step(parameters, np.array([0.0, 1.0]))
    assert parameters[0] == 1 and parameters[1] < 2


@each_optimizer
def test_each_step_uses_the_gradients_it_is_given(make):
    """Whether they come in the same array as before or in another one."""
    parameters, twins, gradients, optimizer, twin = np.zeros(3), np.zeros(3), np.empty(3), make(), make()
    for values in ([1.0, 2.0, 3.0], [10.0, -20.0, 0.0]):
        gradients[...] = values
        optimizer.step(parameters, gradients)
        twin.step(twins, np.array(values))
    np.testing.assert_array_equal(twins, parameters)


@each_optimizer
def test_float32_stays_float32(make):
    parameters = np.ones(3, np.float32)
    optimizer = make()
    optimizer.step(parameters, np.ones(3, np.float32))
    memory = {name: array for name, array in optimizer.state().items() if name != "steps"}
    assert parameters.dtype == np.float32 and all(array.dtype == np.float32 for array in memory.values())
    assert tuple(memory) == optimizer.MEMORY


@each_optimizer
def test_one_optimizer_for_two_models_raises(make):
    optimizer = make()
    first, second = (Model([Linear(1, 1, Identity)], "mse", optimizer) for _ in range(2))
    first.train([[1.0]], [[1.0]])
    first.update()
    second.train([[1.0]], [[1.0]])
    before = second.parameters.copy()
    with pytest.raises(ValueError, match="expected the parameters it has worked on so far, got others; give every"):
        second.update()
    np.testing.assert_array_equal(second.parameters, before)
    assert optimizer.steps == 1


@each_optimizer
@pytest.mark.parametrize("steps", [0, 5])
def test_a_restored_optimizer_goes_on_with_the_same_bits(make, steps):
    rng = np.random.default_rng(0)
    parameters, gradients, optimizer = rng.normal(size=9), np.empty(9), make()
    for _ in range(steps):
        gradients[...] = rng.normal(size=9)
        optimizer.step(parameters, gradients)
    state, copied, restored = optimizer.state(), parameters.copy(), make()
    restored.restore(state, copied)
    assert restored.steps == steps
    for _ in range(3):
        gradients[...] = rng.normal(size=9)
        optimizer.step(parameters, gradients)
        restored.step(copied, gradients)
        assert parameters.tobytes() == copied.tobytes()


def test_a_state_is_a_copy():
    parameters, gradients, optimizer = np.zeros(2), np.ones(2), Momentum(0.1)
    optimizer.step(parameters, gradients)
    state = optimizer.state()
    optimizer.step(parameters, gradients)
    optimizer.restore(state, parameters)
    optimizer.step(parameters, gradients)
    np.testing.assert_array_equal(state["velocity"], [1, 1])
    assert state["steps"] == 1
    np.testing.assert_array_equal(optimizer.state()["velocity"], [1.9, 1.9])


def state_of(optimizer, size=3, dtype=np.float64):
    optimizer.step(np.zeros(size, dtype), np.ones(size, dtype))
    return optimizer.state()


@pytest.mark.parametrize("optimizer, state", [
    (Adam(), state_of(Momentum())), (SGD(), state_of(Adam())), (Momentum(), state_of(Momentum(), size=4)),
    (Momentum(), state_of(Momentum(), dtype=np.float32)), (Adam(), {"first_moment": np.zeros(3)}), (SGD(), {}),
    (Adam(), state_of(SGD())), (Momentum(), state_of(SGD())), (Kalman(trained=2), state_of(Kalman())),
], ids=["Momentum for Adam", "Adam for SGD", "another size", "another dtype", "incomplete", "empty",
        "SGD for Adam", "SGD for Momentum", "another number of trained parameters"])
def test_a_state_that_does_not_fit_raises(optimizer, state):
    with pytest.raises(ValueError, match=re.escape(f"{type(optimizer).__name__}: expected a state with ('steps'")):
        optimizer.restore(state, np.zeros(3))


@each_optimizer
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))],
                         ids=["deepcopy", "pickle"])
def test_a_copy_has_the_settings_and_starts_anew(make, duplicate):
    optimizer, parameters = make(), np.zeros(2)
    optimizer.step(np.ones(2), np.full(2, 3.0))
    twin, fresh_parameters = duplicate(optimizer), np.zeros(2)
    assert twin.settings() == optimizer.settings() and twin.steps == 0
    twin.step(parameters, np.ones(2))
    make().step(fresh_parameters, np.ones(2))
    np.testing.assert_array_equal(parameters, fresh_parameters)


def kalman_model(optimizer, hidden=()):
    layers = [Linear(a, b, Tanh, rng=np.random.default_rng(b), dtype=np.float64) for a, b in zip((3, *hidden), hidden)]
    return Model([*layers, Linear((3, *hidden)[-1], 1, Identity, rng=np.random.default_rng(0), dtype=np.float64)],
                 "mse", optimizer)


def learn_one_by_one(model, x, y):
    for row, target in zip(x, y):
        model.train(row[None], target[None])
        model.update()


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("hidden", [(), (5,)], ids=["linear model", "last layer"])
def test_kalman_on_a_linear_output_is_least_squares_with_the_prior(hidden, count):
    """After n samples it is what the normal equations give for all n at once, to round-off."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(count, 3)), rng.normal(size=(count, 1))
    prior, noise = 0.7, 0.3
    model = kalman_model(Kalman(prior, noise, trained=(3, *hidden)[-1] + 1), hidden)
    start = model.parameters.copy()
    learn_one_by_one(model, x, y)

    features = x if not hidden else model.layers[0].infer(x)
    design = np.column_stack([features, np.ones(count)])
    first = start[-design.shape[1]:]
    matrix = design.T @ design + noise / prior * np.eye(design.shape[1])
    expected = first + np.linalg.solve(matrix, design.T @ (y[:, 0] - design @ first))
    np.testing.assert_allclose(model.parameters[-len(first):], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.parameters[:-len(first)], start[:-len(first)])  # the rest is left alone
    lower = np.tril(model.optimizer.state()["covariance"])
    np.testing.assert_allclose(lower, np.tril(noise * np.linalg.inv(matrix)), rtol=1e-8, atol=1e-12)


def test_an_extended_kalman_step_is_the_textbook_formula():
    """On all parameters of a network, with the output's derivative from central differences."""
    model = kalman_model(Kalman(0.5, 0.2), hidden=(4,))
    x, target, before = np.array([[0.3, -0.4, 0.9]]), 0.8, model.parameters.copy()
    error, epsilon, jacobian = model.predict(x)[0, 0] - target, 1e-6, np.empty(before.size)
    for i in range(before.size):
        outputs = []
        for sign in (1, -1):
            moved = before.copy()
            moved[i] += sign * epsilon
            model.parameters = moved
            outputs.append(model.predict(x)[0, 0])
        jacobian[i] = (outputs[0] - outputs[1]) / (2 * epsilon)
    model.parameters = before
    learn_one_by_one(model, x, np.array([[target]]))
    gain = 0.5 * jacobian / (0.2 + 0.5 * jacobian @ jacobian)
    np.testing.assert_allclose(model.parameters, before - gain * error, rtol=1e-7)


def test_kalman_learns_nothing_from_a_sample_without_error():
    optimizer, parameters = Kalman(), np.ones(3)
    optimizer.step(parameters, np.array([0.0, 0.0, 0.0]))
    np.testing.assert_array_equal(parameters, 1)
    np.testing.assert_array_equal(optimizer.state()["covariance"], np.eye(3))


@pytest.mark.parametrize("settings, message", [
    ({"prior": 0}, "prior: expected a number in (0, inf), got 0"),
    ({"noise": -1}, "noise: expected a number in (0, inf), got -1"),
    ({"trained": 0}, "trained: expected a whole number >= 1, got 0"),
    ({"learning_rate": "1"}, "learning_rate: expected a number in (0, inf), got '1'"),
])
def test_bad_kalman_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Kalman(**settings)


def test_kalman_with_more_trained_parameters_than_there_are():
    with pytest.raises(ValueError, match="expected at most 2 for trained, as the model has no more parameters, got 3"):
        Kalman(trained=3).step(np.zeros(2), np.ones(2))


@pytest.mark.parametrize("optimizer, settings", [
    (SGD(0.5), {"name": "SGD", "learning_rate": 0.5}),
    (Momentum(1, 0.8), {"name": "Momentum", "learning_rate": 1.0, "momentum": 0.8}),
    (Adam(), {"name": "Adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
])
def test_settings_are_for_the_records_and_do_not_grow_with_training(optimizer, settings):
    optimizer.step(np.zeros(2), np.ones(2))
    assert optimizer.settings() == settings
    assert repr(optimizer).startswith(f"{settings['name']}(learning_rate={settings['learning_rate']}")


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True])
def test_bad_learning_rates(make, rate):
    with pytest.raises(ValueError, match=re.escape(f"learning_rate: expected a number in (0, inf), got {rate!r}")):
        make(rate)


@pytest.mark.parametrize("make, settings, message", [
    (Momentum, {"momentum": 1}, "momentum: expected a number in [0, 1), got 1"),
    (Momentum, {"momentum": -0.1}, "momentum: expected a number in [0, 1), got -0.1"),
    (Adam, {"beta1": 1.0}, "beta1: expected a number in [0, 1), got 1.0"),
    (Adam, {"beta2": float("nan")}, "beta2: expected a number in [0, 1), got nan"),
    (Adam, {"epsilon": 0}, "epsilon: expected a number in (0, inf), got 0"),
])
def test_bad_settings(make, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**settings)
