"""Optimisers: a few in-place vector operations on the model's two flat vectors.

`step(parameters, gradients)` takes one step downhill. An optimiser belongs to one model, since it
may have a memory, which can be read and restored for checkpoints.
"""

import numpy as np

from smai_nn.checks import require_number


class Optimizer:
    """Base: holds `learning_rate`, the memory vectors named in `MEMORY`, and the step count."""

    MEMORY = ()

    def __init__(self, learning_rate):
        self.learning_rate = require_number(learning_rate, "learning_rate", 0, np.inf, low_open=True, high_open=True)
        self.steps = 0
        self._memory = None

    def step(self, parameters, gradients):
        """Change the flat `parameters` in place, given dL/dparameters in `gradients`."""
        if self._memory is None:
            self._begin(parameters, {name: np.zeros_like(parameters) for name in self.MEMORY})
        elif parameters is not self._owner:
            raise ValueError(f"{type(self).__name__}: expected the parameters it has worked on so far, got others; "
                             "give every model an optimizer of its own")
        self.steps += 1
        self._step(parameters, gradients, self._scratch, *self._memory.values())

    def settings(self):
        """Return the name and the settings as a dict for a run's records."""
        public = {k: v for k, v in vars(self).items() if k != "steps" and not k.startswith("_")}
        return {"name": type(self).__name__, **public}

    def state(self):
        """Return the step count and a copy of the memory, a dict of arrays (empty before the first step)."""
        return {"steps": np.array(self.steps), **{k: v.copy() for k, v in (self._memory or {}).items()}}

    def restore(self, state, parameters):
        """Take over what `state()` returned, for this flat vector. Raises ValueError if it does not fit."""
        memory = {name: values for name, values in state.items() if name != "steps"}
        fits = all(v.shape == parameters.shape and v.dtype == parameters.dtype for v in memory.values())
        if "steps" not in state or set(memory) != set(self.MEMORY if state["steps"] else ()) or not fits:
            raise ValueError(f"{type(self).__name__}: expected a state with {('steps', *self.MEMORY)} for "
                             f"{parameters.size} parameters, got {({k: v.shape for k, v in state.items()})}")
        self.steps, self._memory = int(state["steps"]), None
        if self.steps:
            self._begin(parameters, {name: memory[name].copy() for name in self.MEMORY})

    def _begin(self, parameters, memory):
        self._owner, self._memory, self._scratch = parameters, memory, np.empty_like(parameters)

    def __getstate__(self):  # a copy starts with no memory: it will serve another model
        kept = {name: value for name, value in vars(self).items() if name not in ("_owner", "_scratch")}
        return {**kept, "_memory": None, "steps": 0}

    def __repr__(self):
        settings = self.settings()
        return f"{settings.pop('name')}({', '.join(f'{k}={v}' for k, v in settings.items())})"

    def _step(self, parameters, gradients, scratch, *memory):
        """Do the step; `scratch` is a vector of the same length to compute in."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent: p <- p - learning_rate * g.

    >>> parameters = np.array([1.0]); SGD(0.1).step(parameters, np.array([2.0])); parameters
    array([0.8])
    """

    def __init__(self, learning_rate=0.1):
        super().__init__(learning_rate)

    def _step(self, p, g, scratch):
        np.multiply(g, self.learning_rate, out=scratch)
        np.subtract(p, scratch, out=p)


class Momentum(Optimizer):
    """Gradient descent with momentum: v <- momentum * v + g; p <- p - learning_rate * v.

    Source: Polyak 1964; in this form Sutskever et al. 2013, "On the importance of initialization
    and momentum in deep learning".
    """

    MEMORY = ("velocity",)

    def __init__(self, learning_rate=0.1, momentum=0.9):
        super().__init__(learning_rate)
        self.momentum = require_number(momentum, "momentum", 0, 1, high_open=True)

    def _step(self, p, g, scratch, v):
        np.multiply(v, self.momentum, out=v)
        np.add(v, g, out=v)
        np.multiply(v, self.learning_rate, out=scratch)
        np.subtract(p, scratch, out=p)


class Adam(Optimizer):
    """Adam: m and v are running means of g and g^2, and p <- p - learning_rate * m' / (sqrt(v') + epsilon).

    m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) correct for the start at zero. The memory
    holds m / (1 - beta1) and v / (1 - beta2), which saves two operations a step; the factors move
    into the step size and epsilon. Source: Kingma and Ba 2015, algorithm 1 and the end of section 2.
    """

    MEMORY = ("first_moment", "second_moment")

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__(learning_rate)
        self.beta1 = require_number(beta1, "beta1", 0, 1, high_open=True)
        self.beta2 = require_number(beta2, "beta2", 0, 1, high_open=True)
        self.epsilon = require_number(epsilon, "epsilon", 0, np.inf, low_open=True, high_open=True)

    def _step(self, p, g, scratch, m, v):
        root = ((1 - self.beta2) / (1 - self.beta2 ** self.steps)) ** 0.5
        step_size = self.learning_rate * (1 - self.beta1) / (1 - self.beta1 ** self.steps) / root
        np.multiply(m, self.beta1, out=m)
        np.add(m, g, out=m)
        np.multiply(v, self.beta2, out=v)
        np.multiply(g, g, out=scratch)
        np.add(v, scratch, out=v)
        np.sqrt(v, out=scratch)
        np.add(scratch, self.epsilon / root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, step_size, out=scratch)
        np.subtract(p, scratch, out=p)


OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
