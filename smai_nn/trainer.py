"""The training loop: batches, accumulation, stopping, history, callbacks, checkpoints.

Data flows in as two arrays; out comes a History. The trainer knows neither what is being learnt
nor where results are kept. Source: assignment section 1.2, items 4 and 5.
"""

import dataclasses
import json
import math
import sys
import time
import zlib

import numpy as np
from tqdm import tqdm

from smai_nn.batches import batches_in_order
from smai_nn.checks import as_matrix, require_choice, require_finite, require_integer, require_number
from smai_nn.early_stopping import EarlyStopping
from smai_nn.files import load_npz, save_npz, to_json
from smai_nn.losses import BCE
from smai_nn.metrics import accuracy
from smai_nn.model import NonFiniteLossError


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; raises ValueError for one out of range.

    >>> TrainConfig(batch_size=64).patience
    10
    >>> TrainConfig(batch_size=0)
    Traceback (most recent call last):
    ValueError: batch_size: expected a whole number >= 1, got 0
    """

    batch_size: int = 32  # samples in one call of Model.train
    grad_accumulation_steps: int = 1  # calls of Model.train before one Model.update
    max_epochs: int = 100  # passes over the data at the most
    patience: int | None = 10  # epochs that early stopping looks back; None: no early stopping
    relative_loss_threshold: float = 0.01  # relative drop of the loss that early stopping asks for
    learning_rate_schedule: str = "constant"  # or "cosine": from the optimizer's rate down to 0 at max_epochs
    input_noise: float = 0.0  # deviation of normal noise added to the inputs, not the targets, anew in each batch
    evaluate_every: int = 1  # epochs between accuracies on all samples, for 0-1 targets; 0: never
    keep_best: bool = False  # end with the parameters of the epoch with the least mean loss
    checkpoint_every: int = 0  # epochs between checkpoints, if the trainer has a checkpoint_path; 0: none
    progress: bool = False  # show a tqdm bar

    def __post_init__(self):
        for name in ("batch_size", "grad_accumulation_steps", "max_epochs"):
            require_integer(getattr(self, name), name, 1)
        for name in ("evaluate_every", "checkpoint_every"):
            require_integer(getattr(self, name), name, 0)
        if self.patience is not None:
            EarlyStopping(self.patience, self.relative_loss_threshold)  # checks both
        require_number(self.input_noise, "input_noise", 0, math.inf, high_open=True)
        require_choice(self.learning_rate_schedule, "learning_rate_schedule", ("constant", "cosine"))


@dataclasses.dataclass
class History:
    """What happened in a training run, in lists that grow.

    `iteration_loss` has one entry for each call of Model.train. `epoch_loss` is the sample-weighted mean training loss
    of each epoch, `epoch_accuracy` the accuracy on all samples at its end (NaN where not evaluated), `epoch_seconds`
    its training time without the evaluation.
    """

    sample_count: int  # rows of the training data
    batch_size: int
    iteration_loss: list = dataclasses.field(default_factory=list)
    epoch_loss: list = dataclasses.field(default_factory=list)
    epoch_accuracy: list = dataclasses.field(default_factory=list)
    epoch_seconds: list = dataclasses.field(default_factory=list)
    updates: int = 0
    seconds: float = 0.0  # wall time of fit, evaluations and callbacks included
    stop_reason: str = ""  # "max_epochs", "early_stopping", "interrupted", or what a callback said
    seed: str = ""  # entropy and spawn key of the Generator that shuffled

    SERIES = ("iteration_loss", "epoch_loss", "epoch_accuracy", "epoch_seconds")

    @property
    def epochs(self):
        """Number of complete epochs."""
        return len(self.epoch_loss)

    @property
    def iteration_samples(self):
        """Data points passed through train() up to and including each iteration, an array."""
        batches = -(-self.sample_count // self.batch_size)
        epoch, batch = np.divmod(np.arange(len(self.iteration_loss)), batches)
        return epoch * self.sample_count + np.minimum((batch + 1) * self.batch_size, self.sample_count)

    @property
    def epoch_samples(self):
        """Data points passed through train() at the end of each epoch, an array."""
        return self.sample_count * np.arange(1, self.epochs + 1)

    @property
    def samples(self):
        """Data points passed through train() in all."""
        return int(self.iteration_samples[-1]) if self.iteration_loss else 0

    def series(self):
        """Return the lists as a dict of float32 arrays."""
        return {name: np.array(getattr(self, name), np.float32) for name in self.SERIES}

    def summary(self):
        """Return the final figures and what `restore` needs as a dict of plain numbers and strings."""
        return {"final_loss": self.epoch_loss[-1] if self.epochs else None,
                "final_accuracy": self.epoch_accuracy[-1] if self.epochs else None,
                "sample_count": self.sample_count, "batch_size": self.batch_size, "epochs": self.epochs,
                "samples": self.samples, "updates": self.updates, "seconds": self.seconds,
                "stop_reason": self.stop_reason, "seed": self.seed}

    @classmethod
    def restore(cls, series, summary):
        """Return the History of which these are `series()` and `summary()`; further names are ignored."""
        names = ("sample_count", "batch_size", "updates", "seconds", "stop_reason", "seed")
        return cls(**{name: series[name].tolist() for name in cls.SERIES}, **{name: summary[name] for name in names})


class Callback:
    """Base of what may look on while training, and stop it with `trainer.stop(reason)`.

    >>> class StopWhenGoodEnough(Callback):
    ...     def on_epoch_end(self, trainer):
    ...         if trainer.history.epoch_loss[-1] < 0.01:
    ...             trainer.stop("good enough")
    """

    def on_batch_end(self, trainer):
        """Called after every Model.train and the update that may follow it."""

    def on_epoch_end(self, trainer):
        """Called after every epoch, with its loss and accuracy in `trainer.history`."""


class Trainer:
    """Trains a Model on arrays.

    Parameters: `model`; `config`, a TrainConfig; `rng`, the Generator that shuffles (required);
    `callbacks`, a list of Callback; `checkpoint_path`, where checkpoints go, if any.
    While training, `trainer.history` grows, with `trainer.samples` the data points seen so far.

    >>> from smai_nn import Adam, Linear, Model, Sigmoid, Tanh
    >>> rng = np.random.default_rng(0)
    >>> x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])  # XOR
    >>> model = Model([Linear(2, 8, Tanh, rng=rng), Linear(8, 1, Sigmoid, rng=rng)], "bce", Adam(0.05))
    >>> history = Trainer(model, TrainConfig(batch_size=4, max_epochs=200, patience=None), rng=rng).fit(x, y)
    >>> history.epochs, history.samples, float(history.epoch_accuracy[-1])
    (200, 800, 1.0)
    """

    def __init__(self, model, config, *, rng, callbacks=(), checkpoint_path=None):
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng: expected a numpy Generator such as numpy.random.default_rng(0), got {rng!r}")
        if not isinstance(config, TrainConfig):
            raise ValueError(f"config: expected a TrainConfig, got {config!r}")
        if config.checkpoint_every and checkpoint_path is None:
            raise ValueError("checkpoint_path: expected a path, since the config asks for checkpoints, got None")
        self.model, self.config, self.rng = model, config, rng
        self.callbacks, self.checkpoint_path = list(callbacks), checkpoint_path
        self.history = History(1, 1)
        self.samples = 0
        self._stop_reason = ""
        self._base_rate = model.optimizer.learning_rate

    def stop(self, reason):
        """Ask, from a callback, that training end after this batch; `reason` is kept in the history."""
        self._stop_reason = reason

    def fit(self, x, y=None, *, resume_from=None):
        """Train on x (n, in_width) and y (n, out_width); return the History.

        Instead of two arrays, x may be a data loader alone: whatever has the arrays `features` and
        `targets`. The batches are the config's either way.

        Every epoch passes each sample once through Model.train, in shuffled order, in batches of
        batch_size (the last may be smaller); after every grad_accumulation_steps of them, and at
        the epoch's end for what is left, Model.update is called. `resume_from` is a checkpoint of
        the same settings and data, from which training goes on to bit-identical parameters.

        Raises ValueError for bad data; NonFiniteLossError, which names epoch, batch and learning
        rate, when the loss is no longer finite. On KeyboardInterrupt it returns what there is,
        with the stop reason "interrupted".
        """
        x, y = self._checked_data(x, y)
        has_accuracy = y.shape[1] == 1 and bool(np.isin(y, (0, 1)).all())
        self.history = History(len(x), self.config.batch_size, seed=_seed_of(self.rng))
        self.samples, self._stop_reason = 0, ""
        config = self.config
        rule = EarlyStopping(config.patience, config.relative_loss_threshold) if config.patience else None
        best = _Best() if config.keep_best else None
        self.model.zero_grad()
        self._base_rate = self.model.optimizer.learning_rate  # which a schedule changes while training
        if resume_from is not None:
            self._restore(resume_from, x, y, rule, best)
        before, start = self.history.seconds, time.perf_counter()
        bar = tqdm(total=self.config.max_epochs * len(x), initial=self.samples, unit=" samples", unit_scale=True,
                   disable=not self.config.progress, file=sys.stdout, dynamic_ncols=False, ncols=100)
        try:
            # Overflow is caught as a non-finite loss, with a better message than a warning.
            with np.errstate(over="ignore", invalid="ignore"):
                while not self._stop_reason and self.history.epochs < self.config.max_epochs:
                    seconds = self._run_epoch(x, y, bar)
                    if self.samples % len(x):  # a callback stopped in mid-epoch
                        break
                    self._finish_epoch(x, y, seconds, has_accuracy, rule, best, bar)
                    every = self.config.checkpoint_every
                    if every and self.history.epochs % every == 0:
                        self.history.seconds = before + time.perf_counter() - start
                        self.save_checkpoint(self.checkpoint_path, x, y, best)
            self.history.stop_reason = self._stop_reason or "max_epochs"
        except KeyboardInterrupt:
            self.history.stop_reason = "interrupted"
        finally:
            self.model.optimizer.learning_rate = self._base_rate
            self.model.zero_grad()
            bar.close()
        if best is not None and best.parameters is not None:
            self.model.parameters = best.parameters
        self.history.seconds = before + time.perf_counter() - start
        return self.history

    def save_checkpoint(self, path, x, y, best=None):
        """Write everything that `fit(..., resume_from=path)` needs, at the end of an epoch; return the Path."""
        history = self.history
        meta = {**self._identity(x, y), "rng": self.rng.bit_generator.state,
                "updates": history.updates, "seconds": history.seconds, "seed": history.seed}
        arrays = {"parameters": self.model.parameters, "meta": np.array(to_json(meta))}
        arrays |= {f"history.{name}": values for name, values in history.series().items()}
        arrays |= {f"optimizer.{name}": values for name, values in self.model.optimizer.state().items()}
        if best is not None and best.parameters is not None:
            arrays |= {"best.parameters": best.parameters, "best.loss": np.array(best.loss)}
        return save_npz(path, arrays)

    def _checked_data(self, x, y):
        if y is None:
            if not (hasattr(x, "features") and hasattr(x, "targets")):
                raise ValueError(f"x: expected a data loader with `features` and `targets`, or two arrays x and y, got "
                                 f"{type(x).__name__} alone")
            x, y = x.features, x.targets
        x = np.ascontiguousarray(as_matrix(x, "x", self.model.in_width, self.model.dtype))
        y = np.ascontiguousarray(as_matrix(y, "y", self.model.out_width, self.model.dtype))
        if len(x) != len(y):
            raise ValueError(f"y: expected {len(x)} rows, as x has, got {len(y)}")
        require_finite(x, "x")
        require_finite(y, "y")
        if isinstance(self.model.loss, BCE):
            BCE.check_labels(y)
        return x, y

    def _run_epoch(self, x, y, bar):
        """Pass every sample through the model once; return the seconds it took."""
        model, history, config = self.model, self.history, self.config
        start, pending = time.perf_counter(), 0
        batches = batches_in_order(x, y, self.rng.permutation(len(x)), config.batch_size)
        for batch, (batch_x, batch_y) in enumerate(batches):
            if config.input_noise:  # denoising: Vincent et al. 2008
                noise = self.rng.standard_normal(batch_x.shape, batch_x.dtype)
                batch_x = batch_x + np.multiply(noise, config.input_noise, out=noise)
            try:
                loss = model.train(batch_x, batch_y)
            except NonFiniteLossError as error:
                raise NonFiniteLossError(
                    f"training stopped at epoch {history.epochs}, batch {batch}, learning rate "
                    f"{model.optimizer.learning_rate:g}: {error}") from error
            self.samples += len(batch_x)
            history.iteration_loss.append(loss)
            pending += 1
            if pending == config.grad_accumulation_steps:
                self._update(len(x))
                pending = 0
            bar.update(len(batch_x))
            for callback in self.callbacks:
                callback.on_batch_end(self)
            if self._stop_reason:
                break
        if pending:  # the last window of the epoch may be a partial one
            self._update(len(x))
        return time.perf_counter() - start

    def _update(self, sample_count):
        if self.config.learning_rate_schedule == "cosine":
            batches = math.ceil(sample_count / self.config.batch_size)
            total = self.config.max_epochs * math.ceil(batches / self.config.grad_accumulation_steps)
            progress = self.history.updates / total
            self.model.optimizer.learning_rate = self._base_rate * max(0.5 * (1 + math.cos(math.pi * progress)), 1e-9)
        self.model.update()
        self.history.updates += 1

    def _finish_epoch(self, x, y, seconds, has_accuracy, rule, best, bar):
        """Record the epoch's means, ask the stopping rule, tell the callbacks."""
        history, every = self.history, self.config.evaluate_every
        batches = math.ceil(len(x) / self.config.batch_size)
        sizes = np.diff(history.iteration_samples[-batches:], prepend=self.samples - len(x))
        history.epoch_loss.append(float(np.average(history.iteration_loss[-batches:], weights=sizes)))
        history.epoch_seconds.append(seconds)
        evaluated = has_accuracy and every and len(history.epoch_loss) % every == 0
        history.epoch_accuracy.append(accuracy(self.model.predict(x), y) if evaluated else math.nan)
        if best is not None:
            best.offer(history.epoch_loss[-1], self.model.parameters)
        if rule is not None and rule.should_stop(history.epoch_loss[-1]) and not self._stop_reason:
            self.stop("early_stopping")
        if self.config.progress:
            shown = {"epoch": history.epochs, "loss": f"{history.epoch_loss[-1]:.5f}"}
            if evaluated:
                shown["accuracy"] = f"{history.epoch_accuracy[-1]:.2%}"
            bar.set_postfix(shown, refresh=False)
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def _identity(self, x, y):
        """Return what must be equal for a bit-identical continuation, ready for JSON."""
        config = dataclasses.asdict(self.config)
        free = ["progress", "checkpoint_every"] + ["max_epochs"] * (config["learning_rate_schedule"] == "constant")
        return {"config": {name: value for name, value in config.items() if name not in free},
                "data": [*x.shape, *y.shape, zlib.crc32(x), zlib.crc32(y)],
                "optimizer": {**self.model.optimizer.settings(), "learning_rate": self._base_rate},
                "architecture": str(self.model.layers), "dtype": str(self.model.dtype), "loss": str(self.model.loss),
                "generator": type(self.rng.bit_generator).__name__}

    def _restore(self, path, x, y, rule, best):
        """Take everything over from a checkpoint; change nothing if it does not fit."""
        saved = load_npz(path)
        try:
            meta = json.loads(str(saved["meta"]))
            for name, value in self._identity(x, y).items():
                if meta[name] != json.loads(to_json(value)):
                    raise ValueError(f"{path}: expected a checkpoint with {name} {value}, got {meta[name]}")
            series = {name: saved[f"history.{name}"].tolist() for name in History.SERIES}
            optimizer = {k.removeprefix("optimizer."): v for k, v in saved.items() if k.startswith("optimizer.")}
            parameters = saved["parameters"]
        except (KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}: expected a trainer's checkpoint, got another file ({error})") from error
        self.model.optimizer.restore(optimizer, self.model.parameters)
        self.model.parameters = parameters
        self.rng.bit_generator.state = meta["rng"]
        self.history = History(**series, updates=meta["updates"], seconds=meta["seconds"], seed=meta["seed"])
        self.samples = self.history.samples
        stopped = [rule.should_stop(loss) for loss in self.history.epoch_loss] if rule else []
        if stopped and stopped[-1]:
            self.stop("early_stopping")
        if best is not None and "best.parameters" in saved:
            best.parameters, best.loss = saved["best.parameters"], float(saved["best.loss"])


class _Best:
    """The parameters of the epoch with the least loss so far."""

    def __init__(self):
        self.loss, self.parameters = math.inf, None

    def offer(self, loss, parameters):
        if loss < self.loss:
            self.loss, self.parameters = loss, parameters.copy()


def _seed_of(rng):
    sequence = rng.bit_generator.seed_seq
    return f"{sequence.entropy}" + (f" spawn {tuple(sequence.spawn_key)}" if sequence.spawn_key else "")
