"""The optimizers against their textbook formulas, step by step."""

import copy
import pickle
import re

import numpy as np
import pytest

from smai_nn import SGD, Adam, Identity, Linear, Model

each_optimizer = pytest.mark.parametrize("make", [SGD, Adam])


def textbook_sgd(p, gradients, rate):
    for g in gradients:
        p = p - rate * g
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


@pytest.mark.parametrize("size", [1, 7, 100_007])
@pytest.mark.parametrize("optimizer, textbook, settings", [
    (SGD, textbook_sgd, (0.3,)),
    (Adam, textbook_adam, (0.001, 0.9, 0.999, 1e-8)), (Adam, textbook_adam, (0.1, 0.5, 0.9, 1e-2)),
    (Adam, textbook_adam, (0.1, 0.0, 0.0, 1e-3)),
])
def test_every_step_is_the_textbook_formula(optimizer, textbook, settings, size):
    """Also beyond one of Adam's blocks; the gradients are left as they are."""
    rng = np.random.default_rng(0)
    start, all_gradients = rng.normal(size=size), rng.normal(size=(12, size))
    parameters, gradients, optimizer = start.copy(), np.empty(size), optimizer(*settings)
    for g, expected in zip(all_gradients, textbook(start, all_gradients, *settings)):
        gradients[...] = g
        optimizer.step(parameters, gradients)
        np.testing.assert_allclose(parameters, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(gradients, g)


@each_optimizer
def test_one_optimizer_for_two_models_raises(make):
    optimizer = make()
    first, second = (Model([Linear(1, 1, Identity)], "mse", optimizer) for _ in range(2))
    first.update()
    second.train([[1.0]], [[1.0]])
    before = second.parameters.copy()
    with pytest.raises(ValueError, match="expected the parameters it has worked on so far, got others; give every"):
        second.update()
    np.testing.assert_array_equal(second.parameters, before)


@each_optimizer
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))],
                         ids=["deepcopy", "copy", "pickle"])
def test_a_copy_has_the_settings_and_starts_anew(make, duplicate):
    optimizer, parameters, fresh_parameters = make(0.2), np.zeros(2), np.zeros(2)
    optimizer.step(np.ones(2), np.full(2, 3.0))
    duplicate(optimizer).step(parameters, np.ones(2))
    make(0.2).step(fresh_parameters, np.ones(2))
    np.testing.assert_array_equal(parameters, fresh_parameters)


@pytest.mark.parametrize("optimizer, text", [
    (SGD(), "SGD(learning_rate=0.1)"),
    (Adam(), "Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08)")], ids=repr)
def test_an_optimizer_shows_its_settings_also_after_a_step(optimizer, text):
    optimizer.step(np.zeros(2), np.ones(2))
    assert repr(optimizer) == text


@each_optimizer
@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", None, True])
def test_bad_learning_rates(make, rate):
    with pytest.raises(ValueError, match=re.escape(f"learning_rate: expected a number in (0, inf), got {rate!r}")):
        make(rate)


@pytest.mark.parametrize("settings, message", [
    ({"beta1": 1.0}, "beta1: expected a number in [0, 1), got 1.0"),
    ({"beta2": float("nan")}, "beta2: expected a number in [0, 1), got nan"),
    ({"epsilon": 0}, "epsilon: expected a number in (0, inf), got 0"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Adam(**settings)
