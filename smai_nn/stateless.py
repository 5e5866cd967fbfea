"""What activations and losses have in common: objects without state, and new arrays for their results."""

import numpy as np


class Stateless:
    """Base of classes whose objects hold nothing, so that ReLU() == ReLU() and its text is "ReLU()"."""

    def __repr__(self):
        return f"{type(self).__name__}()"

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return hash(type(self))


def float_array_like(values):
    """Return an uninitialised array of the shape of `values`, float32 for float32, else float64."""
    return np.empty(np.shape(values), np.result_type(values, np.float32))
