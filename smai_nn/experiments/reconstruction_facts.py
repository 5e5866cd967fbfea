"""Facts about the runs of section 2: plain numbers with names, from results alone."""

import numpy as np

from smai_nn.experiments.reconstruction import BLUR_MAPPINGS, COMPARED, FIRST_CAP, MARGIN, choose


def scaling_facts(results):
    """Return, as facts, the median PSNR over the seeds of each variant in COMPARED, None if it diverged.

    `scaling.seed_range` is the largest range over the seeds of one variant, dB.
    """
    values = {name: [r.psnr for r in results if (r.setting.method, r.setting.size_of_mapping, r.setting.scaling) == key]
              for name, key in COMPARED.items()}
    trained = {name: found for name, found in values.items() if None not in found}
    return {**{f"scaling.{name}": float(np.median(trained[name])) if name in trained else None for name in values},
            "scaling.seed_range": max(max(found) - min(found) for found in trained.values())}


def screening_facts(results):
    """Return what the screening came to as facts: the PSNR of the best, of the chosen, the third, what the rule costs."""
    rows, chosen = choose(results)
    means = {setting: mean for setting, _, mean in rows}
    return {"screening.candidates": len(rows), "screening.best": rows[0][2], "screening.chosen": means[chosen],
            "screening.cost": rows[0][2] - means[chosen], "screening.rate": chosen.learning_rate,
            "screening.close": sum(mean >= rows[0][2] - MARGIN for mean in means.values())}


def best_of_methods(results):
    """Return [Raw, polynomial, Fourier]: the result with the least loss of each, among runs on one picture."""
    return [min((r for r in results if r.setting.method == method), key=lambda r: r.mse)
            for method in ("Raw", "Polynomial", "Fourier")]


def mapping_facts(results):
    """Return losses and times of the runs of section 2.4 as facts, and what is said of them."""
    facts = {}
    for result in results:
        name = f"reconstruction.{result.setting.picture}.{result.setting.key}"
        facts |= {f"{name}.mse": result.mse, f"{name}.psnr": result.psnr, f"{name}.seconds": result.epoch_seconds,
                  f"{name}.low": result.explained(0, 5), f"{name}.middle": result.explained(25, 50),
                  f"{name}.high": result.explained(50), f"{name}.first_cycle": result.error_energy[1]}
    for picture in sorted({r.setting.picture for r in results}):
        best = best_of_methods([r for r in results if r.setting.picture == picture])
        for result in best:
            name, reached = f"{picture}.{result.setting.method.lower()}", result.picture_mse <= best[0].mse
            facts |= {f"{name}.best": result.psnr, f"{name}.label": result.setting.label,
                      f"{name}.reaches_raw": int(reached.argmax()) + 1 if reached.any() else None}
        for method in ("polynomial", "fourier"):
            name = f"reconstruction.{picture}.{method}"
            facts[f"{picture}.{method}.gain"] = facts[f"{name}25.psnr"] - facts[f"{name}5.psnr"]
    return facts


def blur_facts(results):
    """Return losses of the runs of section 2.5 (the first seed's) as facts, and what is said of them."""
    facts = {}
    for name, (method, _) in BLUR_MAPPINGS.items():
        own = [r for r in results if r.setting.method == method]
        first = sorted((r for r in own if r.setting.seed == 0), key=lambda r: r.setting.level)
        by_level = {r.setting.level: [o.mse for o in own if o.setting.level == r.setting.level] for r in first}
        name, losses = f"blur.{name.lower()}", [r.mse for r in first]
        facts |= {f"{name}.{r.setting.level}.mse": r.mse for r in first}
        facts |= {f"{name}.fall": losses[0] / losses[-1], f"{name}.rises": int(np.sum(np.diff(losses) > 0)),
                  f"{name}.relative_first": losses[0] / first[0].variance,
                  f"{name}.relative_last": losses[-1] / first[-1].variance,
                  f"{name}.above5_first": float(first[0].error_energy[6:].sum() / losses[0]),
                  f"{name}.epochs": float(np.median([r.history.epochs for r in own])),
                  f"{name}.spread": max(max(values) / min(values) for values in by_level.values())}
    detail = [r.target_energy[6:].sum() for r in first]
    ratios = {r.setting.level: facts[f"blur.base.{r.setting.level}.mse"] / r.mse for r in first}
    widest = max(ratios, key=ratios.get)
    return facts | {
        "blur.runs": len(results), "blur.levels": len(ratios), "blur.stopped": sum(r.converged for r in results),
        "blur.late": sum(r.history.epochs > FIRST_CAP for r in results),
        "blur.variance_left": first[-1].variance / first[0].variance, "blur.detail_left": float(detail[-1] / detail[0]),
        "blur.ratio_first": ratios[min(ratios)], "blur.ratio_last": ratios[max(ratios)],
        "blur.ratio_widest": ratios[widest], "blur.widest": widest}


def steepest_rise(results):
    """Return the result, among the first seed's, whose loss exceeds that of the level before by the largest factor."""
    pairs = []
    for method, _ in BLUR_MAPPINGS.values():
        own = sorted((r for r in results if (r.setting.method, r.setting.seed) == (method, 0)),
                     key=lambda r: r.setting.level)
        pairs += zip(own, own[1:])
    return max(pairs, key=lambda pair: pair[1].mse / pair[0].mse)[1]
