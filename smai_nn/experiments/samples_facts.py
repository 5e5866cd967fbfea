"""Tables and facts of section 1.5, goal 2: plain numbers with names, computed from results."""

import math

import numpy as np

from smai_nn.datasets.border import touches_other_country
from smai_nn.experiments.border import group, median, pivot, spread
from smai_nn.experiments.samples import CHOICE, GRADIENT, RANDOM, TARGET, VARIED, chosen_settings


def sample_table(runs):
    """Return a table row for each method: medians over seeds, least and greatest in brackets."""
    return [{"method": own[0].setting.label, "parameters": own[0].parameter_count,
             "first at 91%": _or_never(own, "first"), "**at 91% for good**": _or_never(own, "settled"),
             "seeds": f"{sum(r.settled < math.inf for r in own)}/{len(own)}",
             "checkpoint's pixels": f"≥{min(r.correct for r in own)}",
             "accuracy at 1,000": f"{median(own, 'close_accuracy'):.1%}"} for own in group(runs, "method").values()]


def tuning_table(tuned, learner):
    """Return the tuning of "sgd" or "adam", mean accuracies, or "least squares", mean samples until 91% for good."""
    runs = group(tuned, "learner")[learner]
    if learner in GRADIENT:
        return pivot(runs, ("batch_size", "grad_accumulation_steps"), "learning_rate",
                     lambda own: f"{_mean_accuracy(own):.1%}")
    return pivot(runs, ("slope",), "noise_ratio", lambda own: "/".join(
        f"{np.mean([r.score for r in each]):.0f}" for each in group(own, "method").values()))


def edges(tuned, setting):
    """Return the names of the settings in which the chosen one is the least or greatest of all that were tried.

    A batch of one and an update after each batch are the least there is: no edge that one could have gone beyond.
    """
    tried = {name: {getattr(r.setting, name) for r in tuned if r.setting.method == setting.method} for name in VARIED}
    return [name for name, values in tried.items() if len(values) > 1 and (
        getattr(setting, name) == max(values) or getattr(setting, name) == min(values) != 1)]


def tuning_facts(tuned):
    """Return the facts of the choice of settings; a window is how many samples an update uses."""
    chosen, methods = chosen_settings(tuned), group(tuned, "method")
    facts = {"challenge.tuning_edges": sum(len(edges(tuned, setting)) for setting in chosen.values()),
             "challenge.tuning_run": chosen["sgd"].samples,
             "challenge.filter_slope": chosen[RANDOM].slope, "challenge.filter_noise_ratio": chosen[RANDOM].noise_ratio}
    for method in GRADIENT:
        setting, windows, products = chosen[method], {}, {}
        tried = group(methods[method], "learning_rate", "samples_per_update", "batch_size")
        for (rate, window, _), runs in tried.items():
            windows[window] = max(windows.get(window, 0), _mean_accuracy(runs))  # the best
            products.setdefault((rate, window), []).append(_mean_accuracy(runs))
        mine = group(methods[method], *VARIED)[tuple(getattr(setting, name) for name in VARIED)]
        facts |= {f"challenge.{method}_{name}": value for name, value in {
            "rate": setting.learning_rate, "batch": setting.batch_size, "accumulation": setting.grad_accumulation_steps,
            "tuned": _mean_accuracy(mine), "seed_range": float(np.ptp([r.mean_accuracy for r in mine])),
            "ahead_at_least_window": windows[min(windows)] - _mean_accuracy(mine),
            "behind_at_most_window": _mean_accuracy(mine) - windows[max(windows)],
            "equal_products": float(max(map(np.ptp, products.values())))}.items()}
    return facts


def samples_facts(runs):
    """Return the facts of the runs that are reported; None stands for never; "missed" is the second-largest piece."""
    from scipy.ndimage import label  # loaded late: it takes a tenth of a second
    methods, truth, (pieces, _) = group(runs, "method"), runs[0].truth, label(runs[0].truth)
    second = pieces == np.argsort(-np.bincount(pieces.ravel(), truth.ravel()))[1]
    border, choice = touches_other_country(truth).ravel(), methods[CHOICE]
    facts = {"challenge.samples_seeds": len(methods[RANDOM]), "challenge.pixels": truth.size,
             "challenge.needed": math.ceil(TARGET * truth.size - 1e-9),
             "challenge.samples_least_recount": min(r.correct for r in (*methods[RANDOM], *choice)),
             "challenge.samples_chosen_seeds": sum(r.settled < math.inf for r in choice),
             "challenge.border_share": float(border.mean()),
             "challenge.asked_at_border": float(np.median([border[r.asked].mean() for r in choice]))}
    for name, method in (("samples", RANDOM), ("samples_chosen", CHOICE), *zip(GRADIENT, GRADIENT)):
        own = methods[method]
        facts |= {f"challenge.{name}_{what}": value if value < math.inf else None for what, value in {
            "median": median(own, "settled"), "first_crossing_median": median(own, "first"),
            "least": min(r.settled for r in own), "missed": sum((r.predicted != truth)[second].all() for r in own),
            "at_1000": median(own, "close_accuracy"), "run": own[0].setting.samples, "seeds_of": len(own),
            "first_seeds": sum(r.first < math.inf for r in own),
            "settled_seeds": sum(r.settled < math.inf for r in own)}.items()}
    return facts


def _mean_accuracy(runs):
    return float(np.mean([r.mean_accuracy for r in runs]))


def _or_never(runs, name):
    return spread(runs, name, ",.0f").replace("inf", "never")
