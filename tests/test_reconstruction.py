"""The reconstruction runs: what they keep, that they repeat, that they learn."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from smai_nn.experiments.reconstruction import (
    MAPPINGS,
    ReconstructionSetting,
    explained_by_band,
    load_frames,
    mean_psnr,
    pack_frames,
    run_or_explain,
    run_reconstruction,
    unusual_features,
    with_mapping,
)
from smai_nn.files import load_npz, save_npz
from smai_nn.metrics import psnr, share_above, spectrum
from smai_nn.runs import RunFolder, runs_root
from smai_nn.sweep import run_sweep

TINY = ReconstructionSetting(method="Fourier", size_of_mapping=3, hidden=(16, 16), size=16, max_epochs=6, batch_size=32,
                             keep_frames=True)


def test_run_folder_holds_settings_and_the_picture_of_every_epoch():
    result = run_reconstruction(TINY)
    folder = RunFolder(runs_root() / result.folder)
    assert folder.settings()["reconstruction"]["size_of_mapping"] == 3
    assert folder.settings()["data"]["file"] == "data/cat.jpg"
    assert folder.settings()["notes"] == ["resized from 300x300 to 16x16"]
    metrics = folder.metrics()
    assert metrics["status"] == "completed" and metrics["mse"] == result.mse and metrics["psnr"] == result.psnr
    frames = load_frames(folder.path / "frames.npz")
    assert frames.shape == (6, 16, 16, 3) and frames.dtype == np.uint8
    assert np.array_equal(frames[-1], result.image)
    assert np.array_equal(load_npz(folder.path / "reconstruction.npz")["image"], result.image)
    assert (result.in_width, result.parameter_count) == (13, 13 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3)
    assert sorted(p.stem.split("-")[0] for p in folder.path.glob("*.png")) == ["loss", "reconstruction"]


def test_error_and_picture_agree_with_the_loss():
    result = run_reconstruction(TINY)
    assert np.mean(result.error.astype(float) ** 2) == pytest.approx(result.mse, rel=1e-5)
    predicted = TINY.loader().targets.reshape(16, 16, 3) + result.error
    assert np.array_equal(np.rint(255 * np.clip(predicted, 0, 1)).astype(np.uint8), result.image)
    assert result.epoch_seconds == pytest.approx(np.mean(result.history.epoch_seconds))


@pytest.mark.parametrize("workers", [1, 2])
def test_same_bits_for_any_number_of_workers(workers):
    settings = [with_mapping(TINY, *m, max_epochs=2) for m in MAPPINGS[:4]]
    alone = [run_reconstruction(s) for s in settings]
    swept = run_sweep(run_reconstruction, settings, workers=workers, progress=False)
    for one, other in zip(alone, swept):
        assert one.mse == other.mse and np.array_equal(one.error, other.error)


def test_fourier_learns_the_smiley_that_its_mean_misses():
    setting = with_mapping(TINY, "Fourier", 6, image="smiley.png", image_type="Gray", size=32, max_epochs=150)
    target = setting.loader().targets
    assert run_reconstruction(setting).mse < 0.1 * target.var()


def test_early_stopping_ends_a_run_that_no_longer_improves():
    result = run_reconstruction(dataclasses.replace(TINY, learning_rate_schedule="constant", learning_rate=1e-9,
                                                    patience=2, max_epochs=20))
    assert result.converged and result.history.epochs == 3


def test_diverging_run_is_explained_and_marked_as_failed():
    setting = dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e6)
    text = run_or_explain(setting)
    assert "training stopped at epoch 0" in text and mean_psnr([text]) == -np.inf
    (folder,) = runs_root().iterdir()
    assert RunFolder(folder).metrics()["status"] == "failed"


@pytest.mark.parametrize("changes, message", [
    ({"activation": "gelu"}, "activation: expected one of"), ({"optimizer": "lbfgs"}, "optimizer: expected one of"),
    ({"scaling": "log"}, "scaling: expected one of")])
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


def test_labels():
    assert [with_mapping(TINY, *m).label for m in MAPPINGS] == [
        "Raw", "Polynomial 5", "Polynomial 15", "Polynomial 25", "Fourier 5", "Fourier 15", "Fourier 25"]
    assert TINY.stem == "cat"


def test_two_cycles_give_all_quarters_the_same_features():
    features = unusual_features(dataclasses.replace(TINY, scaling="[-1, 1)")).reshape(16, 16, -1)
    np.testing.assert_allclose(features[:8, :8], features[8:, 8:], atol=1e-5)


def test_frames_come_back_bit_by_bit(tmp_path):
    frames = list(np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8))
    save_npz(tmp_path / "frames.npz", pack_frames(frames), compressed=True)
    assert np.array_equal(load_frames(tmp_path / "frames.npz"), frames)


def test_other_arrays_are_not_taken_for_frames(tmp_path):
    save_npz(tmp_path / "other.npz", {"image": np.zeros((2, 2), np.uint8)})
    with pytest.raises(ValueError, match="other.npz: expected the frames of a run"):
        load_frames(tmp_path / "other.npz")


def test_psnr_by_hand():
    assert psnr(1) == 0 and psnr(0.01) == pytest.approx(20) and psnr(0) == np.inf
    with pytest.raises(ValueError, match="mse: expected a number"):
        psnr(-1)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_spectrum_adds_up_to_the_mean_square(shape):
    picture = np.random.default_rng(0).random(shape)
    frequencies, energy = spectrum(picture)
    assert energy.sum() == pytest.approx(np.mean(picture ** 2))
    assert frequencies.tolist() == list(range(len(energy)))


def test_spectrum_of_one_wave():
    row = np.cos(2 * np.pi * 5 * (np.arange(64) + 0.5) / 64)  # 5 cycles per picture
    frequencies, energy = spectrum(np.tile(row, (64, 1)))
    assert frequencies[energy.argmax()] == 5 and energy[5] == pytest.approx(0.5)
    assert share_above(np.tile(row, (64, 1)), 4) == pytest.approx(1)
    assert share_above(np.tile(row, (64, 1)), 5) == pytest.approx(0, abs=1e-12)
    assert share_above(np.ones((8, 8)), 0) == 0


def test_share_explained_by_band():
    y, x = (np.mgrid[:64, :64] + 0.5) / 64
    low, high = np.cos(2 * np.pi * 2 * x), np.cos(2 * np.pi * 20 * y)
    shares = explained_by_band(low + high, -0.5 * high, (0, 10, 30))  # the low one learnt, the high one half
    assert shares == pytest.approx([1, 0.75])
    with pytest.raises(ValueError, match="got none from 50 to 64 cycles .it has frequencies up to 45"):
        explained_by_band(low + high, -0.5 * high, (0, 30, 50, 64))


def test_jpeg_with_its_full_path_is_a_picture_too(tmp_path):
    Image.fromarray(np.full((20, 20, 3), 200, np.uint8)).save(tmp_path / "flat.jpg")
    setting = dataclasses.replace(TINY, image=str(tmp_path / "flat.jpg"), max_epochs=1)
    assert setting.stem == "flat" and run_reconstruction(setting).folder.endswith("flat-fourier3-s0")
