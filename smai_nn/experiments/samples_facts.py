"""Tables and facts of section 1.5, goal 2: plain numbers with names, computed from results."""

import math

import numpy as np

from smai_nn.datasets.border import touches_other_country
from smai_nn.experiments.border import group, pivot
from smai_nn.experiments.samples import CHOICE, GRADIENT, RANDOM, VARIED, chosen_settings


def median_samples(runs, name):
    """Return the median of `first` or `settled` over runs; None, as one of them may be, stands for never."""
    middle = float(np.median([_or_never(r, name) for r in runs]))
    return middle if math.isfinite(middle) else None


def accuracy_at(runs, samples):
    """Return the median over runs of the accuracy at the last look up to so many samples."""
    return float(np.median([r.accuracies[r.samples <= samples][-1] for r in runs]))


def sample_table(runs):
    """Return a table row for each method: medians over seeds, least and greatest in brackets."""
    rows = []
    for own in group(runs, "method").values():
        reached = [sum(getattr(r, name) is not None for r in own) for name in ("first", "settled")]
        rows.append({"method": own[0].setting.label, "parameters": own[0].parameter_count,
                     "ends after": f"{own[0].setting.samples:,}", "first at 91%": _spread(own, "first"),
                     "**at 91% for good**": _spread(own, "settled"),
                     "seeds (first, for good)": f"{reached[0]}, {reached[1]} of {len(own)}",
                     "accuracy at 1,000": f"{accuracy_at(own, 1000):.1%}"})
    return rows


def seed_table(runs):
    """Return a row for each seed of least squares: samples until 91% for good, and the checkpoint's right pixels."""
    return [{"seed": seed, **{f"{r.setting.method}": f"{r.settled or 'never'}, checkpoint {r.correct} px" for r in own}}
            for seed, own in group([r for r in runs if not r.setting.uses_gradients], "seed").items()]


def tuning_table(tuned, learner):
    """Return the tuning of "sgd" or "adam", mean accuracies, or "least squares", mean samples until 91% for good."""
    runs = group(tuned, "learner")[learner]
    if learner in GRADIENT:
        return pivot(runs, ("batch_size", "grad_accumulation_steps"), "learning_rate",
                     lambda own: f"{_mean_accuracy(own):.1%}")
    return pivot(runs, ("slope",), "noise_ratio", lambda own: " / ".join(
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
    facts = {"challenge.tuning_runs": len(tuned), "challenge.filter_slope": chosen[RANDOM].slope,
             "challenge.filter_noise_ratio": chosen[RANDOM].noise_ratio,
             "challenge.tuning_edges": sum(len(edges(tuned, setting)) for setting in chosen.values())}
    for name in GRADIENT:
        setting, own = chosen[name], group(methods[name], *VARIED[:3])
        accuracies = {key: _mean_accuracy(runs) for key, runs in own.items()}
        mine = own[tuple(getattr(setting, field) for field in VARIED[:3])]
        best = {window: max(_mean_accuracy(runs) for runs in group(group_runs, *VARIED[:3]).values())
                for window, group_runs in group(methods[name], "samples_per_update").items()}
        facts |= {f"challenge.{name}_rate": setting.learning_rate, f"challenge.{name}_batch": setting.batch_size,
                  f"challenge.{name}_accumulation": setting.grad_accumulation_steps,
                  f"challenge.{name}_tuned": _mean_accuracy(mine), f"challenge.{name}_worst": min(accuracies.values()),
                  f"challenge.{name}_ahead_at_least_window": best[min(best)] - _mean_accuracy(mine),
                  f"challenge.{name}_behind_at_most_window": _mean_accuracy(mine) - best[max(best)],
                  f"challenge.{name}_seed_range": float(np.ptp([r.mean_accuracy for r in mine]))}
    equal = group(methods["adam"], "learning_rate", "samples_per_update").values()
    facts["challenge.adam_equal_products"] = max(
        float(np.ptp([_mean_accuracy(runs) for runs in group(pair, "batch_size").values()])) for pair in equal)
    return facts


def samples_facts(runs):
    """Return the facts of the runs that are reported."""
    methods = group(runs, "method")
    random, choice = methods[RANDOM], methods[CHOICE]
    target, truth = random[0].setting.target, random[0].truth
    facts = {"challenge.needed": math.ceil(target * truth.size - 1e-9), "challenge.pixels": truth.size,
             "challenge.samples_method": RANDOM, "challenge.samples_seeds": len(random),
             "challenge.samples_least_recount": min(r.correct for r in (*random, *choice)),
             "challenge.border_share": float(np.mean(touches_other_country(truth))),
             "challenge.asked_at_border": float(np.median([_share_at_border(r) for r in choice]))}
    names = {"samples": random, "samples_chosen": choice, "sgd": methods["sgd"], "adam": methods["adam"]}
    for name, own in names.items():
        ends = [_or_never(r, "settled") for r in own]
        facts |= {f"challenge.{name}_median": median_samples(own, "settled"),
                  f"challenge.{name}_first_crossing_median": median_samples(own, "first"),
                  f"challenge.{name}_least": min(ends) if math.isfinite(min(ends)) else None,
                  f"challenge.{name}_most": max(ends) if math.isfinite(max(ends)) else None,
                  f"challenge.{name}_at_1000": accuracy_at(own, 1000), f"challenge.{name}_run": own[0].setting.samples,
                  f"challenge.{name}_first_seeds": sum(r.first is not None for r in own),
                  f"challenge.{name}_seeds_of": len(own),
                  f"challenge.{name}_settled_seeds": sum(r.settled is not None for r in own)}
    facts["challenge.samples_chosen_seeds"] = facts["challenge.samples_chosen_settled_seeds"]
    return facts


def _or_never(run, name):
    value = getattr(run, name)
    return math.inf if value is None else value


def _spread(runs, name):
    values = [_or_never(r, name) for r in runs]
    low, middle, high = (f"{v:,.0f}" if math.isfinite(v) else "never"
                         for v in (min(values), np.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def _mean_accuracy(runs):
    return float(np.mean([r.mean_accuracy for r in runs]))


def _share_at_border(run):
    asked = run.pixels[:run.settled or len(run.pixels)]
    return float(np.mean(touches_other_country(run.truth).ravel()[asked]))
