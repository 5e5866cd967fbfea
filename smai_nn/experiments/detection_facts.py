"""Facts about section 3.2, plain numbers with names, and the rows of its tables: from results alone."""

from statistics import fmean

import numpy as np

from smai_nn.experiments import anomaly, detection

SCOREBOARD = ("normal", "seeds", "threshold_rule", "auc_mean", "auc_low", "auc_high", "pca_auc", "seeds_ahead_of_pca",
              "whole_picture_auc", "precision", "recall", "f1", "balanced_accuracy")


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

    All are named "detector.…", the SCOREBOARD's also "lfw.…", or "digits_for_lfw.…" where digits stand in.
    """
    widths, best = bottlenecks(results), best_bottleneck(results)
    runs, same = of_kind(results, "autoencoder", best), of_kind(results, "PCA", best)
    own, pca = (np.array([areas_of(of_kind(results, name, width)) for width in widths])  # (widths, seeds)
                for name in ("autoencoder", "PCA"))
    auc, rival = own[widths.index(best)], pca[np.argmax(pca.mean(axis=1))]
    everyone = [np.concatenate([r.errors["others"], r.errors["set_aside"]]) for r in runs]
    base_rate = runs[0].scores["base_rate"]
    facts = {"normal": runs[0].normal.replace("_", " "), "seeds": len(runs),
             "threshold_rule": f"the error that {runs[0].setting.quantile:.0%} of the validation normals do not exceed",
             "auc_mean": auc.mean(), "auc_low": auc.min(), "auc_high": auc.max(), "seed_range": np.ptp(auc),
             "everyone_auc": fmean(anomaly.auc(r.errors["test"], errors) for r, errors in zip(runs, everyone)),
             "pca_auc": rival.mean(), "seeds_ahead_of_pca": np.sum(auc > rival),
             "least_gain_over_pca": np.min(auc - rival), "bottleneck_range": np.ptp(own.mean(axis=1)),
             "least_gain_wide": np.min(own[-1] - own[0]), "mean_auc": areas_of(of_kind(results, "mean picture")).mean(),
             "base_rate": base_rate, "everything_f1": 2 * base_rate / (1 + base_rate)}
    for name, areas in zip(detection.REFERENCES, np.split(areas_of(references), len(detection.REFERENCES))):
        facts[f"{name}_auc"] = areas.mean()
    for name in ("precision", "f1", "balanced_accuracy", "false_alarms"):
        facts[name] = fmean(r.scores[name] for r in runs)
    for name in ("recall", "balanced_accuracy", "false_alarms"):
        facts[f"tuned_{name}"] = fmean(r.tuned_scores[name] for r in runs)
    for prefix, group in (("", runs), ("pca_", same)):
        facts[f"{prefix}recall"] = fmean(r.scores["recall"] for r in group)
        facts[f"{prefix}validation_error"] = mean_error(group)
        facts[f"{prefix}tail"] = fmean(r.scores["threshold"] / np.median(r.errors["validation"]) for r in group)
    scoreboard = "digits_for_lfw" if runs[0].normal == detection.STAND_IN else "lfw"
    return ({f"{scoreboard}.{name}": facts[name] for name in SCOREBOARD}
            | {f"detector.{name}": value for name, value in facts.items()})


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
