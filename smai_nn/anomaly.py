"""Anomaly detection by reconstruction error: splits, scalings, thresholds, scores. Positive means anomaly.

In: pictures and their names, then one error per picture. Out: who is trained and tested on, decisions, and how good
they are. Curves and areas are scikit-learn's. Source: assignment section 3.2.
"""

import dataclasses

import numpy as np

from smai_nn.checks import require_choice, require_finite, require_integer, require_number

SCALINGS = ("none", "pixel", "picture", "both")
FOLDS = 4  # parts of the development normals, one of which is held out


@dataclasses.dataclass(frozen=True)
class Split:
    """Row numbers of pictures by role: the first three are normal, the last two are not; no picture has two."""

    train: np.ndarray  # what the detector learns
    validation: np.ndarray  # for the threshold, and while settings are chosen, for the choice
    test: np.ndarray  # held out; empty while settings are chosen
    set_aside: np.ndarray  # all pictures of some other people, for choices that need anomalies; in no test
    others: np.ndarray  # all pictures of the remaining people: the test's anomalies; empty while settings are chosen

    @property
    def rows(self):
        """All rows that have a role."""
        return np.concatenate([getattr(self, field.name) for field in dataclasses.fields(self)])


def split_pictures(names, normal, seed, *, fold=None, test=0.2, validation=0.2, development=0.4, set_aside=0.1):
    """Return the Split of pictures with these `names`, (n,), where `normal` is the normal class's name.

    A part of the normal pictures, the share `development`, and the pictures of a part of the other people, the share
    `set_aside` of their names, are the same for every seed and in no test. With a `fold`, from 0 to FOLDS - 1, only
    these have a role, with which settings are chosen: that part of the normal ones is for validation, the others for
    training. Else `seed` draws the test from the normal pictures outside of that part, and the validation from all that
    are left; `test` and `validation` are shares of all normal pictures. Raises ValueError for fewer than ten normal
    pictures, fewer than two other names, a fold that is none, or shares that leave nothing for one of the roles.
    """
    names = np.asarray(names)
    normals = np.flatnonzero(names == normal)
    strangers = np.unique(names[names != normal])
    if len(normals) < 10 or len(strangers) < 2:
        raise ValueError(f"normal: expected a name with at least ten pictures among three names or more, got "
                         f"{normal!r} with {len(normals)} pictures and {len(strangers)} other names")
    for name, share in (("test", test), ("validation", validation), ("development", development),
                        ("set_aside", set_aside)):
        require_number(share, name, 0, 1, low_open=True, high_open=True)
    if test + development > 1 or test + validation >= 1:
        raise ValueError(f"test: expected a share that leaves {development} for development and more than {validation} "
                         f"for training and validation, got {test}")
    fixed = np.random.default_rng(0)
    normals = fixed.permutation(normals)
    kept = round(development * len(normals))
    aside = fixed.permutation(strangers)[:max(1, round(set_aside * len(strangers)))]
    is_aside = np.isin(names, aside)
    if fold is not None:
        parts, nothing = np.array_split(normals[:kept], FOLDS), np.empty(0, int)
        held_out = parts.pop(require_choice(fold, "fold", range(FOLDS)))
        return Split(train=np.sort(np.concatenate(parts)), validation=np.sort(held_out), test=nothing,
                     set_aside=np.flatnonzero(is_aside), others=nothing)
    rng = np.random.default_rng(seed)
    tested = rng.permutation(normals[kept:])[:max(1, round(test * len(normals)))]
    left = rng.permutation(np.setdiff1d(normals, tested))
    validated = max(1, round(validation * len(normals)))
    return Split(train=np.sort(left[validated:]), validation=np.sort(left[:validated]), test=np.sort(tested),
                 set_aside=np.flatnonzero(is_aside), others=np.flatnonzero((names != normal) & ~is_aside))


def scale_pictures(images, scaling, train):
    """Return pictures, uint8 (n, height, width), as rows (n, height * width) float32.

    "none": in [0, 1]. "pixel": each pixel with mean 0 and variance 1 over the rows `train`, so that all count alike.
    "picture": each picture with mean 0 and variance 1, since brightness and contrast do not tell who is on it. "both":
    the latter, then the former. What does not vary becomes 0.
    """
    require_choice(scaling, "scaling", SCALINGS)
    rows = np.asarray(images, np.float32).reshape(len(images), -1) / 255
    if scaling in ("picture", "both"):
        rows = _standardised(rows, rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True))
    if scaling in ("pixel", "both"):
        rows = _standardised(rows, rows[train].mean(axis=0), rows[train].std(axis=0))
    return rows


def _standardised(rows, mean, deviation):
    rows = rows - mean
    return np.divide(rows, deviation, out=np.zeros_like(rows), where=np.broadcast_to(deviation > 1e-6, rows.shape))


def threshold_from(validation_errors, quantile=0.95):
    """Return the threshold that the share `quantile` of held-out normal pictures does not exceed."""
    errors = _errors(validation_errors, "validation_errors")
    return float(np.quantile(errors, require_number(quantile, "quantile", 0, 1)))


def auc(normal_errors, anomaly_errors):
    """Return the area under the ROC curve: the chance that an anomaly's error is the larger one, ties counting half."""
    from sklearn.metrics import roc_auc_score  # loaded late: it takes a second

    return float(roc_auc_score(*labelled(normal_errors, anomaly_errors)))


def detection_scores(normal_errors, anomaly_errors, threshold):
    """Return a dict of what calling every error above `threshold` an anomaly comes to, and the areas.

    Counts `true_negatives`, `false_positives`, `false_negatives`, `true_positives`; `precision`, `recall`, `f1`,
    `specificity`, `balanced_accuracy`; `auc` (of the ROC curve) and `average_precision`, which need no threshold;
    `base_rate`, the share of anomalies.
    """
    from sklearn import metrics  # loaded late: it takes a second

    labels, errors = labelled(normal_errors, anomaly_errors)
    called = errors > threshold
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, called, average="binary",
                                                                       zero_division=0)
    return {"auc": float(metrics.roc_auc_score(labels, errors)),
            "average_precision": float(metrics.average_precision_score(labels, errors)),
            "precision": float(precision), "recall": float(recall), "f1": float(f1),
            "specificity": tn / (tn + fp), "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, called)),
            "true_negatives": tn, "false_positives": fp, "false_negatives": fn, "true_positives": tp,
            "base_rate": float(labels.mean()), "threshold": float(threshold)}


def roc_points(normal_errors, anomaly_errors):
    """Return (false positive rates, true positive rates) over all thresholds."""
    from sklearn.metrics import roc_curve  # loaded late: it takes a second

    return roc_curve(*labelled(normal_errors, anomaly_errors))[:2]


def precision_recall_points(normal_errors, anomaly_errors):
    """Return (recalls, precisions) over all thresholds."""
    from sklearn.metrics import precision_recall_curve  # loaded late: it takes a second

    precisions, recalls, _ = precision_recall_curve(*labelled(normal_errors, anomaly_errors))
    return recalls, precisions


def labelled(normal_errors, anomaly_errors):
    """Return (labels, errors): 0 for normal pictures and 1 for anomalies, and all errors, in one row each."""
    normal, anomalous = _errors(normal_errors, "normal_errors"), _errors(anomaly_errors, "anomaly_errors")
    return np.repeat([0, 1], [len(normal), len(anomalous)]), np.concatenate([normal, anomalous])


def bootstrap_auc(normal_errors, anomaly_errors, rng, *, repetitions=1000, level=0.95):
    """Return (low, high), the percentile interval of the AUC when both groups are drawn again with replacement.

    It says how much the AUC depends on which pictures happen to be in the test set. Each draw needs only how often each
    picture was drawn, and not the errors again.
    """
    require_integer(repetitions, "repetitions", 1)
    require_number(level, "level", 0, 1, low_open=True, high_open=True)
    normal, anomalous = np.sort(_errors(normal_errors, "normal_errors")), _errors(anomaly_errors, "anomaly_errors")
    # For every anomaly: how many normal ones lie below it, ties counting half, by their places in the sorted row.
    below, up_to = np.searchsorted(normal, anomalous, "left"), np.searchsorted(normal, anomalous, "right")
    areas = np.empty(repetitions)
    for i in range(repetitions):
        drawn = np.bincount(rng.integers(len(normal), size=len(normal)), minlength=len(normal))
        before = np.concatenate([[0], np.cumsum(drawn)])
        wins = (before[below] + before[up_to]) / 2
        areas[i] = wins[rng.integers(len(wins), size=len(wins))].mean() / len(normal)
    tail = (1 - level) / 2
    return tuple(float(v) for v in np.quantile(areas, (tail, 1 - tail)))


def _errors(values, name):
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name}: expected one error per picture, (n,), got shape {values.shape}")
    require_finite(values, name)
    return values
