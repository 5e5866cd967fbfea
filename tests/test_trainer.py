"""The training loop: what it does literally, the samples axis, stopping, interrupts, refusals; the stopping rule."""

import json
import math
import re
import sys

import numpy as np
import pytest
from tiny import network, samples

from smai_nn import SGD, Adam, Callback, EarlyStopping, History, Identity, TrainConfig, Trainer, trainer
from smai_nn.model import NonFiniteLossError


def make_trainer(model, *, seed=3, callbacks=(), **settings):
    """A trainer with batches of 4 for 3 epochs, without early stopping unless the settings say otherwise."""
    config = TrainConfig(**{"batch_size": 4, "max_epochs": 3, "patience": None, **settings})
    return Trainer(model, config, rng=np.random.default_rng(seed), callbacks=callbacks)


class AtSamples(Callback):
    """Calls `act(trainer)` once so many samples have passed."""

    def __init__(self, samples, act):
        self.samples, self.act = samples, act

    def on_batch_end(self, trainer):
        if trainer.history.samples == self.samples:
            self.act(trainer)


def interrupt(trainer):
    raise KeyboardInterrupt


@pytest.mark.parametrize("noise, dtype", [(0.0, np.float64), (0.5, np.float32), (0.5, np.float64)])
def test_fit_is_the_literal_loop(noise, dtype):
    """Shuffle, add noise to the inputs only, train on each batch, update after every two and at the epoch's end."""
    x = samples()[0].astype(dtype)
    model, by_hand = (network((2, 3, 2), optimizer=Adam(0.05), dtype=dtype) for _ in range(2))
    model.gradients[...] = 5  # what was accumulated before does not count
    before = x.copy()
    history = make_trainer(model, grad_accumulation_steps=2, input_noise=noise).fit(x, x)

    rng, losses = np.random.default_rng(3), []
    for _ in range(3):
        order = rng.permutation(10)
        for number, rows in enumerate((order[:4], order[4:8], order[8:])):
            added = dtype(noise) * rng.standard_normal((len(rows), 2), dtype) if noise else 0
            losses.append(by_hand.train(x[rows] + added, x[rows]))
            if number:
                by_hand.update()

    np.testing.assert_array_equal(history.iteration_loss, losses)
    assert model.parameters.tobytes() == by_hand.parameters.tobytes() and x.tobytes() == before.tobytes()
    assert not model.gradients.any() and history.updates == 6


@pytest.mark.parametrize("n, batch_size, steps, updates_per_epoch", [
    (10, 4, 1, 3), (10, 4, 2, 2), (10, 4, 3, 1), (10, 4, 5, 1), (32, 8, 4, 1), (33, 8, 4, 2), (10, 100, 1, 1),
    (10, 1, 3, 4),
])
def test_windows_end_with_the_epoch(monkeypatch, n, batch_size, steps, updates_per_epoch):
    """A last partial window is applied, and never carried into the next epoch."""
    model, calls = network(), []
    train, update = model.train, model.update
    monkeypatch.setattr(model, "train", lambda x, y: calls.append(len(x)) or train(x, y))
    monkeypatch.setattr(model, "update", lambda: calls.append("update") or update())
    history = make_trainer(model, batch_size=batch_size, grad_accumulation_steps=steps, max_epochs=2).fit(*samples(n))

    epoch = calls[:len(calls) // 2]
    assert calls == epoch + epoch
    assert epoch.count("update") == updates_per_epoch and epoch[-1] == "update"
    assert history.updates == 2 * updates_per_epoch
    windows = " ".join(map(str, epoch)).split("update")[:-1]
    assert all(len(window.split()) == steps for window in windows[:-1])
    assert 1 <= len(windows[-1].split()) <= steps


@pytest.mark.parametrize("count, batch, axis", [
    (10, 4, [4, 8, 10, 14]), (8, 4, [4, 8, 12, 16]), (3, 5, [3, 6, 9, 12]), (5, 4, [4, 5, 9, 10])])
def test_the_samples_axis_counts_every_data_point_once(count, batch, axis):
    """Whatever the accumulation."""
    for steps in (1, 3):
        seen, callback = [], Callback()
        callback.on_batch_end = lambda trainer: seen.append(trainer.history.samples)
        runner = make_trainer(network(), batch_size=batch, grad_accumulation_steps=steps, callbacks=[callback])
        history = runner.fit(*samples(count))
        assert history.iteration_samples.tolist() == seen and seen[:len(axis)] == axis[:len(seen)]
        assert history.epoch_samples.tolist() == [count, 2 * count, 3 * count] and history.samples == 3 * count


def test_the_loss_of_an_epoch_is_the_sample_weighted_mean_of_its_iterations():
    history = make_trainer(network(optimizer=SGD(0.5))).fit(*samples())
    losses = np.reshape(history.iteration_loss, (3, 3))
    np.testing.assert_allclose(history.epoch_loss, losses @ [0.4, 0.4, 0.2], rtol=1e-14)
    assert not np.allclose(history.epoch_loss, losses.mean(axis=1), rtol=1e-6)


def test_every_epoch_passes_every_sample_once_in_a_new_order(monkeypatch):
    """Each x with its own y."""
    model, seen = network(), []
    monkeypatch.setattr(model, "train", lambda x, y: seen.append(np.hstack([x, y])) or 0.0)
    x = np.arange(50.0).reshape(25, 2)
    make_trainer(model, batch_size=9, max_epochs=2).fit(x, -x[:, :1])
    assert [len(batch) for batch in seen] == 2 * [9, 9, 7]
    first, second = np.vstack(seen[:3]), np.vstack(seen[3:])
    for epoch in (first, second):
        np.testing.assert_array_equal(epoch[:, 2], -epoch[:, 0])
        np.testing.assert_array_equal(np.sort(epoch[:, 0]), x[:, 0])
    assert (first[:, 0] != x[:, 0]).any() and (first != second).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_seed_gives_the_same_bits(dtype):
    runs = []
    for seed in (3, 3, 4):
        model = network(optimizer=Adam(0.05), dtype=dtype)
        runs.append((model.parameters, make_trainer(model, seed=seed).fit(*samples())))
    (first, first_history), (again, again_history), (other, _) = runs
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert first_history.iteration_loss == again_history.iteration_loss


def test_early_stopping_ends_training_with_the_first_epoch_that_asks_for_it():
    history = make_trainer(network(optimizer=SGD(0.05)), max_epochs=500, patience=10).fit(*samples(40))
    rule = EarlyStopping(patience=10, relative_loss_threshold=0.01)
    decisions = [rule.should_stop(loss) for loss in history.epoch_loss]
    assert decisions == [False] * (history.epochs - 1) + [True]
    assert 11 < history.epochs < 500 and history.stop_reason == "early_stopping"


@pytest.mark.parametrize("patience", [1, 10])
def test_a_loss_that_stands_still_stops_at_t_equal_to_patience(patience):
    """Epochs count from 0, so that is the epoch number patience + 1."""
    model = network(output=Identity)
    model.parameters[...] = 0
    history = make_trainer(model, max_epochs=50, patience=patience).fit(np.ones((8, 2)), np.zeros((8, 1)))
    assert history.epochs == patience + 1 and history.stop_reason == "early_stopping"


def test_the_cosine_schedule_runs_from_the_full_rate_to_zero_over_all_updates():
    """Two updates an epoch, six in all; the batch that only accumulates keeps the rate before it."""
    model, found, callback = network(optimizer=SGD(0.5)), [], Callback()
    callback.on_batch_end = lambda trainer: found.append(trainer.model.optimizer.learning_rate)
    runner = make_trainer(model, grad_accumulation_steps=2, learning_rate_schedule="cosine", callbacks=[callback])
    runner.fit(*samples(16))
    rates = [0.5 * (1 + math.cos(math.pi * k / 6)) / 2 for k in range(6)]
    assert found[1::2] == pytest.approx(rates, rel=1e-14)
    assert found[0::2] == pytest.approx([0.5, *rates[:-1]], rel=1e-14)
    assert model.optimizer.learning_rate == 0.5


def test_accuracy_is_the_share_of_samples_on_the_right_side_after_each_epoch():
    (x, y), model, expected, callback = samples(30), network(optimizer=SGD(2.0)), [], Callback()
    callback.on_epoch_end = lambda trainer: expected.append(np.mean((model.predict(x) > 0.5) == (y == 1)))
    history = make_trainer(model, callbacks=[callback]).fit(x, y)
    assert history.epoch_accuracy == expected and len(expected) == 3


@pytest.mark.parametrize("y", [np.full((10, 1), 0.5), np.ones((10, 2))])
def test_accuracy_is_nan_where_targets_are_not_single_labels(y):
    history = make_trainer(network((2, 3, y.shape[1]))).fit(samples()[0], y)
    assert np.isnan(history.epoch_accuracy).all() and np.isfinite(history.epoch_loss).all()


def test_a_diverged_run_raises_naming_epoch_batch_and_learning_rate():
    """The first step leaps so far that the second batch's loss overflows."""
    model = network(optimizer=SGD(1e200), output=Identity)
    message = "training stopped at epoch 0, batch 1, learning rate 1e+200: loss: expected a finite number, got"
    with pytest.raises(NonFiniteLossError, match=re.escape(message)):
        make_trainer(model).fit(*samples())
    assert not model.gradients.any()


def fit_interrupted_at(line_number):
    """Return the trainer and the History of two epochs, interrupted before the n-th line of the trainer's loop."""
    runner, passed = make_trainer(network(), max_epochs=2, learning_rate_schedule="cosine"), []

    def trace(frame, event, argument):
        if frame.f_code.co_filename != trainer.__file__ or not frame.f_code.co_name.startswith(("_run", "_update")):
            return None
        if event == "line":
            passed.append(frame)
            if len(passed) == line_number:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        history = runner.fit(*samples())
    finally:
        sys.settrace(before)
    return runner, history


def test_an_interrupt_before_any_line_of_the_loop_leaves_a_consistent_history():
    for line_number in range(1, 1000):
        runner, history = fit_interrupted_at(line_number)
        if history.stop_reason == "max_epochs":
            break
        assert history.stop_reason == "interrupted"
        assert len(history.epoch_loss) == len(history.epoch_accuracy) == len(history.epoch_seconds)
        assert history.epochs in (history.samples // 10, history.samples // 10 - 1)
        assert history.epochs or history.summary()["final_loss"] is None
        assert runner.model.optimizer.learning_rate == 0.1 and not runner.model.gradients.any()
    assert line_number > 100


def test_a_callback_stops_training_with_the_last_batch_of_an_epoch():
    stop = AtSamples(20, lambda trainer: trainer.stop("far enough"))
    history = make_trainer(network(), max_epochs=50, callbacks=[stop]).fit(*samples())
    assert history.epochs == 2 and history.stop_reason == "far enough"


def test_a_callback_stops_training_after_the_batch():
    """What was accumulated until then is applied; the incomplete epoch has no entry in any series of epochs."""
    model, by_hand, (x, y) = network(optimizer=SGD(0.5)), network(optimizer=SGD(0.5)), samples()
    stop = AtSamples(8, lambda trainer: trainer.stop("enough samples"))
    history = make_trainer(model, grad_accumulation_steps=3, callbacks=[stop]).fit(x, y)
    assert (history.stop_reason, history.samples, history.epochs, history.updates) == ("enough samples", 8, 0, 1)
    order = np.random.default_rng(3).permutation(10)
    for rows in (order[:4], order[4:8]):
        by_hand.train(x[rows], y[rows])
    by_hand.update()
    np.testing.assert_array_equal(model.parameters, by_hand.parameters)
    assert not history.epoch_accuracy and not history.epoch_seconds


def test_an_error_in_a_callback_comes_through_with_the_optimizer_as_it_was():
    model = network(optimizer=SGD(0.5))
    with pytest.raises(ZeroDivisionError):
        make_trainer(model, learning_rate_schedule="cosine", callbacks=[AtSamples(8, lambda _: 1 / 0)]).fit(*samples())
    assert model.optimizer.learning_rate == 0.5 and not model.gradients.any()


def test_the_summary_holds_plain_final_figures():
    history = make_trainer(network()).fit(*samples())
    summary = history.summary()
    assert summary | {"seconds": 0} == {
        "final_loss": history.epoch_loss[-1], "final_accuracy": history.epoch_accuracy[-1], "epochs": 3, "samples": 30,
        "updates": 9, "seconds": 0, "stop_reason": "max_epochs", "seed": "3 spawn ()", "sample_count": 10,
        "batch_size": 4}
    assert 0 < sum(history.epoch_seconds) <= summary["seconds"] < 60


@pytest.mark.parametrize("epochs", [3, 0], ids=["trained", "interrupted in the first epoch"])
def test_a_history_comes_back_from_its_series_and_its_summary_as_json(epochs):
    callbacks = [] if epochs else [AtSamples(8, interrupt)]
    history = make_trainer(network(), callbacks=callbacks).fit(samples()[0], np.full((10, 1), 0.5))
    summary = json.loads(json.dumps(history.summary(), allow_nan=False))
    restored = History.restore(history.series(), summary)
    assert history.epochs == epochs and str(restored) == str(history)  # as text, since NaN is not equal to itself


def test_the_seed_of_a_spawned_stream_is_recorded_with_its_key():
    child = np.random.default_rng(5).spawn(2)[1]
    history = Trainer(network(), TrainConfig(max_epochs=1), rng=child).fit(*samples())
    assert history.seed == "5 spawn (1,)"


def test_nothing_is_printed_unless_asked_for(capsys):
    make_trainer(network()).fit(*samples())
    assert capsys.readouterr() == ("", "")
    make_trainer(network(), progress=True).fit(*samples())
    assert "30.0/30.0" in capsys.readouterr().out


X, Y = samples()


@pytest.mark.parametrize("x, y, message", [
    (X, Y[:, 0], "y: expected shape (n, 1) with n >= 1, got (10,); use y.reshape(-1, 1)"),
    (X, Y + 0.5, "BCE expected labels 0 or 1, got"),
    (X, None, "x: expected a data loader with `features` and `targets`, or two arrays x and y, got ndarray alone"),
])
def test_bad_data_are_refused_before_training(x, y, message):
    model = network(loss="bce")
    before = model.parameters.copy()
    with pytest.raises(ValueError, match=re.escape(message)):
        make_trainer(model).fit(x, y)
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize("name, value, message", [
    *[(name, value, f"{name}: expected a whole number >= 1, got {value!r}")
      for name in ("batch_size", "grad_accumulation_steps", "max_epochs", "patience") for value in (0, 2.5, True)],
    ("relative_loss_threshold", float("nan"), "relative_loss_threshold: expected a number in [0, 1), got nan"),
    ("input_noise", -1, "input_noise: expected a number in [0, inf), got -1"),
    ("learning_rate_schedule", "linear", "learning_rate_schedule: expected one of 'constant', 'cosine', got 'linear'"),
])
def test_bad_settings(name, value, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TrainConfig(**{name: value})


def test_the_defaults_are_the_assignments():
    config = TrainConfig()
    assert (config.patience, config.relative_loss_threshold) == (10, 0.01)


@pytest.mark.parametrize("config, rng, message", [
    (TrainConfig(), None, "rng: expected a numpy Generator such as numpy.random.default_rng(0), got None"),
    (TrainConfig(), np.random.RandomState(0), "rng: expected a numpy Generator such as"),
    (32, np.random.default_rng(0), "config: expected a TrainConfig, got 32")])
def test_a_trainer_needs_a_config_and_a_generator(config, rng, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Trainer(network(), config, rng=rng)


# The stopping rule L_t >= 0.99 L_(t-10): a truth table.

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


@pytest.mark.parametrize("patience, threshold, losses, expected", [
    (1, 0.5, [8.0, 4.0], [False, True]),
    (1, 0.5, [8.0, 3.9, 1.9], [False, False, False]),
    (3, 0.25, [4.0, 9.0, 9.0, 2.9, 6.75], [False, False, False, False, True]),
    (2, 0.0, [1.0, 1.0, 0.999, 1.0], [False, False, False, True]),
    (1, 0.01, [0.0, 0.0], [False, True]),  # it cannot fall further
])
def test_patience_and_threshold_are_settings(patience, threshold, losses, expected):
    """Each epoch is compared with the one `patience` before it."""
    assert decisions(losses, patience=patience, relative_loss_threshold=threshold) == expected


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -0.1, "0.1", None])
def test_a_loss_that_is_no_finite_number_raises_and_does_not_count(loss):
    rule = EarlyStopping(patience=1)
    assert rule.should_stop(1.0) is False
    with pytest.raises(ValueError, match=re.escape(f"epoch_loss: expected a number in [0, inf), got {loss!r}")):
        rule.should_stop(loss)
    assert rule.losses == [1.0]
