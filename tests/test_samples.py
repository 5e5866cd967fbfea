"""Section 1.5: fewest samples and the whole map, on small synthetic maps."""

import dataclasses
import math

import numpy as np
import pytest
from PIL import Image

from smai_nn import Linear, Tanh, TrainConfig, Trainer
from smai_nn.datasets.border import COLOURS, BorderDataset
from smai_nn.execution import begin_execution, run_experiments, run_study
from smai_nn.experiments import samples
from smai_nn.experiments.border import BorderSetting, read_border
from smai_nn.experiments.samples import CHOICE, RANDOM, LeastSquaresFilter, SampleSetting, TuningResult, chosen_settings
from smai_nn.experiments.samples_facts import edges, sample_table, samples_facts, tuning_facts, tuning_table
from smai_nn.experiments.whole_map import run_whole_map, whole_map_facts
from smai_nn.plots.samples import plot_asked, plot_sample_curves, plot_settling
from smai_nn.plots.style import audit
from smai_nn.profiles import SampleProfile
from smai_nn.trainer import History

PROFILE = SampleProfile(sgd_rates=(0.1,), adam_rates=(0.01,), batch_sizes=(4,), accumulations=(1, 2), slopes=(20, 40),
                        noise_ratios=(3.0,), gradient_tuning_seeds=(1,), tuning_seeds=(1,), tuning_samples=1000,
                        gradient_seeds=(0,), seeds=(0, 1), gradient_samples=1200)


def save_map(place, mask):
    Image.fromarray(COLOURS[np.asarray(mask, int)].astype(np.uint8)).save(place / "border.png")
    return BorderDataset()


@pytest.fixture
def wedge(place):
    """A map of 20 x 20 pixels with a wedge of Belgium."""
    rows, columns = np.indices((20, 20))
    return save_map(place, (columns > 8) & (columns + rows < 26))


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
    layer = Linear(2, 1024, Tanh, rng=np.random.default_rng(0))
    samples.place_lines(layer, 30, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(layer.weights, axis=0), 30)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) @ layer.weights + layer.biases
    assert ((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0)).all()  # every line passes through it
    angles = np.arctan2(layer.weights[1], layer.weights[0])
    assert (np.histogram(angles, 32, (0, np.pi))[0] == 32).all()


# Runs


@pytest.mark.parametrize("accuracies, expected", [
    ([0.95, 0.92], (10, 10)), ([0.5, 0.92], (20, 20)), ([0.92, 0.5], (10, math.inf)), ([0.5, 0.6], (math.inf,) * 2),
    ([0.5, 0.91, 0.9, 0.91, 0.95], (20, 40))])
def test_settling(accuracies, expected):
    assert samples.settling([10 * (i + 1) for i in range(len(accuracies))], accuracies) == expected


def test_the_curve_looks_after_every_update_and_then_now_and_then(wedge):
    curve = samples.SampleCurve(wedge, 80)
    model = samples.sample_model(SampleSetting("adam"), np.random.default_rng(0))
    history = Trainer(model, TrainConfig(8, max_epochs=4), rng=np.random.default_rng(0), callbacks=[curve]).fit(
        wedge.inputs, wedge.targets)
    assert curve.samples == [*range(8, 81, 8), 584, 1088, 1592]
    assert history.samples == 1600


@pytest.mark.parametrize("method", [RANDOM, CHOICE, "sgd", "adam"])
def test_a_run_reads_back_with_the_checkpoint_of_its_settling_sample(wedge, method):
    setting = SampleSetting(method, learning_rate=0.05, slope=30.0, noise_ratio=3.0, samples=2000)
    folder = samples.run_samples(setting)
    result, model = samples.read_samples(folder), samples.sample_model(setting, np.random.default_rng(5))
    model.load_from(folder / "checkpoint.npz")
    np.testing.assert_array_equal(wedge.as_map(model.predict(wedge.inputs) > 0.5), result.predicted)
    assert result.setting == setting and result.parameter_count == (4417 if setting.uses_gradients else 4097)
    if result.settled < math.inf:
        at_look = result.accuracies[list(result.samples).index(result.settled)]
        assert result.correct == round(at_look * 400) >= 364
    if not setting.uses_gradients:
        assert result.settled < math.inf and len(set(result.pixels.tolist())) == 400 == result.history.samples


def test_random_order_is_the_shuffled_order_of_the_seed_and_choice_begins_there(wedge):
    order = np.random.default_rng(3).spawn(2)[1].permutation(400)
    pixels, chosen = (samples.learn(SampleSetting(method, samples=50, seed=3), wedge)[3] for method in (RANDOM, CHOICE))
    assert pixels == order[:50].tolist() and chosen[0] == order[0] and chosen != pixels


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="method: expected one of 'sgd', 'adam'"):
        SampleSetting("newton")
    with pytest.raises(ValueError, match="noise_ratio: expected a number in"):
        SampleSetting(RANDOM, noise_ratio=0)


# Choice of the settings


def tuned(method, scores, **settings):
    return [TuningResult(SampleSetting(method, seed=seed, **settings), score, 0.9) for seed, score in enumerate(scores)]


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


def test_the_mean_accuracy_decides_where_none_gets_there(wedge):
    result = samples.tune(SampleSetting("sgd", learning_rate=1e-6))
    assert result.score == 1000 + 1 - result.mean_accuracy


def test_tuning_and_runs_from_a_profile_to_facts_and_figures(wedge):
    begin_execution()
    results = run_study(samples.TUNING, samples.tuning_settings(PROFILE))
    chosen = chosen_settings(results)
    assert list(chosen) == ["sgd", "adam", RANDOM, CHOICE] and len(results) == 8
    settings = samples.final_settings(chosen, PROFILE)
    assert {s.seed for s in settings if not s.uses_gradients} == {0, 1}
    runs = run_experiments(samples.SAMPLES, settings)
    facts = tuning_facts(results) | samples_facts(runs)
    assert facts["challenge.samples_least_recount"] >= facts["challenge.needed"] == 364
    assert [len(tuning_table(results, learner)) for learner in ("sgd", "adam", "least squares")] == [2, 2, 2]
    assert len(sample_table(runs)) == 4
    for figure in (plot_sample_curves(runs), plot_settling(runs), plot_asked(runs[-2:])):
        assert audit(figure) == []


def made_up(method, first, settled, seed=0):
    truth = np.repeat([[0, 0, 0, 1, 1]], 2, axis=0)
    return samples.SampleResult(SampleSetting(method, seed=seed), 17, first, settled, np.array([10, 1000, 2000]),
                                np.array([0.5, 0.8, 0.9]), np.arange(10), truth, truth, History(10, 1))


def test_facts_of_made_up_runs_count_who_never_gets_there_as_later_than_all():
    runs = [made_up(RANDOM, 10, s, seed) for seed, s in enumerate((300, math.inf, 400))]
    runs += [made_up(CHOICE, 8, 2), made_up(CHOICE, 8, 4)]
    runs += [made_up("sgd", math.inf, math.inf), made_up("adam", 50, math.inf)]
    facts = samples_facts(runs)
    assert facts["challenge.samples_median"] == 400 and facts["challenge.samples_settled_seeds"] == 2
    assert facts["challenge.samples_chosen_median"] == 3 and facts["challenge.samples_chosen_seeds"] == 2
    assert facts["challenge.sgd_median"] is None and facts["challenge.adam_first_crossing_median"] == 50
    assert facts["challenge.adam_at_1000"] == 0.8 and facts["challenge.needed"] == 10
    assert facts["challenge.border_share"] == 0.4 and facts["challenge.asked_at_border"] == (0 + 2 / 4) / 2
    assert sample_table(runs)[0]["**at 91% for good**"] == "400 (300–never)"


def test_missed_are_the_runs_with_nothing_of_the_second_largest_piece():
    runs = [dataclasses.replace(made_up(method, 8, 2), truth=np.array([[1, 1, 0, 0, 1]]),
                                predicted=np.array([[1, 1, 0, 0, right]]))
            for method, right in ((RANDOM, 1), (CHOICE, 0), ("sgd", 1), ("adam", 0))]
    facts = samples_facts(runs)
    assert [facts[f"challenge.{name}_missed"] for name in ("samples", "samples_chosen", "sgd", "adam")] == [0, 1, 0, 1]


# The whole map


def whole_map(**settings):
    return read_border(run_whole_map(BorderSetting(activation="tanh", learning_rate=0.01, patience=None, **settings)))


def test_a_run_ends_with_the_epoch_that_has_every_pixel_right(place):
    rows, columns = np.indices((12, 12))
    save_map(place, columns + 0.4 * rows > 7.2)
    result = whole_map(hidden=(4,), batch_size=16, max_epochs=500)
    assert result.accuracy == 1 and result.history.stop_reason == "all correct"
    assert max(result.history.epoch_accuracy[:-1]) < 1


def test_a_run_that_does_not_get_there_keeps_its_best_epoch(place):
    save_map(place, np.random.default_rng(0).integers(0, 2, (10, 10)))
    runs = [whole_map(hidden=hidden, batch_size=10, max_epochs=8) for hidden in ((2,), (4, 4))]
    facts = whole_map_facts(runs)
    best = max(100 * max(r.history.epoch_accuracy) for r in runs)
    assert facts["challenge.full_map_correct"] == round(best) < 100


def test_least_squares_refuses_batches():
    with pytest.raises(ValueError, match="expected 1 and 1 for least squares"):
        SampleSetting(RANDOM, batch_size=2)
