"""Losses, one class each: means over all N elements, batch and outputs. Source: assignment section 1.2, item 3.

Prediction and target must have one shape, since (n,) against (n, 1) would broadcast to (n, n); ValueError otherwise.
"""

import numpy as np


class Loss:
    """Base: `value(prediction, target)` is a float, `gradient(prediction, target)` its derivative, (n, d) like both."""

    def __repr__(self):
        return f"{type(self).__name__}()"


class MSE(Loss):
    """Mean squared error."""

    def value(self, prediction, target):
        """L = sum((p - t)^2) / N."""
        _check_shapes(prediction, target)
        difference = prediction - target
        return float(np.vdot(difference, difference)) / difference.size

    def gradient(self, prediction, target):
        """dL/dp = 2 (p - t) / N."""
        _check_shapes(prediction, target)
        return (prediction - target) * (2 / prediction.size)


class BCE(Loss):
    """Binary cross entropy of probabilities p and labels t in {0, 1}: L = -mean(t log p + (1 - t) log(1 - p)).

    Computed from the logit z = log(p / (1 - p)), which overflows for no confident error. A Model knows z, its sigmoid's
    pre-activation, and asks the two `..._from_logits`. Source: Bishop, Pattern Recognition and Machine Learning, 5.2.
    """

    def value(self, prediction, target):
        """L from z = log(p / (1 - p)), with p kept at least one machine epsilon away from 0 and 1."""
        _check_shapes(prediction, target)
        p = _inside(prediction)
        return self.value_from_logits(np.log(p) - np.log1p(-p), target)

    def gradient(self, prediction, target):
        """dL/dp = (p - t) / (p (1 - p)) / N, with p kept inside (0, 1) as for the value."""
        _check_shapes(prediction, target)
        self.check_labels(target)
        p = _inside(prediction)
        return (p - target) / (p * (1 - p) * p.size)

    def value_from_logits(self, logits, target):
        """L = mean(log(1 + e^z) - t z), where log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which cannot overflow."""
        self.check_labels(target)
        losses = np.maximum(logits, 0) - target * logits + np.log1p(np.exp(-np.abs(logits)))
        return float(losses.sum()) / losses.size

    def gradient_from_logits(self, prediction, target):
        """dL/dz = (p - t) / N, given p = sigmoid(z): the sigmoid's slope p (1 - p) cancels."""
        return (prediction - target) / target.size

    @staticmethod
    def check_labels(target):
        """Raise ValueError unless every target is 0 or 1."""
        right = target * target == target  # of all numbers, 0 and 1 alone are their own squares
        if not right.all():
            raise ValueError(f"BCE expected labels 0 or 1, got {target[~right][0]}; map the labels to these or use MSE")


def _inside(prediction):
    epsilon = np.finfo(np.result_type(prediction, np.float32)).eps
    return np.clip(prediction, epsilon, 1 - epsilon)


def _check_shapes(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"expected prediction and target of one shape, got {prediction.shape} and {target.shape}")


LOSSES = {"mse": MSE, "bce": BCE}
