"""Who is in which part, scaling, thresholds, scores: worked by hand, and as invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smai_nn.experiments.detection import EVERYONE, QUANTILES, assign_roles, detection_scores, judge, scale_pictures

NAMES = np.repeat(["Bush", *[f"Other_{i:02d}" for i in range(30)]], [50, *[3] * 30])
NORMAL_ROLES = ("train", "validation", "test")
ANY_NAMES = st.builds(lambda normals, strangers: np.repeat(["normal", *map(str, range(strangers))],
                                                           [normals, *[2] * strangers]),
                      st.integers(10, 60), st.integers(3, 40))


@settings(deadline=None)  # the machine may be busy
@given(ANY_NAMES, st.integers(0, 1000))
def test_no_role_is_empty_and_nobody_who_is_set_aside_is_tested(names, seed):
    roles = assign_roles(names, "normal", seed)
    assert set(roles) == {*NORMAL_ROLES, "set_aside", "others"}
    np.testing.assert_array_equal(np.isin(roles, NORMAL_ROLES), names == "normal")
    assert not set(names[roles == "set_aside"]) & set(names[roles == "others"])


@settings(deadline=None)  # the machine may be busy
@given(ANY_NAMES)
def test_what_settings_are_chosen_with_is_in_no_test_of_any_seed(names):
    choosing = assign_roles(names, "normal")
    tested = np.isin([assign_roles(names, "normal", seed) for seed in range(3)], ("test", "others")).any(axis=0)
    np.testing.assert_array_equal(np.isin(choosing, ("test", "others")), tested)
    assert set(choosing) == {*NORMAL_ROLES, "set_aside", "others"}


def test_three_seeds_test_three_fifths_against_the_same_validation():
    roles = np.array([assign_roles(NAMES, "Bush", seed) for seed in range(3)])
    assert [np.sum(roles[0] == role) for role in (*NORMAL_ROLES, "set_aside", "others")] == [30, 10, 10, 9, 81]
    assert np.array_equal(np.sum(roles == "test", axis=0) + np.all(roles == "train", axis=0) +
                          np.all(roles == "validation", axis=0), NAMES == "Bush")


def test_the_same_people_are_set_aside_whoever_is_normal():
    names = np.repeat([f"Person_{i:02d}" for i in range(30)], 12)
    aside = {normal: set(names[assign_roles(names, normal) == "set_aside"]) for normal in np.unique(names)}
    everyone = set.union(*aside.values())
    assert len(everyone) == 3 and all(people == everyone - {normal} for normal, people in aside.items())


@pytest.mark.parametrize("names, normal, message", [
    (NAMES, "Nobody", "expected a name with at least 10 pictures"),
    (NAMES[:56], "Bush", "3 other names, got 'Bush' with 50 pictures among 3 names"),
])
def test_what_cannot_be_split_is_refused(names, normal, message):
    with pytest.raises(ValueError, match=message):
        assign_roles(names, normal)


IMAGES = np.random.default_rng(0).integers(0, 256, (8, 5, 4), np.uint8)
TRAIN = np.arange(8) < 4


def test_scaling_removes_brightness_and_contrast_and_its_second_step_can_be_taken_back():
    rows, scaler = scale_pictures(IMAGES, TRAIN)
    assert rows.dtype == np.float32 and rows.shape == (8, 20)
    np.testing.assert_allclose(scale_pictures(IMAGES // 2 + 20, TRAIN)[0], rows, atol=0.1)
    pictures = scaler.inverse_transform(rows)
    np.testing.assert_allclose(pictures.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(pictures.std(axis=1), 1, rtol=1e-5)


def test_scaling_by_pixel_uses_the_training_rows_alone():
    rows, _ = scale_pictures(IMAGES, TRAIN)
    np.testing.assert_allclose(rows[:4].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows[:4].std(axis=0), 1, rtol=1e-5)
    changed = np.where(TRAIN[:, None, None], IMAGES, 0)
    np.testing.assert_array_equal(scale_pictures(changed, TRAIN)[0][:4], rows[:4])


def test_pictures_of_one_colour_become_zeros():
    assert not scale_pictures(np.full((3, 2, 2), 77, np.uint8), np.array([True, False, False]))[0].any()


def judged(validation, set_aside):
    """Return the scores of a detector whose test has the errors of validation and people set aside again."""
    validation, set_aside = np.array(validation), np.array(set_aside)
    return judge({"validation": validation, "test": validation, "set_aside": set_aside, "others": set_aside})


def test_thresholds_are_passed_by_the_share_of_normals_that_was_asked_for():
    scores = judged(range(101), [50, 200, 93, 300])
    strict, loose = (scores[rule] for rule in QUANTILES)
    assert (strict["threshold"], strict["recall"], loose["threshold"], loose["recall"]) == (95, 0.5, 90, 0.75)
    assert strict["specificity"] == pytest.approx(96 / 101)
    for rule in ("chosen", *QUANTILES):
        everyone = scores[rule + EVERYONE]
        assert everyone["true_positives"] + everyone["false_negatives"] == 8
        assert everyone["threshold"] == scores[rule]["threshold"]


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_has_the_largest_balanced_accuracy(seed):
    rng = np.random.default_rng(seed)
    normal, anomalous = rng.integers(0, 9, rng.integers(1, 9)), rng.integers(0, 9, rng.integers(1, 9))
    tried = [detection_scores(normal, anomalous, t)["balanced_accuracy"] for t in (-1, *normal, *anomalous)]
    assert judged(normal, anomalous)["chosen"]["balanced_accuracy"] == pytest.approx(max(tried))


def test_scores_by_hand():
    normal, anomalous = [0.1, 0.2, 0.9], [0.3, 0.8, 0.15, 0.95]
    scores = detection_scores(normal, anomalous, threshold=0.25)
    assert (scores["true_negatives"], scores["false_positives"]) == (2, 1)
    assert (scores["false_negatives"], scores["true_positives"]) == (1, 3)
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0.75
    assert scores["specificity"] == pytest.approx(2 / 3) and scores["balanced_accuracy"] == pytest.approx(17 / 24)
    assert scores["auc"] == pytest.approx(8 / 12)
    assert scores["base_rate"] == pytest.approx(4 / 7)


def test_calling_everything_an_anomaly():
    scores = detection_scores([1, 1], [1] * 98, threshold=-np.inf)
    assert scores["recall"] == 1 and scores["precision"] == scores["base_rate"] == 0.98
    assert scores["balanced_accuracy"] == 0.5 and scores["false_alarms"] == 1 and scores["auc"] == 0.5
