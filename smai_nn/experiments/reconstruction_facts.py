"""Facts about section 2, plain numbers with names, and the rows of its tables: from results alone."""

import numpy as np

from smai_nn.experiments.reconstruction import BLUR_MAPPINGS, COMPARED, SCREENED_MAPPINGS, choose, expand
from smai_nn.features import METHODS, method_label, scale_coordinates


def fit_row(row, method, size):
    """Return the least-squares fit of a picture's row, intensities (n,), by a constant and the columns of gamma."""
    pixels = np.stack([np.arange(len(row)), np.zeros(len(row))], axis=1)
    gamma = expand(scale_coordinates(pixels, len(row), method), method, size)
    columns = np.column_stack([np.ones(len(row)), gamma])
    return columns @ np.linalg.lstsq(columns, row, rcond=None)[0]


def expansion_facts(row, fits):
    """Return what 2.2 says of the columns, and of fits of one row, a dict method -> values, as facts."""
    x = np.linspace(-1, 1, len(row))
    energy = x ** 50  # of the 25th power
    return {"columns.power_in_outer_tenth": float(energy[np.abs(x) > 0.9].sum() / energy.sum()),
            **{f"row.{method.lower()}.mse": float(np.mean((fit - row) ** 2)) for method, fit in fits.items()}}


def scaling_table(results):
    """Return the rows of the table of section 2.3, a row for each variant in COMPARED."""
    rows = []
    for runs in _by_variant(results).values():
        setting, values = runs[0].setting, [run.psnr for run in runs]
        rows.append({"mapping": setting.label,
                     "coordinates in": setting.scaling,
                     "largest value": f"{np.abs(setting.loader().features).max():.3g}",
                     "PSNR (dB)": "diverged" if None in values else
                     f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"})
    return rows


def scaling_facts(results):
    """Return, as facts, the median PSNR over the seeds of each variant (None if it diverged), and what is compared."""
    values = {name: [run.psnr for run in runs] for name, runs in _by_variant(results).items()}
    facts = {f"scaling.{name}": None if None in found else float(np.median(found)) for name, found in values.items()}
    failures = [run.failure for run in results if run.failure]
    one_cycle = facts["scaling.fourier.standard"]
    return facts | {  # the range is that of the loader's own scaling, dB, where it is largest
        "scaling.seed_range": max(np.ptp(values[f"{method.lower()}.standard"]) for method in METHODS),
        "scaling.fourier.gain_over_two": one_cycle - facts["scaling.fourier.two_cycles"],
        "scaling.fourier.gain_over_half": abs(one_cycle - facts["scaling.fourier.half_cycle"]),
        "scaling.fourier.gain_over_closed": abs(one_cycle - facts["scaling.fourier.closed"]),
        "scaling.diverged": len(failures), "scaling.failure": failures[0] if failures else "(none diverged)"}


def _by_variant(results):
    """Return {name in COMPARED: its results, one a seed}; `results` are in the order of `scaling_settings`."""
    seeds = len(results) // len(COMPARED)
    return {name: results[i * seeds:(i + 1) * seeds] for i, name in enumerate(COMPARED)}


def screening_table(results):
    """Return the rows of the screening's table, best candidate first."""
    rows, chosen = choose(results)
    names = [method_label(method, size, size) for method, size in SCREENED_MAPPINGS]
    return [{"candidate": setting.recipe, **{name: f"{value:.2f}" for name, value in zip(names, values)},
             "mean": f"{mean:.2f}", "choice": "chosen" if setting == chosen else ""} for setting, values, mean in rows]


def screening_facts(results):
    """Return, as facts, which candidate was chosen, and what the rule gives away."""
    rows, chosen = choose(results)
    means = {setting: mean for setting, _, mean in rows}
    return {"screening.recipe": chosen.recipe, "screening.cost": rows[0][2] - means[chosen]}


def best_of_methods(results):
    """Return [Raw, polynomial, Fourier]: the result with the least loss of each, among runs on one picture."""
    return [min((run for run in results if run.setting.method == method), key=lambda run: run.mse)
            for method in METHODS]


def mapping_table(smileys, cats):
    """Return the rows of section 2.4's table: results of the smiley and of the cat in the same order of mappings."""
    return [{"method": a.setting.label, "smiley: loss": f"{a.mse:.2e}", "dB": f"{a.psnr:.1f}",
             "cat: loss": f"{b.mse:.2e}", "dB ": f"{b.psnr:.1f}",
             "epoch time (s, median)": f"{a.epoch_seconds:.2f} / {b.epoch_seconds:.2f}", "input parameters": b.in_width,
             "trainable parameters": f"{a.parameter_count:,} / {b.parameter_count:,}"}
            for a, b in zip(smileys, cats)]


def mapping_facts(results):
    """Return losses and shares explained of the runs of section 2.4 as facts, and what is said of them."""
    facts = {}
    for run in results:
        name = f"reconstruction.{run.setting.picture}.{run.setting.key}"
        facts |= {f"{name}.mse": run.mse, f"{name}.psnr": run.psnr, f"{name}.first_cycle": float(run.error_energy[1]),
                  f"{name}.middle": run.explained(26, 51)}
    for picture in sorted({run.setting.picture for run in results}):
        best = best_of_methods([run for run in results if run.setting.picture == picture])
        for run in best:
            name, reached = f"{picture}.{run.setting.method.lower()}", run.picture_mse <= best[0].mse
            facts |= {f"{name}.best": run.psnr, f"{name}.label": run.setting.label,
                      f"{name}.reaches_raw": int(reached.argmax()) + 1 if reached.any() else None}
    return facts


def runs_by_method(results):
    """Return {"BASE": its results in the order of blur, "FOURIER": ...}, those of the seed 0."""
    first = sorted((run for run in results if run.setting.seed == 0), key=lambda run: run.setting.level)
    return {name: [run for run in first if run.setting.method == method] for name, (method, _) in BLUR_MAPPINGS.items()}


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
        name, first, last = f"blur.{name.lower()}", own[0], own[-1]
        facts |= {f"{name}.{run.setting.level}.mse": run.mse for run in own} | {
            f"{name}.fall": first.mse / last.mse,
            f"{name}.relative_first": first.mse / first.variance, f"{name}.relative_last": last.mse / last.variance,
            f"{name}.error_above_5": float(first.error_energy[6:].sum() / first.mse)}
    base, fourier = runs.values()
    losses = {}  # (method, level) -> those of all seeds
    for run in results:
        losses.setdefault((run.setting.method, run.setting.level), []).append(run.mse)
    ratios = {a.setting.level: a.mse / b.mse for a, b in zip(base, fourier)}
    gaps = {level: (losses["Raw", level], losses["Fourier", level]) for level in ratios}
    widest, detail = max(ratios, key=ratios.get), [float(run.target_energy[6:].sum()) for run in base]
    before, risen = steepest_rise(results)
    return facts | {
        "blur.runs": len(results), "blur.stopped": sum(run.converged for run in results),
        "blur.variance_left": base[-1].variance / base[0].variance, "blur.detail_left": detail[-1] / detail[0],
        "blur.ratio_first": ratios[min(ratios)], "blur.widest": widest,
        # with the seeds paired so that the gap is as wide as possible at first, as narrow as possible at the widest
        "blur.gap_first_most": max(gaps[min(ratios)][0]) / min(gaps[min(ratios)][1]),
        "blur.gap_widest_least": min(gaps[widest][0]) / max(gaps[widest][1]),
        "blur.rise": risen.mse / before.mse,
        "blur.spread": max(max(values) / min(values) for values in losses.values())}


def steepest_rise(results):
    """Return two results of one method and the seed 0, at one level and the next, whose loss grows by the most."""
    pairs = [pair for own in runs_by_method(results).values() for pair in zip(own, own[1:])]
    return max(pairs, key=lambda pair: pair[1].mse / pair[0].mse)


def falling_facts(constant, falling):
    """Return what a falling rate makes of a rise, as facts `falling.<what>`: two runs with each rate, at one level and
    the next."""
    risen = constant[1]
    return {"falling.level": risen.setting.level, "falling.method": risen.setting.label,
            "falling.constant_rise": risen.mse / constant[0].mse, "falling.rise": falling[1].mse / falling[0].mse}
