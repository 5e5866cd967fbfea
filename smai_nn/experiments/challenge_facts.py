"""Tables and facts of section 1.5: plain numbers with names, computed from results of both goals."""

import math

import numpy as np

from smai_nn.experiments.border import group, median, pivot, spread
from smai_nn.experiments.samples import CHOICE, GRADIENT, RANDOM, TARGET, VARIED, chosen_settings

NAMES = ("sgd", "adam", "output")  # of the methods in GRADIENT, in the names of facts


def smallest(results):
    """Return the result with the fewest parameters that reached its target; of equals the one with the most pixels."""
    return min(results, key=lambda r: (not r.reached, r.winner.parameter_count, -r.correct, r.setting.seed))


def best_of_all(results):
    """Return a dict Architecture -> most pixels in any search, from few parameters to many, a count's best last."""
    found = {}
    for result in results:
        for architecture, correct in result.best.items():
            found[architecture] = max(correct, found.get(architecture, 0))
    return dict(sorted(found.items(), key=lambda item: (item[0].parameter_count, item[1])))


def search_table(results, recounted):
    """Return a table row for each search; `recounted` are the pixels of their winners, loaded from the checkpoints."""
    return [{"seed": r.setting.seed, "smallest network": r.winner.label, "parameters": r.winner.parameter_count,
             "correct pixels, counted again": f"{correct} of {r.truth.size}",
             "accuracy": f"{correct / r.truth.size:.2%}", "reached": "yes" if correct >= r.needed else "no",
             "starts": f"{sum(r.starts.values()):,}", "seconds": f"{r.history.seconds:.0f}"}
            for r, correct in zip(results, recounted)]


def count_table(results):
    """Return a row for each parameter count: the best network of all searches, its pixels, the starts tried."""
    rows = {}
    for architecture, correct in best_of_all(results).items():  # the best of a count replaces the others
        count = architecture.parameter_count
        rows[count] = {"parameters": count, "best network": architecture.label, "correct pixels": correct,
                       "starts, all searches": f"{sum(r.starts.get(count, 0) for r in results):,}"}
    return list(rows.values())


def search_facts(results):
    """Return the facts of the searches."""
    first, best = smallest(results), best_of_all(results)
    count = first.winner.parameter_count
    below = max((a for a in best if a.parameter_count < count), key=best.get, default=first.winner)
    return {"challenge.parameters": count if first.reached else None} | {
        f"challenge.parameters_{name}": value for name, value in {
            "correct": first.correct, "pixels": first.truth.size, "needed": first.needed, "seed": first.setting.seed,
            "network": first.winner.label, "samples": first.history.samples, "searches": len(results),
            "search_successes": sum(r.reached and r.winner.parameter_count <= 17 for r in results),
            "architectures": len(best), "starts": float(np.mean([sum(r.starts.values()) for r in results])),
            "seconds": float(np.mean([r.history.seconds for r in results])), "below_network": below.label,
            "below_count": below.parameter_count, "below_misses": first.needed - best[below]}.items()}


def sample_table(runs):
    """Return a table row for each method: medians over seeds, least and greatest in brackets."""
    rows = []
    for own in group(runs, "method").values():
        first, settled = (spread(own, name, ",.0f").replace("inf", "never") for name in ("first", "settled"))
        rows.append({"method": own[0].setting.label, "parameters": own[0].parameter_count, "first at 91%": first,
                     "**at 91% for good**": settled, "seeds": f"{sum(r.settled < math.inf for r in own)}/{len(own)}",
                     "checkpoint's pixels": f"≥{min(r.correct for r in own)}"})
    return rows


def tuning_table(tuned, learner):
    """Return the tuning of "sgd" or "adam", mean accuracies, or "least squares", mean samples until 91% for good."""
    runs = group(tuned, "learner")[learner]
    if learner in GRADIENT:
        return pivot(runs, ("batch_size", "grad_accumulation_steps"), "learning_rate",
                     lambda own: f"{1 - _score(own):.1%}")
    return pivot(runs, ("slope",), "noise_ratio", lambda own: "/".join(
        f"{_score(each):.0f}" for each in group(own, "method").values()))


def edges(tuned, setting):
    """Return the names of the settings in which the chosen one is the least or greatest of all that were tried.

    A batch of one and an update after each batch are the least there is: no edge that one could have gone beyond.
    """
    tried = {name: {getattr(r.setting, name) for r in tuned if r.setting.method == setting.method} for name in VARIED}
    return [name for name, values in tried.items() if len(values) > 1 and (
        getattr(setting, name) == max(values) or getattr(setting, name) == min(values) != 1)]


def tuning_facts(tuned):
    """Return the facts of the choice of settings."""
    chosen = chosen_settings(tuned)
    facts = {"challenge.tuning_edges": sum(len(edges(tuned, setting)) for setting in chosen.values()),
             "challenge.tuning_run": chosen["sgd"].samples,
             "challenge.filter_slope": chosen[RANDOM].slope, "challenge.filter_noise_ratio": chosen[RANDOM].noise_ratio}
    for name, method in zip(NAMES, GRADIENT):
        facts |= {f"challenge.{name}_rate": chosen[method].learning_rate,
                  f"challenge.{name}_batch": chosen[method].batch_size,
                  f"challenge.{name}_accumulation": chosen[method].grad_accumulation_steps}
    adam, best = group(group(tuned, "method")["adam"], *VARIED), {}  # samples an update uses -> greatest mean accuracy
    for runs in adam.values():
        window = runs[0].setting.samples_per_update
        best[window] = max(1 - _score(runs), best.get(window, 0))
    return facts | {"challenge.adam_least_window": best[min(best)], "challenge.adam_greatest_window": best[max(best)],
                    "challenge.adam_window": best[chosen["adam"].samples_per_update], "challenge.windows": max(best)}


def samples_facts(runs):
    """Return the facts of the runs that are reported; None stands for never."""
    methods, truth = group(runs, "method"), runs[0].truth
    facts = {"challenge.pixels": truth.size, "challenge.needed": math.ceil(TARGET * truth.size - 1e-9),
             "challenge.samples_least_recount": min(r.correct for r in (*methods[RANDOM], *methods[CHOICE]))}
    for name, method in (("samples", RANDOM), ("samples_chosen", CHOICE), *zip(NAMES, GRADIENT)):
        own = methods[method]
        facts |= {f"challenge.{name}_{what}": value if value < math.inf else None for what, value in {
            "median": median(own, "settled"), "first_crossing_median": median(own, "first"),
            "run": own[0].setting.samples, "tried": len(own),
            "first_seeds": sum(r.first < math.inf for r in own),
            "seeds": sum(r.settled < math.inf for r in own)}.items()}
    return facts


def _score(runs):
    return float(np.mean([r.score for r in runs]))
