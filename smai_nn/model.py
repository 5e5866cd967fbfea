"""A network: a list of layers, a loss and an optimizer over one flat parameter vector.

The model owns one flat vector of all parameters and one of all cumulative gradients; the layers'
arrays are views of them. An optimizer step, a gradient check or a save is thus an operation on
one vector. Source: assignment section 1.2, item 3.
"""

import math
from pathlib import Path

import numpy as np

from smai_nn.activations import Sigmoid
from smai_nn.checks import as_matrix, assign, require_finite
from smai_nn.files import load_npz, save_npz
from smai_nn.linear import Linear
from smai_nn.losses import BCE, LOSSES, Loss
from smai_nn.optim import SGD, Optimizer

INFERENCE_ROWS = 512  # rows that `predict` handles at a time, to stay in the cache


class NonFiniteLossError(ValueError):
    """The loss became NaN or infinite; no gradient was accumulated from it."""


class Model:
    """A feed-forward network of Linear layers.

    Parameters: `layers`, whose widths must chain and whose dtypes agree; `loss`, "mse", "bce" or
    an instance; `optimizer`, an instance of its own for this model (default SGD(0.1)). BCE needs
    a Sigmoid output. Raises ValueError otherwise.

    The layers keep the values they have. Layers of an existing Model may form another one if they
    are neighbours there (an encoder, say): both then share the same memory.

    `parameters` and `gradients` are flat 1-D arrays of length `parameter_count`: the first
    layer's weights row by row, its biases, the next layer's weights, and so on.

    >>> from smai_nn import Identity, Tanh
    >>> model = Model([Linear(2, 4, Tanh), Linear(4, 1, Identity)], "mse", SGD(0.1))
    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0]])
    >>> before = model.train(x, y)  # accumulates the gradient, changes no parameter
    >>> model.update()  # applies it, and zeroes it
    >>> model.evaluate(x, y) < before, model.parameter_count, model.predict(x).shape
    (True, 17, (2, 1))
    """

    def __init__(self, layers, loss="mse", optimizer=None):
        self.layers = list(layers) if isinstance(layers, (list, tuple)) else [layers]
        _check_layers(self.layers)
        self.loss = _loss_instance(loss)
        if isinstance(self.loss, BCE) and not isinstance(self.layers[-1].activation, Sigmoid):
            raise ValueError(f"Model with BCE: expected a Sigmoid output, got {self.layers[-1]}; use Sigmoid or MSE")
        self.optimizer = SGD(learning_rate=0.1) if optimizer is None else optimizer
        if not isinstance(self.optimizer, Optimizer):
            raise ValueError(f"optimizer: expected an instance such as SGD(learning_rate=0.1), got {optimizer!r}")
        self._collect()

    @property
    def parameters(self):
        """All weights and biases, flat."""
        return self._parameters

    @parameters.setter
    def parameters(self, values):
        assign(self._parameters, values, "parameters")

    @property
    def gradients(self):
        """The cumulative gradient of all weights and biases, flat."""
        for layer in self.layers:
            layer._expose_gradients()
        return self._gradients

    @gradients.setter
    def gradients(self, values):
        assign(self.gradients, values, "gradients")

    @property
    def parameter_count(self):
        """Number of weights and biases."""
        return self._parameters.size

    @property
    def in_width(self):
        """Number of input columns."""
        return self.layers[0].in_width

    @property
    def out_width(self):
        """Number of output columns."""
        return self.layers[-1].out_width

    @property
    def dtype(self):
        """dtype of all arrays."""
        return self._parameters.dtype

    def forward(self, x):
        """Return the output (n, out_width) for x (n, in_width); each layer stores what `backward` needs."""
        x = self._checked_input(x)
        require_finite(x, "x")
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad_output):
        """Backpropagate dL/doutput, (n, out_width), of the last `forward`; return dL/dx, (n, in_width).

        Each layer adds its gradients to its cumulative ones.
        """
        for layer in reversed(self.layers):
            grad_output = layer.backward(grad_output)
        return grad_output

    def train(self, x, y):
        """Accumulate the gradient of this batch's mean loss and return the loss; change no parameter.

        x is (n, in_width), y is (n, out_width). Raises NonFiniteLossError, a ValueError, if the
        loss is NaN or infinite, before anything is accumulated.
        """
        x = self._checked_input(x)
        y = as_matrix(y, "y", self.out_width, self.dtype)
        if len(x) != len(y):
            raise ValueError(f"y: expected {len(x)} rows, as x has, got {len(y)}")
        if not math.isfinite(np.vdot(x, x)):  # quick; a ReLU could hide an infinity from the loss
            require_finite(x, "x")
        prediction = x
        for layer in self.layers:
            prediction = layer.forward(prediction, reuse=True)
        loss, grad = self._loss_and_gradient(prediction, y)

        first, last = self.layers[0], self.layers[-1]
        for layer in reversed(self.layers):
            if layer is last and isinstance(self.loss, BCE):
                grad = layer.backward_from_pre_activation(grad, input_gradient=layer is not first)
            else:
                grad = layer.backward(grad, input_gradient=layer is not first)
        return loss

    def update(self):
        """Take one optimizer step with the cumulative gradient, then call `zero_grad()`."""
        for layer in self.layers:
            layer._write_zeros()
        self.optimizer.step(self._parameters, self._gradients)
        self.zero_grad()

    def zero_grad(self):
        """Set the cumulative gradient of every layer to zero."""
        for layer in self.layers:
            layer.zero_grad()

    def predict(self, x):
        """Return the output (n, out_width) for x (n, in_width), finite; stores nothing in the layers."""
        x = self._checked_input(x)
        require_finite(x, "x")
        prediction = np.empty((len(x), self.out_width), self.dtype)
        for start in range(0, len(x), INFERENCE_ROWS):
            rows = x[start:start + INFERENCE_ROWS]
            for layer in self.layers:
                rows = layer.infer(rows)
            prediction[start:start + INFERENCE_ROWS] = rows
        return prediction

    def evaluate(self, x, y):
        """Return the mean loss over all of (x, y); accumulates nothing."""
        x = self._checked_input(x)
        y = as_matrix(y, "y", self.out_width, self.dtype)
        if len(x) != len(y):
            raise ValueError(f"y: expected {len(x)} rows, as x has, got {len(y)}")
        require_finite(x, "x")
        if not isinstance(self.loss, BCE):  # which checks its labels itself
            require_finite(y, "y")
        total = 0.0
        for start in range(0, len(x), INFERENCE_ROWS):
            rows, target = x[start:start + INFERENCE_ROWS], y[start:start + INFERENCE_ROWS]
            for layer in self.layers[:-1]:
                rows = layer.infer(rows)
            if isinstance(self.loss, BCE):
                last = self.layers[-1]
                loss = self.loss.value_from_logits(np.dot(rows, last.weights) + last.biases, target)
            else:
                loss = self.loss.value(self.layers[-1].infer(rows), target)
            total += loss * len(target)
        return total / len(x)

    def save_to(self, path):
        """Save all parameters as .npz (the ending is added if missing), whole or not at all; return the Path."""
        return save_npz(_npz_path(path), self._named_arrays())

    def load_from(self, path):
        """Load parameters that `save_to` wrote.

        Raises FileNotFoundError; ValueError if the file is damaged or its names and shapes are
        not exactly this model's. The model is then as it was.
        """
        path, own = _npz_path(path), self._named_arrays()
        saved = load_npz(path)
        expected = {name: array.shape for name, array in own.items()}
        received = {name: array.shape for name, array in saved.items()}
        if expected != received:
            wrong = sorted(name for name in expected | received if expected.get(name) != received.get(name))
            raise ValueError(f"{path}: expected the architecture {self}, but these arrays differ (expected, got): "
                             + "; ".join(f"{n} ({expected.get(n)}, {received.get(n)})" for n in wrong))
        for name, array in saved.items():
            if array.dtype.kind != "f":
                raise ValueError(f"{path}: expected floating-point numbers in {name}, got {array.dtype}")
            with np.errstate(over="ignore"):
                require_finite(array.astype(self.dtype), f"{path}: {name}")
        for name, array in saved.items():
            own[name][...] = array

    def __repr__(self):
        return f"Model({self.layers}, loss={self.loss}, optimizer={self.optimizer})"

    def _checked_input(self, x):
        return as_matrix(x, "x", self.in_width, self.dtype)

    def _loss_and_gradient(self, prediction, y):
        """Return the loss and its gradient: in the logits for BCE, else in the prediction."""
        if self._grad_loss is None or self._grad_loss.shape != prediction.shape:
            self._grad_loss = np.empty_like(prediction)
        if isinstance(self.loss, BCE):
            loss = self.loss.value_from_logits(self.layers[-1].pre_activation, y)
            gradient = self.loss.gradient_from_logits(prediction, y, out=self._grad_loss)
        else:
            loss, gradient = self.loss.value_and_gradient(prediction, y, out=self._grad_loss)
        if not math.isfinite(loss):
            require_finite(y, "y")
            raise NonFiniteLossError(f"loss: expected a finite number, got {loss}; the parameters have probably "
                                     "diverged: lower the learning rate or rescale the data")
        return loss, gradient

    def _named_arrays(self):
        return {f"layer{i}.{name}": getattr(layer, name)
                for i, layer in enumerate(self.layers) for name in ("weights", "biases")}

    def _collect(self):
        """Bring all layers' parameters and gradients into two flat vectors, views of which they become."""
        for layer in self.layers:
            layer._write_zeros()
        shared = _neighbours(self.layers)
        self._bind_layers(*(shared or (np.concatenate([getattr(layer, name) for layer in self.layers])
                                       for name in ("_parameters", "_gradients"))))

    def _bind_layers(self, parameters, gradients):
        """Make these flat vectors the model's, and the layers' arrays views of them."""
        self._parameters, self._gradients, start = parameters, gradients, 0
        for layer in self.layers:
            piece = slice(start, start + layer.parameter_count)
            layer._bind(self._parameters[piece], self._gradients[piece])
            start = piece.stop
        self._grad_loss = None

    # A copy or an unpickled model gets flat vectors of its own, with its own layers' views on them. What
    # is copied is the whole vector, also if this model is a part of another one: copied together, they
    # then still share it.

    def __getstate__(self):
        for layer in self.layers:
            layer._write_zeros()
        owners = [vector if vector.base is None else vector.base for vector in (self._parameters, self._gradients)]
        start = _offset(self.layers[0])
        return {"layers": self.layers, "loss": self.loss, "optimizer": self.optimizer, "owners": owners,
                "piece": slice(start, start + self.parameter_count)}

    def __setstate__(self, state):
        piece, owners = state.pop("piece"), state.pop("owners")
        vars(self).update(state)
        # Read-only where a worker process got the vectors as a memory map.
        owners = [vector if vector.flags.writeable else vector.copy() for vector in owners]
        self._bind_layers(*(vector[piece] for vector in owners))


def build_network(widths, activation, output_activation, *, loss, optimizer, rng, dtype=np.float32):
    """Return a Model with these widths, input and output included, and one activation in all hidden layers.

    `activation` may also be a sequence with one for each hidden layer. `rng` is required: an
    experiment's initial values are never left to chance.
    """
    hidden = len(widths) - 2
    activations = list(activation) if isinstance(activation, (list, tuple)) else [activation] * hidden
    if hidden < 0 or len(activations) != hidden:
        raise ValueError(f"widths {list(widths)}: expected input and output widths and one activation for each of "
                         f"the hidden layers, got {len(activations)}")
    layers = [Linear(a, b, phi, rng=rng, dtype=dtype)
              for a, b, phi in zip(widths, widths[1:], [*activations, output_activation])]
    return Model(layers, loss, optimizer)


def _check_layers(layers):
    if not layers or not all(isinstance(layer, Linear) for layer in layers):
        raise ValueError(f"layers: expected a list of at least one Linear, got {layers!r}")
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError("layers: expected different layers, got one of them twice")
    for before, after in zip(layers, layers[1:]):
        if before.out_width != after.in_width:
            raise ValueError(f"layers: expected widths that chain, got {before} before {after}")
        if before.dtype != after.dtype:
            raise ValueError(f"layers: expected one dtype, got {before.dtype} before {after.dtype}")


def _loss_instance(loss):
    if isinstance(loss, str) and loss.lower() in LOSSES:
        return LOSSES[loss.lower()]()
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if isinstance(loss, Loss):
        return loss
    raise ValueError(f"loss: expected 'mse', 'bce', MSE() or BCE(), got {loss!r}")


def _neighbours(layers):
    """Return the stretches of two flat vectors that the layers already fill in this order, or None.

    Raises ValueError if a layer is part of another Model but not so: taking it would leave that
    Model with stale values.
    """
    owner = layers[0]._parameters.base
    if all(layer._parameters.base is None for layer in layers):
        return None
    start = end = _offset(layers[0]) if owner is not None else None
    for layer in layers:
        if owner is None or layer._parameters.base is not owner or _offset(layer) != end:
            raise ValueError(f"layers: {layer} is part of another Model; use neighbouring layers of one Model, or "
                             "copy.deepcopy(layer) for a copy")
        end += layer.parameter_count
    return owner[start:end], layers[0]._gradients.base[start:end]


def _offset(layer):
    """Return where the layer's parameters begin in the flat vector that they are a view of."""
    own, base = (a.__array_interface__["data"][0] for a in (layer._parameters, layer._parameters.base))
    return (own - base) // layer._parameters.itemsize


def _npz_path(path):
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")

