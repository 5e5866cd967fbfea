"""Optimisers: a few operations in place on the flat vectors of one model."""

import numpy as np

from smai_nn.checks import require_number


class Optimizer:
    """Base: holds `learning_rate`, which may be changed at any time, and the number of `steps` taken."""

    steps = 0

    def __init__(self, learning_rate=0.1):
        self.learning_rate = require_number(learning_rate, "learning_rate", 0, np.inf, low_open=True, high_open=True)

    def step(self, parameters, gradients):
        """Change the flat `parameters` in place, given dL/dparameters in `gradients`."""
        if self.steps == 0:
            self._parameters = parameters  # the vector it works on from now on
            self._begin(parameters)
        elif parameters is not self._parameters:
            raise ValueError(f"{type(self).__name__}: expected the parameters it has worked on so far, got others; "
                             "give every model an optimizer of its own")
        self.steps += 1
        self._step(parameters, gradients)

    def __getstate__(self):  # a copy has the settings alone: it will serve another model
        return {name: value for name, value in vars(self).items() if name != "steps" and not name.startswith("_")}

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.__getstate__().items())})"

    def _begin(self, parameters):
        """Provide the memory, if any, before the first step."""


class SGD(Optimizer):
    """Gradient descent: p <- p - learning_rate * g."""

    def _step(self, p, g):
        """Change the parameters in place."""
        p -= self.learning_rate * g


class Adam(Optimizer):
    """Adam: p <- p - learning_rate * m' / (sqrt(v') + epsilon), from running means of g and g^2:

    m <- beta1 m + (1 - beta1) g and v <- beta2 v + (1 - beta2) g^2, corrected for their start at zero by
    m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t). Source: Kingma and Ba 2015, algorithm 1.
    """

    # So many parameters at a time go through all lines of a step while they are in the cache: 4% of the faces' step.
    # They are changed in place, with one array to compute in: new arrays for all results would take 10% more.
    BLOCK = 65_536

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__(learning_rate)
        self.beta1 = require_number(beta1, "beta1", 0, 1, high_open=True)
        self.beta2 = require_number(beta2, "beta2", 0, 1, high_open=True)
        self.epsilon = require_number(epsilon, "epsilon", 0, np.inf, low_open=True, high_open=True)

    def _begin(self, parameters):
        """Start m and v at 0; cut all vectors into blocks that stay in the processor's cache."""
        m, v, scratch = np.zeros_like(parameters), np.zeros_like(parameters), np.empty_like(parameters[:self.BLOCK])
        blocks = [slice(start, start + self.BLOCK) for start in range(0, parameters.size, self.BLOCK)]
        self._blocks = [(block, parameters[block], m[block], v[block], scratch[:m[block].size]) for block in blocks]

    def _step(self, parameters, gradients):
        """Update m, v and the parameters, block by block, in place."""
        # m' / (sqrt(v') + epsilon) is root / (1 - beta1^t) * m / (sqrt(v) + root epsilon), root = sqrt(1 - beta2^t).
        root = (1 - self.beta2 ** self.steps) ** 0.5
        rate = self.learning_rate * root / (1 - self.beta1 ** self.steps)
        epsilon = self.epsilon * root
        for block, p, m, v, change in self._blocks:
            g = gradients[block]
            m -= g  # m <- beta1 (m - g) + g, which is the mean above
            m *= self.beta1
            m += g
            np.multiply(g, g, out=change)  # v <- beta2 (v - g^2) + g^2
            v -= change
            v *= self.beta2
            v += change
            np.sqrt(v, out=change)  # p <- p - rate m / (sqrt(v) + epsilon)
            change += epsilon
            np.divide(m, change, out=change)
            change *= rate
            p -= change


OPTIMIZERS = {"sgd": SGD, "adam": Adam}
