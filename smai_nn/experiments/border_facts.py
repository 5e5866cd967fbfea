"""Facts of sections 1.1, 1.2 and 1.4: plain numbers with names, computed from results, for text and claims."""

import numpy as np

from smai_nn.datasets.border import touches_other_country
from smai_nn.experiments.border import group, median, values_of


def dataset_facts(dataset, samples):
    """Return the facts of section 1.1: a BorderDataset, and one shuffled pass of its samples."""
    coordinates = np.array([point for point, _ in samples])
    return {"dataset.width": dataset.width, "dataset.height": dataset.height, "dataset.pixels": len(dataset),
            "dataset.dutch": int((dataset.mask == 0).sum()), "dataset.belgian": int((dataset.mask == 1).sum()),
            "dataset.majority": dataset.majority_accuracy, "dataset.returned": len(samples),
            "dataset.different": len(np.unique(coordinates, axis=0)),
            "dataset.least": float(coordinates.min()), "dataset.greatest": float(coordinates.max())}


def one_run_facts(result):
    """Return the facts of section 1.2's run; the stopping rule looks at the ratios L_t / L_(t - patience)."""
    history, patience = result.history, result.setting.patience
    losses = np.array(history.epoch_loss)
    ratios = (losses[patience:] / losses[:-patience]).tolist()
    return {"run.epochs": history.epochs, "run.samples": history.samples, "run.seconds": history.seconds,
            "run.accuracy": result.accuracy, "run.majority": result.majority_accuracy, "run.patience": patience,
            "run.parameters": result.parameter_count, "run.limit": 1 - result.setting.relative_loss_threshold,
            "run.last_ratio": ratios[-1], "run.ratio_before": max(ratios[:-1], default=None)}


def grid_facts(runs):
    """Return the facts of the grid of architectures."""
    curved, linear = ([r for r in runs if (r.setting.activation == "identity") == flag] for flag in (False, True))
    settings, majority = group(curved, "label"), runs[0].majority_accuracy
    medians = {label: median(own, "accuracy") for label, own in settings.items()}
    picture = best_and_worst(runs)[0]
    wrong, edge = picture.predicted != picture.truth, touches_other_country(picture.truth)
    facts = {"grid.runs": len(runs), "grid.majority": majority, "grid.linear": median(linear, "accuracy"),
             "grid.converged": sum(r.history.stop_reason == "early_stopping" for r in runs),
             "grid.linear_gain": abs(median(linear, "accuracy") - majority),
             "grid.best": picture.setting.label, "grid.best_median": max(medians.values()),
             "grid.best_parameters": picture.parameter_count, "grid.seed_range": seed_range(settings),
             "grid.setting_range": max(medians.values()) - min(medians.values()),
             "grid.edge_share": float(edge.mean()), "grid.errors_at_edge": float(edge[wrong].mean())}
    return facts | {f"grid.{name}": median(own, "accuracy") for name, own in group(curved, "activation").items()}


def best_and_worst(runs):
    """Return the median run of the best architecture, and that of the worst, by their median accuracies."""
    settings = sorted(group(runs, "label").values(), key=lambda own: -median(own, "accuracy"))
    return [sorted(own, key=lambda r: r.accuracy)[len(own) // 2] for own in (settings[0], settings[-1])]


def seed_range(settings):
    """Return by how much the accuracies of one setting's seeds differ, the median over settings (see `group`)."""
    return float(np.median([np.ptp(values_of(own, "accuracy")) for own in settings.values()]))


def effect_facts(runs, by, unruled):
    """Return the facts of a study of depth or width (`by`): for each activation its least, best and greatest value.

    `unruled` are runs without the stopping rule, of tanh networks of several values.
    """
    longer = {value: median(own, "accuracy") for value, own in group(unruled, by).items()}
    facts = {f"{by}.seed_range": seed_range(group(runs, by, "activation")), f"{by}.longer": longer[max(longer)],
             f"{by}.longer_best": max(longer.values()), f"{by}.longer_lost": max(longer.values()) - longer[max(longer)],
             f"{by}.longer_epochs": unruled[0].history.epochs}
    for name, own in group(runs, "activation").items():
        settings = group(own, by)
        accuracy = {value: median(settings[value], "accuracy") for value in sorted(settings)}
        first, last, best = min(accuracy), max(accuracy), max(accuracy, key=accuracy.get)
        facts |= {f"{by}.{name}.first": accuracy[first], f"{by}.{name}.last": accuracy[last],
                  f"{by}.{name}.best": accuracy[best], f"{by}.{name}.best_at": best,
                  f"{by}.{name}.gain": accuracy[best] - accuracy[first],
                  f"{by}.{name}.lost": accuracy[best] - accuracy[last],
                  f"{by}.{name}.last_loss": median(settings[last], "loss")}
    return facts


def cost_facts(runs):
    """Return the facts of the study of batch size, accumulation and learning rate."""
    settings, facts = group(runs, "learning_rate", "batch_size", "grad_accumulation_steps"), {}
    for name, measure in (("fastest", "training_seconds"), ("leanest", "samples")):
        (rate, size, steps), own = min(settings.items(), key=lambda item: median(item[1], measure))
        facts[f"cost.{name}"] = f"rate {rate:g}, batch {size}, accumulation {steps}"
        facts |= {f"cost.{name}.{m}": median(own, m) for m in ("accuracy", "samples", "training_seconds")}
    for (size, steps), own in group(runs, "batch_size", "grad_accumulation_steps").items():
        seconds = [np.median(r.history.epoch_seconds) for r in own]
        facts |= {f"cost.{size}x{steps}.samples": median(own, "samples"),
                  f"cost.{size}x{steps}.milliseconds": 1000 * float(np.median(seconds))}
    return facts


def study_facts(runs):
    """Return the facts over all runs of section 1.4."""
    accuracies = values_of(runs, "accuracy")
    return {"border.runs": len(runs), "border.best_accuracy": float(accuracies.max()),
            "border.least_accuracy": float(accuracies.min()), "border.reach_91": int((accuracies >= 0.91).sum()),
            "border.stuck": sum(r.is_stuck for r in runs),
            "border.stuck_deep": sum(r.is_stuck and r.setting.depth > 1 for r in runs)}
