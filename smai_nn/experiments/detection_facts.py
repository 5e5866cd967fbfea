"""Facts about section 3.2, plain numbers with names, and the rows of its tables: from results alone."""

import numpy as np

from smai_nn.experiments import anomaly, detection


def best_bottleneck(results):
    """Return the autoencoders' bottleneck with the least validation error, mean over seeds.

    That compares: every seed has the same validation pictures, and all bottlenecks of a seed the same scale.
    """
    widths = sorted({r.setting.bottleneck for r in results if r.setting.detector == "autoencoder"})
    return min(widths, key=lambda width: mean_validation_error(of_kind(results, "autoencoder", width)))


def of_kind(results, detector, bottleneck=0):
    """Return the results of one detector with one bottleneck (0 for the mean picture), a seed each."""
    return [r for r in results if (r.setting.detector, r.setting.bottleneck) == (detector, bottleneck)]


def shown_run(results, detector="autoencoder"):
    """Return the run of the best bottleneck (of a detector) with the first seed: nothing is chosen among tests."""
    return of_kind(results, detector, detector != "mean picture" and best_bottleneck(results))[0]


def choice_facts(crops, scalings, learning):
    """Return the facts of the choices, a dict, from results of `crop_settings`, twice, and of `learning_settings`."""
    areas = {f"detector.{name}{suffix}_auc": max(r.set_aside_auc for r in results if r.setting.is_whole or not suffix)
             for name, results in (("crop", crops), ("scaling", scalings)) for suffix in ("", "_whole")}
    errors = {}
    for field, yes, no in (("mirrored", "mirrored", "unmirrored"), ("input_noise", "noise", "clean")):
        for name, is_so in ((yes, True), (no, False)):
            errors[f"detector.error_{name}"] = min(r.validation_error for r in learning
                                                   if bool(getattr(r.setting, field)) == is_so)
    return areas | errors | {"detector.scaling": detection.best_crop(scalings).scaling}


def detector_facts(results, references):
    """Return the facts of the detectors, a dict, from the results of `detector_settings` and `reference_settings`.

    All are named "detector.…", the scoreboard's also "lfw.…", or "digits_for_lfw.…" where digits stand in.
    """
    best, shown = best_bottleneck(results), shown_run(results)
    widths = sorted({r.setting.bottleneck for r in results if r.setting.detector == "autoencoder"})
    runs, same = (of_kind(results, name, best) for name in ("autoencoder", "PCA"))
    plain = [r for r in references if r.setting.crop == shown.setting.crop and not r.setting.mirrored]
    own, pca = ([areas_of(of_kind(results, name, width)) for width in widths] for name in ("autoencoder", "PCA"))
    auc, rival = own[widths.index(best)], pca[int(np.argmax(np.mean(pca, axis=1)))]
    scores, tuned = [r.scores() for r in runs], [r.scores(r.tuned_threshold) for r in runs]
    whole = {name: float(areas_of([r for r in references if (r.setting.detector, r.setting.crop, r.setting.mirrored)
                                   == (name, detection.WHOLE, shown.setting.mirrored)]).mean())
             for name in detection.DETECTORS}
    facts = {"normal": shown.normal.replace("_", " "), "seeds": len(runs), "auc_mean": float(auc.mean()),
             "auc_low": float(auc.min()), "auc_high": float(auc.max()), "pca_auc": float(rival.mean()),
             "seeds_ahead_of_pca": int(np.sum(auc > rival)), "whole_picture_auc": whole["autoencoder"],
             "threshold_rule": f"the error that {shown.setting.quantile:.0%} of the validation normals do not exceed",
             **{name: _mean(scores, name) for name in ("precision", "recall", "f1", "balanced_accuracy")}}
    prefix = "digits_for_lfw" if shown.normal == detection.STAND_IN else "lfw"
    facts = {f"{prefix}.{name}": value for name, value in facts.items()} | {
        f"detector.{name}": value for name, value in facts.items()}
    base_rate = scores[0]["base_rate"]
    return facts | {
        "detector.explained_narrow": mean_explained(of_kind(results, "PCA", widths[0])),
        "detector.explained_wide": mean_explained(of_kind(results, "PCA", widths[-1])),
        "detector.least_gain_over_pca": float(np.min(auc - rival)),
        "detector.seed_range": float(np.ptp(auc)), "detector.bottleneck_range": float(np.ptp(np.mean(own, axis=1))),
        "detector.least_gain_wide": float(np.min(own[-1] - own[0])),
        "detector.mean_auc": float(areas_of(of_kind(results, "mean picture")).mean()),
        "detector.plain_pca_auc": float(areas_of(plain).mean()), "detector.whole_mean_auc": whole["mean picture"],
        "detector.whole_pca_auc": whole["PCA"],
        "detector.everyone_auc": float(np.mean([r.scores(everyone=True)["auc"] for r in runs])),
        "detector.false_alarms": 1 - _mean(scores, "specificity"), "detector.tuned_recall": _mean(tuned, "recall"),
        "detector.tuned_balanced_accuracy": _mean(tuned, "balanced_accuracy"),
        "detector.tuned_false_alarms": 1 - _mean(tuned, "specificity"), "detector.base_rate": base_rate,
        "detector.everything_f1": 2 * base_rate / (1 + base_rate),
        "detector.train_error": float(np.mean([r.errors["train"].mean() for r in runs])),
        "detector.validation_error": mean_validation_error(runs),
        "detector.pca_validation_error": mean_validation_error(same),
        "detector.pca_recall": _mean([r.scores() for r in same], "recall"),
        "detector.tail": _tail(runs), "detector.pca_tail": _tail(same),
        "detector.error_ratio": _error_ratio(runs), "detector.pca_error_ratio": _error_ratio(same)}


def _tail(results):
    """Return the threshold in units of the median validation error, mean over results."""
    return float(np.mean([r.threshold / np.median(r.errors["validation"]) for r in results]))


def _error_ratio(results):
    """Return the median error of the test's anomalies in units of that of its normals, mean over results."""
    return float(np.mean([np.median(r.errors["others"]) / np.median(r.errors["test"]) for r in results]))


def case_facts(results):
    """Return facts of the shown run's cases, such as "case.false_positive_error", a dict; None where there is no case.

    `worst_tenth` is the share of the error that the tenth of the pixels with the largest errors has; `third` where most
    of it is; `unusual` the share of its role's test pictures that are nearer to the mean picture than this one.
    """
    shown, nearness = shown_run(results), shown_run(results, "mean picture").errors
    facts = {f"case.{case.replace(' ', '_')}_{name}": None for case in detection.CASES
             for name in ("person", "error", "worst_tenth", "third", "unusual")}
    for case, place, person, error, squares in zip(*(shown.cases.get(name, ()) for name in (
            "case", "place", "person", "error", "squares"))):
        role, squares = detection.CASES[str(case)][0], squares.astype(float)
        ordered, thirds = np.sort(squares, axis=None), [part.sum() for part in np.array_split(squares, 3)]
        facts |= {f"case.{case.replace(' ', '_')}_{name}": value for name, value in (
            ("person", str(person).replace("_", " ")), ("error", float(error)),
            ("worst_tenth", float(ordered[-len(ordered) // 10:].sum() / ordered.sum())),
            ("third", ("upper", "middle", "lower")[int(np.argmax(thirds))]),
            ("unusual", float(np.mean(nearness[role] < nearness[role][place]))))}
    return facts


def score_row(label, results, threshold="threshold"):
    """Return a row for a table: the scores at a threshold ("tuned_threshold": the other), mean and range over seeds."""
    scores = [r.scores(getattr(r, threshold)) for r in results]
    return {"detector": label} | {name.replace("_", " "): spread([s[name] for s in scores]) for name in (
        "auc", "precision", "recall", "f1", "specificity", "balanced_accuracy")}


def spread(values):
    """Return mean and range of some values as a text, such as "0.912 (0.90 to 0.93)"."""
    return f"{np.mean(values):.3f} ({min(values):.2f} to {max(values):.2f})"


def areas_of(results):
    """Return the AUC of each result, an array."""
    return np.array([anomaly.auc(*r.test_errors()) for r in results])


def mean_validation_error(results):
    """Return the mean over results of their validation errors."""
    return float(np.mean([r.validation_error for r in results]))


def mean_explained(results):
    """Return the share of the training pictures' variance that PCA's components explain, mean over results."""
    return float(np.mean([r.figures["explained"] for r in results]))


def _mean(scores, name):
    return float(np.mean([s[name] for s in scores]))
