"""Many small networks of one architecture as one stacked array, for the search of section 1.5.

Most of the microseconds that a small network takes go into calling NumPy; so many are evaluated together: `parameters`
is (networks, parameter_count), each row in the order of `Model.parameters`, and a layer's weights are a view of it,
(networks, in, out). The formulas are those of `Linear` and `Model`, with one more axis. Activations are (networks,
units, pixels): NumPy is quick along a long last axis.
"""

import dataclasses
import itertools

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.model import build_network

ROWS = 5000  # networks x pixels that are fitted together: the arrays stay in the cache, the sum does not get too long


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Two inputs, hidden layers of one activation, a sigmoid output."""

    hidden: tuple  # widths of the hidden layers
    activation: str

    widths = property(lambda self: (2, *self.hidden, 1), doc="All widths, input and output included.")
    parameter_count = property(lambda self: sum((a + 1) * b for a, b in itertools.pairwise(self.widths)),
                               doc="Number of weights and biases.")
    label = property(lambda self: f"{'-'.join(map(str, self.widths))} {self.activation}", doc="Such as 2-4-1 tanh.")

    def model(self, parameters=None):
        """Return a Model of this architecture, with these parameters (parameter_count,) if they are given."""
        model = build_network(self.widths, ACTIVATIONS[self.activation], Sigmoid, loss="mse", optimizer=None,
                              rng=np.random.default_rng(0))
        if parameters is not None:
            model.parameters = parameters
        return model

    def layers(self, parameters):
        """Return (weights (networks, in, out), biases (networks, out)) of every layer: views of the parameters."""
        layers, start = [], 0
        for before, after in itertools.pairwise(self.widths):
            split, end = start + before * after, start + (before + 1) * after
            layers.append((parameters[:, start:split].reshape(-1, before, after), parameters[:, split:end]))
            start = end
        return layers

    def forward(self, parameters, x):
        """Return (z, a) of every layer, each (networks, units, pixels), for x (2, pixels); the last a is the output."""
        passed, a = [], x
        for number, (weights, biases) in enumerate(self.layers(parameters)):
            z = weights.transpose(0, 2, 1) @ a                              # (networks, out, pixels)
            z += biases[:, :, None]
            a = self._activation(number).forward(z)
            passed.append((z, a))
        return passed

    def loss_and_gradient(self, parameters, x, targets):
        """Return each network's mean squared error (networks,) and its gradient, shaped like the parameters.

        `targets` is (pixels,). Backpropagation as in `Linear.backward`: dL/dz = dL/da * phi'(z), dW = x^T dz,
        db = 1^T dz, dx = dz W^T.
        """
        passed, gradients, layers = self.forward(parameters, x), np.empty_like(parameters), self.layers(parameters)
        error = passed[-1][1] - targets                                     # (networks, 1, pixels)
        losses, grad_a = np.square(error).mean(axis=(1, 2)), error * np.float32(2 / len(targets))
        for number in reversed(range(len(layers))):
            weights, (z, a) = layers[number][0], passed[number]
            grad_weights, grad_biases = self.layers(gradients)[number]      # views, to be filled
            grad_z = self._activation(number).backward(grad_a, z, a)        # (networks, out, pixels)
            below = passed[number - 1][1] if number else x                  # (networks, in, pixels)
            grad_weights[...] = below @ grad_z.transpose(0, 2, 1)
            grad_biases[...] = grad_z.sum(axis=2)
            if number:  # for a single output `*` is the same product, five times as fast
                grad_a = weights * grad_z if weights.shape[2] == 1 else weights @ grad_z
        return losses, gradients

    def logits(self, parameters, x):
        """Return what goes into the output's sigmoid, (networks, pixels); a pixel is Belgian where it is above 0."""
        return np.concatenate([self.forward(own, x)[-1][0][:, 0] for own in _in_stacks(parameters, x)])

    def fit(self, parameters, x, targets, iterations):
        """Lower every network's loss by SciPy's L-BFGS; return (parameters, losses, samples that each network saw).

        L-BFGS (Liu and Nocedal 1989) sees a stack as one long vector, and the sum of the losses: as no network touches
        another one, the sum is least where each of them is. For each network the best parameters seen are returned.
        """
        from scipy.optimize import minimize  # loaded late: it takes a tenth of a second
        fitted = []
        for own in _in_stacks(parameters, x):
            best, least = own.copy(), np.full(len(own), np.inf, np.float32)
            with np.errstate(over="ignore", invalid="ignore"):  # where a step was too long, the best is kept
                calls = minimize(self._sum_of_losses, own.astype(float).ravel(), (x, targets, best, least), jac=True,
                                 method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 12}).nfev
            fitted.append((best, least, np.full(len(own), calls * x.shape[1])))
        return [np.concatenate(parts) for parts in zip(*fitted)]

    def _sum_of_losses(self, values, x, targets, best, least):
        """Return the sum of a stack's losses and its gradient, as one vector; update `best` and `least` in place."""
        now = values.reshape(best.shape).astype(np.float32)
        losses, gradients = self.loss_and_gradient(now, x, targets)
        better = losses < least
        best[better], least[better] = now[better], losses[better]
        return float(losses.sum()), gradients.astype(float).ravel()

    def _activation(self, number):
        return (ACTIVATIONS[self.activation] if number < len(self.hidden) else Sigmoid)()


def _in_stacks(parameters, x):
    size = max(1, ROWS // x.shape[1])
    return [parameters[start:start + size] for start in range(0, len(parameters), size)]


def architectures_up_to(max_parameters, max_depth, activations):
    """Return all Architectures with at most so many parameters and hidden layers, from few parameters to many.

    >>> [a.hidden for a in architectures_up_to(13, 2, ["tanh"])]
    [(1,), (1, 1), (2,), (1, 2), (2, 1), (1, 3), (3,)]
    """
    shapes = [hidden for depth in range(1, max_depth + 1)  # a unit of any layer but the first costs three at the least
              for hidden in itertools.product(range(1, max_parameters // 3 + 1), repeat=depth)]
    found = [Architecture(hidden, activation) for hidden in shapes for activation in activations]
    found = [architecture for architecture in found if architecture.parameter_count <= max_parameters]
    return sorted(found, key=lambda architecture: (architecture.parameter_count, architecture.hidden))
