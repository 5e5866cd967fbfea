"""The stopping rule L_t >= 0.99 L_(t-10): a truth table."""

import re

import numpy as np
import pytest

from smai_nn import EarlyStopping


def decisions(losses, **settings):
    rule = EarlyStopping(**settings)
    return [rule.should_stop(loss) for loss in losses]


@pytest.mark.parametrize("last, stops", [
    (0.99, True), (np.nextafter(0.99, 0), False), (np.nextafter(0.99, 1), True),
    (1.0, True), (2.0, True), (0.98, False), (0.0, False),
])
def test_at_t_10_the_loss_must_be_below_99_percent_of_the_first(last, stops):
    """Exactly 99% stops; what lies between does not matter."""
    for between in (0.001, 1.0, 50.0):
        assert decisions([1.0] + [between] * 9 + [last]) == [False] * 10 + [stops]


@pytest.mark.parametrize("losses", [[1.0] * 10, list(range(1, 11)), [0.0] * 10])
def test_nothing_stops_before_t_10(losses):
    assert decisions(losses) == [False] * 10


def test_each_epoch_is_compared_with_the_one_ten_before_it():
    falling, rising = [1.0, 0.5] + [0.4] * 8, [0.5, 1.0] + [0.4] * 8  # t = 0 .. 9
    assert decisions(falling + [0.98, 0.494]) == [False] * 12
    assert decisions(falling + [0.98, 0.495]) == [False] * 11 + [True]
    assert decisions(rising + [0.4, 0.98]) == [False] * 12
    assert decisions(rising + [0.4, 0.99]) == [False] * 11 + [True]


def test_a_loss_that_falls_by_one_percent_every_ten_epochs_goes_on():
    """0.11% an epoch is 1.1% in ten; 0.09% is 0.9%."""
    assert not any(decisions(0.9989 ** np.arange(200)))
    assert decisions(0.9991 ** np.arange(11)) == [False] * 10 + [True]


def test_a_loss_of_zero_stops():
    """It cannot fall further."""
    assert decisions([0.0] * 11)[-1] is True


@pytest.mark.parametrize("patience, threshold, losses, expected", [
    (1, 0.5, [8.0, 4.0], [False, True]),
    (1, 0.5, [8.0, 3.9, 1.9], [False, False, False]),
    (3, 0.25, [4.0, 9.0, 9.0, 2.9, 6.75], [False, False, False, False, True]),
    (2, 0.0, [1.0, 1.0, 0.999, 1.0], [False, False, False, True]),
    (2, 0.0, [1.0, 1.0, 0.999, 0.999], [False, False, False, False]),
])
def test_patience_and_threshold_are_settings(patience, threshold, losses, expected):
    assert decisions(losses, patience=patience, relative_loss_threshold=threshold) == expected


@pytest.mark.parametrize("settings, message", [
    ({"patience": 0}, "patience: expected a whole number >= 1, got 0"),
    ({"patience": -3}, "patience: expected a whole number >= 1, got -3"),
    ({"patience": 2.5}, "patience: expected a whole number >= 1, got 2.5"),
    ({"patience": True}, "patience: expected a whole number >= 1, got True"),
    ({"patience": None}, "patience: expected a whole number >= 1, got None"),
    ({"relative_loss_threshold": -0.01}, "relative_loss_threshold: expected a number in [0, 1), got -0.01"),
    ({"relative_loss_threshold": 1}, "relative_loss_threshold: expected a number in [0, 1), got 1"),
    ({"relative_loss_threshold": float("nan")}, "relative_loss_threshold: expected a number in [0, 1), got nan"),
    ({"relative_loss_threshold": "1%"}, "relative_loss_threshold: expected a number in [0, 1), got '1%'"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EarlyStopping(**settings)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf"), -0.1, "0.1", None])
def test_a_loss_that_is_no_finite_number_raises_and_does_not_count(loss):
    rule = EarlyStopping(patience=1)
    assert rule.should_stop(1.0) is False
    with pytest.raises(ValueError, match=re.escape(f"epoch_loss: expected a number in [0, inf), got {loss!r}")):
        rule.should_stop(loss)
    assert rule.losses == [1.0]


def test_rules_do_not_share_their_losses():
    first, second = EarlyStopping(patience=1), EarlyStopping(patience=1)
    first.should_stop(1.0)
    assert second.should_stop(1.0) is False
