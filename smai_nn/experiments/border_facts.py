"""Facts of sections 1.2 and 1.4: plain numbers with names, computed from results, for the notebook's text and claims."""

import numpy as np

from smai_nn.activations import ReLU, Sigmoid
from smai_nn.datasets.border import touches_other_country
from smai_nn.experiments.border import group, median, value_of
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
    """Return the facts of section 1.2's run."""
    history, patience = result.history, result.setting.patience
    back = history.epoch_loss[-1 - patience] if history.epochs > patience else None
    return {"run.epochs": history.epochs, "run.samples": history.samples, "run.updates": history.updates,
            "run.seconds": history.seconds, "run.accuracy": result.accuracy, "run.loss": result.loss,
            "run.majority": result.majority_accuracy, "run.parameters": result.parameter_count,
            "run.last_ratio": history.epoch_loss[-1] / back if back else None,
            "run.ratio_before": _ratio_before(history.epoch_loss, patience),
            "run.limit": 1 - result.setting.relative_loss_threshold, "run.patience": patience}


def _ratio_before(losses, patience):
    """Return the least of the ratios L_t / L_(t - patience) before the last one: all of them were below the limit."""
    ratios = [losses[t] / losses[t - patience] for t in range(patience, len(losses) - 1)]
    return max(ratios, default=None)


def batching_facts(runs):
    """Return the facts of the ways to batch of section 1.2; each is compared with the first."""
    facts = {}
    for result in runs:
        history, setting = result.history, result.setting
        name = f"batching.{setting.batch_size}x{setting.grad_accumulation_steps}"
        milliseconds = 1000 * float(np.mean(history.epoch_seconds))
        facts |= {f"{name}.samples_per_update": history.samples / history.updates,
                  f"{name}.updates_per_epoch": history.updates / history.epochs,
                  f"{name}.milliseconds_per_epoch": milliseconds}
    first = f"batching.{runs[0].setting.batch_size}x{runs[0].setting.grad_accumulation_steps}"
    for name in [name.rsplit(".", 1)[0] for name in facts if name.endswith("updates_per_epoch")]:
        facts |= {f"{name}.updates_off_by": facts[f"{name}.updates_per_epoch"] - facts[f"{first}.updates_per_epoch"],
                  f"{name}.times_as_long": facts[f"{name}.milliseconds_per_epoch"] / facts[f"{first}.milliseconds_per_epoch"]}
    return facts


def grid_facts(runs):
    """Return the facts of the grid of architectures."""
    curved = [r for r in runs if r.setting.activation != "identity"]
    linear = [r for r in runs if r.setting.activation == "identity"]
    settings = group(curved, "label")
    best = max(settings, key=lambda label: median(settings[label], "accuracy"))
    facts = {"grid.runs": len(runs), "grid.stuck": sum(r.is_stuck for r in runs),
             "grid.converged": sum(r.converged for r in runs), "grid.best": best,
             "grid.best_median": median(settings[best], "accuracy"),
             "grid.best_parameters": settings[best][0].parameter_count,
             "grid.best_single": max(r.accuracy for r in runs), "grid.linear": median(linear, "accuracy"),
             "grid.linear_gain": abs(median(linear, "accuracy") - runs[0].majority_accuracy),
             "grid.majority": runs[0].majority_accuracy,
             "grid.seed_range": float(np.median([np.ptp([r.accuracy for r in own]) for own in settings.values()])),
             "grid.setting_range": float(np.ptp([median(own, "accuracy") for own in settings.values()])),
             "grid.rank_size": rank_correlation(curved, "parameter_count", "accuracy"),
             "grid.rank_epochs": rank_correlation(curved, "epochs", "accuracy"),
             "grid.rank_loss": rank_correlation(curved, "loss", "accuracy")}
    for name, own in group(curved, "activation").items():
        facts[f"grid.{name}"] = median(own, "accuracy")
    for name, own in group(curved, "depth").items():
        facts[f"grid.depth{name}"] = median(own, "accuracy")
    picture = median_run(settings[best])
    wrong, edge = picture.predicted != picture.truth, touches_other_country(picture.truth)
    return facts | {"grid.edge_share": float(edge.mean()), "grid.errors_at_edge": float(edge[wrong].mean())}


def picked_runs(runs):
    """Return the median runs of the best, the middle and the worst setting, by median accuracy."""
    settings = sorted(group(runs, "label").values(), key=lambda own: -median(own, "accuracy"))
    return [median_run(settings[i]) for i in (0, len(settings) // 2, -1)]


def median_run(runs):
    """Return the run of median accuracy."""
    return sorted(runs, key=lambda r: r.accuracy)[len(runs) // 2]


def rank_correlation(runs, one, other):
    """Return Spearman's rank correlation of two attributes over runs; None if one of them is constant."""
    from scipy.stats import spearmanr  # loaded late: it takes half a second

    pair = [[value_of(r, name) for r in runs] for name in (one, other)]
    return None if np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0 else float(spearmanr(*pair).statistic)


def effect_facts(runs, by):
    """Return the facts of a study of depth or width (`by`): per activation first, best and last value, and stuck runs."""
    facts = {f"{by}.runs": len(runs), f"{by}.stuck": sum(r.is_stuck for r in runs),
             f"{by}.stuck_least": sum(r.is_stuck for r in group(runs, by)[min(group(runs, by))]),
             f"{by}.seed_range": float(np.median([np.ptp([r.accuracy for r in own])
                                                  for own in group(runs, by, "activation").values()]))}
    for name, own in group(runs, "activation").items():
        values = sorted(group(own, by))
        accuracy = {v: median(group(own, by)[v], "accuracy") for v in values}
        best = max(accuracy, key=accuracy.get)
        facts |= {f"{by}.{name}.first": accuracy[values[0]], f"{by}.{name}.second": accuracy[values[1]],
                  f"{by}.{name}.best": accuracy[best], f"{by}.{name}.best_at": best,
                  f"{by}.{name}.last": accuracy[values[-1]], f"{by}.{name}.lost": accuracy[best] - accuracy[values[-1]],
                  f"{by}.{name}.gain": accuracy[best] - accuracy[values[0]],
                  f"{by}.{name}.first_loss": median(group(own, by)[values[0]], "loss"),
                  f"{by}.{name}.best_loss": median(group(own, by)[best], "loss"),
                  f"{by}.{name}.last_loss": median(group(own, by)[values[-1]], "loss"),
                  f"{by}.{name}.best_epochs": median(group(own, by)[best], "epochs"),
                  f"{by}.{name}.last_epochs": median(group(own, by)[values[-1]], "epochs")}
    return facts


def cost_facts(runs):
    """Return the facts of the study of batch size, accumulation and learning rate."""
    settings = group(runs, "learning_rate", "batch_size", "grad_accumulation_steps")
    facts = {"cost.runs": len(runs), "cost.stuck": sum(r.is_stuck for r in runs),
             "cost.converged": sum(r.converged for r in runs),
             "cost.rank_window": rank_correlation(runs, "samples_per_update", "accuracy"),
             "cost.rank_window_samples": rank_correlation(runs, "samples_per_update", "samples")}
    free = {key: own for key, own in settings.items() if not any(r.is_stuck for r in own)}
    for name, pick, measure in (("fastest", min, "seconds"), ("leanest", min, "samples"), ("most_accurate", max, "accuracy")):
        key = pick(free, key=lambda k: median(free[k], measure))
        facts |= {f"cost.{name}": f"rate {key[0]:g}, batch {key[1]}, accumulation {key[2]}",
                  **{f"cost.{name}.{m}": median(free[key], m) for m in ("accuracy", "samples", "seconds")}}
    for (size, steps), own in group(runs, "batch_size", "grad_accumulation_steps").items():
        facts |= {f"cost.{size}x{steps}.{m}": median(own, m) for m in ("accuracy", "samples", "epochs")}
        facts[f"cost.{size}x{steps}.milliseconds"] = float(np.median([1000 * np.mean(r.history.epoch_seconds) for r in own]))
    for window, own in group(runs, "samples_per_update").items():
        products = [median(same, "samples") for same in group(own, "batch_size").values()]
        facts[f"cost.window{window}.samples_ratio"] = max(products) / min(products)
        facts[f"cost.window{window}.samples"] = median(own, "samples")
    for rate, own in group(runs, "learning_rate").items():
        facts |= {f"cost.rate{rate:g}.accuracy": median(own, "accuracy"), f"cost.rate{rate:g}.samples": median(own, "samples")}
    return facts


def study_facts(runs, longer):
    """Return the facts over all runs of section 1.4; `longer` are runs of the widest tanh network without the rule."""
    top = max(runs, key=lambda r: r.accuracy)
    settings = group(runs, "label", "learning_rate", "batch_size", "grad_accumulation_steps").values()
    return {"border.runs": len(runs), "border.best_accuracy": top.accuracy, "border.best_label": top.setting.label,
            "border.best_median_accuracy": max(median(own, "accuracy") for own in settings),
            "border.least_accuracy": min(r.accuracy for r in runs), "border.stuck": sum(r.is_stuck for r in runs),
            "border.stuck_deep": sum(r.is_stuck and r.setting.depth > 1 for r in runs),
            "border.reach_91": sum(r.accuracy >= 0.91 for r in runs), "border.median_seconds": median(runs, "seconds"),
            "border.median_samples": median(runs, "samples"), "border.longer": median(longer, "accuracy"),
            "border.longer_loss": median(longer, "loss"), "border.longer_epochs": longer[0].history.epochs}
