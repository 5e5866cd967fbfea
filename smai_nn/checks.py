"""Checks of what comes from outside, so that every refusal reads alike: expected, received, remedy."""

import math
import numbers
import operator

import numpy as np


def as_matrix(values, name, width, dtype):
    """Return `values` as a 2-D array (n, width) of `dtype`, n >= 1; copies only if it must. Raises ValueError.

    A 1-D array is refused rather than guessed at: against (n, 1) it would broadcast to (n, n).
    """
    array = values if type(values) is np.ndarray else np.asarray(values)
    if array.dtype != dtype:
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
        array = array.astype(dtype)
    if array.ndim != 2 or array.shape[1] != width or not len(array):
        raise ValueError(f"{name}: expected shape (n, {width}) with n >= 1, got {array.shape}"
                         + f"; use {name}.reshape(-1, {width})" * (array.ndim == 1 and array.size > 0))
    return array


def require_finite(array, name):
    """Return `array`; raise ValueError if it holds a NaN or an infinity, saying how many and where first."""
    if not math.isfinite(np.vdot(array, array)) and not (finite := np.isfinite(array)).all():  # the first is quick
        raise ValueError(f"{name}: expected finite numbers, got {(~finite).sum()} NaN or infinite, the first at index "
                         f"{tuple(np.argwhere(~finite)[0].tolist())}; clean or rescale the data")
    return array


def require_integer(value, name, minimum):
    """Return `value` as an int >= minimum; raise ValueError otherwise (bools and floats too)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name}: expected a whole number >= {minimum}, got {value!r}")
    return int(value)


def require_number(value, name, low, high, *, low_open=False, high_open=False):
    """Return `value` as a float within [low, high] (ends open if asked); ValueError otherwise."""
    inside = isinstance(value, numbers.Real) and not isinstance(value, bool) and low <= value <= high
    if not inside or (low_open and value == low) or (high_open and value == high):
        interval = f"{'(' if low_open else '['}{low}, {high}{')' if high_open else ']'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value!r}")
    return float(value)


def require_choice(value, name, choices):
    """Return `value` if it is one of `choices`; raise ValueError naming them otherwise."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def require_generator(rng):
    """Return `rng` if it is a numpy Generator; raise ValueError otherwise."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng: expected a numpy Generator such as numpy.random.default_rng(0), got {rng!r}")
    return rng


def array_property(name, doc):
    """Return a property, described by `doc`, for the array kept as `_name`, a view: assigning copies into it."""
    read = operator.attrgetter(f"_{name}")

    def assign(owner, values):
        array = read(owner)
        if np.shape(values) != array.shape:
            raise ValueError(f"{name}: expected shape {array.shape}, got {np.shape(values)}")
        if values is not array:  # `layer.weights -= step` ends here, and has changed the array already
            array[...] = values

    return property(read, assign, doc=doc)
