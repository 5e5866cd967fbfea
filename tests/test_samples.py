"""Section 1.5, goal 2: fewest samples, on small synthetic maps."""

import math
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from smai_nn.datasets.border import COLOURS, BorderDataset
from smai_nn.execution import begin_execution, run_experiments, run_study
from smai_nn.experiments import samples
from smai_nn.experiments.samples import (
    CHOICE, GRADIENT, OUTPUT, RANDOM, LeastSquaresFilter, SampleSetting, TuningResult, chosen_settings, edges,
    sample_table, samples_facts, tuning_facts, tuning_table)
from smai_nn.plots.challenge import plot_sample_curves
from smai_nn.plots.style import audit
from smai_nn.profiles import SampleProfile
from smai_nn.trainer import History

PROFILE = SampleProfile(learning_rates={"sgd": (0.1,), "adam": (0.01,), OUTPUT: (0.001,)}, batch_sizes=(4,),
                        accumulations=(1, 2), slopes=(20, 40), noise_ratios=(3.0,), gradient_tuning_seeds=(1,),
                        tuning_seeds=(1,), tuning_samples=1000, gradient_seeds=(0,), seeds=(0, 1),
                        gradient_samples=1200)


@pytest.fixture
def wedge(place):
    """A map of 20 x 20 pixels with a wedge of Belgium."""
    rows, columns = np.indices((20, 20))
    mask = (columns > 8) & (columns + rows < 26)
    Image.fromarray(COLOURS[mask.astype(int)].astype(np.uint8)).save(place / "border.png")
    return BorderDataset()


# The filter


def filtered(count):
    """Return 30 rows of 12 features, labels, an order, and a LeastSquaresFilter that has learnt the first `count`."""
    rng = np.random.default_rng(0)
    features, labels, order = rng.standard_normal((30, 12)), rng.integers(0, 2, 30), rng.permutation(30)
    knowledge = LeastSquaresFilter(features, 0.7, 30)
    for pixel in order[:count]:
        knowledge.learn(pixel, labels[pixel])
    return features, labels, order, knowledge


@pytest.mark.parametrize("count", [1, 5, 25])
def test_after_n_samples_the_filter_is_the_exact_regularised_fit_to_them(count):
    features, labels, order, knowledge = filtered(count)
    seen = order[:count]
    rows = np.concatenate([features[seen], np.sqrt(0.7) * np.eye(12)])  # |y - Phi w|^2 + 0.7 |w|^2 as one least squares
    exact = np.linalg.lstsq(rows, np.concatenate([labels[seen] - 0.5, np.zeros(12)]), rcond=None)[0]
    np.testing.assert_allclose(knowledge.weights(count), exact, atol=1e-10)
    np.testing.assert_allclose(knowledge.mean, 0.5 + features @ exact, atol=1e-10)


def test_the_variance_is_that_of_the_weights_covariance():
    features, _, order, knowledge = filtered(9)
    seen = features[order[:9]]
    covariance = np.linalg.inv(np.eye(12) + seen.T @ seen / 0.7)
    np.testing.assert_allclose(knowledge.variance, np.einsum("ij,jk,ik->i", features, covariance, features), atol=1e-10)


def test_the_filter_asks_for_the_unseen_pixel_nearest_to_one_half_in_standard_deviations():
    _, _, order, knowledge = filtered(9)
    score = np.abs(knowledge.mean - 0.5) / np.sqrt(knowledge.variance)
    assert knowledge.least_sure() == min(order[9:], key=lambda pixel: score[pixel])


def test_lines_lie_evenly_in_the_square():
    layer = samples.sample_model(SampleSetting(RANDOM, slope=30.0), np.random.default_rng(0)).layers[0]
    np.testing.assert_allclose(np.linalg.norm(layer.weights, axis=0), 30, rtol=1e-5)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ layer.weights + layer.biases
    assert ((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0)).all()  # every line passes through it
    angles = np.arctan2(layer.weights[1], layer.weights[0])
    assert np.histogram(angles, 32, (0, np.pi))[0].tolist() == [32] * 32


# Runs


@pytest.mark.parametrize("accuracies, expected", [
    ([0.95, 0.92], (10, 10)), ([0.5, 0.92], (20, 20)), ([0.92, 0.5], (10, math.inf)), ([0.5, 0.6], (math.inf,) * 2),
    ([0.5, 0.91, 0.9, 0.91, 0.95], (20, 40))])
def test_settling(accuracies, expected):
    assert samples.settling([10 * (i + 1) for i in range(len(accuracies))], accuracies) == expected


@pytest.mark.parametrize("method", [RANDOM, CHOICE, *GRADIENT])
def test_a_run_reads_back_with_the_checkpoint_of_its_settling_sample(wedge, method):
    setting = SampleSetting(method, learning_rate=0.05, slope=30.0, noise_ratio=3.0, samples=2000)
    folder = samples.run_samples(setting)
    result, model = samples.read_samples(folder), samples.sample_model(setting, np.random.default_rng(5))
    model.load_from(folder / "checkpoint.npz")
    np.testing.assert_array_equal(wedge.as_map(model.predict(wedge.inputs) > 0.5), result.predicted)
    assert result.setting == setting and result.parameter_count == (4417 if method in ("sgd", "adam") else 4097)
    if result.settled < math.inf:
        assert result.correct == round(result.accuracies[list(result.samples).index(result.settled)] * 400) >= 364
    if not setting.uses_gradients:
        assert result.settled < math.inf and result.history.samples == 400


def test_all_batches_are_looked_at_up_to_close_then_some():
    curve = samples.SampleCurve(np.zeros((10, 2)), np.ones((10, 1)), close=20)
    values = iter((0.5, 0.95, 0.9, 0.95, 0.92))
    model = Mock(predict=lambda x: (np.arange(10) < 10 * next(values)).astype(float)[:, None])
    for seen in (10, 20, 30, 520, 530, 1020, 1520):
        model.parameters = np.array([seen])
        curve.on_batch_end(Mock(model=model, history=Mock(samples=seen)))
    assert curve.samples == [0, 10, 20, 520, 1020, 1520] and curve.checkpoint == [1020]


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="method: expected one of 'sgd', 'adam'"):
        SampleSetting("newton")
    with pytest.raises(ValueError, match="noise_ratio: expected a number in"):
        SampleSetting(RANDOM, noise_ratio=0)


def test_a_run_of_the_tuning_that_is_interrupted_is_no_result(monkeypatch):
    monkeypatch.setattr(samples, "learn", lambda *a, **k: (None, [1], [0.5], Mock(stop_reason="interrupted")))
    with pytest.raises(KeyboardInterrupt):
        samples.tune(SampleSetting("sgd"))


# Choice of the settings


def tuned(method, scores, **settings):
    return [TuningResult(SampleSetting(method, seed=seed, **settings), score) for seed, score in enumerate(scores)]


def test_of_equals_the_fewest_updates_win_and_what_is_clearly_worse_does_not():
    best, equal = tuned("adam", (100, 120, 110), batch_size=4), tuned("adam", (110, 118, 112), batch_size=16)
    worse = tuned("adam", (300, 310, 305), batch_size=64)
    chosen = chosen_settings([*best, *equal, *worse])["adam"]
    assert chosen.batch_size == 16 and edges([*best, *equal, *worse], chosen) == []
    assert edges([*best, *equal], chosen) == ["batch_size"]
    assert edges(tuned("sgd", (1,), batch_size=1) + tuned("sgd", (9,), batch_size=2), SampleSetting("sgd")) == []


def test_the_two_orders_of_least_squares_have_the_settings_that_are_best_for_both_together():
    runs = [*tuned(RANDOM, (400, 420), slope=60.0), *tuned(RANDOM, (390, 420), slope=120.0)]
    runs += [*tuned(CHOICE, (150, 160), slope=60.0), *tuned(CHOICE, (190, 200), slope=120.0)]
    assert {method: s.slope for method, s in chosen_settings(runs).items()} == {RANDOM: 60.0, CHOICE: 60.0}


def test_tuning_and_runs_from_a_profile_to_facts_and_figures(wedge):
    begin_execution()
    results = run_study(samples.TUNING, samples.tuning_settings(PROFILE))
    chosen = chosen_settings(results)
    assert list(chosen) == [*GRADIENT, RANDOM, CHOICE] and len(results) == 10
    settings = samples.final_settings(chosen, PROFILE)
    assert {s.seed for s in settings if not s.uses_gradients} == {0, 1}
    runs = run_experiments(samples.SAMPLES, settings)
    facts = tuning_facts(results) | samples_facts(runs)
    assert facts["challenge.samples_least_recount"] >= facts["challenge.needed"] == 364
    assert [len(tuning_table(results, learner)) for learner in (*GRADIENT, "least squares")] == [2, 2, 2, 2]
    assert len(sample_table(runs)) == 5
    assert audit(plot_sample_curves(runs)) == []


def made_up(method, first, settled, seed=0):
    truth = np.repeat([[0, 0, 0, 1, 1]], 2, axis=0)
    return samples.SampleResult(SampleSetting(method, seed=seed), 17, first, settled, np.array([10, 20]),
                                np.array([0.5, 0.9]), truth, truth, History(10, 1))


def test_facts_of_made_up_runs_count_who_never_gets_there_as_later_than_all():
    runs = [made_up(RANDOM, 10, s, seed) for seed, s in enumerate((300, math.inf, 400))]
    runs += [made_up(CHOICE, 8, 2), made_up(CHOICE, 8, 4)]
    runs += [made_up("sgd", math.inf, math.inf), made_up("adam", 50, math.inf), made_up(OUTPUT, 20, 40)]
    facts = samples_facts(runs)
    assert facts["challenge.samples_median"] == 400 and facts["challenge.samples_seeds"] == 2
    assert facts["challenge.samples_chosen_median"] == 3 and facts["challenge.samples_chosen_seeds"] == 2
    assert facts["challenge.sgd_median"] is None and facts["challenge.adam_first_crossing_median"] == 50
    assert facts["challenge.needed"] == 10
    assert sample_table(runs)[0]["**at 91% for good**"] == "400 (300–never)"
