"""Anomaly detection by reconstruction error: who is in which part, scaling, thresholds, scores. Positive means anomaly.

In: names, pictures, and then one error a picture. Out: row numbers by role, rows to learn from, decisions and how good
they are. Curves and areas are scikit-learn's. Source: assignment section 3.2.
"""

import numpy as np

SCALINGS = ("none", "pixel", "picture", "both")
FIFTHS, TESTS, FOLDS = 5, 3, 4  # see split_pictures
FEWEST_NORMALS, FEWEST_OTHERS = 10, 3  # pictures, people: with these no role is empty
SET_ASIDE = 0.1  # share of all people


def split_pictures(names, normal, seed=0, fold=None):
    """Return a dict role -> row numbers, sorted, for pictures with these `names`, (n,); `normal` is the normal name.

    The normal pictures are cut into FIFTHS, always the same ones. The first is the validation, the second is always
    trained on, and `seed` says which of the other TESTS is the test; the rest is trained on too. A tenth of all people,
    the same whoever is normal, is "set aside" for choices that need anomalies; all others' pictures are the test's
    anomalies. With a `fold`, from 0 to FOLDS - 1, only what is in no seed's test has a role, for choices: the first two
    fifths, of which that part is held out as validation, and those set aside.
    Raises ValueError for fewer than FEWEST_NORMALS normal pictures or FEWEST_OTHERS other people.
    """
    people, fixed = np.unique(names), np.random.default_rng(0)
    normals = np.flatnonzero(names == normal)
    if len(normals) < FEWEST_NORMALS or len(people) <= FEWEST_OTHERS:
        raise ValueError(f"normal: expected a name with at least {FEWEST_NORMALS} pictures, and {FEWEST_OTHERS} other "
                         f"names, got {normal!r} with {len(normals)} pictures among {len(people)} names")
    aside = fixed.permutation(people)[:max(2, round(SET_ASIDE * len(people)))]
    is_aside = np.isin(names, aside) & (names != normal)
    fifths = np.array_split(fixed.permutation(normals), FIFTHS)
    if fold is None:
        test = fifths.pop(2 + seed % TESTS)
        roles = {"train": np.concatenate(fifths[1:]), "validation": fifths[0], "test": test,
                 "set_aside": np.flatnonzero(is_aside), "others": np.flatnonzero((names != normal) & ~is_aside)}
    else:
        parts = np.array_split(np.concatenate(fifths[:2]), FOLDS)
        held_out = parts.pop(fold)
        roles = {"train": np.concatenate(parts), "validation": held_out, "set_aside": np.flatnonzero(is_aside)}
    return {role: np.sort(rows) for role, rows in roles.items()}


def scale_pictures(images, scaling, train):
    """Return (rows, mean, deviation): pictures uint8 (n, height, width) as rows float32 (n, height * width).

    "none": in [0, 1]. "picture": each picture with mean 0 and variance 1, since brightness and contrast do not tell who
    is on it. "pixel": each pixel with mean 0 and variance 1 over the rows `train`, so that all count alike. "both": one
    after the other. What does not vary becomes 0. `rows * deviation + mean` takes the scaling by pixel back.
    """
    rows = np.asarray(images, np.float32).reshape(len(images), -1) / 255
    if scaling in ("picture", "both"):
        rows = _standardised(rows, rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True))
    mean, deviation = np.zeros(rows.shape[1], np.float32), np.ones(rows.shape[1], np.float32)
    if scaling in ("pixel", "both"):
        mean, deviation = rows[train].mean(axis=0), rows[train].std(axis=0)
        rows = _standardised(rows, mean, deviation)
    return rows, mean, deviation


def _standardised(rows, mean, deviation):
    return np.where(deviation > 1e-6, (rows - mean) / np.maximum(deviation, 1e-6), 0)


def judge(errors, quantile):
    """Return (scores, tuned scores): the test's `detection_scores` at two thresholds, from a dict role -> errors (n,).

    One is the error that the share `quantile` of the validation normals does not exceed: it needs no anomalies. The
    other has the largest balanced accuracy on the validation normals and the people set aside.
    """
    from sklearn import metrics  # loaded late: it takes a second

    threshold = np.quantile(np.float64(errors["validation"]), quantile)
    false_rates, true_rates, thresholds = metrics.roc_curve(*labelled(errors["validation"], errors["set_aside"]))
    # scikit-learn calls an anomaly what reaches its threshold; here it has to exceed it.
    tuned = np.nextafter(thresholds[np.argmax(true_rates - false_rates)], -np.inf)
    return [detection_scores(errors["test"], errors["others"], t) for t in (threshold, tuned)]


def auc(normal_errors, anomaly_errors):
    """Return the area under the ROC curve: the chance that an anomaly's error is the larger one, ties counting half."""
    from sklearn import metrics  # loaded late: it takes a second

    return float(metrics.roc_auc_score(*labelled(normal_errors, anomaly_errors)))


def detection_scores(normal_errors, anomaly_errors, threshold):
    """Return a dict of what calling every error above `threshold` an anomaly comes to.

    `auc` (of the ROC curve) and `average_precision` need no threshold; `base_rate` is the share of anomalies.
    """
    from sklearn import metrics  # loaded late: it takes a second

    labels, errors = labelled(normal_errors, anomaly_errors)
    called = errors > threshold
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, called, average="binary", zero_division=0)
    return {"auc": float(metrics.roc_auc_score(labels, errors)),
            "average_precision": float(metrics.average_precision_score(labels, errors)),
            "precision": float(precision), "recall": float(recall), "f1": float(f1),
            "specificity": tn / (tn + fp), "false_alarms": fp / (tn + fp),
            "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, called)),
            "true_negatives": tn, "false_positives": fp, "false_negatives": fn, "true_positives": tp,
            "base_rate": float(labels.mean()), "threshold": float(threshold)}


def labelled(normal_errors, anomaly_errors):
    """Return (labels, errors): 0 for normal pictures and 1 for anomalies, and all errors, in one row each."""
    labels = np.repeat([0, 1], [len(normal_errors), len(anomaly_errors)])
    return labels, np.concatenate([normal_errors, anomaly_errors], dtype=np.float64)
