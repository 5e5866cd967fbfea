"""Numerical gradients by central differences, against backpropagation. Source: assignment section 1.3.2."""

import copy
import dataclasses

import numpy as np

from smai_nn.activations import ReLU
from smai_nn.checks import require_number


def numerical_gradient(model, x, y, epsilon=1e-5):
    """Return the central-difference gradient of the mean loss, flat, in the order of `model.parameters`.

    Entry i is (L(theta + epsilon e_i) - L(theta - epsilon e_i)) / (2 epsilon). Meant for float64 models, whose
    parameters come back bit by bit. Raises ValueError for epsilon <= 0.
    """
    epsilon = require_number(epsilon, "epsilon", 0, np.inf, low_open=True, high_open=True)
    parameters, gradient = model.parameters, np.empty(model.parameter_count)
    original = parameters.copy()
    try:
        for i, value in enumerate(original):
            parameters[i] = value + epsilon
            above = model.evaluate(x, y)
            parameters[i] = value - epsilon
            below = model.evaluate(x, y)
            parameters[i] = value
            gradient[i] = (above - below) / (2 * epsilon)
    finally:
        parameters[...] = original
    return gradient


def backpropagated_gradient(model, x, y):
    """Return the gradient of the mean loss by backpropagation, flat; the cumulative gradient ends at zero."""
    model.zero_grad()
    model.train(x, y)
    gradient = model.gradients.copy()
    model.zero_grad()
    return gradient


@dataclasses.dataclass(frozen=True)
class GradientComparison:
    """One comparison of gradients."""

    relative_errors: np.ndarray  # one for each compared entry
    excluded: int  # entries left out because a ReLU's kink lies within the step

    @property
    def max_relative_error(self):
        """The largest relative error; NaN if every entry was excluded."""
        return float(self.relative_errors.max()) if self.relative_errors.size else float("nan")


def compare_gradients(model, x, y, epsilon):
    """Compare backpropagation with central differences, entry by entry.

    The relative error is |a - n| / max(|a|, |n|, 0.001 * largest |a|): near 0 both are round-off alone. Entries whose
    change by epsilon moves some ReLU's input across 0 are excluded and counted: the loss has no derivative there.
    """
    analytic = backpropagated_gradient(model, x, y)
    numerical = numerical_gradient(model, x, y, epsilon)
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numerical)), 1e-3 * np.abs(analytic).max())
    errors = np.abs(analytic - numerical) / np.maximum(scale, np.finfo(float).tiny)
    crossing = crosses_kink(model, x, epsilon)
    return GradientComparison(errors[~crossing], int(crossing.sum()))


def crosses_kink(model, x, epsilon):
    """Return, for each parameter, whether a step of +-epsilon changes the side of 0 of a ReLU's input."""
    model = copy.deepcopy(model)  # the given one stays as it is, whatever happens

    def sides():
        """Return, for each ReLU layer, where its input is above 0."""
        model.forward(x)
        return [layer.pre_activation > 0 for layer in model.layers if isinstance(layer.activation, ReLU)]

    crossing, parameters, before = np.zeros(model.parameter_count, bool), model.parameters, sides()
    for i, value in enumerate(parameters.copy() if before else ()):
        for step in (epsilon, -epsilon):
            parameters[i] = value + step
            crossing[i] |= not all(map(np.array_equal, before, sides()))
        parameters[i] = value
    return crossing
