"""Facts about section 2, on results made up by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from smai_nn.experiments import reconstruction_facts as facts_of
from smai_nn.experiments.reconstruction import (
    ComparedResult,
    ReconstructionResult,
    ReconstructionSetting,
    scaling_settings,
    screening_settings,
    with_mapping,
)
from smai_nn.trainer import History


def made_up(mse, method="Raw", size=5, image="cat.jpg", seed=0, epochs=20, stop="early_stopping", picture_mse=()):
    """Return a result with this loss, all of it at 7 cycles; its target has 0.1 at one cycle and 0.02 at 7."""
    setting = with_mapping(ReconstructionSetting(), method, size, image=image, seed=seed)
    history = History(4, 4, epoch_loss=[mse] * epochs, epoch_seconds=[0.5] * epochs, stop_reason=stop)
    frequencies = np.arange(60)
    return ReconstructionResult(setting, 2, 100, mse, history, np.zeros((8, 8, 3), np.uint8),
                                0.1 * (frequencies == 1) + 0.02 * (frequencies == 7), mse * (frequencies == 7),
                                np.array(picture_mse), Path("a"))


def test_each_mapping_fits_the_row_that_is_made_for_it():
    x = np.arange(64) / 64
    assert np.allclose(facts_of.fit_row(3 * x - 1, "Raw", 1), 3 * x - 1)
    assert np.allclose(facts_of.fit_row(x ** 3, "Polynomial", 3), x ** 3)
    wave = np.sin(2 * np.pi * 4 * x)
    assert np.allclose(facts_of.fit_row(wave, "Fourier", 4), wave)
    assert not np.allclose(facts_of.fit_row(wave, "Fourier", 3), wave)


def test_a_high_power_lies_at_the_border():
    row = np.linspace(0, 1, 100)
    facts = facts_of.expansion_facts(row, {"Raw": row + 0.1})
    assert facts["columns.power_in_outer_tenth"] > 0.9 and facts["row.raw.mse"] == pytest.approx(0.01)


def test_scalings_by_variant():
    settings = scaling_settings(16, 1, (0, 1))
    results = [ComparedResult(s, None if (s.method, s.scaling) == ("Polynomial", "pixel numbers") else
                              20.0 + s.seed + (s.scaling == "standard"), "inf" if s.method == "Polynomial" else None,
                              np.zeros(0)) for s in settings]
    facts = facts_of.scaling_facts(results)
    assert facts["scaling.raw.pixels"] == 20.5 and facts["scaling.fourier.standard"] == 21.5
    assert facts["scaling.polynomial.pixels"] is None and facts["scaling.seed_range"] == 1
    assert facts["scaling.fourier.gain_over_two"] == 1 and facts["scaling.failure"] == "inf"
    table = facts_of.scaling_table(results)
    assert len(table) == 11 and table[0]["largest value"] == "15" and table[0]["PSNR (dB)"] == "20.5 (20.0 to 21.0)"
    assert table[2]["PSNR (dB)"] == "diverged"


def test_what_the_screening_gives_away():
    settings = screening_settings([("adam", 0.01, 64, "cosine"), ("adam", 0.001, 64, "cosine")], 16, 1)
    results = [ComparedResult(s, 25.0 if s.learning_rate == 0.01 else 24.75, None, np.zeros(0)) for s in settings]
    facts, table = facts_of.screening_facts(results), facts_of.screening_table(results)
    assert facts["screening.cost"] == 0.25 and facts["screening.recipe"] == "adam, rate 0.001, batch 64, cosine"
    assert [(row["mean"], row["choice"]) for row in table] == [("25.00", ""), ("24.75", "chosen")]


def test_mappings():
    runs = [made_up(0.02, picture_mse=[0.1, 0.02])]
    for method, losses in (("Polynomial", (0.01, 0.015)), ("Fourier", (0.002, 0.0002))):
        runs += [made_up(mse, method, size, picture_mse=[0.019, mse]) for size, mse in zip((5, 25), losses)]
    facts = facts_of.mapping_facts(runs)
    assert facts["reconstruction.cat.raw.mse"] == 0.02
    assert facts["cat.polynomial.label"] == "Polynomial 5"
    assert (facts["cat.raw.reaches_raw"], facts["cat.fourier.reaches_raw"]) == (2, 1)
    assert [r.mse for r in facts_of.best_of_methods(runs)] == [0.02, 0.01, 0.0002]
    row = facts_of.mapping_table(runs, runs)[0]
    assert (row["cat: loss"], row["epoch time (s, median)"]) == ("2.00e-02", "0.50 / 0.50")


BLURRED = [made_up(mse, method, image=f"blur_{level}.jpg", seed=seed, epochs=150 if level == 0 else 20)
           for method, losses in (("Raw", {0: (0.016, 0.008), 1: (0.004,), 2: (0.002,)}),
                                  ("Fourier", {0: (0.008,), 1: (0.0005, 0.001), 2: (0.001,)}))
           for level, values in losses.items() for seed, mse in enumerate(values)]


def test_blur():
    facts, table = facts_of.blur_facts(BLURRED), facts_of.blur_table(BLURRED)
    assert facts["blur.base.0.mse"] == 0.016 and facts["blur.base.fall"] == 8
    assert facts["blur.rise"] == 2 and facts["blur.spread"] == 2
    assert (facts["blur.ratio_first"], facts["blur.gap_first_most"]) == (2, 2)
    assert (facts["blur.widest"], facts["blur.gap_widest_least"]) == (1, 4)
    assert facts["blur.base.error_above_5"] == pytest.approx(1) and facts["blur.detail_left"] == 1
    assert (facts["blur.runs"], facts["blur.stopped"]) == (8, 8)
    assert [r.setting.level for r in facts_of.runs_by_method(BLURRED)["BASE"]] == [0, 1, 2]
    assert table[0]["BASE: epochs"] == "150" and len(table) == 3


def test_the_steepest_rise_and_what_a_falling_rate_makes_of_it():
    before, risen = facts_of.steepest_rise(BLURRED)
    assert (risen.setting.label, before.setting.level, risen.setting.level) == ("Fourier 5", 1, 2)
    facts = facts_of.falling_facts((before, risen), (before, dataclasses.replace(risen, mse=0.00025)))
    assert (facts["falling.level"], facts["falling.constant_rise"], facts["falling.rise"]) == (2, 2, 0.5)
