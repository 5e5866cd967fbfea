"""The reconstruction runs: what they keep, that they repeat, that they learn, which setting is chosen."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from smai_nn.experiments.reconstruction import (
    MAPPINGS,
    ComparedResult,
    ReconstructionSetting,
    blur_settings,
    choose,
    mapping_settings,
    read_reconstruction,
    run_compared,
    run_reconstruction,
    screening_settings,
    unusual_features,
    with_mapping,
)
from smai_nn.metrics import psnr, spectrum
from smai_nn.runs import RunFolder, run_sweep

TINY = ReconstructionSetting(method="Fourier", size_of_mapping=3, hidden=(16, 16), size=16, max_epochs=6, batch_size=32,
                             keep_pictures=True)


def made(setting):
    return read_reconstruction(run_reconstruction(setting))


def test_run_folder_holds_the_picture_of_every_epoch_and_the_last_one_is_the_reconstruction():
    result = made(TINY)
    folder, pictures, target = RunFolder(result.folder), result.pictures(), TINY.loader().targets
    assert folder.status == "completed" and folder.settings()["data"]["file"] == "data/cat.jpg"
    assert folder.settings()["notes"] == ["resized from 300x300 to 16x16"] and result.setting == TINY
    assert pictures.shape == (6, 16, 16, 3) and pictures.dtype == np.uint8
    assert np.array_equal(pictures[-1], result.image) and result.picture_mse[-1] == result.mse
    assert (result.in_width, result.parameter_count) == (13, 13 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3)
    assert result.error_energy.sum() == pytest.approx(result.mse, rel=1e-5)
    assert result.variance == pytest.approx(target.var(axis=0).mean(), rel=1e-5)


def test_share_explained_by_band():
    result = dataclasses.replace(made(TINY), target_energy=np.array([0, 4, 2, 2, 0.]),
                                 error_energy=np.array([0, 1, 0, 4, 0.]))
    assert (result.explained(1, 2), result.explained(2), result.explained(3, 4)) == (0.75, 0, -1)
    assert result.explained(4) is None


@pytest.mark.parametrize("workers", [1, 2])
def test_same_bits_for_any_number_of_workers(workers):
    settings = [with_mapping(TINY, *m, max_epochs=2) for m in MAPPINGS[:4]]
    swept = run_sweep(run_reconstruction, settings, workers=workers, progress=False)
    assert [read_reconstruction(folder).mse for folder in swept] == [made(setting).mse for setting in settings]


def test_fourier_learns_the_smiley_that_its_mean_misses():
    result = made(with_mapping(TINY, "Fourier", 6, image="smiley.png", image_type="Gray", size=32, max_epochs=150))
    assert result.image.shape == (32, 32) and result.mse < 0.1 * result.variance


def test_early_stopping_ends_a_run_that_no_longer_improves():
    result = made(dataclasses.replace(TINY, learning_rate_schedule="constant", learning_rate=1e-9, patience=2,
                                      max_epochs=20))
    assert result.converged and result.history.epochs == 3


@pytest.mark.parametrize("setting, words", [
    (with_mapping(TINY, "Polynomial", 40, scaling="pixel numbers"), "expected finite numbers"),
    (dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e6), "training stopped at epoch 0")])
def test_a_compared_run_that_diverges_is_a_finished_result(setting, words):
    result = run_compared(setting)
    assert words in result.failure and result.psnr is None and result.image.size == 0


def test_compared_run_comes_to_the_same_without_a_folder():
    result, full = run_compared(TINY), made(TINY)
    assert result.psnr == full.psnr and np.array_equal(result.image.reshape(16, 16, 3), full.image)
    assert run_compared(dataclasses.replace(TINY, keep_pictures=False)).image.size == 0


@pytest.mark.parametrize("name", ["my cat.jpg", "C:\\pictures\\cät: 2.jpg", ".jpg"])
def test_any_name_of_a_picture_is_accepted(tmp_path, name):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(tmp_path / name, "JPEG")
    result = made(dataclasses.replace(TINY, image=str(tmp_path / name), max_epochs=1))
    assert result.folder.name.endswith("fourier3-s0") and result.folder.name.isascii() and " " not in result.folder.name


@pytest.mark.parametrize("name, value, expected", [
    ("optimizer", "lbfgs", "one of"), ("scaling", "log", "one of"), ("batch_size", 0, "a whole number")])
def test_bad_settings_are_refused(name, value, expected):
    with pytest.raises(ValueError, match=f"{name}: expected {expected}"):
        dataclasses.replace(TINY, **{name: value})


def test_names_of_a_setting():
    setting = with_mapping(TINY, "Polynomial", 15, image=r"C:\my pictures\blur_3.png")
    assert (setting.label, setting.key) == ("Polynomial 15", "polynomial15")
    assert (setting.picture, setting.level) == ("blur_3", 3)
    assert TINY.recipe == "adam, rate 0.003, batch 32, cosine"


def test_two_cycles_give_all_quarters_the_same_features():
    features = unusual_features(dataclasses.replace(TINY, scaling="[-1, 1)")).reshape(16, 16, -1)
    np.testing.assert_allclose(features[:8, :8], features[8:, 8:], atol=1e-5)


def compared(candidates, *psnrs):
    settings = screening_settings(candidates, 16, 1)
    return [ComparedResult(s, value, None, np.zeros(0, np.uint8)) for s, value in zip(settings, np.repeat(psnrs, 3))]


def test_of_what_is_close_to_the_best_the_smallest_rate_is_chosen():
    candidates = [("adam", rate, 128, schedule) for rate, schedule in
                  ((0.01, "cosine"), (0.003, "cosine"), (0.003, "constant"), (0.001, "cosine"))]
    rows, chosen = choose(compared(candidates, 25.0, 24.7, 24.6, 24.4))
    assert [row[2] for row in rows] == pytest.approx([25.0, 24.7, 24.6, 24.4])
    assert (chosen.learning_rate, chosen.learning_rate_schedule) == (0.003, "cosine")
    assert choose(compared(candidates, 25.0, 24.4, 24.4, 24.4))[1].learning_rate == 0.01


def test_a_candidate_that_diverged_is_last():
    results = compared([("sgd", 9.0, 128, "cosine"), ("adam", 0.01, 128, "cosine")], 30.0, 20.0)
    results[1] = dataclasses.replace(results[1], psnr=None)
    rows, chosen = choose(results)
    assert chosen.optimizer == "adam" and rows[-1][0].optimizer == "sgd"


def test_settings_of_the_sections():
    mapped = mapping_settings(TINY, 64, {"cat": 150, "smiley": 50})
    assert {(s.picture, s.image_type, s.max_epochs) for s in mapped} == {("cat", "RGB", 150), ("smiley", "Gray", 50)}
    assert len(mapped) == len({(s.picture, s.label) for s in mapped}) == 14 and all(s.keep_pictures for s in mapped)
    blurred = blur_settings({0: "blur_0.png", 4: "blur_4.png"}, 64, 200, {4: (0, 1)})
    assert [(s.level, s.label, s.seed) for s in blurred] == [(0, "Raw", 0), (0, "Fourier 5", 0), (4, "Raw", 0),
                                                             (4, "Raw", 1), (4, "Fourier 5", 0), (4, "Fourier 5", 1)]


def test_psnr_by_hand():
    assert psnr(1) == 0 and psnr(0.01) == pytest.approx(20) and psnr(0) == np.inf
    with pytest.raises(ValueError, match="mse: expected a number"):
        psnr(-1)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_spectrum_adds_up_to_the_mean_square(shape):
    picture = np.random.default_rng(0).random(shape)
    frequencies, energy = spectrum(picture)
    assert energy.sum() == pytest.approx(np.mean(picture ** 2)) and frequencies.tolist() == list(range(len(energy)))


def test_spectrum_of_one_wave():
    row = np.cos(2 * np.pi * 5 * (np.arange(64) + 0.5) / 64)  # 5 cycles per picture
    frequencies, energy = spectrum(np.tile(row, (64, 1)))
    assert frequencies[energy.argmax()] == 5 and energy[5] == pytest.approx(0.5)
