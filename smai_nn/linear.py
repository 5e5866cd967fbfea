"""One fully connected layer: its arrays, its forward pass, its backward pass.

It keeps its parameters in one flat vector, weights first, and its cumulative gradients in another, of which `weights`,
`biases` and their gradients are views. Inside a Model the two vectors are pieces of the model's.
"""

import numpy as np

from smai_nn.activations import Activation, ReLU, Sigmoid
from smai_nn.checks import array_property, as_matrix, require_generator, require_integer

# glibc returns freed memory to the system, and training asks for it again, until it has once freed a block as large as
# this: without the line a step of 101-64-128-128-3 with 1024 rows takes 23% longer. With @ in place of np.dot one of
# 2-32-32-1 takes 13% longer.
np.empty(1 << 24, np.uint8)


class Linear:
    """A layer a = phi(x W + b) with x (n, in_width), W (in_width, out_width), b (out_width,).

    Parameters: two widths >= 1; `activation`, a class or an instance from smai_nn.activations; `rng`, the numpy
    Generator that draws the initial values (a fresh one if None); `dtype`, float64 or float32. ValueError for anything
    else. After a forward pass it holds `input`, `pre_activation` z = x W + b and `output`, after backward passes the
    cumulative `weight_gradients` and `bias_gradients`. Source: assignment section 1.2, item 1.
    """

    weights = array_property("weights", "Weights, (in_width, out_width).")
    biases = array_property("biases", "Biases, (out_width,).")
    weight_gradients = array_property("weight_gradients", "Cumulative dL/dW, (in_width, out_width).")
    bias_gradients = array_property("bias_gradients", "Cumulative dL/db, (out_width,).")
    activation = property(lambda self: self._activation, doc="The activation phi, an instance.")
    input = pre_activation = output = None  # of the last forward pass
    _ones = ()

    def __init__(self, in_width, out_width, activation, *, rng=None, dtype=np.float64):
        if dtype not in (float, np.float32, np.float64, "float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {getattr(dtype, '__name__', dtype)}")
        self._activation = activation() if isinstance(activation, type) else activation
        if not isinstance(self._activation, Activation):
            raise ValueError(f"activation: expected ReLU, Tanh, Sigmoid, Identity or an instance, got {activation!r}")
        self.in_width = require_integer(in_width, "in_width", 1)
        self.out_width = require_integer(out_width, "out_width", 1)
        self.dtype = np.dtype(dtype)
        size = (self.in_width + 1) * self.out_width
        self._bind(np.zeros(size, self.dtype), np.zeros(size, self.dtype))
        self.initialise(np.random.default_rng() if rng is None else require_generator(rng))

    def initialise(self, rng):
        """Draw new weights and biases from `rng`.

        Weights: for ReLU normal with variance 2 / in_width (He et al. 2015, "Delving deep into rectifiers"), else
        uniform with variance 2 / (in_width + out_width), 4 times as wide for Sigmoid for its slope of 1/4 (Glorot and
        Bengio 2010). Biases: b_j = -w_j . c_j with c_j uniform in the unit cube, so that z_j = 0 passes through where
        coordinates in [0, 1] lie (Nguyen and Widrow 1990): with b = 0, a quarter of all ReLU units of two inputs start
        and stay dead. For other inputs it only spreads the units' kinks.
        """
        shape = (self.in_width, self.out_width)
        if isinstance(self.activation, ReLU):
            weights = rng.normal(0, np.sqrt(2 / self.in_width), shape)
        else:
            limit = np.sqrt(6 / sum(shape)) * (4 if isinstance(self.activation, Sigmoid) else 1)
            weights = rng.uniform(-limit, limit, shape)
        self.weights, self.biases = weights, -(weights * rng.uniform(0, 1, shape)).sum(axis=0)

    def forward(self, x):
        """z = x W + b,  a = phi(z). Return a, (n, out_width); keep x, z and a for the backward pass."""
        self.input = as_matrix(x, "x", self.in_width, self.dtype)               # (n, in)
        self.pre_activation = np.dot(self.input, self._weights)                 # (n, out)
        self.pre_activation += self._biases                                     # (n, out) + (out,)
        self.output = self._activation.forward(self.pre_activation)             # (n, out)
        return self.output

    def backward(self, grad_output, *, of_pre_activation=False, input_gradient=True):
        """dL/dz = dL/da * phi'(z);  dW = x^T dz,  db = 1^T dz,  dx = dz W^T.

        Given dL/da (`of_pre_activation`: dL/dz), add dW and db to the gradients; return dx, unless not asked for.
        """
        grad_z = np.asarray(grad_output, self.dtype)                            # (n, out)
        if self.output is None or grad_z.shape != self.output.shape:
            raise ValueError(f"Linear.backward: expected grad_output {np.shape(self.output)}, as the last output, got "
                             f"{grad_z.shape}; call forward(x) first")
        if not of_pre_activation:
            grad_z = self._activation.backward(grad_z, self.pre_activation, self.output)
        if len(self._ones) != len(grad_z):  # 1^T: with grad_z.sum(axis=0) a step of 2-32-32-1 takes 7% longer
            self._ones = np.ones(len(grad_z), self.dtype)
        self._weight_gradients += np.dot(self.input.T, grad_z)                  # (in, out)
        self._bias_gradients += np.dot(self._ones, grad_z)                      # (out,)
        return np.dot(grad_z, self._weights.T) if input_gradient else None      # (n, in)

    def infer(self, x):
        """Return phi(x W + b), (n, out_width), for x (n, in_width); keep nothing."""
        return self._activation.forward(np.dot(x, self._weights) + self._biases)

    def __repr__(self):
        return f"Linear({self.in_width}, {self.out_width}, {self._activation})"

    def _bind(self, parameters, gradients):
        """Make the layer's arrays views of these two flat vectors of its size."""
        split, shape = self.in_width * self.out_width, (self.in_width, self.out_width)
        self._parameters, self._gradients = parameters, gradients
        self._weights, self._biases = parameters[:split].reshape(shape), parameters[split:]
        self._weight_gradients, self._bias_gradients = gradients[:split].reshape(shape), gradients[split:]

    def __setstate__(self, state):  # of copy and pickle: the copy's arrays become views of vectors of its own
        vars(self).update(state)
        self._bind(np.array(self._parameters), np.array(self._gradients))
