"""Losses: pure mathematics without state, one class each.

Every loss is a mean over *all* elements, batch and outputs, and `gradient` is the exact
derivative of `value` with respect to the prediction. Prediction and target must have one shape,
since (n,) against (n, 1) would broadcast to (n, n); ValueError otherwise. Source: assignment section 1.2, item 3.
"""

import numpy as np

from smai_nn.stateless import Stateless, float_array_like


class Loss(Stateless):
    """Base of the losses: the methods that each of them has."""

    def value(self, prediction, target):
        """Return the loss as a float, for two arrays of the same shape (n, d)."""
        raise NotImplementedError

    def gradient(self, prediction, target, out=None):
        """Return dL/dprediction, an array (n, d)."""
        raise NotImplementedError

    def value_and_gradient(self, prediction, target, out=None):
        """Return both; a loss may override this to share work between them."""
        return self.value(prediction, target), self.gradient(prediction, target, out=out)


class MSE(Loss):
    """Mean squared error, L = mean((p - t)^2); dL/dp = 2 (p - t) / N with N elements.

    >>> MSE().value(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]))
    5.0
    """

    def value(self, prediction, target):
        return self.value_and_gradient(prediction, target)[0]

    def gradient(self, prediction, target, out=None):
        return self.value_and_gradient(prediction, target, out)[1]

    def value_and_gradient(self, prediction, target, out=None):
        _check_shapes(prediction, target)
        out = float_array_like(prediction) if out is None else out
        flat = np.subtract(prediction, target, out=out).ravel()
        value = float(np.dot(flat, flat)) / flat.size
        return value, np.multiply(out, 2 / flat.size, out=out)


class BCE(Loss):
    """Binary cross entropy, L = -mean(t log p + (1 - t) log(1 - p)), for labels t in {0, 1}.

    dL/dp = (p - t) / (p (1 - p)) / N. The prediction is first kept at least one machine epsilon
    away from 0 and 1, so that both stay finite.

    A Model computes it from the logit z of its sigmoid output instead (`value_from_logits`,
    `gradient_from_logits`): L = mean(log(1 + e^z) - t z) and dL/dz = (sigmoid(z) - t) / N, which
    neither vanishes nor overflows for a confidently wrong prediction, where p (1 - p) rounds to 0.
    Source: Bishop, Pattern Recognition and Machine Learning, section 5.2.

    >>> round(BCE().value(np.array([[0.5]]), np.array([[1.0]])), 6)
    0.693147
    """

    def value(self, prediction, target):
        _check_shapes(prediction, target)
        self.check_labels(target)
        p = self._inside(prediction)
        return -float(np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))

    def gradient(self, prediction, target, out=None):
        _check_shapes(prediction, target)
        self.check_labels(target)
        p = self._inside(prediction)
        return np.divide(p - target, p * (1 - p) * p.size, out=out)

    def value_from_logits(self, logits, target):
        """Return the loss of p = sigmoid(logits) as a float, without overflow for any logit."""
        self.check_labels(target)
        return float(np.mean(np.logaddexp(0, logits) - target * logits))

    def gradient_from_logits(self, prediction, target, out=None):
        """Return dL/dz, (n, d), given prediction = sigmoid(z)."""
        out = np.subtract(prediction, target, out=out)
        return np.multiply(out, 1 / out.size, out=out)

    @staticmethod
    def check_labels(target):
        """Raise ValueError unless every target is 0 or 1."""
        wrong = (target != 0) & (target != 1)
        if wrong.any():
            raise ValueError(f"BCE expected labels 0 or 1, got {np.asarray(target)[wrong].flat[0]}; "
                             "map the labels to {0, 1} or use MSE")

    @staticmethod
    def _inside(prediction):
        epsilon = np.finfo(np.result_type(prediction, np.float32)).eps
        return np.clip(prediction, epsilon, 1 - epsilon)


def _check_shapes(prediction, target):
    if np.shape(prediction) != np.shape(target):
        raise ValueError(f"loss: expected prediction and target of one shape, got {np.shape(prediction)} and "
                         f"{np.shape(target)}")


LOSSES = {"mse": MSE, "bce": BCE}
