"""Facts about section 2, on results made up by hand."""

import dataclasses
from pathlib import Path

import numpy as np

from smai_nn.experiments import reconstruction_facts as facts_of
from smai_nn.experiments.reconstruction import (
    ComparedResult,
    ReconstructionResult,
    ReconstructionSetting,
    scaling_settings,
)
from smai_nn.features import get_fourier, get_polynomial
from smai_nn.trainer import History


def made_up(mse, method="Raw", size=1, image="cat.jpg", seed=0, losses=(0.1,), stop="early_stopping"):
    """Return a result with this final loss, half of it detail, and these losses of its epochs."""
    setting = ReconstructionSetting(mapping=(method, size), image=image, seed=seed)
    history = History(4, 4, epoch_loss=list(losses), epoch_seconds=[0.5] * len(losses), stop_reason=stop)
    return ReconstructionResult(setting, 2, 100, mse, 0.02, mse / 2, history, np.zeros((8, 8, 3), np.uint8), Path("a"))


def test_each_mapping_fits_the_row_that_is_made_for_it():
    x = np.arange(64) / 64
    line = np.stack([x, np.zeros(64)], axis=1)
    wave = np.sin(2 * np.pi * 4 * x)
    for row, gamma in ((3 * x - 1, line), (x ** 3, get_polynomial(line, 3)), (wave, get_fourier(line, 4))):
        assert np.allclose(facts_of.fit_row(row, gamma), row)
    assert not np.allclose(facts_of.fit_row(wave, get_fourier(line, 3)), wave)


def test_scalings():
    results = [ComparedResult(s, None if (s.method, s.scaling) == ("Polynomial", "pixels") else
                              20.0 + s.seed + (s.scaling == "standard")) for s in scaling_settings(16, 1, (0, 1))]
    facts, table = facts_of.scaling_facts(results), facts_of.scaling_table(results)
    assert facts["scaling.raw.pixels"] == 20.5 and facts["scaling.fourier.standard"] == 21.5
    assert facts["scaling.polynomial.pixels"] is None and facts["scaling.diverged"] == 2
    assert len(table) == 9 and table[1]["largest value"] == "15" and table[1]["PSNR (dB)"] == "20.5 (20.0 to 21.0)"
    assert table[4]["PSNR (dB)"] == "diverged"


def test_mappings():
    runs = [made_up(0.02, losses=[0.1, 0.02]), made_up(0.03, "Polynomial", 5, losses=[0.1, 0.03]),
            made_up(0.01, "Fourier", 25, losses=[0.019, 0.01]), made_up(0.001, "Fourier", 25, seed=1)]
    facts = facts_of.mapping_facts(runs)
    assert [facts[f"reconstruction.cat.fourier25.{name}"] for name in ("psnr", "least", "most")] == [20, 20, 30]
    assert facts["reconstruction.seed_range"] == 10 and facts["reconstruction.cat.raw.least"] == runs[0].psnr
    assert [facts[f"reconstruction.cat.{run.setting.key}.reaches_raw"] for run in runs[:3]] == [2, None, 1]
    row = facts_of.mapping_table(runs)[2]
    assert (row["final inference loss"], row["PSNR (dB) by seed"]) == ("1.00e-02", "20.0, 30.0")
    assert row["epoch time (s, median)"] == "0.50"


BLURRED = [made_up(mse, method, size, image=f"blur_{level}.jpg", seed=seed)
           for method, size, losses in (("Raw", 1, {0: (0.016, 0.008), 1: (0.004,), 2: (0.002,)}),
                                        ("Fourier", 5, {0: (0.008,), 1: (0.0005, 0.001), 2: (0.001,)}))
           for level, values in losses.items() for seed, mse in enumerate(values)]


def test_blur():
    facts, table = facts_of.blur_facts(BLURRED), facts_of.blur_table(BLURRED)
    assert (facts["blur.base.left"], facts["blur.fourier.left"], facts["blur.detail_left"]) == (1 / 8, 1 / 8, 1)
    assert (facts["blur.gap_first"], facts["blur.gap_widest"], facts["blur.widest"]) == (2, 8, 1)
    assert facts["blur.base.error_in_detail"] == 0.5 and facts["blur.spread"] == 2
    assert (facts["blur.runs"], facts["blur.stopped"]) == (8, 8)
    assert [row["blur"] for row in table] == [0, 1, 2] and table[0]["epochs"] == "1, early_stopping"


def test_the_steepest_rise_and_what_a_falling_rate_makes_of_it():
    before, risen = facts_of.steepest_rise(BLURRED)
    assert (risen.setting.label, before.setting.level, risen.setting.level) == ("Fourier 5", 1, 2)
    facts = facts_of.falling_facts((before, risen), (before, dataclasses.replace(risen, mse=0.00025)))
    assert (facts["falling.level"], facts["falling.constant_rise"], facts["falling.rise"]) == (2, 2, 0.5)
