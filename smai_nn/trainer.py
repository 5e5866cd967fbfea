"""The training loop: two arrays go in, a History comes out. Source: assignment section 1.2, items 4 and 5."""

import dataclasses
import math
import sys
import time

import numpy as np
from tqdm import tqdm

from smai_nn.checks import require_choice, require_generator, require_integer, require_number
from smai_nn.metrics import accuracy
from smai_nn.model import NonFiniteLossError


class EarlyStopping:
    """Stop when L_t >= (1 - relative_loss_threshold) * L_(t - patience): by default, after less than 1% in 10 epochs.

    L_t is the mean training loss of epoch t, counted from 0, so the first check is at t = patience.
    """

    def __init__(self, patience=10, relative_loss_threshold=0.01):
        self.patience = require_integer(patience, "patience", 1)
        self.relative_loss_threshold = require_number(
            relative_loss_threshold, "relative_loss_threshold", 0, 1, high_open=True)
        self.losses = []

    def should_stop(self, epoch_loss):
        """Take the next epoch's loss, finite and >= 0; return whether training should stop after it."""
        self.losses.append(require_number(epoch_loss, "epoch_loss", 0, math.inf, high_open=True))
        if len(self.losses) <= self.patience:
            return False
        return self.losses[-1] >= (1 - self.relative_loss_threshold) * self.losses[-1 - self.patience]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; raises ValueError for one out of range."""

    batch_size: int = 32  # samples in one call of Model.train
    grad_accumulation_steps: int = 1  # calls of Model.train before one Model.update
    max_epochs: int = 100  # passes over the data at the most
    patience: int | None = 10  # epochs that early stopping looks back; None: no early stopping
    relative_loss_threshold: float = 0.01  # relative drop of the loss that early stopping asks for
    learning_rate_schedule: str = "constant"  # or "cosine": from the optimizer's rate down to 0 at max_epochs
    input_noise: float = 0.0  # deviation of normal noise added to the inputs, not the targets, anew in each batch
    progress: bool = False  # show a tqdm bar

    def __post_init__(self):
        for name in ("batch_size", "grad_accumulation_steps", "max_epochs"):
            require_integer(getattr(self, name), name, 1)
        if self.patience is not None:
            EarlyStopping(self.patience, self.relative_loss_threshold)  # checks both
        require_number(self.input_noise, "input_noise", 0, math.inf, high_open=True)
        require_choice(self.learning_rate_schedule, "learning_rate_schedule", ("constant", "cosine"))


@dataclasses.dataclass
class History:
    """What happened, in lists that grow while training. The samples axis follows from the first two fields."""

    sample_count: int  # samples in one epoch
    batch_size: int  # samples in one call of Model.train; the last one of an epoch may have fewer
    iteration_loss: list = dataclasses.field(default_factory=list)  # of each call of Model.train
    epoch_loss: list = dataclasses.field(default_factory=list)  # of each complete epoch, its sample-weighted mean
    epoch_accuracy: list = dataclasses.field(default_factory=list)  # on all samples; NaN if targets are not 0-1
    epoch_seconds: list = dataclasses.field(default_factory=list)  # of training, without the evaluation
    updates: int = 0  # calls of Model.update
    seconds: float = 0.0  # wall time of fit, evaluations and callbacks included
    stop_reason: str = ""  # "max_epochs", "early_stopping", "interrupted", or what a callback said
    seed: str = ""  # entropy and spawn key of the Generator that shuffled

    SERIES = ("iteration_loss", "epoch_loss", "epoch_accuracy", "epoch_seconds")

    epochs = property(lambda self: len(self.epoch_loss), doc="Number of complete epochs.")
    samples = property(lambda self: self._samples_after(len(self.iteration_loss)),
                       doc="Data points passed through Model.train in all.")
    iteration_samples = property(lambda self: self._samples_after(np.arange(1, len(self.iteration_loss) + 1)),
                                 doc="Data points passed through Model.train after each call, an integer array.")
    epoch_samples = property(lambda self: self.sample_count * np.arange(1, self.epochs + 1),
                             doc="Data points passed through Model.train after each epoch, an integer array.")

    def series(self):
        """Return the four lists as a dict of float64 arrays, for the disk."""
        return {name: np.array(getattr(self, name), dtype=np.float64) for name in self.SERIES}

    def summary(self):
        """Return the rest and the final figures (None where there is none) as a dict of plain numbers and texts."""
        final = {f"final_{name}": values[-1] if values and math.isfinite(values[-1]) else None
                 for name, values in (("loss", self.epoch_loss), ("accuracy", self.epoch_accuracy))}
        plain = {name: value for name, value in vars(self).items() if name not in self.SERIES}
        return {**final, "epochs": self.epochs, "samples": self.samples, **plain}

    @classmethod
    def restore(cls, series, summary):
        """Return the History of which `series` and `summary` are what the methods of these names gave."""
        both = summary | {name: series[name].tolist() for name in cls.SERIES}
        return cls(**{field.name: both[field.name] for field in dataclasses.fields(cls)})

    def _samples_after(self, iterations):
        batches = math.ceil(self.sample_count / self.batch_size)  # of one epoch
        return iterations // batches * self.sample_count + iterations % batches * self.batch_size


class Callback:
    """Base of what may look on while training, and stop it with `trainer.stop(reason)`."""

    def on_batch_end(self, trainer):
        """Called after every Model.train and the update that may follow it."""

    def on_epoch_end(self, trainer):
        """Called after every epoch, with its loss and accuracy in `trainer.history`."""


class Trainer:
    """Trains `model` as the TrainConfig says; the Generator `rng` shuffles. While training, `history` grows."""

    def __init__(self, model, config, *, rng, callbacks=()):
        if not isinstance(config, TrainConfig):
            raise ValueError(f"config: expected a TrainConfig, got {config!r}")
        self.model, self.config, self.rng, self.callbacks = model, config, require_generator(rng), list(callbacks)
        self.history = None

    def stop(self, reason):
        """Ask, from a callback, that training end after this batch; `reason` is kept in the history."""
        self.history.stop_reason = reason

    def fit(self, x, y=None):
        """Train on x (n, in_width) and y (n, out_width), or a loader with `features` and `targets`; return the History.

        Every epoch passes each sample once through Model.train, shuffled, in batches of batch_size (the last may be
        smaller); after every grad_accumulation_steps of them, and at the epoch's end, Model.update is called. Raises
        ValueError for bad data, NonFiniteLossError, with epoch, batch and learning rate, once the loss is not finite.
        On KeyboardInterrupt it returns what there is, with the stop reason "interrupted".
        """
        if y is None:
            if not (hasattr(x, "features") and hasattr(x, "targets")):
                raise ValueError("x: expected a data loader with `features` and `targets`, or two arrays x and y, got "
                                 f"{type(x).__name__} alone")
            x, y = x.features, x.targets
        x, y = self.model.check_data(x, y)
        sequence = self.rng.bit_generator.seed_seq  # the seed, and which of the streams that `spawn` made from it
        seed = f"{sequence.entropy} spawn {tuple(sequence.spawn_key)}"
        self.history = history = History(len(x), self.config.batch_size, seed=seed)
        start, rate = time.perf_counter(), self.model.optimizer.learning_rate
        try:
            # Overflow is caught as a non-finite loss, with a better message than a warning.
            with np.errstate(over="ignore", invalid="ignore"), tqdm(
                    total=self.config.max_epochs * len(x), unit=" samples", unit_scale=True, ncols=90, file=sys.stdout,
                    disable=not self.config.progress) as bar:
                self._run_epochs(x, y, rate, bar)
                bar.total = bar.n  # who stops early is done too
        except KeyboardInterrupt:
            complete = len(history.epoch_accuracy)  # the last of an epoch's three entries
            del history.epoch_loss[complete:], history.epoch_seconds[complete:]
            history.stop_reason = "interrupted"
        finally:
            self.model.optimizer.learning_rate = rate  # which a schedule changes while training
            self.model.zero_grad()
            history.seconds = time.perf_counter() - start
        return history

    def _run_epochs(self, x, y, rate, bar):
        """Run epochs until something says stop, and say why in the history."""
        config, history = self.config, self.history
        rule = EarlyStopping(config.patience, config.relative_loss_threshold) if config.patience else None
        has_accuracy = y.shape[1] == 1 and bool(np.isin(y, (0, 1)).all())
        self.model.zero_grad()
        for epoch in range(1, config.max_epochs + 1):
            start = time.perf_counter()
            loss = self._run_epoch(x, y, rate, bar)
            if loss is None:  # a callback stopped within it
                return
            history.epoch_loss.append(loss)
            history.epoch_seconds.append(time.perf_counter() - start)
            reached = accuracy(self.model.predict(x), y) if has_accuracy else math.nan
            history.epoch_accuracy.append(reached)
            if rule is not None and rule.should_stop(loss) and not history.stop_reason:
                self.stop("early_stopping")
            bar.set_postfix({"epoch": epoch, "loss": f"{loss:.5f}", "accuracy": f"{reached:.2%}"}, refresh=False)
            for callback in self.callbacks:
                callback.on_epoch_end(self)
            if history.stop_reason:
                return
        self.stop("max_epochs")

    def _run_epoch(self, x, y, rate, bar):
        """Pass every sample through the model once; return the mean loss, or None if a callback stopped it."""
        model, history, config = self.model, self.history, self.config
        total, seen, pending = 0.0, 0, 0
        order = self.rng.permutation(len(x))
        for batch, first in enumerate(range(0, len(x), config.batch_size)):
            rows = order[first:first + config.batch_size]
            batch_x, batch_y = x[rows], y[rows]
            if config.input_noise:  # denoising: Vincent et al. 2008
                batch_x += config.input_noise * self.rng.standard_normal(batch_x.shape, batch_x.dtype)
            try:
                loss = model.train(batch_x, batch_y)
            except NonFiniteLossError as error:
                raise NonFiniteLossError(f"training stopped at epoch {history.epochs}, batch {batch}, learning rate "
                                         f"{model.optimizer.learning_rate:g}: {error}") from error
            history.iteration_loss.append(loss)
            total += loss * len(rows)
            seen += len(rows)
            pending += 1
            if pending == config.grad_accumulation_steps:
                self._update(rate)
                pending = 0
            bar.update(len(rows))
            for callback in self.callbacks:
                callback.on_batch_end(self)
            if history.stop_reason:
                break
        if pending:  # the last window of the epoch may be a partial one
            self._update(rate)
        return total / seen if seen == len(x) else None

    def _update(self, rate):
        """Call Model.update, with the learning rate that the schedule has for it."""
        config, history = self.config, self.history
        if config.learning_rate_schedule == "cosine":
            batches = math.ceil(history.sample_count / config.batch_size)
            updates = config.max_epochs * math.ceil(batches / config.grad_accumulation_steps)  # in all; 1 for a rest
            progress = history.updates / updates
            falling = 0.5 * (1 + math.cos(math.pi * progress))
            self.model.optimizer.learning_rate = rate * max(falling, 1e-9)  # above 0, whatever the rounding
        self.model.update()
        history.updates += 1
