"""A network: a list of layers, a loss, and an optimizer. Source: assignment section 1.2, item 3.

The layers' arrays are views of two flat vectors of the model's, so an optimizer step is an operation on one vector.
"""

import copy
import math
from pathlib import Path

import numpy as np

from smai_nn.activations import Sigmoid
from smai_nn.checks import array_property, as_matrix, require_finite
from smai_nn.files import load_npz, save_npz
from smai_nn.linear import Linear
from smai_nn.losses import BCE, LOSSES, Loss
from smai_nn.optim import SGD, Optimizer

INFERENCE_ROWS = 512  # rows that `predict` and `evaluate` handle at a time, to stay in the cache


class NonFiniteLossError(ValueError):
    """The loss became NaN or infinite; no gradient was accumulated from it."""


class Model:
    """A feed-forward network.

    Parameters: `layers`, Linear layers whose widths chain and whose dtypes agree; `loss`, "mse", "bce" (needs a Sigmoid
    output) or an instance; `optimizer`, an instance of its own. Raises ValueError otherwise. `parameters` and
    `gradients` are 1-D: the first layer's weights row by row, its biases, the next layer's.
    """

    parameters = array_property("parameters", "All weights and biases, flat.")
    gradients = array_property("gradients", "The cumulative gradient in all weights and biases, flat.")
    layers = property(lambda self: self._layers, doc="The layers, a tuple.")
    loss = property(lambda self: self._loss, doc="The loss, an instance.")
    parameter_count = property(lambda self: self._parameters.size, doc="Number of weights and biases.")
    in_width = property(lambda self: self._layers[0].in_width, doc="Number of input columns.")
    out_width = property(lambda self: self._layers[-1].out_width, doc="Number of output columns.")
    dtype = property(lambda self: self._parameters.dtype, doc="dtype of all arrays.")

    def __init__(self, layers, loss="mse", optimizer=None):
        self._layers = tuple(layers)
        _check_layers(self._layers)
        loss = LOSSES.get(loss.lower(), loss) if isinstance(loss, str) else loss
        self._loss = loss() if isinstance(loss, type) else loss
        if not isinstance(self._loss, Loss):
            raise ValueError(f"loss: expected 'mse', 'bce', MSE or BCE, got {loss!r}")
        if isinstance(self._loss, BCE) and not isinstance(self._layers[-1].activation, Sigmoid):
            raise ValueError(f"Model with BCE: expected a Sigmoid output, got {self._layers[-1]}; use Sigmoid or MSE")
        self.optimizer = SGD(learning_rate=0.1) if optimizer is None else optimizer
        if not isinstance(self.optimizer, Optimizer):
            raise ValueError(f"optimizer: expected an instance such as SGD(learning_rate=0.1), got {optimizer!r}")
        self._bind_layers()

    def forward(self, x):
        """Return the output (n, out_width) for x (n, in_width); each layer keeps what `backward` needs."""
        x = self._checked_input(x)
        for layer in self._layers:
            x = layer.forward(x)
        return x

    def backward(self, grad_output, *, of_logits=False, input_gradient=True):
        """Backpropagate dL/doutput of the last `forward` (`of_logits`: dL/dz of the last layer), (n, out_width).

        Each layer adds to its gradients. Return dL/dx, (n, in_width), or None without `input_gradient`.
        """
        first, last = self._layers[0], self._layers[-1]
        for layer in reversed(self._layers):
            grad_output = layer.backward(grad_output, of_pre_activation=of_logits and layer is last,
                                         input_gradient=input_gradient or layer is not first)
        return grad_output

    def train(self, x, y):
        """Accumulate the gradient of this batch's mean loss and return the loss, or raise NonFiniteLossError before."""
        prediction = self.forward(x)
        y = self._checked_target(prediction, y)
        is_bce = isinstance(self._loss, BCE)
        if is_bce:  # from the logits, so that backpropagation begins behind the sigmoid, whose slope could vanish
            loss = self._loss.value_from_logits(self._layers[-1].pre_activation, y)
            gradient = self._loss.gradient_from_logits(prediction, y)
        else:
            loss, gradient = self._loss.value(prediction, y), self._loss.gradient(prediction, y)
        if not math.isfinite(loss):
            require_finite(y, "y")
            raise NonFiniteLossError(f"loss: expected a finite number, got {loss}; the parameters have probably "
                                     "diverged: lower the learning rate or rescale the data")
        self.backward(gradient, of_logits=is_bce, input_gradient=False)  # dL/dx would add 13% to the digits' step
        return loss

    def update(self):
        """Take one optimizer step with the cumulative gradient, then call `zero_grad()`."""
        self.optimizer.step(self._parameters, self._gradients)
        self.zero_grad()

    def zero_grad(self):
        """Set the cumulative gradient of every layer to zero."""
        self._gradients.fill(0)

    def predict(self, x):
        """Return the output (n, out_width) for x (n, in_width), finite; keeps nothing in the layers."""
        x = self._checked_input(x)
        return np.concatenate([infer(self._layers, x[i:i + INFERENCE_ROWS]) for i in range(0, len(x), INFERENCE_ROWS)])

    def evaluate(self, x, y):
        """Return the mean loss over all of (x, y); accumulates nothing."""
        x, y = self.check_data(x, y)
        *hidden, last = self._layers
        total = 0.0
        for start in range(0, len(x), INFERENCE_ROWS):
            rows, target = infer(hidden, x[start:start + INFERENCE_ROWS]), y[start:start + INFERENCE_ROWS]
            if isinstance(self._loss, BCE):
                loss = self._loss.value_from_logits(np.dot(rows, last.weights) + last.biases, target)
            else:
                loss = self._loss.value(last.infer(rows), target)
            total += loss * len(target)
        return total / len(x)

    def check_data(self, x, y):
        """Return x and y as arrays of the model's dtype; raise ValueError for what the model cannot train on."""
        x, y = self._checked_input(x), self._checked_target(x, y)
        require_finite(y, "y")
        if isinstance(self._loss, BCE):
            self._loss.check_labels(y)
        return x, y

    def save_to(self, path):
        """Save all parameters as .npz (the ending is added if missing), whole or not at all; return the Path."""
        return save_npz(_npz_path(path), self._named_arrays())

    def load_from(self, path):
        """Load what `save_to` wrote; FileNotFoundError or ValueError if it does not fit, and nothing is changed."""
        saved, own = load_npz(_npz_path(path)), self._named_arrays()
        found, expected = ({name: array.shape for name, array in arrays.items()} for arrays in (saved, own))
        if found != expected:
            raise ValueError(f"{path}: expected an architecture of the shapes {expected}, got {found}")
        for name, array in saved.items():
            if array.dtype.kind != "f":
                raise ValueError(f"{path}: {name}: expected floating-point numbers, got dtype {array.dtype}")
            require_finite(array.astype(self.dtype), f"{path}: {name}")
        for name, array in saved.items():
            own[name][...] = array

    def __repr__(self):
        return f"{type(self).__name__}({list(self._layers)}, loss={self._loss}, optimizer={self.optimizer})"

    def _checked_input(self, x):
        """Return x as a finite array of the model's dtype and width."""
        return require_finite(as_matrix(x, "x", self.in_width, self.dtype), "x")

    def _checked_target(self, x, y):
        """Return y as an array of the model's dtype, with as many rows as x."""
        y = as_matrix(y, "y", self.out_width, self.dtype)
        if len(x) != len(y):
            raise ValueError(f"y: expected {len(x)} rows, as x has, got {len(y)}")
        return y

    def _named_arrays(self):
        """Return the layers' weights and biases by the names that they have in a file."""
        return {f"layer{i}.{name}": getattr(layer, name)
                for i, layer in enumerate(self._layers) for name in ("weights", "biases")}

    def _bind_layers(self):
        """Bring the layers' arrays into two flat vectors, views of which they become."""
        self._parameters = np.concatenate([layer._parameters for layer in self._layers])
        self._gradients = np.concatenate([layer._gradients for layer in self._layers])
        ends = np.cumsum([layer._parameters.size for layer in self._layers])[:-1]
        for layer, *pieces in zip(self._layers, np.split(self._parameters, ends), np.split(self._gradients, ends)):
            layer._bind(*pieces)

    def __copy__(self):  # a copy has layers of its own
        return copy.deepcopy(self)

    def __setstate__(self, state):  # of deepcopy and pickle: the copied layers become views of the copy's vectors
        vars(self).update(state)
        self._bind_layers()


def build_network(widths, activation, output_activation, *, loss, optimizer, rng, dtype=np.float32):
    """Return a Model with these widths, input and output included, and one hidden activation or a list of them."""
    hidden = activation if isinstance(activation, (list, tuple)) else [activation] * (len(widths) - 2)
    if len(hidden) != len(widths) - 2:
        raise ValueError(f"widths {widths}: expected one activation for each of the hidden layers, got {len(hidden)}")
    shapes = zip(widths[:-1], widths[1:], [*hidden, output_activation])
    return Model([Linear(a, b, phi, rng=rng, dtype=dtype) for a, b, phi in shapes], loss, optimizer)


def infer(layers, x):
    """Return what these layers make of x, (n, first in_width), without keeping anything."""
    for layer in layers:
        x = layer.infer(x)
    return x


def _check_layers(layers):
    if not layers or not all(isinstance(layer, Linear) for layer in layers):
        raise ValueError(f"layers: expected a list of at least one Linear, got {list(layers)}")
    if len(set(layers)) < len(layers):
        raise ValueError("layers: expected different layers, got one of them twice")
    for layer in layers:
        if layer._parameters.base is not None:  # a piece of a vector that a Model owns
            raise ValueError(f"layers: {layer} is part of another Model; use copy.deepcopy(layers)")
    for before, after in zip(layers, layers[1:]):
        if before.out_width != after.in_width:
            raise ValueError(f"layers: expected widths that chain, got {before} before {after}")
        if before.dtype != after.dtype:
            raise ValueError(f"layers: expected one dtype, got {before.dtype} before {after.dtype}")


def _npz_path(path):
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
