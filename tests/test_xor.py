"""XOR: its runs, its tables and facts; gradients of whole networks."""

import numpy as np
import pytest

from smai_nn.experiments.xor import (
    GradientResult, GradientSetting, XorResult, XorSetting, gradient_facts, output_grid, prediction_table,
    run_gradients, run_xor, worst_errors, xor_facts, xor_settings, xor_table)


@pytest.mark.parametrize("activations, widths", [
    (("relu",), (8,)), (("tanh", "tanh"), (8, 4)), (("sigmoid",) * 3, (4,) * 3), (("relu", "identity"), (4, 8))])
@pytest.mark.parametrize("output, loss", [("sigmoid", "bce"), ("sigmoid", "mse"), ("identity", "mse")])
def test_every_kind_of_network_learns_xor(activations, widths, output, loss):
    result = run_xor(XorSetting(widths, activations, output, loss, seed=0, check_gradient=True))
    assert result.accuracy == 1 and result.largest_error <= 0.25 and result.gradient_error < 1e-6
    assert np.abs(np.array(result.predictions) - [0, 1, 1, 0]).max() == pytest.approx(result.largest_error)


def test_a_run_that_fails_starts_again_and_counts_all_updates():
    results = [run_xor(XorSetting((2,), ("relu",), seed=seed)) for seed in range(4)]
    assert all(r.accuracy == 1 for r in results) and max(r.starts for r in results) > 1
    assert all(r.updates > 500 * (r.starts - 1) for r in results)


def test_the_final_parameters_give_the_predictions_again():
    result = run_xor(XorSetting((4, 8), ("tanh", "relu")))
    grid = output_grid(result, points=7)  # steps of 1/4 from -1/4: the samples are at 1 and 5
    assert [grid[j, i] for i, j in ((1, 1), (1, 5), (5, 1), (5, 5))] == pytest.approx(result.predictions)


def test_a_linear_network_does_not_learn_xor():
    control = run_xor(XorSetting((8,), ("identity",), "identity", "mse", most_starts=1))
    assert control.accuracy <= 0.75 and control.losses[-1] == pytest.approx(0.25, abs=0.02) and control.updates == 500


def test_settings_are_every_combination_and_unequal_pairs():
    settings = xor_settings((2, 4), ((8, 4),), [("relu",), ("tanh", "tanh")], [("sigmoid", "bce")], (5, 6))
    assert {s.widths for s in settings} == {(2,), (4,), (2, 2), (4, 4), (8, 4)} and len(settings) == 10
    assert {s.seed for s in settings if s.check_gradient} == {5}
    assert {s.network for s in settings if s.is_narrow} == {"2-2-1", "2-2-2-1"}


def made_up(widths, starts, accuracy=1.0, error=0.2):
    """Return an XorResult with these figures."""
    return XorResult(XorSetting(widths, ("relu",)), [0.1, 1, 1, 0], accuracy, error, 100 * starts, starts, 1e-8,
                     np.zeros(1), np.zeros(1))


def test_facts_and_tables_keep_narrow_networks_apart():
    runs = [made_up((4,), 1), made_up((8,), 1), made_up((8,), 2), made_up((2,), 7, error=0.24)]
    facts = xor_facts(runs, [made_up((8,), 1, accuracy=0.5)])
    assert facts["xor.first_start_share"] == pytest.approx(2 / 3) and facts["xor.narrow_share"] == 0
    assert (facts["xor.most_starts_wide"], facts["xor.most_starts"], facts["xor.largest_error"]) == (2, 7, 0.24)
    assert [(row["network"], row["most starts"]) for row in xor_table(runs, "network")] == [
        ("2-4-1", 1), ("2-8-1", 2), ("2-2-1", 7)]
    assert prediction_table(runs[0])[:2] == [{"x1": 0, "x2": 0, "label": 0, "prediction": "0.1000"},
                                             {"x1": 0, "x2": 1, "label": 1, "prediction": "1.0000"}]


def test_gradient_errors_fall_with_the_square_of_the_step():
    result = run_gradients(GradientSetting("tanh", "bce", 0, epsilons=(1e-1, 1e-2, 1e-3)))
    assert result.errors[1] / result.errors[0] == pytest.approx(1e-2, rel=0.2) and result.excluded == 0
    relu = run_gradients(GradientSetting("relu", "mse", 0, epsilons=(0.5, 1e-5)))
    assert relu.excluded > 0 and relu.errors[1] < 1e-6


def test_gradient_facts_take_the_worst_seed_at_the_best_step():
    runs = [GradientResult(GradientSetting("tanh", "mse", seed), errors, 10, 0)
            for seed, errors in ((0, [1e-2, 1e-4, 1e-6, 1e-9]), (1, [2e-2, 2e-4, None, 5e-9]))]
    assert worst_errors(runs)["tanh", "mse"].tolist() == [2e-2, 2e-4, 1e-6, 5e-9]
    facts = gradient_facts(runs)
    assert facts["gradient_check.max_relative_error"] == 5e-9 and facts["gradient_check.compared"] == 20
    assert facts["gradient_check.least_fall"] == pytest.approx(np.log10(2e4) / 2)
