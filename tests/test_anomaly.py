"""Splits, scalings, PCA, thresholds, scores: worked by hand, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from smai_nn.anomaly import (
    FOLDS,
    auc,
    bootstrap_auc,
    detection_scores,
    labelled,
    scale_pictures,
    split_pictures,
    threshold_from,
)
from smai_nn.metrics import squared_errors
from smai_nn.pca import fit_pca, pca_reconstruct

RNG = np.random.default_rng(0)
NAMES = np.repeat(["Bush", *[f"Other_{i:02d}" for i in range(30)]], [50, *[3] * 30])


ROLES = ("train", "validation", "test", "set_aside", "others")


@given(seed=st.integers(0, 1000), normals=st.integers(10, 60), strangers=st.integers(2, 40))
def test_no_picture_has_two_roles_and_none_is_lost(seed, normals, strangers):
    names = np.repeat(["normal", *map(str, range(strangers))], [normals, *[2] * strangers])
    split = split_pictures(names, "normal", seed)
    assert sorted(split.rows.tolist()) == list(range(len(names)))
    assert all(len(getattr(split, role)) for role in ROLES)
    assert (names[np.concatenate([split.train, split.validation, split.test])] == "normal").all()
    assert not (names[np.concatenate([split.set_aside, split.others])] == "normal").any()
    assert not set(names[split.set_aside]) & set(names[split.others])


@given(seed=st.integers(0, 1000), normals=st.integers(10, 60), strangers=st.integers(2, 40))
def test_what_settings_are_chosen_with_is_in_no_test_of_any_seed(seed, normals, strangers):
    names = np.repeat(["normal", *map(str, range(strangers))], [normals, *[2] * strangers])
    choosing, tested = split_pictures(names, "normal", seed, fold=seed % FOLDS), split_pictures(names, "normal", seed)
    assert not set(choosing.rows) & {*tested.test, *tested.others}
    assert len(choosing.train) and len(choosing.validation) and not len(choosing.test) and not len(choosing.others)
    assert np.array_equal(choosing.set_aside, tested.set_aside)
    assert not set(choosing.train) & set(choosing.validation)


def test_every_fold_holds_out_other_pictures_and_the_seed_does_not_matter():
    held_out = [split_pictures(NAMES, "Bush", 3, fold=fold).validation for fold in range(FOLDS)]
    whole = split_pictures(NAMES, "Bush", 5, fold=0)
    assert sorted(np.concatenate(held_out)) == sorted(np.concatenate([whole.train, whole.validation]))
    assert np.array_equal(whole.validation, held_out[0])


def test_split_has_the_shares_asked_for_and_depends_on_the_seed_alone():
    split = split_pictures(NAMES, "Bush", 0)
    assert [len(getattr(split, role)) for role in ROLES] == [30, 10, 10, 9, 81]
    assert [len(getattr(split_pictures(NAMES, "Bush", 0, fold=1), role)) for role in ROLES] == [15, 5, 0, 9, 0]
    again, other = split_pictures(NAMES, "Bush", 0), split_pictures(NAMES, "Bush", 1)
    assert all(np.array_equal(getattr(split, role), getattr(again, role)) for role in ROLES)
    assert not np.array_equal(split.test, other.test) and np.array_equal(split.set_aside, other.set_aside)


@pytest.mark.parametrize("arguments, options, message", [
    ((NAMES, "Nobody", 0), {}, "expected a name with at least ten pictures"),
    ((NAMES[:50], "Bush", 0), {}, "expected a name with at least ten pictures"),
    ((NAMES, "Bush", 0), {"test": 1.0}, "test: expected a number in"),
    ((NAMES, "Bush", 0), {"test": 0.7}, "test: expected a share that leaves 0.4 for development"),
    ((NAMES, "Bush", 0), {"test": 0.5, "validation": 0.5}, "test: expected a share that leaves"),
    ((NAMES, "Bush", 0), {"fold": 4}, "fold: expected one of 0, 1, 2, 3, got 4"),
    ((NAMES, "Bush", 0), {"set_aside": 0}, "set_aside: expected a number in"),
])
def test_bad_splits(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        split_pictures(*arguments, **options)


IMAGES = RNG.integers(0, 256, (8, 5, 4), np.uint8)
TRAIN = np.arange(4)


def test_scaling_by_picture_removes_brightness_and_contrast():
    rows = scale_pictures(IMAGES, "picture", TRAIN)
    assert rows.dtype == np.float32 and rows.shape == (8, 20)
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(scale_pictures(IMAGES // 2 + 20, "picture", TRAIN), rows, atol=0.02)


def test_scaling_by_pixel_uses_the_training_rows_alone():
    rows = scale_pictures(IMAGES, "pixel", TRAIN)
    np.testing.assert_allclose(rows[:4].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows[:4].std(axis=0), 1, rtol=1e-5)
    changed = IMAGES.copy()
    changed[4:] = 0
    np.testing.assert_array_equal(scale_pictures(changed, "pixel", TRAIN)[:4], rows[:4])


def test_scaling_by_both_is_one_after_the_other():
    rows = scale_pictures(IMAGES, "picture", TRAIN)
    expected = (rows - rows[:4].mean(axis=0)) / rows[:4].std(axis=0)
    np.testing.assert_allclose(scale_pictures(IMAGES, "both", TRAIN), expected, rtol=1e-4, atol=1e-4)


def test_pictures_of_one_colour_become_zeros():
    grey = np.full((3, 2, 2), 77, np.uint8)
    assert not scale_pictures(grey, "picture", [0]).any() and not scale_pictures(grey, "pixel", [0]).any()
    np.testing.assert_allclose(scale_pictures(grey, "none", [0]), 77 / 255)
    with pytest.raises(ValueError, match="scaling: expected one of 'none', 'pixel', 'picture', 'both'"):
        scale_pictures(grey, "row", [0])


@pytest.mark.parametrize("shape", [(40, 9), (7, 9)])
def test_pca_is_scikit_learns_for_every_bottleneck(shape):
    from sklearn.decomposition import PCA

    x, new = RNG.normal(size=shape), RNG.normal(size=(5, 9))
    pca = fit_pca(x, 6)
    for bottleneck in (1, 3, 6):
        peer = PCA(bottleneck, svd_solver="full").fit(x)
        np.testing.assert_allclose(pca_reconstruct(pca, new, bottleneck), peer.inverse_transform(peer.transform(new)))
    np.testing.assert_allclose(pca_reconstruct(pca, new, 0), np.broadcast_to(x.mean(axis=0), new.shape))


def test_squared_errors_by_hand():
    np.testing.assert_allclose(squared_errors(np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0], [0, 4]])), [2, 4.5])
    with pytest.raises(ValueError, match="two arrays of one shape"):
        squared_errors(np.zeros((2, 3)), np.zeros((2, 1)))


def test_threshold_is_passed_by_the_share_of_normals_that_was_asked_for():
    assert threshold_from(np.arange(101), 0.95) == 95
    errors = RNG.random(2000)
    assert np.isclose((errors > threshold_from(errors, 0.9)).mean(), 0.1, atol=1e-3)


def test_scores_by_hand():
    scores = detection_scores([0.1, 0.2, 0.9], [0.3, 0.8, 0.15, 0.95], threshold=0.25)
    assert (scores["true_negatives"], scores["false_positives"]) == (2, 1)
    assert (scores["false_negatives"], scores["true_positives"]) == (1, 3)
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0.75
    assert scores["specificity"] == pytest.approx(2 / 3) and scores["balanced_accuracy"] == pytest.approx(17 / 24)
    assert scores["auc"] == pytest.approx(8 / 12) and scores["base_rate"] == pytest.approx(4 / 7)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.lists(st.integers(0, 9), min_size=1, max_size=20),
       st.integers(-1, 10))
def test_scores_against_scikit_learn(normal, anomalous, threshold):
    scores = detection_scores(normal, anomalous, threshold)
    truth, errors = [0] * len(normal) + [1] * len(anomalous), np.array([*normal, *anomalous])
    called = errors > threshold
    assert scores["auc"] == pytest.approx(metrics.roc_auc_score(truth, errors)) == pytest.approx(auc(normal, anomalous))
    assert scores["average_precision"] == pytest.approx(metrics.average_precision_score(truth, errors))
    for name, peer in (("precision", metrics.precision_score), ("recall", metrics.recall_score),
                       ("f1", metrics.f1_score)):
        assert scores[name] == pytest.approx(peer(truth, called, zero_division=0)), name
    assert scores["specificity"] == pytest.approx(metrics.recall_score(truth, called, pos_label=0))


def test_calling_everything_an_anomaly():
    scores = detection_scores([1, 1], [1] * 98, threshold=-np.inf)
    assert scores["recall"] == 1 and scores["precision"] == scores["base_rate"] == 0.98
    assert scores["balanced_accuracy"] == 0.5 and scores["specificity"] == 0 and scores["auc"] == 0.5


def test_bootstrap_is_that_of_areas_computed_anew():
    normal, anomalous = RNG.normal(0, 1, 30).round(1), RNG.normal(1, 1, 50).round(1)
    low, high = bootstrap_auc(normal, anomalous, np.random.default_rng(5), repetitions=200)
    rng, areas = np.random.default_rng(5), []
    for _ in range(200):
        first = np.sort(normal)[rng.integers(30, size=30)]
        areas.append(auc(first, anomalous[rng.integers(50, size=50)]))
    np.testing.assert_allclose((low, high), np.quantile(areas, (0.025, 0.975)))
    assert low < auc(normal, anomalous) < high


def test_bootstrap_of_separate_groups_is_one():
    assert bootstrap_auc([1, 2], [3, 4], np.random.default_rng(0), repetitions=10) == (1, 1)


@pytest.mark.parametrize("call, message", [
    (lambda: auc([], [1]), "normal_errors: expected one error per picture"),
    (lambda: labelled([1], [[1]]), "anomaly_errors: expected one error per picture"),
    (lambda: auc([np.nan], [1]), "normal_errors: expected finite numbers"),
    (lambda: threshold_from([1, 2], 1.5), "quantile: expected a number in"),
    (lambda: bootstrap_auc([1], [2], np.random.default_rng(0), repetitions=0), "repetitions: expected a whole number"),
])
def test_bad_errors_and_options(call, message):
    with pytest.raises(ValueError, match=message):
        call()
