"""Section 3.2's experiment, on the shipped digits; above all: no test picture takes part in any choice."""

import dataclasses
import socket
import time

import numpy as np
import pytest
from PIL import Image

from smai_nn import anomaly
from smai_nn.experiments import detection
from smai_nn.experiments.detection import DetectionSetting, run_detection, score_crop
from smai_nn.metrics import squared_errors
from smai_nn.runs import RunFolder, runs_root
from smai_nn.sweep import run_sweep

TINY = DetectionSetting(normal="digit 0", size=14, hidden=(16, 12), bottleneck=4, max_epochs=3, input_noise=0.3,
                        mirrored=True, scaling="both")
GRID = [dataclasses.replace(TINY, hidden=hidden, input_noise=noise, fold=0)
        for hidden in ((16, 12), (12, 8)) for noise in (0.0, 0.5)]


@pytest.fixture(autouse=True)
def fresh_pictures():
    """Read and crop the pictures anew: they are kept in the process, whatever the folders are."""
    for cache in (detection._pictures, detection._crops, detection._split):
        cache.cache_clear()
    yield
    for cache in (detection._pictures, detection._crops, detection._split):
        cache.cache_clear()


def all_choices():
    """Make every choice of the notebook; return what it came to: scores, settings, errors, threshold."""
    crops = [score_crop(dataclasses.replace(TINY, crop=crop, scaling=scaling))
             for crop in detection.DIGIT_CROPS[:2] for scaling in anomaly.SCALINGS]
    studied = [run_detection(setting) for setting in GRID]
    return {"crops": [(s.auc, s.unexplained) for s in crops],
            "studied": [(r.validation_error, r.set_aside_auc, r.threshold) for r in studied]}


def replace_pictures(monkeypatch, rows):
    """Put noise in the place of the pictures in these rows."""
    pictures = detection.load_pictures()
    images = pictures.images.copy()
    images[rows] = np.random.default_rng(0).integers(0, 256, images[rows].shape, np.uint8)
    other = dataclasses.replace(pictures, images=images)
    monkeypatch.setattr(detection, "load_pictures", lambda: other)
    detection._crops.cache_clear()


def rows_in_tests(seeds):
    """Return all rows that are in the test of one of the seeds."""
    splits = [detection.split_of(dataclasses.replace(TINY, seed=seed)) for seed in seeds]
    return np.unique(np.concatenate([np.concatenate([s.test, s.others]) for s in splits]))


def test_no_test_picture_of_any_seed_can_reach_a_choice(monkeypatch):
    before = all_choices()
    replace_pictures(monkeypatch, rows_in_tests(range(5)))
    assert all_choices() == before


def test_a_picture_that_choices_may_see_does_reach_them(monkeypatch):
    """The test above could not fail if nothing were looked at."""
    before = all_choices()
    replace_pictures(monkeypatch, detection.split_of(dataclasses.replace(TINY, fold=0)).rows[:40])
    after = all_choices()
    assert after["crops"] != before["crops"] and after["studied"] != before["studied"]


def test_no_test_picture_can_reach_training_or_threshold(monkeypatch):
    before = run_detection(TINY)
    replace_pictures(monkeypatch, rows_in_tests([TINY.seed]))
    after = run_detection(TINY)
    assert after.autoencoder.model.parameters.tobytes() == before.autoencoder.model.parameters.tobytes()
    assert after.threshold == before.threshold and after.validation_error == before.validation_error
    assert after.scores()["auc"] != before.scores()["auc"]


def test_while_settings_are_chosen_only_pictures_with_a_role_have_an_error():
    result = run_detection(GRID[0])
    has_error = np.flatnonzero(~np.isnan(result.errors))
    assert np.array_equal(has_error, np.sort(result.split.rows))
    with pytest.raises(ValueError, match="normal_errors: expected one error per picture"):
        result.scores()


def test_errors_threshold_and_scores_belong_together():
    result = run_detection(TINY)
    x, split = detection.rows_of(TINY), result.split
    np.testing.assert_allclose(result.errors, squared_errors(result.autoencoder.reconstruct(x), x))
    assert result.threshold == np.quantile(result.errors[split.validation], TINY.quantile)
    scores = result.scores()
    assert scores["true_positives"] + scores["false_negatives"] == len(split.others)
    assert scores["auc"] == anomaly.auc(result.errors[split.test], result.errors[split.others])
    strangers = result.test_errors(everyone=True)[1]
    assert len(strangers) == len(split.others) + len(split.set_aside)


def test_the_run_folder_keeps_errors_roles_and_scores():
    result = run_detection(TINY)
    folder = RunFolder(runs_root() / result.folder)
    kept = np.load(folder.path / "errors.npz")
    np.testing.assert_array_equal(kept["errors"], result.errors)
    assert all(np.array_equal(kept[role], rows) for role, rows in vars(result.split).items())
    assert folder.metrics()["auc"] == result.scores()["auc"]
    assert folder.settings()["data"]["file"] == "data/mnist_5k.npz"
    assert {p.name.split("-")[0] for p in folder.path.glob("*.png")} == {"loss", "errors"}


def test_the_same_bits_for_any_number_of_workers():
    settings = [dataclasses.replace(TINY, seed=seed) for seed in (0, 1)]
    one, two = (run_sweep(run_detection, settings, workers=workers, progress=False) for workers in (1, 2))
    for a, b in zip(one, two):
        assert a.errors.tobytes() == b.errors.tobytes()


def test_pca_of_zero_components_is_the_distance_from_the_mean_picture():
    detector = detection.pca_detector(dataclasses.replace(TINY, bottleneck=0))
    x = detection.rows_of(TINY)
    expected = squared_errors(x, np.broadcast_to(x[detector.split.train].mean(axis=0), x.shape))
    np.testing.assert_allclose(detector.errors, expected, rtol=1e-4)
    with_components = detection.pca_detector(dataclasses.replace(TINY, bottleneck=8))
    assert with_components.validation_error < detector.validation_error


@pytest.mark.parametrize("scaling", anomaly.SCALINGS)
def test_pictures_as_seen_undo_the_scaling_by_pixel(scaling):
    setting = dataclasses.replace(TINY, scaling=scaling)
    other = {"both": "picture", "pixel": "none"}.get(scaling, scaling)
    expected = detection.rows_of(dataclasses.replace(TINY, scaling=other)).reshape(-1, 14, 14)
    varies = expected[detection.split_of(setting).train].std(axis=0) > 1e-5  # elsewhere scaling by pixel leaves nothing
    np.testing.assert_allclose(detection.as_seen(setting, detection.rows_of(setting))[:, varies], expected[:, varies],
                               atol=2e-3)


def test_examples_are_of_their_case_and_missing_ones_are_none():
    result = run_detection(TINY)
    cases = detection.example_cases(result)
    for case, row in cases.items():
        if row is not None:
            assert (result.errors[row] > result.threshold) == case.endswith("positive")
            assert (row in result.split.test) == (case in ("true negative", "false positive"))
    all_alike = detection.Detector(TINY, np.zeros(5000))
    cases = detection.example_cases(all_alike)
    assert cases["true positive"] is None and cases["false positive"] is None and cases["false negative"] is not None


def test_names_are_in_order_of_the_share_taken_for_normal():
    errors = np.zeros(5000)
    names = detection.load_pictures().names
    errors[names == "digit 7"] = 2
    errors[np.flatnonzero(names == "digit 3")[:250]] = 2
    table = detection.by_name(detection.Detector(TINY, errors))
    shares = {name: share for name, _, share in table}
    assert "digit 0" not in shares and shares["digit 7"] == 0 and 0.4 < shares["digit 3"] < 0.6
    assert [share for _, _, share in table] == sorted(shares.values(), reverse=True)


def test_without_lfw_the_shipped_digits_stand_in_and_say_so():
    pictures = detection.load_pictures()
    assert not pictures.are_faces and pictures.images.shape == (5000, 28, 28) and "digits" in pictures.description
    assert pictures.identities[0] == "digit 0" and np.sum(pictures.names == "digit 0") == 500


def test_nothing_needs_the_network_and_it_is_quick(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a connection was asked for")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    started = time.perf_counter()
    all_choices()
    detection.by_name(run_detection(TINY))
    assert time.perf_counter() - started < 60  # the limit for the whole part in `quick`


def test_unknown_normal_is_refused():
    with pytest.raises(ValueError, match="expected a name with at least ten pictures"):
        run_detection(dataclasses.replace(TINY, normal="digit 10"))


def test_faces_are_used_where_lfw_is_there(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name, count in (("George_W_Bush", 12), ("Ada_Lovelace", 3), ("Grace_Hopper", 2)):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        for number in range(1, count + 1):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(
                tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg")
    monkeypatch.setenv("SMAI_DATA", str(tmp_path))
    pictures = detection.load_pictures()
    assert pictures.are_faces and pictures.images.shape == (17, 128, 128) and len(pictures.candidates) == 49
    setting = dataclasses.replace(TINY, normal=pictures.identities[0], crop=pictures.candidates[1])
    assert score_crop(setting).unexplained > 0
    result = run_detection(setting)
    assert len(result.errors) == 17 and RunFolder(runs_root() / result.folder).settings()["data"]["file"] == (
        "$SMAI_DATA/lfw")
