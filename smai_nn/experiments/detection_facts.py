"""Facts about section 3.2, plain numbers with names, and the rows of its tables: from results alone."""

from statistics import fmean

import numpy as np

from smai_nn.experiments import anomaly, detection


def of_kind(results, detector, bottleneck=0):
    """Return the results of one detector with one bottleneck (0 for the mean picture), a seed each."""
    return [r for r in results if (r.setting.detector, r.setting.bottleneck) == (detector, bottleneck)]


def bottlenecks(results):
    """Return the autoencoders' bottlenecks, from narrow to wide."""
    return sorted({r.setting.bottleneck for r in results if r.setting.detector == "autoencoder"})


def best_bottleneck(results):
    """Return the autoencoders' bottleneck with the least validation error, mean over seeds.

    That compares: every seed has the same validation pictures, and all bottlenecks of a seed the same scale.
    """
    return min(bottlenecks(results), key=lambda width: mean_error(of_kind(results, "autoencoder", width)))


def mean_error(results):
    """Return the mean error of the validation normals, mean over results."""
    return fmean(r.errors["validation"].mean() for r in results)


def choice_facts(crops, learning):
    """Return the facts of the choices, a dict, from the results of `crop_settings` and of `learning_settings`."""
    facts = {"detector.crop_auc": max(r.set_aside_auc for r in crops),
             "detector.crop_whole_auc": max(r.set_aside_auc for r in crops if r.setting.crop == detection.WHOLE)}
    for name, results in (("mirrored", [r for r in learning if r.setting.mirrored]),
                          ("unmirrored", [r for r in learning if not r.setting.mirrored]),
                          ("noise", [r for r in learning if r.setting.input_noise]),
                          ("clean", [r for r in learning if not r.setting.input_noise])):
        facts[f"detector.error_{name}"] = min(r.validation_error for r in results)
    return facts


def detector_facts(results, references):
    """Return the facts of the detectors, a dict, from the results of `detector_settings` and `reference_settings`.

    All are named "detector.…", the scoreboard's also "lfw.…", or "digits_for_lfw.…" where digits stand in.
    """
    widths, best = bottlenecks(results), best_bottleneck(results)
    runs, same = of_kind(results, "autoencoder", best), of_kind(results, "PCA", best)
    own, pca = (np.array([areas_of(of_kind(results, name, width)) for width in widths])  # (widths, seeds)
                for name in ("autoencoder", "PCA"))
    auc, rival = own[widths.index(best)], pca[np.argmax(pca.mean(axis=1))]
    others = areas_of(references).reshape(len(detection.REFERENCES), -1).mean(axis=1)
    others = {f"{name}_auc": float(area) for name, area in zip(detection.REFERENCES, others)}
    scores, tuned = mean_scores(runs), mean_scores(runs, "tuned_scores")
    facts = {"normal": runs[0].normal.replace("_", " "), "seeds": len(runs), "auc_mean": float(auc.mean()),
             "auc_low": float(auc.min()), "auc_high": float(auc.max()), "pca_auc": float(rival.mean()),
             "seeds_ahead_of_pca": int(np.sum(auc > rival)), "whole_picture_auc": others["whole_picture_auc"],
             "threshold_rule": f"the error that {runs[0].setting.quantile:.0%} of the validation normals do not exceed",
             **{name: scores[name] for name in ("precision", "recall", "f1", "balanced_accuracy")}}
    prefix = "digits_for_lfw" if runs[0].normal == detection.STAND_IN else "lfw"
    scoreboard = {f"{prefix}.{name}": value for name, value in facts.items()}
    everyone = [np.concatenate([r.errors["others"], r.errors["set_aside"]]) for r in runs]
    facts |= others | {
        "least_gain_over_pca": float(np.min(auc - rival)), "least_gain_wide": float(np.min(own[-1] - own[0])),
        "seed_range": float(np.ptp(auc)), "bottleneck_range": float(np.ptp(own.mean(axis=1))),
        "mean_auc": float(areas_of(of_kind(results, "mean picture")).mean()),
        "everyone_auc": fmean(anomaly.auc(r.errors["test"], errors) for r, errors in zip(runs, everyone)),
        "false_alarms": scores["false_alarms"], "base_rate": scores["base_rate"],
        "everything_f1": 2 * scores["base_rate"] / (1 + scores["base_rate"]),
        **{f"tuned_{name}": tuned[name] for name in ("recall", "balanced_accuracy", "false_alarms")}}
    for name, group in (("", runs), ("pca_", same)):
        medians = [np.median(r.errors["validation"]) for r in group]
        facts |= {f"{name}recall": mean_scores(group)["recall"], f"{name}validation_error": mean_error(group),
                  f"{name}tail": fmean(r.scores["threshold"] / median for r, median in zip(group, medians))}
    return scoreboard | {f"detector.{name}": value for name, value in facts.items()}


def case_facts(results):
    """Return facts of the shown run's cases, such as "case.false_positive_error", a dict; None where there is no case.

    `unusual` is the share of its role's test pictures that are nearer to the mean picture than this one.
    """
    shown = of_kind(results, "autoencoder", best_bottleneck(results))[0]
    nearness = of_kind(results, "mean picture")[0].errors
    facts = {f"case.{case.replace(' ', '_')}_{name}": None
             for case in detection.CASES for name in ("person", "error", "unusual")}
    for case, place, person in zip(*(shown.cases.get(name, ()) for name in ("case", "place", "person"))):
        role, name = detection.CASES[str(case)][0], f"case.{case.replace(' ', '_')}"
        facts |= {f"{name}_person": str(person).replace("_", " "), f"{name}_error": float(shown.errors[role][place]),
                  f"{name}_unusual": float(np.mean(nearness[role] < nearness[role][place]))}
    return facts


def score_row(results, rule="scores"):
    """Return a row for a table: a detector's "scores" or "tuned_scores", mean and range over seeds."""
    row = {"detector": results[0].setting.label + (", tuned" if rule == "tuned_scores" else "")}
    for name in ("auc", "precision", "recall", "f1", "specificity", "balanced_accuracy"):
        row[name.replace("_", " ")] = spread([getattr(r, rule)[name] for r in results])
    return row


def bottleneck_rows(results):
    """Return the rows of the table of bottlenecks: autoencoder and PCA side by side."""
    rows = []
    for width in bottlenecks(results):
        own, pca = of_kind(results, "autoencoder", width), of_kind(results, "PCA", width)
        rows.append({"bottleneck": width, "AUC": spread(areas_of(own)), "PCA, AUC": spread(areas_of(pca)),
                     "variance explained": f"{fmean(r.explained for r in pca):.0%}",
                     "validation error": f"{mean_error(own):.3f}", "PCA, validation error": f"{mean_error(pca):.3f}"})
    return rows


def spread(values):
    """Return mean and range of some values as a text, such as "0.912 (0.90 to 0.93)"."""
    return f"{np.mean(values):.3f} ({min(values):.2f} to {max(values):.2f})"


def areas_of(results):
    """Return the AUC of each result, an array."""
    return np.array([r.scores["auc"] for r in results])


def mean_scores(results, rule="scores"):
    """Return the means over results of their "scores" or "tuned_scores", a dict."""
    return {name: fmean(getattr(r, rule)[name] for r in results) for name in results[0].scores}
