"""Tables and facts of section 1.5, goal 1: plain numbers with names, computed from results."""

import numpy as np

from smai_nn.experiments.border import BorderSetting
from smai_nn.experiments.stack import Architecture

BAR = 17  # parameters; a search that gets along with them counts as a success


def smallest(results):
    """Return the result with the fewest parameters that reached its target; of equals the one with the most pixels."""
    return min(results, key=lambda r: (not r.reached, r.winner.parameter_count, -r.correct, r.setting.seed))


def best_of_all(results):
    """Return a dict Architecture -> most pixels in any search, from few parameters to many."""
    found = {}
    for architecture, correct in (item for result in results for item in result.best.items()):
        found[architecture] = max(correct, found.get(architecture, 0))
    return dict(sorted(found.items(), key=lambda item: item[0].parameter_count))


def best_of_count(results):
    """Return a dict parameter count -> the Architecture with the most pixels in any search."""
    best = best_of_all(results)
    return {a.parameter_count: a for a in sorted(best, key=lambda a: (a.parameter_count, best[a]))}


def search_table(results, recounted):
    """Return a table row for each search; `recounted` are the pixels of their winners, loaded from the checkpoints."""
    return [{"seed": r.setting.seed, "smallest network": r.winner.label, "parameters": r.winner.parameter_count,
             "correct pixels, counted again": f"{correct} of {r.truth.size}",
             "accuracy": f"{correct / r.truth.size:.2%}", "reached": "yes" if correct >= r.needed else "no",
             "starts": f"{sum(r.starts.values()):,}", "seconds": f"{r.history.seconds:.0f}"} for r, correct in zip(results, recounted)]


def count_table(results, most):
    """Return a row for each parameter count up to `most`: the best network, all searches' pixels, the starts tried."""
    rows = []
    for count, architecture in best_of_count(results).items():
        found = [best_of_count([r]).get(count) for r in results]
        if count <= most:
            rows.append({"parameters": count, "best network": architecture.label,
                         "correct pixels, by seed": " ".join(str(r.best.get(a, "-")) for r, a in zip(results, found)),
                         "starts, all searches": f"{sum(r.starts.get(count, 0) for r in results):,}"})
    return rows


def stage_table(result):
    """Return a row for each of the winner's ancestors, which all are checkpoints in the run folder."""
    return [{"stage": stage["what"], "correct pixels": stage["correct"], "samples": f"{stage['samples']:,}",
             "checkpoint": stage["file"]} for stage in result.stages]


def parameter_table(result):
    """Return a row for each array of the winner, with all its values."""
    layers = result.winner.layers(result.parameters[None])
    return [{"layer": number, "array": name, "values": np.array2string(values[0], precision=2).replace("\n", "")}
            for number, pair in enumerate(layers) for name, values in zip(("weights", "biases"), pair)]


def search_facts(results):
    """Return the facts of the searches."""
    first, pixels = smallest(results), results[0].truth.size
    count, stages = first.winner.parameter_count, {stage["what"]: stage["correct"] for stage in first.stages}
    best = best_of_all(results)
    below = max((a for a in best if a.parameter_count < count), key=best.get, default=first.winner)
    others = [best[a] for a in best if a.parameter_count == count and a != first.winner]
    explored, sharpened = stages.get("fitted to a quarter"), stages.get("sharpened")
    usual = Architecture(BorderSetting().hidden, "relu")
    return {"challenge.parameters": count if first.reached else None, "challenge.parameters_correct": first.correct,
            "challenge.parameters_network": first.winner.label, "challenge.parameters_searches": len(results),
            "challenge.parameters_search_successes": sum(
                r.reached and r.winner.parameter_count <= BAR for r in results),
            "challenge.parameters_most": max((r.winner.parameter_count for r in results if r.reached), default=None),
            "challenge.parameters_needed": first.needed, "challenge.parameters_pixels": pixels,
            "challenge.parameters_seed": first.setting.seed,
            "challenge.parameters_usual": usual.parameter_count, "challenge.parameters_usual_network": usual.label,
            "challenge.parameters_architectures": len(best),
            "challenge.parameters_starts": float(np.mean([sum(r.starts.values()) for r in results])),
            "challenge.parameters_seconds": float(np.mean([r.history.seconds for r in results])),
            "challenge.parameters_below": best[below], "challenge.parameters_below_network": below.label,
            "challenge.parameters_below_count": below.parameter_count,
            "challenge.parameters_below_misses": first.needed - best[below],
            "challenge.parameters_rivals": max(others, default=None),
            "challenge.parameters_one_line": max(best[a] for a in best if a.hidden[0] == 1) / pixels,
            "challenge.parameters_majority": float(max(first.truth.mean(), 1 - first.truth.mean())),
            "challenge.parameters_start": stages["start"], "challenge.parameters_explored": explored,
            "challenge.parameters_sharpened": sharpened,
            "challenge.parameters_sharpening_gain": None if sharpened is None else sharpened - explored,
            "challenge.parameters_varying_gain": None if sharpened is None else first.correct - sharpened,
            "challenge.parameters_generations": sum(stage["what"] == "varied" for stage in first.stages),
            "challenge.parameters_samples": first.history.samples}
