"""Who is in which part, scaling, thresholds, scores: worked by hand, and as invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smai_nn.experiments.anomaly import FOLDS, auc, detection_scores, judge, scale_pictures, split_pictures

NAMES = np.repeat(["Bush", *[f"Other_{i:02d}" for i in range(30)]], [50, *[3] * 30])
ANY_NAMES = st.builds(lambda normals, strangers: np.repeat(["normal", *map(str, range(strangers))],
                                                           [normals, *[2] * strangers]),
                      st.integers(10, 60), st.integers(3, 40))


@settings(deadline=None)  # the machine may be busy
@given(ANY_NAMES, st.integers(0, 1000))
def test_no_picture_has_two_roles_none_is_lost_and_no_role_is_empty(names, seed):
    split = split_pictures(names, "normal", seed)
    assert tuple(split) == ("train", "validation", "test", "set_aside", "others") and all(map(len, split.values()))
    assert sorted(np.concatenate(list(split.values())).tolist()) == list(range(len(names)))
    for role, rows in split.items():
        assert ((names[rows] == "normal") == (role in ("train", "validation", "test"))).all()
    assert not set(names[split["set_aside"]]) & set(names[split["others"]])


@settings(deadline=None)  # the machine may be busy
@given(ANY_NAMES, st.integers(0, FOLDS - 1))
def test_what_settings_are_chosen_with_is_in_no_test_of_any_seed(names, fold):
    choosing = split_pictures(names, "normal", fold=fold)
    assert tuple(choosing) == ("train", "validation", "set_aside") and all(map(len, choosing.values()))
    seen = set(np.concatenate(list(choosing.values())).tolist())
    for seed in range(3):
        split = split_pictures(names, "normal", seed)
        assert not seen & {*split["test"], *split["others"]}


def test_folds_hold_out_every_normal_picture_of_the_choices_once():
    folds = [split_pictures(NAMES, "Bush", fold=fold) for fold in range(FOLDS)]
    held_out = np.concatenate([fold["validation"] for fold in folds])
    assert sorted(held_out) == sorted([*folds[0]["train"], *folds[0]["validation"]]) and len(held_out) == 20


def test_three_seeds_test_three_fifths_against_the_same_validation():
    splits = [split_pictures(NAMES, "Bush", seed) for seed in range(3)]
    assert [len(rows) for rows in splits[0].values()] == [30, 10, 10, 9, 81]
    assert len({row for split in splits for row in split["test"]}) == 30
    assert all(np.array_equal(split["validation"], splits[0]["validation"]) for split in splits)


def test_the_same_people_are_set_aside_whoever_is_normal():
    names = np.repeat([f"Person_{i:02d}" for i in range(30)], 12)
    aside = {normal: set(names[split_pictures(names, normal)["set_aside"]]) for normal in np.unique(names)}
    everyone = set.union(*aside.values())
    assert len(everyone) == 3 and all(people == everyone - {normal} for normal, people in aside.items())


@pytest.mark.parametrize("names, normal, message", [
    (NAMES, "Nobody", "expected a name with at least 10 pictures"),
    (NAMES[:56], "Bush", "3 other names, got 'Bush' with 50 pictures among 3 names"),
])
def test_what_cannot_be_split_is_refused(names, normal, message):
    with pytest.raises(ValueError, match=message):
        split_pictures(names, normal)


IMAGES = np.random.default_rng(0).integers(0, 256, (8, 5, 4), np.uint8)
TRAIN = np.arange(4)


def test_scaling_by_picture_removes_brightness_and_contrast():
    rows, _, _ = scale_pictures(IMAGES, "picture", TRAIN)
    assert rows.dtype == np.float32 and rows.shape == (8, 20)
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(scale_pictures(IMAGES // 2 + 20, "picture", TRAIN)[0], rows, atol=0.02)


def test_scaling_by_pixel_uses_the_training_rows_alone():
    rows, _, _ = scale_pictures(IMAGES, "pixel", TRAIN)
    np.testing.assert_allclose(rows[:4].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows[:4].std(axis=0), 1, rtol=1e-5)
    changed = IMAGES.copy()
    changed[4:] = 0
    np.testing.assert_array_equal(scale_pictures(changed, "pixel", TRAIN)[0][:4], rows[:4])


@pytest.mark.parametrize("scaling, before", [("none", "none"), ("pixel", "none"), ("picture", "picture"),
                                             ("both", "picture")])
def test_scaling_by_pixel_can_be_taken_back(scaling, before):
    rows, mean, deviation = scale_pictures(IMAGES, scaling, TRAIN)
    np.testing.assert_allclose(rows * deviation + mean, scale_pictures(IMAGES, before, TRAIN)[0], atol=1e-5)


def test_pictures_of_one_colour_become_zeros():
    grey = np.full((3, 2, 2), 77, np.uint8)
    assert not scale_pictures(grey, "picture", [0])[0].any() and not scale_pictures(grey, "pixel", [0])[0].any()
    np.testing.assert_allclose(scale_pictures(grey, "none", [0])[0], 77 / 255)


def judged(validation, set_aside):
    """Return both scores of a detector whose test has the errors of validation and people set aside again."""
    return judge({"validation": validation, "test": validation, "set_aside": set_aside, "others": set_aside}, 0.95)


def test_the_threshold_is_passed_by_the_share_of_normals_that_was_asked_for():
    scores, _ = judged(np.arange(101), [50, 200])
    assert scores["threshold"] == 95 and scores["specificity"] == pytest.approx(96 / 101)


@pytest.mark.parametrize("seed", range(5))
def test_the_tuned_threshold_has_the_largest_balanced_accuracy(seed):
    rng = np.random.default_rng(seed)
    normal, anomalous = rng.integers(0, 9, rng.integers(1, 9)), rng.integers(0, 9, rng.integers(1, 9))
    tried = [detection_scores(normal, anomalous, t)["balanced_accuracy"] for t in (-1, *normal, *anomalous)]
    assert judged(normal, anomalous)[1]["balanced_accuracy"] == pytest.approx(max(tried))


def test_scores_by_hand():
    normal, anomalous = [0.1, 0.2, 0.9], [0.3, 0.8, 0.15, 0.95]
    scores = detection_scores(normal, anomalous, threshold=0.25)
    assert (scores["true_negatives"], scores["false_positives"]) == (2, 1)
    assert (scores["false_negatives"], scores["true_positives"]) == (1, 3)
    assert scores["precision"] == scores["recall"] == scores["f1"] == 0.75
    assert scores["specificity"] == pytest.approx(2 / 3) and scores["balanced_accuracy"] == pytest.approx(17 / 24)
    assert scores["auc"] == pytest.approx(8 / 12) == pytest.approx(auc(normal, anomalous))
    assert scores["base_rate"] == pytest.approx(4 / 7)


def test_calling_everything_an_anomaly():
    scores = detection_scores([1, 1], [1] * 98, threshold=-np.inf)
    assert scores["recall"] == 1 and scores["precision"] == scores["base_rate"] == 0.98
    assert scores["balanced_accuracy"] == 0.5 and scores["false_alarms"] == 1 and scores["auc"] == 0.5
