"""Optimisers: a few in-place operations on the model's two flat vectors.

`step(parameters, gradients)` takes one step downhill. An optimiser belongs to one model, since it
may have a memory, which can be read and restored for checkpoints.
"""

import functools

import numpy as np

from smai_nn.checks import require_integer, require_number


class Optimizer:
    """Base: holds `learning_rate`, the memory arrays named in `MEMORY`, and the step count."""

    MEMORY = ()

    def __init__(self, learning_rate):
        self.learning_rate = require_number(learning_rate, "learning_rate", 0, np.inf, low_open=True, high_open=True)
        self.steps = 0
        self._memory = None

    def step(self, parameters, gradients):
        """Change the flat `parameters` in place, given dL/dparameters in `gradients`."""
        if self._memory is None:
            self._begin(parameters, self._new_memory(parameters))
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
        return {"steps": np.array(self.steps), **{k: v.copy(order="K") for k, v in (self._memory or {}).items()}}

    def restore(self, state, parameters):
        """Take over what `state()` returned, for this flat vector. Raises ValueError if it does not fit."""
        memory = {name: values for name, values in state.items() if name != "steps"}
        expected = self._new_memory(parameters) if state.get("steps") else {}
        if "steps" not in state or not _alike(memory, expected):
            raise ValueError(f"{type(self).__name__}: expected a state with {('steps', *self.MEMORY)} for "
                             f"{parameters.size} parameters, got {({k: v.shape for k, v in state.items()})}")
        self.steps, self._memory = int(state["steps"]), None
        if self.steps:
            self._begin(parameters, {name: np.array(memory[name], order="F") for name in self.MEMORY})

    def _new_memory(self, parameters):
        """Return the memory before the first step, a dict with an array for each name in `MEMORY`."""
        return {name: np.zeros_like(parameters) for name in self.MEMORY}

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

    >>> parameters, optimizer = np.array([1.0]), Momentum(0.1, momentum=0.5)
    >>> for _ in range(2):  # v is 2, then 0.5 * 2 + 2
    ...     optimizer.step(parameters, np.array([2.0]))
    >>> parameters.round(12)
    array([0.5])
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

    >>> parameters = np.zeros(2); Adam(0.001).step(parameters, np.array([5.0, -0.2])); parameters.round(6)
    array([-0.001,  0.001])
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


class Kalman(Optimizer):
    """A Kalman filter that takes the parameters for an unknown state and each sample for a measurement of it.

    J is the output's derivative in the parameters, e = prediction - target, P the covariance of what is still unknown:

        s = noise + J P J',   p <- p - learning_rate e P J' / s,   P <- P - P J' J P / s

    Where the output is linear in the parameters, as in those of the last layer, this is recursive least squares, and
    with learning rate 1 exact: p minimises the squared errors so far plus noise / prior |p - p_0|^2. Else it is the
    extended filter, which linearises at each step.

    `prior` is the variance of each parameter at the start, `noise` that of the targets. With `trained`, the filter
    learns so many last parameters and leaves the others alone. J and e are read from the gradient of the squared error,
    where the last bias has 2 e and the others have 2 e J. So it is for a Model with one Identity output, MSE, and an
    update after each single sample; one without any error teaches it nothing. A step takes (number of parameters)^2
    operations, and the covariance as much memory, in one triangle.

    Source: Kalman 1960; for networks Singhal and Wu 1989, "Training multilayer perceptrons with the extended Kalman
    algorithm".

    >>> from smai_nn import Identity, Linear, Model
    >>> model = Model([Linear(1, 1, Identity)], "mse", Kalman(prior=100, noise=1e-6))
    >>> for x in (0.0, 1.0):  # two samples of y = 3 x + 1, each seen once
    ...     loss = model.train(np.array([[x]]), np.array([[3 * x + 1]]))
    ...     model.update()
    >>> model.parameters.round(4)
    array([3., 1.])
    """

    MEMORY = ("covariance",)

    def __init__(self, prior=1.0, noise=1.0, trained=None, learning_rate=1.0):
        super().__init__(learning_rate)
        self.prior = require_number(prior, "prior", 0, np.inf, low_open=True, high_open=True)
        self.noise = require_number(noise, "noise", 0, np.inf, low_open=True, high_open=True)
        self.trained = None if trained is None else require_integer(trained, "trained", 1)

    def _new_memory(self, parameters):
        size = parameters.size if self.trained is None else self.trained
        if size > parameters.size:
            raise ValueError(f"Kalman: expected at most {parameters.size} for trained, as the model has no more "
                             f"parameters, got {size}")
        covariance = np.zeros((size, size), parameters.dtype, order="F")  # as BLAS wants it; the lower triangle is used
        np.fill_diagonal(covariance, self.prior)
        return {"covariance": covariance}

    def _step(self, p, g, scratch, covariance):
        twice_error = g[-1]
        if twice_error == 0:
            return
        times_vector, add_square = _symmetric_blas(p.dtype)
        learnt = slice(p.size - len(covariance), p.size)
        jacobian = np.divide(g[learnt], twice_error, out=scratch[learnt])
        gain = times_vector(1.0, covariance, jacobian, lower=1)
        spread = self.noise + float(jacobian @ gain)
        p[learnt] -= (self.learning_rate * float(twice_error) / 2 / spread) * gain
        add_square(-1 / spread, gain, lower=1, a=covariance, overwrite_a=1)


@functools.cache
def _symmetric_blas(dtype):
    """Return BLAS's symv and syr for a dtype: a symmetric matrix times a vector, and plus a vector times itself.

    They touch one triangle only, in place: with 1,025 parameters an eighth of the time of NumPy's full matrices.
    """
    from scipy.linalg.blas import get_blas_funcs  # loaded late: it takes a tenth of a second

    return get_blas_funcs(("symv", "syr"), dtype=dtype)


def _alike(memory, expected):
    """Return whether two dicts of arrays have the same names, shapes and dtypes."""
    kinds = [{name: (array.shape, array.dtype) for name, array in arrays.items()} for arrays in (memory, expected)]
    return kinds[0] == kinds[1]


OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
