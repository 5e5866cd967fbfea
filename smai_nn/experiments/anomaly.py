"""Anomaly detection by reconstruction error: who is in which part, scaling, thresholds, scores. Positive means anomaly.

In: names, pictures, and then one error a picture. Out: the role of each picture, rows to learn from, decisions and how
good they are. Curves and areas are scikit-learn's. Source: assignment section 3.2.
"""

import numpy as np

FEWEST_NORMALS, FEWEST_OTHERS = 10, 3  # pictures, people: with these no role is empty
SET_ASIDE = 0.1  # share of all people


def assign_roles(names, normal, seed=None):
    """Return the role of each picture, an array of texts (n,); `names` (n,) says who is on it, `normal` who is normal.

    The normal pictures are cut into fifths, always the same ones. The first is the "validation", the second is always
    in "train", and `seed` says which of the other three is the "test"; the rest is in "train" too. A tenth of all
    people, the same whoever is normal, is "set_aside" for choices that need anomalies; all "others" are the test's
    anomalies. Without a seed, for choices, all that any seed tests is in "test".
    Raises ValueError for fewer than FEWEST_NORMALS normal pictures or FEWEST_OTHERS other people.
    """
    people, fixed = np.unique(names), np.random.default_rng(0)
    normals = np.flatnonzero(names == normal)
    if len(normals) < FEWEST_NORMALS or len(people) <= FEWEST_OTHERS:
        raise ValueError(f"normal: expected a name with at least {FEWEST_NORMALS} pictures, and {FEWEST_OTHERS} other "
                         f"names, got {normal!r} with {len(normals)} pictures among {len(people)} names")
    aside = fixed.permutation(people)[:max(2, round(SET_ASIDE * len(people)))]
    validation, _, *tests = np.array_split(fixed.permutation(normals), 5)
    roles = np.full(len(names), "others", "U10")  # of up to ten letters
    roles[np.isin(names, aside)] = "set_aside"
    roles[normals] = "train"
    roles[validation] = "validation"
    roles[np.concatenate(tests) if seed is None else tests[seed % len(tests)]] = "test"
    return roles


def scale_pictures(images, is_train):
    """Return (rows, scaler): pictures uint8 (n, height, width) as rows float32 (n, height * width).

    Each picture gets mean 0 and variance 1, since brightness and contrast do not tell who is on it; then each pixel
    gets mean 0 and variance 1 over the training pictures, `is_train` (n,) bool, so that all pixels count alike. What
    does not vary becomes 0. The scaler's `inverse_transform` takes the scaling by pixel back.
    """
    from sklearn.preprocessing import StandardScaler  # loaded late: it takes a second
    rows = images.reshape(len(images), -1) / np.float32(255)
    rows = np.ascontiguousarray(StandardScaler().fit_transform(rows.T).T)  # a scaler standardises columns
    scaler = StandardScaler().fit(rows[is_train])
    return scaler.transform(rows), scaler


def judge(errors, quantile=0.95):
    """Return (scores, tuned scores): the test's `detection_scores` at two thresholds, from a dict role -> errors (n,).

    One is the error that the share `quantile` of the validation normals does not exceed: it needs no anomalies. The
    other has the largest balanced accuracy on validation normals and people set aside. "validation_error" is in both.
    """
    from sklearn import metrics
    threshold = np.quantile(np.float64(errors["validation"]), quantile)
    false_rates, true_rates, thresholds = metrics.roc_curve(*labelled(errors["validation"], errors["set_aside"]))
    # scikit-learn calls an anomaly what reaches its threshold; here it has to exceed it.
    tuned = np.nextafter(thresholds[np.argmax(true_rates - false_rates)], -np.inf)
    validation = {"validation_error": float(errors["validation"].mean())}
    return [detection_scores(errors["test"], errors["others"], t) | validation for t in (threshold, tuned)]


def auc(normal_errors, anomaly_errors):
    """Return the area under the ROC curve: the chance that an anomaly's error is the larger one, ties counting half."""
    from sklearn import metrics  # loaded late: it takes a second
    return float(metrics.roc_auc_score(*labelled(normal_errors, anomaly_errors)))


def detection_scores(normal_errors, anomaly_errors, threshold):
    """Return a dict of what calling every error above `threshold` an anomaly comes to.

    `auc` (of the ROC curve) and `average_precision` need no threshold; `base_rate` is the share of anomalies.
    """
    from sklearn import metrics
    labels, errors = labelled(normal_errors, anomaly_errors)
    called = errors > threshold
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    specificity, recall = tn / (tn + fp), tp / (tp + fn)
    return {"auc": auc(normal_errors, anomaly_errors), "base_rate": float(labels.mean()), "threshold": float(threshold),
            "average_precision": float(metrics.average_precision_score(labels, errors)),
            "precision": tp / max(1, tp + fp), "recall": recall, "f1": 2 * tp / (2 * tp + fp + fn),
            "specificity": specificity, "false_alarms": 1 - specificity,
            "balanced_accuracy": (recall + specificity) / 2,
            "true_negatives": tn, "false_positives": fp, "false_negatives": fn, "true_positives": tp}


def labelled(normal_errors, anomaly_errors):
    """Return (labels, errors): 0 for normal pictures and 1 for anomalies, and all errors, in one row each."""
    labels = np.repeat([0, 1], [len(normal_errors), len(anomaly_errors)])
    return labels, np.concatenate([normal_errors, anomaly_errors], dtype=np.float64)
