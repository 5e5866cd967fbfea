"""One fully connected layer: its arrays, its forward pass, its backward pass.

The layer keeps its parameters in one flat vector, weights first, and its cumulative gradients in another; `weights`,
`biases` and their gradients are views of them. On its own the layer has two vectors for itself; inside a Model they are
pieces of the model's.
"""

import numpy as np

from smai_nn.activations import Activation, ReLU, Sigmoid
from smai_nn.checks import array_property, as_matrix, require_generator, require_integer


class Linear:
    """A layer a = phi(x W + b) with x (n, in_width), W (in_width, out_width), b (out_width,).

    Parameters: two widths >= 1; `activation`, a class or an instance from smai_nn.activations; `rng`, the numpy
    Generator that draws the initial values (a fresh one if None); `dtype`, float64 or float32. Raises ValueError for
    anything else.

    After a forward pass it holds `input`, `pre_activation` z = x W + b and `output`; after backward passes
    `weight_gradients` and `bias_gradients`, cumulative until `zero_grad()`. Source: assignment section 1.2, item 1.

    >>> from smai_nn import Tanh
    >>> layer = Linear(2, 3, Tanh, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 2))).shape, layer.weights.shape, layer.biases.shape
    ((5, 3), (2, 3), (3,))
    """

    weights = array_property("weights", "Weights, (in_width, out_width).")
    biases = array_property("biases", "Biases, (out_width,).")
    weight_gradients = array_property("weight_gradients", "Cumulative dL/dW, (in_width, out_width).")
    bias_gradients = array_property("bias_gradients", "Cumulative dL/db, (out_width,).")

    _ones = ()
    input = pre_activation = output = None  # of the last forward pass

    def __init__(self, in_width, out_width, activation, *, rng=None, dtype=np.float64):
        if dtype not in (float, np.float32, np.float64, "float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {getattr(dtype, '__name__', dtype)}")
        self.in_width = require_integer(in_width, "in_width", 1)
        self.out_width = require_integer(out_width, "out_width", 1)
        self.activation, self.dtype = activation, np.dtype(dtype)
        size = (self.in_width + 1) * self.out_width
        self._bind(np.empty(size, self.dtype), np.zeros(size, self.dtype))
        self.initialise(np.random.default_rng() if rng is None else require_generator(rng))

    def initialise(self, rng):
        """Draw new weights and biases from `rng`.

        Weights: He's normal with variance 2 / in_width for ReLU (He et al. 2015, "Delving deep into rectifiers"), else
        Glorot's uniform with variance 2 / (in_width + out_width) (Glorot and Bengio 2010), for Sigmoid 4 times as wide,
        as that paper derives from the sigmoid's slope of 1/4. Biases: b_j = -w_j . c_j with c_j uniform in the unit
        cube, so that every unit's hyperplane z_j = 0 passes through the region where the inputs lie (Nguyen and Widrow
        1990). With zero biases and two inputs in [0, 1], a quarter of all ReLU units would start, and stay, dead.
        """
        shape = (self.in_width, self.out_width)
        if isinstance(self.activation, ReLU):
            weights = rng.normal(0, np.sqrt(2 / self.in_width), shape)
        else:
            gain = 4 if isinstance(self.activation, Sigmoid) else 1
            limit = gain * np.sqrt(6 / (self.in_width + self.out_width))
            weights = rng.uniform(-limit, limit, shape)
        anchors = rng.uniform(0, 1, shape)
        self.weights, self.biases = weights, -(weights * anchors).sum(axis=0)

    @property
    def activation(self):
        """The activation phi; it may be exchanged at any time."""
        return self._activation

    @activation.setter
    def activation(self, activation):
        instance = activation() if isinstance(activation, type) else activation
        if not isinstance(instance, Activation):
            raise ValueError(f"activation: expected ReLU, Tanh, Sigmoid, Identity or an instance of one, got {activation!r}")
        self._activation = instance

    @property
    def parameter_count(self):
        """Number of weights and biases."""
        return self._parameters.size

    def forward(self, x):
        """z = x W + b;  a = phi(z). Return a, (n, out_width), and keep x, z and a for the backward pass."""
        self.input = as_matrix(x, "input of a Linear", self.in_width, self.dtype)       # (n, in)
        if len(self._ones) != len(self.input):
            self._ones = np.ones(len(self.input), self.dtype)
        self.pre_activation = np.dot(self.input, self._weights) + self._biases          # (n, out)
        self.output = self._activation.forward(self.pre_activation)                     # (n, out)
        return self.output

    def backward(self, grad_output, *, of_pre_activation=False, input_gradient=True):
        """dL/dz = dL/da * phi'(z);  dW = x^T dz,  db = 1^T dz,  dx = dz W^T.

        Add dW and db to the cumulative gradients and return dx, (n, in_width), or None without `input_gradient`.
        `grad_output` is dL/da, (n, out_width), of the last forward pass; or dL/dz, if so said, from a loss of logits.
        """
        if self.output is None:
            raise ValueError("Linear.backward: expected a forward pass before it, got none; call forward(x) first")
        if np.shape(grad_output) != self.output.shape:
            raise ValueError(f"Linear.backward: expected grad_output {self.output.shape}, got {np.shape(grad_output)}")
        grad_z = grad_output if of_pre_activation else self._activation.backward(
            np.asarray(grad_output, self.dtype), self.pre_activation, self.output)      # (n, out)
        self._weight_gradients += np.dot(self.input.T, grad_z)                          # (in, out)
        self._bias_gradients += np.dot(self._ones, grad_z)                      # (out,)
        return np.dot(grad_z, self._weights.T) if input_gradient else None              # (n, in)

    def infer(self, x):
        """Return phi(x W + b), (n, out_width), for x (n, in_width); keep nothing."""
        return self._activation.forward(np.dot(x, self._weights) + self._biases)

    def zero_grad(self):
        """Set the cumulative gradients to zero."""
        self._gradients.fill(0)

    def __repr__(self):
        return f"Linear({self.in_width}, {self.out_width}, {self._activation})"

    def _bind(self, parameters, gradients):
        """Make the layer's arrays views of these two flat vectors of its size."""
        split, shape = self.in_width * self.out_width, (self.in_width, self.out_width)
        self._parameters, self._gradients = parameters, gradients
        self._weights, self._biases = parameters[:split].reshape(shape), parameters[split:]
        self._weight_gradients, self._bias_gradients = gradients[:split].reshape(shape), gradients[split:]

    # A copy, unpickled or not, has vectors of its own: copied views would drift apart, and a joblib worker gets arrays
    # that are read-only. It has not seen any batch.

    def __getstate__(self):
        return self.in_width, self.out_width, self._activation, self._parameters, self._gradients

    def __setstate__(self, state):
        self.in_width, self.out_width, self._activation, parameters, gradients = state
        self.dtype = parameters.dtype
        self._bind(np.array(parameters), np.array(gradients))
