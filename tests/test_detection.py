"""Section 3.2's experiment, on the shipped digits; above all: no test picture takes part in any choice."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets import lfw
from smai_nn.experiments import detection
from smai_nn.experiments.border import group
from smai_nn.experiments.detection import DetectionSetting, read_detection, run_detection, score_choice
from smai_nn.plots import detection as plots
from smai_nn.plots.run_figures import run_figures
from smai_nn.plots.style import audit
from smai_nn.profiles import PROFILES
from smai_nn.runs import RunFolder
from smai_nn.trainer import History

TINY = DetectionSetting(size=14, hidden=(16, 12), bottleneck=4, max_epochs=3)
CHOICES = [dataclasses.replace(TINY, detector=detector) for detector in detection.DETECTORS]


def made_up(setting, normal=(1, 2, 3, 4), anomalous=(2.5, 5, 6, 7, 8)):
    """Return a DetectionResult that nobody had to train."""
    errors = {role: np.array(normal, np.float32) for role in ("train", "validation", "test")}
    errors |= {role: np.array(anomalous, np.float32) for role in ("set_aside", "others")}
    history = History(4, 2, iteration_loss=[2.0, 1.0], epoch_loss=[1.5], epoch_accuracy=[np.nan], epoch_seconds=[0.1])
    area = detection.choice_auc(errors["validation"], errors["set_aside"])
    return detection.DetectionResult(setting, "George_W_Bush", errors, detection.judge(errors), area, history, {})


def all_choices():
    """Make every kind of choice; return what it came to."""
    return [result.set_aside_auc for result in map(score_choice, CHOICES)]


def replace_pictures(monkeypatch, rows):
    """Put noise in the place of the pictures in these rows."""
    faces, normal = detection.load_pictures()
    images = faces.images.copy()
    images[rows] = np.random.default_rng(0).integers(0, 256, images[rows].shape, np.uint8)
    other = dataclasses.replace(faces, images=images)
    monkeypatch.setattr(detection, "load_pictures", lambda: (other, normal))


def rows_of(roles, seed=None):
    """Return all rows that have one of these roles with the seed."""
    faces, normal = detection.load_pictures()
    return np.flatnonzero(np.isin(detection.assign_roles(faces.people, normal, seed), roles))


def test_no_test_picture_of_any_seed_can_reach_a_choice(monkeypatch):
    before = all_choices()
    replace_pictures(monkeypatch, rows_of(("test", "others")))
    assert all_choices() == before


def test_pictures_that_choices_may_see_do_reach_them(monkeypatch):
    """The test above could not fail if nothing were looked at."""
    before = all_choices()
    replace_pictures(monkeypatch, rows_of(("train",))[:40])
    assert all(now != then for now, then in zip(all_choices(), before))


@pytest.mark.parametrize("detector", detection.DETECTORS)
def test_no_test_picture_can_reach_what_is_learnt_or_the_thresholds(monkeypatch, detector):
    setting = dataclasses.replace(TINY, detector=detector)
    before = read_detection(run_detection(setting))
    replace_pictures(monkeypatch, rows_of(("test", "others"), setting.seed))
    after = read_detection(run_detection(setting))
    for role in ("train", "validation", "set_aside"):
        np.testing.assert_array_equal(after.errors[role], before.errors[role])
    assert after.choice_auc == before.choice_auc
    for rule, scores in before.scores.items():
        assert after.scores[rule]["threshold"] == scores["threshold"]
        assert after.scores[rule]["auc"] != scores["auc"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a run of TINY."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMAI_RUNS", str(tmp_path_factory.mktemp("runs")))
        return RunFolder(run_detection(TINY))


def test_a_result_is_read_from_its_folder_as_it_was_written(folder):
    result = read_detection(folder.path)
    assert result.setting == TINY and result.normal == "digit 0" and result.history.epochs == 3
    assert {role: len(errors) for role, errors in result.errors.items()} == {
        "train": 300, "validation": 100, "test": 100, "set_aside": 1000, "others": 3500}
    assert result.scores == detection.judge(result.errors)
    assert result.choice_auc == detection.choice_auc(result.errors["validation"], result.errors["set_aside"])
    assert folder.status == "completed" and folder.settings()["data"]["file"] == "data/mnist_5k.npz"
    assert sum(file.stat().st_size for file in folder.path.rglob("*") if file.is_file()) < 100_000


def test_cases_are_of_their_kind_and_their_error_maps_are_their_errors(folder):
    result = read_detection(folder.path)
    kinds = dict(zip(result.cases["case"].tolist(), result.cases["error"]))
    assert {"true negative", "true positive"} <= kinds.keys()
    for case, error in kinds.items():
        assert (error > result.scores["chosen"]["threshold"]) == case.endswith("positive")
    if "false negative" in kinds:
        assert kinds["false negative"] == result.errors["others"].min()
    np.testing.assert_allclose(result.cases["squares"].mean(axis=(1, 2), dtype=float), list(kinds.values()), rtol=5e-3)
    named = dict(zip(result.cases["case"].tolist(), result.cases["person"].tolist()))
    assert named["true negative"] == "digit 0" != named["true positive"]


def test_every_bottleneck_of_the_profiles_is_narrower_than_its_neighbours():
    for profile in PROFILES.values():
        assert max(profile.faces.bottlenecks) < min(profile.faces.hidden)


def made_up_groups(normal="George_W_Bush"):
    """Return made-up results; the autoencoder of 4 is the best, and PCA is behind."""
    results = [made_up(s, normal=(1, 2, 3, 4 + (s.detector == "PCA") + s.bottleneck / 100))
               for s in detection.detector_settings(TINY, (4, 6, 8), (0, 1))]
    return group([dataclasses.replace(result, normal=normal) for result in results], "label")


def test_facts_by_hand():
    groups = made_up_groups()
    facts = detection.detector_facts(groups)
    assert detection.best_label(groups) == "autoencoder 4" and facts["lfw.seeds"] == 2
    areas = [detection.detection_scores([1, 2, 3, last], [2.5, 5, 6, 7, 8], 4)["auc"] for last in (4.04, 5.04)]
    assert facts["lfw.auc_mean"] == pytest.approx(areas[0]) and facts["detector.seed_range"] == 0
    assert facts["lfw.pca_auc"] == pytest.approx(areas[1]) and facts["lfw.seeds_ahead_of_pca"] == 2
    assert facts["lfw.normal"] == "George W Bush" and facts["detector.everything_f1"] == pytest.approx(2 * 5 / (5 + 9))


def test_facts_of_digits_do_not_pass_for_those_of_faces():
    names = detection.detector_facts(made_up_groups(normal="digit 0"))
    assert "digits_for_lfw.auc_mean" in names and not any(name.startswith("lfw.") for name in names)


def test_tables_give_means_and_ranges_over_the_seeds():
    groups = made_up_groups()
    rows, by_rule = detection.score_rows(groups), detection.rule_rows(groups)
    assert [row["detector"] for row in rows][2:4] == ["autoencoder 8", "PCA 4"]
    assert rows[5]["auc"] == "0.8500 (0.850 to 0.850)"
    rules = ["chosen", *detection.QUANTILES]
    assert [row["threshold"] for row in by_rule[:6]] == [*rules, *(rule + detection.EVERYONE for rule in rules)]
    assert [row["recall"] for row in by_rule[:6]] == ["0.800"] * 6
    learnt = [detection.ChoiceResult(dataclasses.replace(TINY, seed=seed), "digit 0", (1 + seed) / 2)
              for seed in (0, 1)]
    assert detection.choice_table(learnt, "bottleneck") == [
        {"bottleneck": "4", "AUC, set aside": "0.7500 (0.500 to 1.000)"}]


def test_faces_are_used_where_lfw_is_there_and_found_without_being_read(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name, count in (("George_W_Bush", 20), ("Ada_Lovelace", 3), ("Grace_Hopper", 2), ("Alan_Turing", 2)):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        for number in range(1, count + 1):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(
                tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg")
    monkeypatch.setenv("SMAI_DATA", str(tmp_path))
    path = run_detection(dataclasses.replace(TINY, crop=detection.BOXES[1]))
    result, data = read_detection(path), RunFolder(path).settings()["data"]
    assert result.normal == "George_W_Bush" and sum(map(len, result.errors.values())) == 27
    assert data["file"] == "$SMAI_DATA/lfw"
    monkeypatch.setattr(lfw, "_decode_all", None)
    monkeypatch.setattr(lfw.sources, "kept", None)
    assert detection.pictures_source().record() == data


def test_a_setting_refuses_what_there_is_not():
    with pytest.raises(ValueError, match="detector: expected one of 'autoencoder', 'PCA'"):
        dataclasses.replace(TINY, detector="kNN")


def test_every_figure_is_complete():
    runs = [own[0] for own in made_up_groups().values()]
    runs[0].cases.update(case=np.array(["true negative", "false negative"]), person=np.array(["Ada_Lovelace"] * 2),
                         error=np.array([1, 2]), picture=np.zeros((2, 9, 9), np.uint8),
                         **{name: np.random.default_rng(0).random((2, 6, 6))
                            for name in ("compared", "rebuilt", "squares")})
    figures = {"errors": plots.plot_errors(runs[0]), "roc": plots.plot_roc(runs[:5]),
               "precision-recall": plots.plot_precision_recall(runs[0]), "cases": plots.plot_cases(runs[0]),
               **run_figures(runs[0])}
    assert {name: audit(figure) for name, figure in figures.items() if audit(figure)} == {}


def test_operating_points_are_marked_where_the_scores_say():
    run = made_up(TINY)
    panel = plots.plot_precision_recall(run).axes[0]
    marked = [(line.get_xdata()[0], line.get_ydata()[0]) for line in panel.lines if line.get_marker() in "oD"]
    chosen, strict, *_ = run.scores.values()
    assert marked == [(scores["recall"], scores["precision"]) for scores in (chosen, strict)]


def test_what_is_not_trained_has_no_loss_plot():
    assert run_figures(dataclasses.replace(made_up(TINY), history=History(4, 2))) == {}
