"""Facts about section 2, plain numbers with names, and the rows of its tables: from results alone."""

import numpy as np

from smai_nn.experiments.reconstruction import (
    BLUR_MAPPINGS,
    COMPARED,
    FIRST_CAP,
    MARGIN,
    SCREENED_MAPPINGS,
    choose,
    unusual_features,
)
from smai_nn.features import get_fourier, get_polynomial, get_raw, pixel_features, scale_coordinates


def picture_facts(pictures):
    """Return what 2.1 says of its pictures, a dict name -> uint8 array, as facts: `picture.<name>.<what>`."""
    facts = {}
    for name, picture in pictures.items():
        pixels = picture.reshape(len(picture) ** 2, -1)
        facts |= {f"picture.{name}.variance": float(np.var(pixels / 255, axis=0).mean()),
                  f"picture.{name}.colours": len(np.unique(pixels, axis=0)),
                  f"picture.{name}.extreme": float(np.mean((pixels < 26) | (pixels > 229)))}
    return facts


def fit_row(row, method, size):
    """Return the least-squares fit of a picture's row, intensities (n,), by a constant and the columns of gamma."""
    coords = scale_coordinates(np.stack([np.arange(len(row)), np.zeros(len(row))], axis=1), len(row), method)
    expand = get_polynomial if method == "Polynomial" else get_fourier
    columns = np.column_stack([np.ones(len(row)), get_raw(coords) if method == "Raw" else expand(coords, size)])
    return columns @ np.linalg.lstsq(columns, row, rcond=None)[0]


def expansion_facts(row, fits):
    """Return what 2.2 says of the columns, and of fits of one row, a list of (method, label, values), as facts."""
    power = scale_coordinates(np.stack([np.arange(len(row))] * 2, axis=1), len(row), "Polynomial")[:, 0] ** 25
    outer = np.arange(len(row)) < len(row) / 20
    outer |= outer[::-1]
    facts = {"columns.power_in_outer_tenth": float(np.square(power[outer]).sum() / np.square(power).sum())}
    for method, _, values in fits:
        square = np.square(values - row)
        facts |= {f"row.{method.lower()}.mse": float(square.mean()),
                  f"row.{method.lower()}.outer": float(square[outer].mean() / square.mean())}
    return facts


def line_ranks(line, freqs):
    """Return the rank of get_fourier's columns on a line of `line` pixels along each axis, for each of `freqs`."""
    across = np.stack([np.arange(line) / line, np.zeros(line)], axis=1)
    return [int(np.linalg.matrix_rank(get_fourier(np.vstack([across, across[:, ::-1]]), k))) for k in freqs]


def scaling_table(results):
    """Return the rows of the table of section 2.3, a row for each variant in COMPARED."""
    rows = []
    for (method, size, scaling), found in _by_variant(results).values():
        setting = found[0].setting
        with np.errstate(over="ignore"):
            x = pixel_features(setting.size, method, size, size) if scaling == "standard" else unusual_features(setting)
            sizes = np.sqrt(np.mean(np.square(x, dtype=float), axis=0))
        values = [r.psnr for r in found]
        rows.append({"mapping": setting.label, "coordinates in": "as here" if scaling == "standard" else scaling,
                     "largest value": f"{np.abs(x).max():.3g}",
                     "columns' sizes": f"{sizes.min():.2g} to {sizes.max():.2g}",
                     "PSNR (dB)": "diverged" if None in values else
                     f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"})
    return rows


def scaling_facts(results):
    """Return, as facts, the median PSNR over the seeds of each variant in COMPARED, None if it diverged.

    `scaling.seed_range` is the largest range over the seeds of one mapping with the loader's own scaling, dB.
    """
    values = {name: [r.psnr for r in found] for name, (_, found) in _by_variant(results).items()}
    facts = {f"scaling.{name}": None if None in found else float(np.median(found)) for name, found in values.items()}
    failures = [r.failure for r in results if r.failure]
    one_cycle = facts["scaling.fourier.standard"]
    return facts | {
        "scaling.seed_range": max(np.ptp(values[f"{name}.standard"]) for name in ("raw", "polynomial", "fourier")),
        "scaling.fourier.gain_over_two": one_cycle - facts["scaling.fourier.two_cycles"],
        "scaling.fourier.gain_over_half": abs(one_cycle - facts["scaling.fourier.half_cycle"]),
        "scaling.fourier.gain_over_closed": abs(one_cycle - facts["scaling.fourier.closed"]),
        "scaling.diverged": len(failures), "scaling.failure": failures[0] if failures else "(none diverged)"}


def _by_variant(results):
    return {name: (key, [r for r in results
                         if (r.setting.method, r.setting.size_of_mapping, r.setting.scaling) == key])
            for name, key in COMPARED.items()}


def screening_table(results):
    """Return the rows of the screening's table, best candidate first."""
    rows, chosen = choose(results)
    return [{"candidate": setting.recipe, **{f"{method} {k}": f"{value:.2f}" for (method, k), value
                                             in zip(SCREENED_MAPPINGS, values)},
             "mean": f"{mean:.2f}", "": "chosen" if setting == chosen else ""} for setting, values, mean in rows]


def screening_facts(results):
    """Return, as facts, the mean PSNRs of the best candidate and of the chosen one, and what the rule gives away."""
    rows, chosen = choose(results)
    means = {setting: mean for setting, _, mean in rows}
    return {"screening.candidates": len(rows), "screening.best": rows[0][2], "screening.chosen": means[chosen],
            "screening.cost": rows[0][2] - means[chosen], "screening.margin": MARGIN,
            "screening.recipe": chosen.recipe, "screening.best_recipe": rows[0][0].recipe,
            "screening.close": sum(mean >= rows[0][2] - MARGIN for mean in means.values())}


def best_of_methods(results):
    """Return [Raw, polynomial, Fourier]: the result with the least loss of each, among runs on one picture."""
    return [min((r for r in results if r.setting.method == method), key=lambda r: r.mse)
            for method in ("Raw", "Polynomial", "Fourier")]


def mapping_table(smileys, cats):
    """Return the rows of section 2.4's table: results of the smiley and of the cat in the same order of mappings."""
    return [{"method": a.setting.label, "smiley: loss": f"{a.mse:.2e}", "dB": f"{a.psnr:.1f}",
             "cat: loss": f"{b.mse:.2e}", "dB ": f"{b.psnr:.1f}",
             "epoch time (s)": f"{a.epoch_seconds:.2f} / {b.epoch_seconds:.2f}", "input parameters": b.in_width,
             "trainable parameters": f"{a.parameter_count:,} / {b.parameter_count:,}"}
            for a, b in zip(smileys, cats)]


def band_table(results, edges=(0, 5, 15, 25, 50, np.inf)):
    """Return rows with the share of the target's energy that each result explains in bands of frequencies."""
    rows = []
    for result in results:
        shares = {f"{low} to {high} cycles" if high < np.inf else f"above {low}": result.explained(low, high)
                  for low, high in zip(edges, edges[1:])}
        rows.append({"mapping": result.setting.label} | {band: "-" if share is None else f"{share:.1%}"
                                                         for band, share in shares.items()})
    return rows


def mapping_facts(results):
    """Return losses, times and shares explained of the runs of section 2.4 as facts, and what is said of them."""
    facts = {}
    for result in results:
        name = f"reconstruction.{result.setting.picture}.{result.setting.key}"
        facts |= {f"{name}.mse": result.mse, f"{name}.psnr": result.psnr, f"{name}.seconds": result.epoch_seconds,
                  f"{name}.columns": result.in_width, f"{name}.first_cycle": float(result.error_energy[1])}
        bands = {f"{name}.middle": result.explained(25, 50), f"{name}.high": result.explained(50)}
        facts |= {name: share for name, share in bands.items() if share is not None}  # small pictures lack it
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


def runs_by_method(results):
    """Return {"BASE": its results in the order of blur, "FOURIER": ...}, those of the seed 0."""
    first = sorted((r for r in results if r.setting.seed == 0), key=lambda r: r.setting.level)
    return {name: [r for r in first if r.setting.method == method] for name, (method, _) in BLUR_MAPPINGS.items()}


def blur_table(results):
    """Return the rows of section 2.5's table: final losses and epochs of the seed 0 by level."""
    rows = []
    for runs in zip(*runs_by_method(results).values()):
        row = {"blur": runs[0].setting.level}
        for name, run in zip(BLUR_MAPPINGS, runs):
            row |= {f"{name}: final loss": f"{run.mse:.2e}", f"{name}: dB": f"{run.psnr:.1f}",
                    f"{name}: epochs": f"{run.history.epochs}{'' if run.converged else ', no stop'}"}
        rows.append(row)
    return rows


def blur_facts(results):
    """Return losses of the runs of section 2.5 (those of the seed 0) as facts, and what is said of them."""
    facts, runs = {}, runs_by_method(results)
    for name, own in runs.items():
        losses, method = [r.mse for r in own], own[0].setting.method
        seeds = [[other.mse for other in results if (other.setting.method, other.setting.level) ==
                  (method, r.setting.level)] for r in own]
        risen = [str(after.setting.level) for before, after in zip(own, own[1:]) if after.mse > before.mse]
        name = f"blur.{name.lower()}"
        facts |= {f"{name}.{r.setting.level}.mse": r.mse for r in own} | {
            f"{name}.fall": losses[0] / losses[-1], f"{name}.risen": ", ".join(risen) or "no level",
            f"{name}.rise": max(after / before for before, after in zip(losses, losses[1:])),
            f"{name}.relative_first": losses[0] / own[0].variance,
            f"{name}.relative_last": losses[-1] / own[-1].variance,
            f"{name}.error_above_5": float(own[0].error_energy[6:].sum() / losses[0]),
            f"{name}.epochs": float(np.median([r.history.epochs for r in results if r.setting.method == method])),
            f"{name}.spread": max(max(values) / min(values) for values in seeds)}
    base, fourier = runs.values()
    ratios = {a.setting.level: a.mse / b.mse for a, b in zip(base, fourier)}
    widest, detail = max(ratios, key=ratios.get), [float(r.target_energy[6:].sum()) for r in base]
    return facts | {
        "blur.runs": len(results), "blur.levels": len(ratios), "blur.last": max(ratios),
        "blur.stopped": sum(r.converged for r in results),
        "blur.late": sum(r.history.epochs > FIRST_CAP for r in results),
        "blur.variance_left": base[-1].variance / base[0].variance, "blur.detail_left": detail[-1] / detail[0],
        "blur.ratio_first": ratios[min(ratios)], "blur.ratio_last": ratios[max(ratios)],
        "blur.ratio_widest": ratios[widest], "blur.widest": widest,
        "blur.rise": max(facts["blur.base.rise"], facts["blur.fourier.rise"]),
        "blur.spread": max(facts["blur.base.spread"], facts["blur.fourier.spread"])}


def steepest_rise(results):
    """Return the result, among those of the seed 0, that exceeds the one at the level before by the largest factor."""
    pairs = [pair for own in runs_by_method(results).values() for pair in zip(own, own[1:])]
    return max(pairs, key=lambda pair: pair[1].mse / pair[0].mse)[1]


def falling_facts(constant, falling, results):
    """Return what a run with a falling rate says of a rise, that of the run `constant`, as facts `falling.<what>`."""
    own = next(own for own in runs_by_method(results).values() if constant in own)
    before = own[own.index(constant) - 1]
    return {"falling.level": constant.setting.level, "falling.method": constant.setting.label,
            "falling.before": before.mse, "falling.constant": constant.mse, "falling.falling": falling.mse,
            "falling.gain": constant.mse / falling.mse}
