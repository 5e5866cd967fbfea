"""Facts of sections 1.1, 1.2 and 1.4: plain numbers with names, computed from results, for text and claims."""

import numpy as np

from smai_nn.activations import ReLU, Sigmoid
from smai_nn.datasets.border import touches_other_country
from smai_nn.experiments.border import group, median, values_of
from smai_nn.model import build_network


def dataset_facts(dataset, samples):
    """Return the facts of section 1.1: a BorderDataset, and one shuffled pass of its samples."""
    coordinates = np.array([point for point, _ in samples])
    return {"dataset.width": dataset.width, "dataset.height": dataset.height, "dataset.pixels": len(dataset),
            "dataset.dutch": int((dataset.mask == 0).sum()), "dataset.belgian": int((dataset.mask == 1).sum()),
            "dataset.majority": dataset.majority_accuracy, "dataset.returned": len(samples),
            "dataset.different": len(np.unique(coordinates, axis=0)),
            "dataset.least": float(coordinates.min()), "dataset.greatest": float(coordinates.max())}


def accumulation_facts(dataset):
    """Return how the cumulative gradient of four batches of 8 compares with that of one batch of the same 32 pixels."""
    rng = np.random.default_rng(0)
    model = build_network((2, 32, 1), ReLU, Sigmoid, loss="bce", optimizer=None, rng=rng, dtype=np.float64)
    rows = rng.permutation(len(dataset))[:32]
    model.train(dataset.inputs[rows], dataset.targets[rows])
    whole = model.gradients.copy()
    model.zero_grad()
    for part in np.split(rows, 4):
        model.train(dataset.inputs[part], dataset.targets[part])
    ratio = float(model.gradients @ whole / (whole @ whole))
    return {"accumulation.ratio": ratio, "accumulation.off_by": abs(ratio - 4),
            "accumulation.deviation": float(np.abs(model.gradients - 4 * whole).max())}


def one_run_facts(result):
    """Return the facts of section 1.2's run; the stopping rule looks at the ratios L_t / L_(t - patience)."""
    history, patience = result.history, result.setting.patience
    losses = np.array(history.epoch_loss)
    ratios = (losses[patience:] / losses[:-patience]).tolist()
    return {"run.epochs": history.epochs, "run.samples": history.samples, "run.updates": history.updates,
            "run.seconds": history.seconds, "run.accuracy": result.accuracy, "run.majority": result.majority_accuracy,
            "run.parameters": result.parameter_count, "run.patience": patience,
            "run.limit": 1 - result.setting.relative_loss_threshold, "run.last_ratio": ratios[-1],
            "run.ratio_before": max(ratios[:-1], default=None)}


def batching_facts(runs):
    """Return the facts of the ways to batch of section 1.2; each is compared with the first."""
    facts, first = {}, runs[0].history
    for result in runs:
        history, setting = result.history, result.setting
        updates, seconds = history.updates / history.epochs, float(np.mean(history.epoch_seconds))
        own = {"samples_per_update": history.samples / history.updates, "updates_per_epoch": updates,
               "updates_off_by": updates - first.updates / first.epochs, "milliseconds_per_epoch": 1000 * seconds,
               "times_as_long": seconds / float(np.mean(first.epoch_seconds))}
        facts |= {f"batching.{setting.batch_size}x{setting.grad_accumulation_steps}.{k}": v for k, v in own.items()}
    return facts


def grid_facts(runs):
    """Return the facts of the grid of architectures."""
    curved = [r for r in runs if r.setting.activation != "identity"]
    linear = [r for r in runs if r.setting.activation == "identity"]
    settings, majority = group(curved, "label"), runs[0].majority_accuracy
    medians = {label: median(own, "accuracy") for label, own in settings.items()}
    best = max(medians, key=medians.get)
    picture = median_run(settings[best])
    wrong, edge = picture.predicted != picture.truth, touches_other_country(picture.truth)
    facts = {"grid.runs": len(runs), "grid.stuck": sum(r.is_stuck for r in runs),
             "grid.converged": sum(r.history.stop_reason == "early_stopping" for r in runs), "grid.majority": majority,
             "grid.best": best, "grid.best_median": medians[best], "grid.best_parameters": picture.parameter_count,
             "grid.best_single": max(r.accuracy for r in runs), "grid.linear": median(linear, "accuracy"),
             "grid.linear_gain": abs(median(linear, "accuracy") - majority), "grid.seed_range": seed_range(settings),
             "grid.setting_range": max(medians.values()) - min(medians.values()),
             "grid.rank_size": rank_correlation(curved, "parameter_count", "accuracy"),
             "grid.rank_epochs": rank_correlation(curved, "epochs", "accuracy"),
             "grid.edge_share": float(edge.mean()), "grid.errors_at_edge": float(edge[wrong].mean())}
    facts |= {f"grid.{name}": median(own, "accuracy") for name, own in group(curved, "activation").items()}
    return facts | {f"grid.depth{depth}": median(own, "accuracy") for depth, own in group(curved, "depth").items()}


def picked_runs(runs):
    """Return the median runs of the best, the middle and the worst setting, by median accuracy."""
    settings = sorted(group(runs, "label").values(), key=lambda own: -median(own, "accuracy"))
    return [median_run(settings[i]) for i in (0, len(settings) // 2, -1)]


def median_run(runs):
    """Return the run of median accuracy."""
    return sorted(runs, key=lambda r: r.accuracy)[len(runs) // 2]


def seed_range(settings):
    """Return by how much the accuracies of one setting's seeds differ, the median over settings (see `group`)."""
    return float(np.median([np.ptp(values_of(own, "accuracy")) for own in settings.values()]))


def rank_correlation(runs, one, other):
    """Return Spearman's rank correlation of two attributes over runs; None if one of them is constant."""
    from scipy.stats import spearmanr  # loaded late: it takes half a second

    pair = values_of(runs, one), values_of(runs, other)
    return None if np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0 else float(spearmanr(*pair).statistic)


def effect_facts(runs, by):
    """Return the facts of a study of depth or width (`by`): for each activation its first, best and last value."""
    facts = {f"{by}.runs": len(runs), f"{by}.stuck": sum(r.is_stuck for r in runs),
             f"{by}.stuck_least": sum(r.is_stuck for r in group(runs, by)[min(group(runs, by))]),
             f"{by}.seed_range": seed_range(group(runs, by, "activation"))}
    for name, own in group(runs, "activation").items():
        settings = group(own, by)
        accuracy = {value: median(settings[value], "accuracy") for value in sorted(settings)}
        (first, second, *_), last, best = accuracy, max(accuracy), max(accuracy, key=accuracy.get)
        found = {"first": accuracy[first], "second": accuracy[second], "last": accuracy[last], "best": accuracy[best],
                 "best_at": best, "gain": accuracy[best] - accuracy[first], "lost": accuracy[best] - accuracy[last],
                 "last_loss": median(settings[last], "loss"), "last_epochs": median(settings[last], "epochs"),
                 "best_epochs": median(settings[best], "epochs")}
        facts |= {f"{by}.{name}.{what}": value for what, value in found.items()}
    return facts


def cost_facts(runs):
    """Return the facts of the study of batch size, accumulation and learning rate."""
    settings = group(runs, "learning_rate", "batch_size", "grad_accumulation_steps")
    facts = {"cost.rank_window": rank_correlation(runs, "samples_per_update", "accuracy"),
             "cost.rank_window_samples": rank_correlation(runs, "samples_per_update", "samples")}
    free = {key: own for key, own in settings.items() if not any(r.is_stuck for r in own)}
    winners = ("fastest", min, "training_seconds"), ("leanest", min, "samples"), ("most_accurate", max, "accuracy")
    for name, pick, measure in winners:
        key = pick(free, key=lambda k: median(free[k], measure))
        facts |= {f"cost.{name}": f"rate {key[0]:g}, batch {key[1]}, accumulation {key[2]}",
                  **{f"cost.{name}.{m}": median(free[key], m) for m in ("accuracy", "samples", "training_seconds")}}
    for (size, steps), own in group(runs, "batch_size", "grad_accumulation_steps").items():
        seconds = [np.median(r.history.epoch_seconds) for r in own]
        facts |= {f"cost.{size}x{steps}.samples": median(own, "samples"),
                  f"cost.{size}x{steps}.milliseconds": 1000 * float(np.median(seconds))}
    for rate, own in group(runs, "learning_rate").items():
        facts[f"cost.rate{rate:g}.samples"] = median(own, "samples")
    # Of the products of batch size and accumulation, the one that comes about in the most ways.
    equal = max((group(own, "batch_size") for own in group(runs, "samples_per_update").values()), key=len)
    samples = [median(own, "samples") for own in equal.values()]
    return facts | {"cost.equal.product": next(iter(equal.values()))[0].setting.samples_per_update,
                    "cost.equal.ways": len(equal), "cost.equal.least": min(samples), "cost.equal.most": max(samples),
                    "cost.equal.ratio": max(samples) / min(samples)}


def longer_facts(by, runs):
    """Return the facts of runs without the rule: of the deepest or widest (`by`) tanh network."""
    return {f"{by}.longer": median(runs, "accuracy"), f"{by}.longer_loss": median(runs, "loss"),
            f"{by}.longer_epochs": runs[0].history.epochs}


def study_facts(runs):
    """Return the facts over all runs of section 1.4."""
    settings = group(runs, "label", "learning_rate", "batch_size", "grad_accumulation_steps").values()
    accuracies = values_of(runs, "accuracy")
    return {"border.runs": len(runs), "border.best_accuracy": float(accuracies.max()),
            "border.best_median_accuracy": max(median(own, "accuracy") for own in settings),
            "border.least_accuracy": float(accuracies.min()), "border.reach_91": int((accuracies >= 0.91).sum()),
            "border.stuck": sum(r.is_stuck for r in runs),
            "border.stuck_deep": sum(r.is_stuck and r.setting.depth > 1 for r in runs)}
