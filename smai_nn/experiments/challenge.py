"""Section 1.5: searches for the smallest network, curves of accuracy against samples, and the whole map."""

import dataclasses
import math
import time

import numpy as np

from smai_nn.activations import ACTIVATIONS, Identity, Sigmoid
from smai_nn.challenge import (
    SampleCurve,
    SearchResult,
    correct_pixels,
    frontier,
    place_first_layer,
    search_smallest,
    settling_samples,
)
from smai_nn.checks import require_choice
from smai_nn.datasets.border import COUNTRIES, BorderDataset
from smai_nn.experiments.recording import train_and_save
from smai_nn.files import save_json
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS, Kalman
from smai_nn.plots.maps import plot_map_prediction
from smai_nn.runs import RunFolder
from smai_nn.trainer import Callback, History, TrainConfig


@dataclasses.dataclass(frozen=True)
class SearchRun:
    """A search, and what its winner classifies correctly once its checkpoint is read from the disk again."""

    result: SearchResult
    correct: int
    folder: str  # name of the run folder

    @property
    def winner(self):
        """The search's winner, or if there is none, the candidate with the most pixels right."""
        return self.result.winner or max(self.result.best.values(), key=lambda c: c.correct)

    @property
    def reached(self):
        """Whether the checkpoint reaches the target."""
        return self.correct >= self.result.needed


def run_search(setting, dataset=None, *, workers=-1, progress=True):
    """Search for the smallest network; keep the winner, all its ancestors and every shape's best; return a SearchRun.

    The run folder has a checkpoint for each ancestor (`00-start.npz` and on), `ancestors.json` with what was done, how
    many pixels were right and how many samples had been used, `shapes.json` with the best of every shape, and the
    winner's `parameters.npz`. The pixels are counted again from that file. `dataset`: a BorderDataset, by default
    the one at hand.
    """
    dataset = BorderDataset() if dataset is None else dataset
    folder = RunFolder.create(f"search-s{setting.seed}")
    settings = {"experiment": "challenge, fewest parameters", "data": dataset.source.record(), "seed": setting.seed,
                "search": dataclasses.asdict(setting)}
    folder.begin(settings)
    start = time.perf_counter()
    try:
        result = search_smallest(dataset, setting, workers=workers, progress=progress)
        winner = SearchRun(result, 0, "").winner
        ancestors, total = [], 0
        for number, stage in enumerate(winner.stages):
            path = winner.model(number).save_to(folder.path / f"{number:02d}-{stage.what.replace(' ', '-')}.npz")
            total += stage.samples
            ancestors.append({"file": path.name, "what": stage.what, "correct pixels": stage.correct,
                              "samples": stage.samples, "samples so far": total})
        save_json(folder.path / "ancestors.json", {"network": winner.label, "entropy": winner.entropy,
                                                   "ancestors": ancestors})
        save_json(folder.path / "shapes.json", [
            {"network": c.label, "parameters": c.parameter_count, "correct pixels": c.correct}
            for c in sorted(result.best.values(), key=lambda c: (c.parameter_count, -c.correct))])
        model, again = winner.model(), winner.model(0)
        history = _history_of(winner, dataset)
        history.seconds = time.perf_counter() - start
        model.save_to(folder.path / "parameters.npz")
        again.load_from(folder.path / "parameters.npz")
        correct = correct_pixels(again, dataset)
        predicted = dataset.as_map(again.predict(dataset.inputs) > 0.5).astype(np.uint8)
        folder.save_figure("map", plot_map_prediction(dataset.mask, predicted, COUNTRIES, winner.label))
        figures = {"network": winner.label, "correct_pixels": correct, "needed_pixels": result.needed,
                   "reached": correct >= result.needed, "rounds": result.rounds}
        folder.finish(model, history, figures, config={**settings, "network": winner.label})
    except Exception as error:
        folder.fail(error)
        raise
    return SearchRun(result, correct, folder.name)


def _history_of(candidate, dataset):
    """Return the History of a candidate's ancestors: one epoch for each stage."""
    history, total = History(stop_reason="search ended"), 0
    for number, stage in enumerate(candidate.stages):
        total += stage.samples
        model = candidate.model(number)
        for name, value in (("loss", model.evaluate(dataset.inputs, dataset.targets)), ("samples", total)):
            getattr(history, f"epoch_{name}").append(value)
            getattr(history, f"iteration_{name}").append(value)
        history.epoch_accuracy.append(stage.correct / len(dataset))
        history.epoch_seconds.append(math.nan)
    return history


def shape_table(runs, most=None):
    """Return a row for each parameter count up to `most`: the best of all searches, how many reached the target."""
    rows = []
    counts = sorted({count for run in runs for count in frontier(run.result.best)})
    for count in counts:
        if most is not None and count > most:
            break
        found = [frontier(run.result.best)[count] for run in runs if count in frontier(run.result.best)]
        best = max(found, key=lambda c: c.correct)
        rows.append({"parameters": count, "best network": best.label, "correct pixels": best.correct,
                     "in the searches": " ".join(str(c.correct) for c in found),
                     "reached": f"{sum(c.correct >= runs[0].result.needed for c in found)} of {len(runs)}"})
    return rows


@dataclasses.dataclass(frozen=True)
class SampleSetting:
    """Settings of one run for the fewest samples."""

    hidden: tuple = (64, 64)
    activation: str = "relu"
    optimizer: str = "adam"  # or "sgd"; "kalman", a filter of all parameters; "least squares", of the last layer's
    learning_rate: float = 0.01  # of "adam" and "sgd"
    batch_size: int = 4  # 1 for the Kalman filter
    slope: float | None = None  # length of the first layer's weight vectors at the start; None: the usual values
    averaging: float | None = None  # how much a running mean of the parameters remembers; None: no averaging
    noise_ratio: float = 10.0  # of the Kalman filter: variance of the targets over the parameters' at the start
    max_epochs: int = 30
    patience: int = 2
    relative_loss_threshold: float = 0.02
    target: float = 0.91
    seed: int = 0

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))
        require_choice(self.optimizer, "optimizer", ("sgd", "adam", "kalman", "least squares"))

    @property
    def architecture(self):
        """The widths, input and output included, such as "2-64-64-1"."""
        return "-".join(map(str, (2, *self.hidden, 1)))

    @property
    def filters(self):
        """Whether it learns by a Kalman filter."""
        return self.optimizer in ("kalman", "least squares")


@dataclasses.dataclass(frozen=True)
class SampleResult:
    """What one run came to."""

    setting: SampleSetting
    samples: np.ndarray  # passed through train() when the accuracy was looked at
    accuracies: np.ndarray  # on all pixels
    first: int | None  # samples at the first crossing of the target
    settled: int | None  # samples after which the accuracy stays there
    history: History
    folder: str


def sample_model(setting, rng):
    """Return the untrained Model of a SampleSetting; a Kalman filter's has an Identity output, which begins at 0.5."""
    if not setting.filters:
        optimizer = OPTIMIZERS[setting.optimizer](setting.learning_rate)
        model = build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Sigmoid, loss="bce",
                              optimizer=optimizer, rng=rng)
    else:
        trained = setting.hidden[-1] + 1 if setting.optimizer == "least squares" else None
        model = build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Identity, loss="mse",
                              optimizer=Kalman(prior=1 / setting.noise_ratio, noise=1.0, trained=trained), rng=rng)
        model.layers[-1].biases[...] = 0.5
    if setting.slope is not None:
        place_first_layer(model.layers[0], setting.slope, rng)
        model.layers[-1].weights[...] = 0  # many steep units together would begin with a wild map
    return model


def streams(seed):
    """Return the Generators of the initial values and of the order of the samples of one seed."""
    return np.random.default_rng(seed).spawn(2)


def run_samples(setting, dataset=None):
    """Train one network until early stopping, with its accuracy against samples; return a SampleResult."""
    dataset = BorderDataset() if dataset is None else dataset
    initial_rng, shuffle_rng = streams(setting.seed)
    model = sample_model(setting, initial_rng)
    curve = SampleCurve(dataset.inputs, dataset.targets, averaging=setting.averaging)
    config = TrainConfig(setting.batch_size, 1, setting.max_epochs, setting.patience, setting.relative_loss_threshold)

    def metrics(history):
        first, settled = settling_samples(curve.samples, curve.accuracies, setting.target)
        return {"first_crossing": first, "settled": settled, "best_accuracy": max(curve.accuracies)}

    def arrays(history):
        return {"accuracy": {"samples": np.array(curve.samples), "accuracies": np.array(curve.accuracies)}}

    settings = {"experiment": "challenge, fewest samples", "data": dataset.source.record(), "seed": setting.seed,
                "challenge": dataclasses.asdict(setting)}
    name = f"samples-{setting.architecture}-{setting.optimizer.replace(' ', '-')}-s{setting.seed}"
    folder, history = train_and_save(model, config, dataset.inputs, dataset.targets, rng=shuffle_rng, name=name,
                                     settings=settings, callbacks=[curve], metrics=metrics, arrays=arrays)
    final = metrics(history)
    return SampleResult(setting, np.array(curve.samples), np.array(curve.accuracies), final["first_crossing"],
                        final["settled"], history, folder.name)


@dataclasses.dataclass(frozen=True)
class FullMapSetting:
    """Settings of one run that is to classify every pixel correctly."""

    hidden: tuple = (16, 16, 16, 16)
    activation: str = "tanh"
    slope: float = 8.0  # length of the first layer's weight vectors at the start
    learning_rate: float = 0.01  # of Adam, falling to 0 along a cosine
    batch_size: int = 1250
    max_epochs: int = 20_000
    seed: int = 0

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))

    @property
    def architecture(self):
        """The widths, input and output included, such as "2-16-16-16-16-1"."""
        return "-".join(map(str, (2, *self.hidden, 1)))


@dataclasses.dataclass(frozen=True)
class FullMapResult:
    """What one run came to; `correct` pixels by the parameters as they are on the disk."""

    setting: FullMapSetting
    parameter_count: int
    correct: int
    predicted: np.ndarray  # (height, width), 0 or 1
    history: History
    folder: str


class StopWhenAllCorrect(Callback):
    """Ends a run after the first epoch with every sample right; otherwise keeps the parameters with the most right."""

    def __init__(self):
        self.accuracy, self.parameters = -1.0, None

    def on_epoch_end(self, trainer):
        """Look at the epoch's accuracy."""
        if trainer.history.epoch_accuracy[-1] > self.accuracy:
            self.accuracy, self.parameters = trainer.history.epoch_accuracy[-1], trainer.model.parameters.copy()
        if self.accuracy == 1:
            trainer.stop("all correct")


def run_full_map(setting, dataset=None):
    """Train one network until every pixel is right or the epochs are over; return a FullMapResult."""
    dataset = BorderDataset() if dataset is None else dataset
    initial_rng, shuffle_rng = streams(setting.seed)
    model = build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Sigmoid, loss="bce",
                          optimizer=OPTIMIZERS["adam"](setting.learning_rate), rng=initial_rng)
    place_first_layer(model.layers[0], setting.slope, initial_rng)
    watch = StopWhenAllCorrect()
    config = TrainConfig(setting.batch_size, 1, setting.max_epochs, None, learning_rate_schedule="cosine")

    def metrics(history):
        model.parameters = watch.parameters
        return {"correct_pixels": correct_pixels(model, dataset), "neurons": sum(setting.hidden)}

    def figures(history):
        model.parameters = watch.parameters
        return {"map": plot_map_prediction(dataset.mask, picture(), COUNTRIES, setting.architecture)}

    def picture():
        return dataset.as_map(model.predict(dataset.inputs) > 0.5).astype(np.uint8)

    settings = {"experiment": "challenge, whole map", "data": dataset.source.record(), "seed": setting.seed,
                "challenge": dataclasses.asdict(setting)}
    folder, history = train_and_save(model, config, dataset.inputs, dataset.targets, rng=shuffle_rng,
                                     name=f"map-{setting.architecture}-s{setting.seed}", settings=settings,
                                     callbacks=[watch], figures=figures, metrics=metrics)
    model.load_from(folder.path / "parameters.npz")
    return FullMapResult(setting, model.parameter_count, correct_pixels(model, dataset), picture(), history,
                         folder.name)
