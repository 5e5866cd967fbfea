"""Tables and facts of section 1.5, goal 1: plain numbers with names, computed from results."""

import numpy as np

BAR = 17  # parameters; a search that gets along with them counts as a success


def smallest(results):
    """Return the result with the fewest parameters that reached its target; of equals the one with the most pixels."""
    return min(results, key=lambda r: (not r.reached, r.winner.parameter_count, -r.correct, r.setting.seed))


def best_of_all(results):
    """Return a dict Architecture -> most pixels in any search, from few parameters to many, a count's best last."""
    found = {}
    for architecture, correct in (item for result in results for item in result.best.items()):
        found[architecture] = max(correct, found.get(architecture, 0))
    return dict(sorted(found.items(), key=lambda item: (item[0].parameter_count, item[1])))


def search_table(results, recounted):
    """Return a table row for each search; `recounted` are the pixels of their winners, loaded from the checkpoints."""
    return [{"seed": r.setting.seed, "smallest network": r.winner.label, "parameters": r.winner.parameter_count,
             "correct pixels, counted again": f"{correct} of {r.truth.size}",
             "accuracy": f"{correct / r.truth.size:.2%}", "reached": "yes" if correct >= r.needed else "no",
             "starts": f"{sum(r.starts.values()):,}", "seconds": f"{r.history.seconds:.0f}"}
            for r, correct in zip(results, recounted)]


def count_table(results, most):
    """Return a row for each parameter count up to `most`: the best network, all searches' pixels, the starts tried."""
    rows, own = {}, [{a.parameter_count: correct for a, correct in best_of_all([r]).items()} for r in results]
    for architecture in best_of_all(results):  # the best of a count replaces the others
        count = architecture.parameter_count
        rows[count] = {"parameters": count, "best network": architecture.label,
                       "correct pixels, by seed": " ".join(str(best.get(count, "-")) for best in own),
                       "starts, all searches": f"{sum(r.starts.get(count, 0) for r in results):,}"}
    return [row for count, row in rows.items() if count <= most]


def search_facts(results):
    """Return the facts of the searches; of a stage that the winner did not need, its own pixels."""
    first, best, reached = smallest(results), best_of_all(results), [r for r in results if r.reached]
    count, stages = first.winner.parameter_count, {stage["stage"]: stage["correct pixels"] for stage in first.stages}
    below = max((a for a in best if a.parameter_count < count), key=best.get, default=first.winner)
    explored, sharpened = (stages.get(name, first.correct) for name in ("fitted to a quarter", "sharpened"))
    return {"challenge.parameters": count if first.reached else None} | {
        f"challenge.parameters_{name}": value for name, value in {
            "correct": first.correct, "pixels": first.truth.size, "needed": first.needed, "seed": first.setting.seed,
            "network": first.winner.label, "samples": first.history.samples, "searches": len(results),
            "search_successes": sum(r.winner.parameter_count <= BAR for r in reached),
            "most": max((r.winner.parameter_count for r in reached), default=None), "architectures": len(best),
            "starts": float(np.mean([sum(r.starts.values()) for r in results])),
            "seconds": float(np.mean([r.history.seconds for r in results])),
            "start": stages["start"], "explored": explored, "sharpened": sharpened,
            "generations": sum(stage["stage"] == "varied" for stage in first.stages),
            "below": best[below], "below_network": below.label, "below_count": below.parameter_count,
            "below_misses": first.needed - best[below],
            "fewer_units": max((best[a] for a in best if a.hidden[0] < first.winner.hidden[0]), default=None)}.items()}
