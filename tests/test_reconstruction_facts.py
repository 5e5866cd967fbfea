"""Facts about section 2, on results made up by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from smai_nn.experiments.reconstruction import (
    ComparedResult,
    ReconstructionResult,
    ReconstructionSetting,
    scaling_settings,
    screening_settings,
    with_mapping,
)
from smai_nn.experiments.reconstruction_facts import (
    band_table,
    best_of_methods,
    blur_facts,
    blur_table,
    expansion_facts,
    falling_facts,
    fit_row,
    line_ranks,
    mapping_facts,
    mapping_table,
    picture_facts,
    runs_by_method,
    scaling_facts,
    scaling_table,
    screening_facts,
    screening_table,
    steepest_rise,
)
from smai_nn.trainer import History


def made_up(mse, method="Raw", size=5, image="cat.jpg", seed=0, epochs=20, stop="early_stopping", picture_mse=()):
    """Return a result with this loss, all of it at 7 cycles; its target has 0.1 at one cycle and 0.02 at 7."""
    setting = with_mapping(ReconstructionSetting(), method, size, image=image, seed=seed)
    history = History(4, 4, epoch_loss=[mse] * epochs, epoch_seconds=[0.5] * epochs, stop_reason=stop)
    energy = np.zeros(60)
    return ReconstructionResult(setting, 2, 100, mse, None, history, np.zeros((8, 8, 3), np.uint8),
                                energy + 0.1 * (np.arange(60) == 1) + 0.02 * (np.arange(60) == 7),
                                energy + mse * (np.arange(60) == 7), np.array(picture_mse), Path("a"))


def test_picture_facts():
    facts = picture_facts({"two": np.array([[0, 255], [0, 255]], np.uint8), "grey": np.full((2, 2, 3), 100, np.uint8)})
    assert facts["picture.two.variance"] == 0.25 and facts["picture.two.extreme"] == 1
    assert facts["picture.two.colours"] == 2 and facts["picture.grey.colours"] == 1
    assert facts["picture.grey.extreme"] == 0


def test_each_mapping_fits_the_row_that_is_made_for_it():
    x = np.arange(64) / 64
    assert np.allclose(fit_row(3 * x - 1, "Raw", 1), 3 * x - 1)
    assert np.allclose(fit_row(x ** 3, "Polynomial", 3), x ** 3)
    wave = np.sin(2 * np.pi * 4 * x)
    assert np.allclose(fit_row(wave, "Fourier", 4), wave) and not np.allclose(fit_row(wave, "Fourier", 3), wave)


def test_a_high_power_lies_at_the_border():
    row = np.linspace(0, 1, 100)
    facts = expansion_facts(row, [("Raw", "Raw", row + 0.1)])
    assert facts["columns.power_in_outer_tenth"] > 0.9
    assert facts["row.raw.mse"] == pytest.approx(0.01) and facts["row.raw.outer"] == pytest.approx(1)


def test_rank_grows_by_four_a_frequency_up_to_the_nyquist_limit():
    assert line_ranks(16, [1, 2, 7, 8, 9, 12]) == [5, 9, 29, 31, 31, 31]


def test_scalings_by_variant():
    settings = scaling_settings(16, 1, (0, 1))
    results = [ComparedResult(s, None if (s.method, s.scaling) == ("Polynomial", "pixel numbers") else
                              20.0 + s.seed + (s.scaling == "standard"), "inf" if s.method == "Polynomial" else None,
                              np.zeros(0)) for s in settings]
    facts = scaling_facts(results)
    assert facts["scaling.raw.pixels"] == 20.5 and facts["scaling.fourier.standard"] == 21.5
    assert facts["scaling.polynomial.pixels"] is None and facts["scaling.seed_range"] == 1
    assert facts["scaling.fourier.gain_over_two"] == 1 and facts["scaling.failure"] == "inf"
    table = scaling_table(results)
    assert len(table) == 11 and table[0]["largest value"] == "15" and table[0]["PSNR (dB)"] == "20.5 (20.0 to 21.0)"
    assert table[2]["PSNR (dB)"] == "diverged" and table[5]["columns' sizes"] == "1 to 1"


def test_what_the_screening_gives_away():
    settings = screening_settings([("adam", 0.01, 64, "cosine"), ("adam", 0.001, 64, "cosine")], 16, 1)
    results = [ComparedResult(s, 25.0 if s.learning_rate == 0.01 else 24.75, None, np.zeros(0)) for s in settings]
    facts = screening_facts(results)
    assert facts["screening.cost"] == 0.25 and facts["screening.close"] == 2
    assert facts["screening.recipe"] == "adam, rate 0.001, batch 64, cosine"
    assert [row["mean"] for row in screening_table(results)] == ["25.00", "24.75"]
    assert [row[""] for row in screening_table(results)] == ["", "chosen"]


def test_mappings():
    runs = [made_up(0.02, picture_mse=[0.1, 0.02])]
    for method, losses in (("Polynomial", (0.01, 0.015)), ("Fourier", (0.002, 0.0002))):
        runs += [made_up(mse, method, size, picture_mse=[0.019, mse]) for size, mse in zip((5, 25), losses)]
    facts = mapping_facts(runs)
    assert facts["reconstruction.cat.raw.mse"] == 0.02 and facts["reconstruction.cat.raw.seconds"] == 0.5
    assert facts["cat.fourier.gain"] == pytest.approx(10) and facts["cat.polynomial.label"] == "Polynomial 5"
    assert (facts["cat.raw.reaches_raw"], facts["cat.fourier.reaches_raw"]) == (2, 1)
    assert [r.mse for r in best_of_methods(runs)] == [0.02, 0.01, 0.0002]
    assert mapping_table(runs, runs)[0]["cat: loss"] == "2.00e-02"
    assert band_table(runs, (0, 5, 15, 60))[1] == {"mapping": "Polynomial 5", "0 to 5 cycles": "100.0%",
                                                   "5 to 15 cycles": "50.0%", "15 to 60 cycles": "-"}


BLURRED = [made_up(mse, method, image=f"blur_{level}.jpg", seed=seed, epochs=150 if level == 0 else 20)
           for method, losses in (("Raw", {0: (0.016, 0.008), 1: (0.004,), 2: (0.002,)}),
                                  ("Fourier", {0: (0.008,), 1: (0.0005,), 2: (0.001,)}))
           for level, values in losses.items() for seed, mse in enumerate(values)]


def test_blur():
    facts = blur_facts(BLURRED)
    assert facts["blur.base.0.mse"] == 0.016 and facts["blur.fourier.2.mse"] == 0.001
    assert facts["blur.base.fall"] == 8
    assert facts["blur.base.risen"] == "no level" and facts["blur.fourier.risen"] == "2"
    assert facts["blur.rise"] == 2 and facts["blur.spread"] == 2 and facts["blur.fourier.spread"] == 1
    assert (facts["blur.ratio_first"], facts["blur.ratio_widest"], facts["blur.widest"], facts["blur.ratio_last"]) \
        == (2, 8, 1, 2)
    assert facts["blur.base.error_above_5"] == pytest.approx(1) and facts["blur.detail_left"] == 1
    assert (facts["blur.runs"], facts["blur.stopped"], facts["blur.late"]) == (7, 7, 3)
    assert [r.setting.level for r in runs_by_method(BLURRED)["BASE"]] == [0, 1, 2]
    assert blur_table(BLURRED)[0]["BASE: epochs"] == "150" and len(blur_table(BLURRED)) == 3


def test_the_steepest_rise_and_what_a_falling_rate_makes_of_it():
    risen = steepest_rise(BLURRED)
    assert (risen.setting.label, risen.setting.level) == ("Fourier 5", 2)
    facts = falling_facts(risen, dataclasses.replace(risen, mse=0.00025), BLURRED)
    assert (facts["falling.before"], facts["falling.constant"], facts["falling.gain"]) == (0.0005, 0.001, 4)
