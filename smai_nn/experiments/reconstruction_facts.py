"""Facts about section 2, plain numbers with names, and the rows of its tables: from results alone."""

import numpy as np

from smai_nn.experiments.border import group
from smai_nn.experiments.reconstruction import SCALINGS


def fit_row(row, gamma):
    """Return the least-squares fit of a picture's row, intensities (n,), by a constant and columns gamma (n, width)."""
    columns = np.column_stack([np.ones(len(row)), gamma])
    return columns @ np.linalg.lstsq(columns, row, rcond=None)[0]


def scaling_table(results):
    """Return the rows of the table of section 2.3, a row for each mapping and scaling."""
    rows = []
    for runs in group(results, "mapping", "scaling").values():
        setting, values = runs[0].setting, [run.psnr for run in runs]
        rows.append({"mapping": setting.label, "coordinates": SCALINGS[setting.scaling],
                     "largest value": f"{np.abs(setting.loader().features).max():.3g}",
                     "PSNR (dB)": "diverged" if None in values else
                     f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"})
    return rows


def scaling_facts(results):
    """Return, as facts, the median PSNR by mapping and scaling, None if it diverged, and how many runs did."""
    facts = {"scaling.diverged": sum(run.psnr is None for run in results)}
    for (method, scaling), runs in group(results, "method", "scaling").items():
        values = [run.psnr for run in runs]
        facts[f"scaling.{method.lower()}.{scaling}"] = None if None in values else float(np.median(values))
    return facts


def mapping_table(results):
    """Return the rows of section 2.4's table: the first seed's run of each mapping, and the PSNR of all seeds."""
    return [{"picture": run.setting.picture, "method": run.setting.label, "final inference loss": f"{run.mse:.2e}",
             "PSNR (dB) by seed": ", ".join(f"{seed.psnr:.1f}" for seed in (run, *others)),
             "epoch time (s, median)": f"{np.median(run.history.epoch_seconds):.2f}",
             "input parameters": run.in_width, "trainable parameters": run.parameter_count}
            for run, *others in group(results, "picture", "mapping").values()]


def mapping_facts(results):
    """Return the facts of section 2.4: for each picture and mapping the least and greatest PSNR of the seeds.

    `reaches_raw` is the epoch in which the first seed's run reaches the final loss of Raw's, None for never.
    """
    facts = {"reconstruction.seed_range": 0.0}
    for picture, own in group(results, "picture").items():
        last = own[0].history.epoch_loss[-1]
        for runs in group(own, "mapping").values():
            name, values = f"reconstruction.{picture}.{runs[0].setting.key}", [run.psnr for run in runs]
            reached = np.flatnonzero(np.array(runs[0].history.epoch_loss) <= last)
            facts |= {f"{name}.psnr": values[0], f"{name}.least": min(values), f"{name}.most": max(values),
                      f"{name}.reaches_raw": int(reached[0]) + 1 if len(reached) else None}
            facts["reconstruction.seed_range"] = max(facts["reconstruction.seed_range"], max(values) - min(values))
    return facts


def runs_by_method(results):
    """Return {"BASE": its results with the seed 0, "FOURIER": ...}, in the order of blur."""
    groups = group(results, "method", "seed")
    return {"BASE": groups["Raw", 0], "FOURIER": groups["Fourier", 0]}


def blur_table(results):
    """Return the rows of section 2.5's table: final losses, epochs and what ended them, of the seed 0 by level."""
    return [{"blur": a.setting.level, "BASE: final loss": f"{a.mse:.2e}", "dB": f"{a.psnr:.1f}",
             "epochs": f"{a.history.epochs}, {a.history.stop_reason}", "FOURIER: final loss": f"{b.mse:.2e}",
             "dB ": f"{b.psnr:.1f}", "epochs ": f"{b.history.epochs}, {b.history.stop_reason}"}
            for a, b in zip(*runs_by_method(results).values())]


def blur_facts(results):
    """Return, as facts, what the strongest blur leaves of losses and detail, and how far methods and seeds differ."""
    base, fourier = runs_by_method(results).values()
    gaps = {a.setting.level: a.mse / b.mse for a, b in zip(base, fourier)}
    losses = [[run.mse for run in runs] for runs in group(results, "mapping", "image").values()]  # of all seeds
    return {
        "blur.stopped": sum(run.history.stop_reason == "early_stopping" for run in results),
        "blur.base.left": base[-1].mse / base[0].mse, "blur.fourier.left": fourier[-1].mse / fourier[0].mse,
        "blur.detail_left": base[-1].target_detail / base[0].target_detail,
        "blur.base.error_in_detail": base[0].error_detail / base[0].mse,
        "blur.gap_first": gaps[min(gaps)], "blur.gap_widest": max(gaps.values()),
        "blur.widest": max(gaps, key=gaps.get), "blur.runs": len(results),
        "blur.spread": max(max(values) / min(values) for values in losses)}


def steepest_rise(results):
    """Return two results of one method and the seed 0, at one level and the next, whose loss grows by the most."""
    pairs = [pair for own in runs_by_method(results).values() for pair in zip(own, own[1:])]
    return max(pairs, key=lambda pair: pair[1].mse / pair[0].mse)


def falling_facts(constant, falling):
    """Return what a falling rate makes of a rise as facts: two runs with each rate, at one level and the next."""
    risen = constant[1]
    return {"falling.level": risen.setting.level, "falling.method": risen.setting.label,
            "falling.constant_rise": risen.mse / constant[0].mse, "falling.rise": falling[1].mse / falling[0].mse}
