"""The activations: worked values and slopes, dtypes, extremes."""

import numpy as np
import pytest

from smai_nn import Identity, ReLU, Sigmoid, Tanh


@pytest.mark.parametrize("activation, values, slopes", [
    (ReLU(), [0, 0, 2], [0, 0, 1]),
    (Tanh(), [-0.76159415595576, 0, 0.96402758007582], [0.41997434161403, 1, 0.07065082485316]),
    (Sigmoid(), [0.26894142136999, 0.5, 0.88079707797788], [0.19661193324148, 0.25, 0.10499358540351]),
    (Identity(), [-1, 0, 2], [1, 1, 1]),
], ids=repr)
def test_values_and_slopes_at_minus_one_zero_and_two(activation, values, slopes):
    """ReLU takes the subgradient 0 at 0. No argument changes, and the dtype stays."""
    for dtype, digits in ((np.float64, 1e-12), (np.float32, 1e-6)):
        z, grad_output = np.array([-1, 0, 2], dtype), np.array([1, -2, 3], dtype)
        a = activation.forward(z)
        np.testing.assert_allclose(a, values, rtol=digits)
        grad = activation.backward(grad_output, z, a)
        np.testing.assert_allclose(grad, [slopes[0], -2 * slopes[1], 3 * slopes[2]], rtol=digits)
        assert z.tolist() == [-1, 0, 2] and grad_output.tolist() == [1, -2, 3] and a.dtype == grad.dtype == dtype


def test_sigmoid_neither_overflows_nor_leaves_the_unit_interval():
    z = np.array([-1e308, -1000.0, 1000.0, 1e308])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(Sigmoid().forward(z), [0, 0, 1, 1])
