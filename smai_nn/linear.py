"""One fully connected layer: its arrays, its forward pass, its backward pass.

The layer keeps its parameters in one flat vector, weights first, and its cumulative gradients in
another; `weights`, `biases` and their gradients are views. On its own the layer owns the two
vectors; inside a Model they are slices of the model's vectors.
"""

import numpy as np

from smai_nn.activations import Activation, Identity, ReLU, Sigmoid
from smai_nn.checks import as_matrix, assign, require_integer


class Linear:
    """A layer a = phi(x W + b) with x (n, in_width), W (in_width, out_width), b (out_width,).

    Parameters: two widths >= 1; `activation`, a class or an instance from smai_nn.activations;
    `rng`, the numpy Generator that draws the initial values (a fresh one if None); `dtype`,
    float64 or float32. Raises ValueError for anything else.

    Initial values. Weights: He's normal with variance 2 / in_width for ReLU (He et al. 2015,
    "Delving deep into rectifiers"), else Glorot's uniform with variance 2 / (in_width + out_width)
    (Glorot and Bengio 2010), for Sigmoid with standard deviation 4 times as large, as that paper
    derives from the sigmoid's slope of 1/4. Biases: b_j = -w_j . c_j with c_j uniform in the unit
    cube, so that every unit's hyperplane z_j = 0 passes through the region where the inputs
    lie (Nguyen and Widrow 1990; Steinwart 2019, "A sober look at neural network
    initializations"). With zero biases and inputs in [0, 1], a quarter of all ReLU units of two
    inputs would start, and stay, dead.

    After a forward pass: `input`, `pre_activation`, `output`. After backward passes:
    `weight_gradients` and `bias_gradients`, cumulative until `zero_grad()`.
    Source: assignment section 1.2, item 1.

    >>> from smai_nn import Tanh
    >>> layer = Linear(2, 3, Tanh, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 2))).shape, layer.weights.shape, layer.biases.shape
    ((5, 3), (2, 3), (3,))
    """

    def __init__(self, in_width, out_width, activation, *, rng=None, dtype=np.float64):
        self.in_width = require_integer(in_width, "in_width", 1)
        self.out_width = require_integer(out_width, "out_width", 1)
        self.activation = _activation_instance(activation)
        if dtype not in (np.float32, np.float64, "float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {getattr(dtype, '__name__', dtype)}")
        self.dtype = np.dtype(dtype)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng: expected a numpy Generator such as numpy.random.default_rng(0), got {rng!r}")
        size = (self.in_width + 1) * self.out_width
        self._batch_gradients = np.empty(size, self.dtype)
        self._bind(np.empty(size, self.dtype), np.zeros(size, self.dtype))
        self.initialise(np.random.default_rng() if rng is None else rng)
        self._gradients_are_zero = self._gradients_are_exposed = False
        self._forget_batch()

    def initialise(self, rng):
        """Draw new initial weights and biases from `rng` by the rule in the class docstring."""
        shape = (self.in_width, self.out_width)
        if isinstance(self.activation, ReLU):
            weights = rng.normal(0, np.sqrt(2 / self.in_width), shape)
        else:
            gain = 4 if isinstance(self.activation, Sigmoid) else 1
            limit = gain * np.sqrt(6 / (self.in_width + self.out_width))
            weights = rng.uniform(-limit, limit, shape)
        anchors = rng.uniform(0, 1, shape)
        self._weights[...] = weights
        self._biases[...] = -(weights * anchors).sum(axis=0)

    # The arrays. Assigning to a property copies into the view, so the views never go stale.

    @property
    def weights(self):
        """Weights, (in_width, out_width)."""
        return self._weights

    @weights.setter
    def weights(self, values):
        assign(self._weights, values, "weights")

    @property
    def biases(self):
        """Biases, (out_width,)."""
        return self._biases

    @biases.setter
    def biases(self, values):
        assign(self._biases, values, "biases")

    @property
    def weight_gradients(self):
        """Cumulative gradient of the loss in the weights, (in_width, out_width)."""
        self._expose_gradients()
        return self._weight_gradients

    @weight_gradients.setter
    def weight_gradients(self, values):
        assign(self.weight_gradients, values, "weight_gradients")

    @property
    def bias_gradients(self):
        """Cumulative gradient of the loss in the biases, (out_width,)."""
        self._expose_gradients()
        return self._bias_gradients

    @bias_gradients.setter
    def bias_gradients(self, values):
        assign(self.bias_gradients, values, "bias_gradients")

    @property
    def parameter_count(self):
        """Number of weights and biases."""
        return self._parameters.size

    def forward(self, x, *, reuse=False):
        """Return a = phi(x W + b), (n, out_width), and store what the backward pass needs.

        With `reuse`, results go into arrays kept from the last call with as many rows, and are
        valid until the next one; a Model does so in its training loop. Raises ValueError for
        an x that is not (n, in_width).
        """
        if not reuse:
            x = as_matrix(x, f"Linear({self.in_width}, {self.out_width}) input", self.in_width, self.dtype)
        if not reuse or not self._reuse or len(x) != len(self.output):
            self._prepare(len(x), reuse)
        self.input = x
        z = np.dot(x, self._weights, out=self.pre_activation)
        np.add(z, self._biases, out=z)
        return z if self.output is z else self.activation.forward(z, out=self.output)

    def backward(self, grad_output, *, input_gradient=True):
        """Add this batch's gradients to the cumulative ones; return dL/dx, (n, in_width).

        `grad_output` is dL/da, (n, out_width), of the last forward pass. Elementwise,
        dL/dz = dL/da * phi'(z); then `backward_from_pre_activation` does the rest.
        """
        if self.output is None:
            raise ValueError("Linear.backward: expected a forward pass before it, got none; call forward(x) first")
        if np.shape(grad_output) != self.output.shape:
            raise ValueError(f"Linear.backward: expected grad_output {self.output.shape}, got {np.shape(grad_output)}")
        grad_pre_activation = np.asarray(grad_output, self.dtype)
        if self.output is not self.pre_activation:
            grad_pre_activation = self.activation.backward(
                grad_pre_activation, self.pre_activation, self.output, out=self._grad_pre_activation)
        return self.backward_from_pre_activation(grad_pre_activation, input_gradient=input_gradient)

    def backward_from_pre_activation(self, grad_pre_activation, *, input_gradient=True):
        """As `backward`, but from dL/dz, which a loss that is computed from logits gives.

        For one weight, z_j = sum_i x_i w_ij + b_j, so dL/dw_ij = x_i dL/dz_j, dL/db_j = dL/dz_j
        and dL/dx_i = sum_j w_ij dL/dz_j. Over a batch: dW = x^T dz, db = 1^T dz, dx = dz W^T.
        """
        first = self._gradients_are_zero  # then the sum is this batch's gradient, and need not be added up
        np.dot(self.input.T, grad_pre_activation, out=self._weight_gradients if first else self._batch_weight_gradients)
        np.dot(self._ones, grad_pre_activation, out=self._bias_gradients if first else self._batch_bias_gradients)
        if first:
            self._gradients_are_zero = False
        else:
            np.add(self._gradients, self._batch_gradients, out=self._gradients)
        if not input_gradient:  # a network's first layer: nobody needs dL/dx
            return None
        return np.dot(grad_pre_activation, self._weights_transposed, out=self._grad_input if self._reuse else None)

    def infer(self, x):
        """Return phi(x W + b) for x (n, in_width) in a new array; stores nothing."""
        z = np.dot(x, self._weights)
        np.add(z, self._biases, out=z)
        return self.activation.forward(z, out=z)

    def zero_grad(self):
        """Set the cumulative gradients to zero."""
        if self._gradients_are_exposed:
            self._gradients.fill(0)
        else:
            self._gradients_are_zero = True

    def __repr__(self):
        return f"Linear({self.in_width}, {self.out_width}, {self.activation})"

    def _bind(self, parameters, gradients):
        """Make the layer's arrays views of these two flat vectors of its size."""
        split, shape = self.in_width * self.out_width, (self.in_width, self.out_width)
        self._parameters, self._gradients = parameters, gradients
        self._weights, self._biases = parameters[:split].reshape(shape), parameters[split:]
        self._weight_gradients, self._bias_gradients = gradients[:split].reshape(shape), gradients[split:]
        self._batch_weight_gradients = self._batch_gradients[:split].reshape(shape)
        self._batch_bias_gradients = self._batch_gradients[split:]
        self._weights_transposed = self._weights.T

    # As long as nobody outside has asked for the gradients, zero_grad only makes a note of it, and the next
    # backward pass writes over the old numbers instead of adding to zeros. Once a view has been handed out,
    # what is in the arrays may be read and changed at any time, and everything is done at once.

    def _expose_gradients(self):
        self._write_zeros()
        self._gradients_are_exposed = True

    def _write_zeros(self):
        if self._gradients_are_zero:
            self._gradients.fill(0)
            self._gradients_are_zero = False

    def _prepare(self, rows, reuse):
        """Provide arrays for a batch of `rows`: slices of kept ones with `reuse`, else new ones."""
        if self._kept is None or not reuse or rows > len(self._kept[0]):
            widths = (self.out_width, self.out_width, self.out_width, self.in_width)
            arrays = [np.empty((rows, width), self.dtype) for width in widths] + [np.ones(rows, self.dtype)]
            if reuse:
                self._kept = arrays
        else:
            arrays = [array[:rows] for array in self._kept]
        self.pre_activation, self.output, self._grad_pre_activation, self._grad_input, self._ones = arrays
        if isinstance(self.activation, Identity):  # its output is its pre-activation: no need of a copy
            self.output = self.pre_activation
        self._reuse = reuse

    def _forget_batch(self):
        self.input = self.pre_activation = self.output = self._kept = None
        self._reuse = False

    # A copy or an unpickled layer gets vectors of its own: copied views would drift apart.

    def __getstate__(self):
        self._write_zeros()
        return {"settings": (self.in_width, self.out_width, self.activation, self.dtype),
                "parameters": self._parameters.copy(), "gradients": self._gradients.copy()}

    def __setstate__(self, state):
        self.in_width, self.out_width, self.activation, self.dtype = state["settings"]
        parameters, gradients = np.array(state["parameters"]), np.array(state["gradients"])  # writable, their own
        self._batch_gradients = np.empty_like(parameters)
        self._bind(parameters, gradients)
        self._gradients_are_zero = self._gradients_are_exposed = False
        self._forget_batch()


def _activation_instance(activation):
    if isinstance(activation, type) and issubclass(activation, Activation):
        return activation()
    if isinstance(activation, Activation):
        return activation
    raise ValueError(f"activation: expected ReLU, Tanh, Sigmoid, Identity or an instance of one, got {activation!r}")

