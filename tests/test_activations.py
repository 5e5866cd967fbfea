"""The activations: worked values, derivatives against central differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smai_nn import Identity, ReLU, Sigmoid, Tanh

ALL = [ReLU(), Tanh(), Sigmoid(), Identity()]
each_activation = pytest.mark.parametrize("activation", ALL, ids=repr)

# At least 1e-3 away from 0, so that a step of 1e-6 never crosses ReLU's kink.
away_from_zero = st.floats(1e-3, 5) | st.floats(-5, -1e-3)
shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)


@pytest.mark.parametrize("activation, expected", [
    (ReLU(), [0, 0, 2]),
    (Tanh(), [-0.76159415595576, 0, 0.96402758007582]),
    (Sigmoid(), [0.26894142136999, 0.5, 0.88079707797788]),
    (Identity(), [-1, 0, 2]),
], ids=repr)
def test_values_at_minus_one_zero_and_two(activation, expected):
    np.testing.assert_allclose(activation.forward(np.array([-1.0, 0.0, 2.0])), expected, rtol=1e-13)


@pytest.mark.parametrize("activation, slopes", [
    (ReLU(), [0, 0, 1]), (Tanh(), [0.41997434161403, 1, 0.07065082485316]),
    (Sigmoid(), [0.19661193324148, 0.25, 0.10499358540351]), (Identity(), [1, 1, 1]),
], ids=repr)
def test_slopes_at_minus_one_zero_and_two(activation, slopes):
    """ReLU takes the subgradient 0 at 0."""
    z, grad_output = np.array([-1.0, 0.0, 2.0]), np.array([1.0, -2.0, 3.0])
    grad = activation.backward(grad_output, z, activation.forward(z))
    np.testing.assert_allclose(grad, grad_output * slopes, rtol=1e-12)


@each_activation
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_backward_is_the_chain_rule_with_the_central_difference(activation, data):
    shape = data.draw(shapes)
    z = data.draw(hnp.arrays(np.float64, shape, elements=away_from_zero))
    grad_output = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-3, 3)))
    slope = (activation.forward(z + 1e-6) - activation.forward(z - 1e-6)) / 2e-6
    grad = activation.backward(grad_output, z, activation.forward(z))
    np.testing.assert_allclose(grad, grad_output * slope, rtol=1e-7, atol=1e-8)


@each_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays_and_no_argument_changes(activation, dtype):
    z, grad_output = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(dtype)
    a = activation.forward(z)
    before = [array.copy() for array in (z, a, grad_output)]
    assert activation.backward(grad_output, z, a).dtype == a.dtype == dtype
    np.testing.assert_array_equal((z, a, grad_output), before)


def test_sigmoid_neither_overflows_nor_leaves_the_unit_interval():
    z = np.array([-1e308, -1000.0, 1000.0, 1e308])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(Sigmoid().forward(z), [0, 0, 1, 1])
