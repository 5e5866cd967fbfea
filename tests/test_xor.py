"""XOR: its runs, its tables and facts; gradients of whole networks."""

import numpy as np
import pytest

from smai_nn.experiments.xor import (
    XorResult, XorSetting, check_gradients, gradient_facts, prediction_table, run_xor, xor_arrays, xor_facts, xor_model,
    xor_settings, xor_table)


@pytest.mark.parametrize("activations, widths", [
    (("relu",), (8,)), (("tanh", "tanh"), (8, 4)), (("sigmoid",) * 3, (4,) * 3), (("relu", "identity"), (4, 8))])
@pytest.mark.parametrize("output, loss", [("sigmoid", "bce"), ("sigmoid", "mse"), ("identity", "mse")])
def test_every_kind_of_network_learns_xor(activations, widths, output, loss):
    result = run_xor(XorSetting(widths, activations, output, loss, seed=0, check_gradient=True))
    assert result.accuracy == 1 and result.largest_error <= 0.25 and result.gradient_error < 1e-6
    assert np.abs(np.array(result.predictions) - [0, 1, 1, 0]).max() == pytest.approx(result.largest_error)
    model = xor_model(result.setting, np.random.default_rng(1))
    model.parameters = result.parameters
    assert model.predict(xor_arrays()[0]).ravel() == pytest.approx(result.predictions, abs=1e-4)


def test_a_run_that_fails_starts_again_and_counts_all_updates():
    results = [run_xor(XorSetting((2,), ("relu",), seed=seed)) for seed in range(4)]
    assert all(r.accuracy == 1 for r in results) and max(r.starts for r in results) > 1
    assert all(r.updates > 500 * (r.starts - 1) for r in results)


def test_a_linear_network_does_not_learn_xor():
    control = run_xor(XorSetting((8,), ("identity",), "identity", "mse", most_starts=1))
    assert control.accuracy <= 0.75 and control.losses[-1] == pytest.approx(0.25, abs=0.02) and control.updates == 500


def test_settings_are_every_combination_and_unequal_pairs():
    settings = xor_settings((2, 4), [("relu",), ("tanh", "tanh")], [("sigmoid", "bce")], (5, 6))
    assert {s.widths for s in settings} == {(2,), (4,), (2, 2), (4, 4), (8, 4), (4, 8)} and len(settings) == 12
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
    assert facts["xor.most_starts"] == 7
    assert [(row["network"], row["most starts"]) for row in xor_table(runs, "network")] == [
        ("2-4-1", 1), ("2-8-1", 2), ("2-2-1", 7)]
    assert prediction_table(runs[0])[:2] == [{"x1": 0, "x2": 0, "label": 0, "prediction": "0.1000"},
                                             {"x1": 0, "x2": 1, "label": 1, "prediction": "1.0000"}]


def test_gradient_errors_fall_with_the_square_of_the_step():
    errors, compared, excluded = check_gradients()
    assert errors["tanh", "bce"][1] / errors["tanh", "bce"][0] == pytest.approx(1e-2, rel=0.2)
    assert compared + excluded == 8 * 10 * 74 and excluded > 0  # pairs, steps, parameters; ReLU's kinks
    facts = gradient_facts(errors, compared, excluded)
    assert facts["gradient_check.max_relative_error"] < 1e-6 and facts["gradient_check.least_fall"] > 1.8
