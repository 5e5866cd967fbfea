"""The reconstruction runs: what they keep, that they repeat, that they learn, which setting is chosen."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smai_nn.experiments.reconstruction import (
    MAPPINGS, ComparedResult, ReconstructionResult, ReconstructionSetting, blur_facts, blur_settings, blur_table,
    choose, fit_row, mapping_facts, mapping_settings, mapping_table, read_reconstruction, run_compared,
    run_reconstruction, scaling_facts, scaling_settings, scaling_table, screening_settings)
from smai_nn.features import get_fourier, get_polynomial
from smai_nn.metrics import energy_above, psnr
from smai_nn.runs import RunFolder, run_sweep
from smai_nn.trainer import History

TINY = ReconstructionSetting(mapping=("Fourier", 3), hidden=(16, 16), size=16, max_epochs=6, batch_size=32,
                             keep_pictures=True)


def made(**changes):
    return read_reconstruction(run_reconstruction(dataclasses.replace(TINY, **changes)))


def test_run_folder_holds_the_picture_of_every_epoch_and_the_last_one_is_the_reconstruction():
    result = made()
    folder, target = RunFolder(result.folder), TINY.loader().image / 255
    assert folder.status == "completed" and folder.settings()["data"]["file"] == "data/cat.jpg"
    assert folder.settings()["notes"] == ["resized from 300x300 to 16x16"] and result.setting == TINY
    pictures, mse = result.frames.values()
    assert pictures.shape == (6, 16, 16, 3) and pictures.dtype == np.uint8 and mse[-1] == pytest.approx(result.mse)
    assert np.array_equal(pictures[-1], result.image)
    assert (result.in_width, result.parameter_count) == (13, 13 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3)
    assert result.error_detail < np.mean((result.image / 255 - target) ** 2) < result.mse  # which is before clipping
    assert result.target_detail < target.var()


@pytest.mark.parametrize("workers", [1, 2])
def test_same_bits_for_any_number_of_workers(workers):
    settings = [dataclasses.replace(TINY, mapping=mapping, max_epochs=2) for mapping in MAPPINGS[:4]]
    swept = run_sweep(run_reconstruction, settings, workers=workers, progress=False)
    assert [read_reconstruction(f).mse for f in swept] == [made(mapping=m, max_epochs=2).mse for m in MAPPINGS[:4]]


def test_fourier_learns_the_smiley_that_its_mean_misses():
    result = made(mapping=("Fourier", 6), image="smiley.png", image_type="Gray", size=32, max_epochs=150)
    assert result.image.shape == (32, 32) and result.mse < 0.1 * result.setting.loader().targets.var()


@pytest.mark.parametrize("changes", [{"mapping": ("Polynomial", 40), "scaling": "pixels"}, {"learning_rate": 1e30}])
def test_a_compared_run_that_diverges_is_a_finished_result(changes):
    result = run_compared(dataclasses.replace(TINY, **changes))
    assert result.psnr is None and len(result.losses) == 0


def test_a_compared_run_keeps_the_losses_of_its_epochs():
    result = run_compared(TINY)
    assert len(result.losses) == TINY.max_epochs and result.losses[-1] < result.losses[0]


@pytest.mark.parametrize("name", ["my cat.jpg", "C:\\pictures\\cät: 2.jpg", ".jpg"])
def test_any_name_of_a_picture_is_accepted(tmp_path, name):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(tmp_path / name, "JPEG")
    folder = made(image=str(tmp_path / name), max_epochs=1).folder.name
    assert folder.endswith("fourier3-s0") and folder.isascii() and " " not in folder


def test_two_cycles_give_all_quarters_the_same_features():
    features = dataclasses.replace(TINY, scaling="symmetric").loader().features.reshape(16, 16, -1)
    np.testing.assert_allclose(features[:8, :8], features[8:, 8:], atol=1e-5)


def compared(candidates, *psnrs):
    settings = screening_settings(candidates, 16, 1)
    return [ComparedResult(setting, value) for setting, value in zip(settings, np.repeat(psnrs, 3).tolist())]


def test_the_candidate_of_the_largest_mean_is_chosen():
    candidates = [(rate, 128, schedule) for rate, schedule in
                  ((0.01, "cosine"), (0.003, "cosine"), (0.003, "constant"), (0.001, "cosine"))]
    rows, chosen = choose(compared(candidates, 24.7, 25.0, 24.6, 24.4))
    assert [row["mean"] for row in rows] == pytest.approx([25.0, 24.7, 24.6, 24.4])
    assert [row["choice"] for row in rows] == ["chosen", "", "", ""]
    assert (chosen.learning_rate, chosen.learning_rate_schedule) == (0.003, "cosine")


def test_a_candidate_that_diverged_is_last():
    results = compared([(9.0, 128, "cosine"), (0.01, 128, "cosine")], 30.0, 20.0)
    results[1] = dataclasses.replace(results[1], psnr=None)
    rows, chosen = choose(results)
    assert chosen.learning_rate == 0.01 and (rows[-1]["learning_rate"], rows[-1]["Polynomial 15"]) == (9.0, "diverged")


def test_settings_of_the_sections():
    mapped = mapping_settings(TINY, 64, {"cat": 150, "smiley": 50}, (0, 1))
    assert {(s.picture, s.image_type, s.max_epochs) for s in mapped} == {("cat", "RGB", 150), ("smiley", "Gray", 50)}
    assert len({(s.picture, s.label) for s in mapped}) == 14 and len(mapped) == 22
    assert all(s.keep_pictures == (s.seed == 0) for s in mapped)
    blurred = blur_settings({0: "blur_0.png", 4: "blur_4.png"}, 64, 200, (0, 1))
    assert [(s.level, s.label, s.seed) for s in blurred[:5]] == [
        (0, "Raw", 0), (0, "Raw", 1), (0, "Fourier 5", 0), (0, "Fourier 5", 1), (4, "Raw", 0)]


def test_psnr_by_hand():
    assert psnr(1) == 0 and psnr(0.01) == pytest.approx(20) and psnr(0) == np.inf
    with pytest.raises(ValueError, match="mse: expected a number"):
        psnr(-1)


def test_energy_above_a_frequency():
    row = 3 + np.cos(2 * np.pi * 5 * (np.arange(64) + 0.5) / 64)  # 5 cycles per picture, mean square 0.5
    picture = np.tile(row[:, None], (64, 1, 3))
    assert energy_above(picture, 4.9) == pytest.approx(0.5) and energy_above(picture, 5) == pytest.approx(0)
    assert energy_above(picture, 0) == pytest.approx(picture.var())


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
        assert np.allclose(fit_row(row, gamma), row)
    assert not np.allclose(fit_row(wave, get_fourier(line, 3)), wave)


def test_scalings():
    results = [ComparedResult(s, None if (s.method, s.scaling) == ("Polynomial", "pixels") else
                              20.0 + s.seed + (s.scaling == "standard")) for s in scaling_settings(16, 1, (0, 1))]
    facts, table = scaling_facts(results), scaling_table(results)
    assert facts["scaling.raw.pixels.median"] == 20.5 and facts["scaling.fourier.standard.most"] == 22
    assert facts["scaling.polynomial.pixels.least"] is None and facts["scaling.diverged"] == 2
    assert len(table) == 9 and table[1]["largest value"] == "15" and table[1]["PSNR (dB)"] == "20.5 (20.0 to 21.0)"
    assert table[4]["PSNR (dB)"] == "does not train"


def test_mappings():
    runs = [made_up(0.02, losses=[0.1, 0.02]), made_up(0.03, "Polynomial", 5, losses=[0.1, 0.03]),
            made_up(0.01, "Fourier", 25, losses=[0.019, 0.01]), made_up(0.001, "Fourier", 25, seed=1)]
    facts = mapping_facts(runs)
    assert [facts[f"reconstruction.cat.fourier25.{name}"] for name in ("psnr", "least", "most")] == [20, 20, 30]
    assert facts["reconstruction.seed_range"] == 10 and facts["reconstruction.cat.raw.least"] == runs[0].psnr
    assert [facts[f"reconstruction.cat.{run.setting.key}.reaches_raw"] for run in runs[:3]] == [2, None, 1]
    row = mapping_table(runs)[2]
    assert (row["final inference loss"], row["PSNR (dB) by seed"]) == ("1.00e-02", "20.0, 30.0")
    assert row["epoch time (s, mean)"] == "0.50"


BLURRED = [made_up(mse, method, size, image=f"blur_{level}.jpg", seed=seed)
           for method, size, losses in (("Raw", 1, {0: (0.016, 0.008), 1: (0.004, 0.004), 2: (0.002, 0.004)}),
                                        ("Fourier", 5, {0: (0.008, 0.004), 1: (0.0005, 0.001), 2: (0.001, 0.002)}))
           for level, values in losses.items() for seed, mse in enumerate(values)]


def test_blur():
    facts, table = blur_facts(BLURRED), blur_table(BLURRED)
    assert (facts["blur.base.left"], facts["blur.fourier.left"], facts["blur.detail_left"]) == (1 / 4, 1 / 4, 1)
    assert facts["blur.gap_first"] == facts["blur.gap_last"] == 2 and facts["blur.gap_widest"] == pytest.approx(16 / 3)
    assert (facts["blur.widest"], facts["blur.levels"], facts["blur.levels_ahead"]) == (1, 3, 1)
    assert facts["blur.base.error_in_detail"] == 0.5 and facts["blur.spread"] == 2
    assert facts["blur.rises"] == "FOURIER at blur_2 (2.00 times)"
    assert table[0]["BASE: final loss"] == "1.20e-02" and table[0]["BASE: epochs"] == "1, 1"
    assert [row["blur"] for row in table] == [0, 1, 2] and len(table) == 3
    assert table[0]["BASE: detail missed"] == "30%"
