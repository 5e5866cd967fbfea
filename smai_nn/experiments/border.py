"""Sections 1.2 and 1.4: networks that predict the country of each pixel of the border map.

In: a BorderSetting. Out: a run folder with the predicted map, and the BorderResult that is read from it.
"""

import dataclasses
import itertools
from pathlib import Path

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.checks import require_choice
from smai_nn.datasets import sources
from smai_nn.datasets.border import BorderDataset
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, restore_setting
from smai_nn.trainer import History, TrainConfig, Trainer

STUCK_EPOCHS, STUCK_GAIN = 20, 0.005  # see BorderResult.is_stuck


@dataclasses.dataclass(frozen=True)
class BorderSetting:
    """Settings of one run on the border; a sweep states only what differs."""

    hidden: tuple = (32, 32)  # widths of the hidden layers
    activation: str = "relu"  # of all hidden layers
    loss: str = "bce"  # or "mse"; the output is a sigmoid either way
    optimizer: str = "adam"
    learning_rate: float = 0.003
    batch_size: int = 32
    grad_accumulation_steps: int = 1
    max_epochs: int = 500
    patience: int | None = 10  # None: no early stopping
    relative_loss_threshold: float = 0.01
    seed: int = 0  # of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))
        require_choice(self.optimizer, "optimizer", tuple(OPTIMIZERS))

    @property
    def architecture(self):
        """The widths, input and output included, such as "2-32-32-1"."""
        return "-".join(map(str, (2, *self.hidden, 1)))

    @property
    def label(self):
        """Architecture and activation, such as "2-32-32-1 relu"."""
        return f"{self.architecture} {self.activation}"

    @property
    def depth(self):
        """Number of hidden layers."""
        return len(self.hidden)

    @property
    def width(self):
        """Width of the first hidden layer."""
        return self.hidden[0]

    @property
    def batching(self):
        """Such as "batch 32, accumulation 1"."""
        return f"batch {self.batch_size}, accumulation {self.grad_accumulation_steps}"

    @property
    def samples_per_update(self):
        """Samples whose gradients one update uses."""
        return self.batch_size * self.grad_accumulation_steps


@dataclasses.dataclass(frozen=True)
class BorderResult:
    """What one run on the border came to; loss and accuracy are of the whole map with the final parameters."""

    setting: BorderSetting
    parameter_count: int
    loss: float
    accuracy: float
    majority_accuracy: float  # of always answering the more frequent country
    history: History
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise
    folder: Path

    @property
    def converged(self):
        """Whether early stopping, and not the cap on epochs, ended the run."""
        return self.history.stop_reason == "early_stopping"

    @property
    def is_stuck(self):
        """Whether the rule ended the run early on the plateau of the majority class.

        That is: within STUCK_EPOCHS epochs, no more than STUCK_GAIN above the majority's accuracy.
        """
        return self.history.epochs <= STUCK_EPOCHS and self.accuracy <= self.majority_accuracy + STUCK_GAIN


def run_border(setting, progress=False):
    """Train one network until early stopping; return the path of its run folder."""
    dataset = BorderDataset()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Sigmoid, loss=setting.loss,
                          optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate), rng=initial_rng)
    config = TrainConfig(setting.batch_size, setting.grad_accumulation_steps, setting.max_epochs, setting.patience,
                         setting.relative_loss_threshold, progress=progress)
    with RunFolder.recording(f"{setting.label}-s{setting.seed}", BORDER.described(setting, dataset.source)) as folder:
        history = Trainer(model, config, rng=shuffle_rng).fit(dataset.inputs, dataset.targets)
        prediction = model.predict(dataset.inputs)
        folder.save_arrays("map", truth=dataset.mask, predicted=dataset.as_map(prediction > 0.5).astype(np.uint8))
        folder.finish(history, {"map_loss": model.loss.value(prediction, dataset.targets),
                                "map_accuracy": accuracy(prediction, dataset.targets),
                                "majority_accuracy": dataset.majority_accuracy,
                                "parameter_count": model.parameter_count}, model=model)
    return folder.path


def read_border(folder):
    """Return the BorderResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, maps = folder.metrics(), folder.arrays("map")
    return BorderResult(restore_setting(BorderSetting, folder.settings()["setting"]), metrics["parameter_count"],
                        metrics["map_loss"], metrics["map_accuracy"], metrics["majority_accuracy"],
                        History.restore(folder.arrays("history"), metrics), maps["truth"], maps["predicted"], folder.path)


def border_source(setting=None):
    """Return the DataSource of the border map."""
    return sources.find_file("border.png")


BORDER = Experiment("border", 1, run_border, read_border, border_source)


def vary(base, seeds, **lists):
    """Return `base` with every combination of the given values, each with every seed, as a list of settings."""
    return [dataclasses.replace(base, **dict(zip(lists, values)), seed=seed)
            for values in itertools.product(*lists.values()) for seed in seeds]


def group(results, *names):
    """Return a dict value -> list of results, by the named attributes of their settings (a tuple for several names)."""
    groups = {}
    for result in results:
        values = tuple(getattr(result.setting, name) for name in names)
        groups.setdefault(values if len(names) > 1 else values[0], []).append(result)
    return groups


def median(results, name):
    """Return the median over results of an attribute such as "accuracy", or of one of their histories."""
    return float(np.median([value_of(r, name) for r in results]))


def spread(results, name, form, scale=1):
    """Return "median (least–greatest)" over results of an attribute, or of one of their histories, as text."""
    values = scale * np.array([value_of(r, name) for r in results])
    return f"{np.median(values):{form}} ({values.min():{form}}–{values.max():{form}})"


def value_of(result, name):
    """Return an attribute of a result, of its history or of its setting."""
    place = next(place for place in (result, result.history, result.setting) if hasattr(place, name))
    return getattr(place, name)


def summary(results, *names):
    """Return a table row for each combination of the named settings: medians over seeds, range in brackets."""
    rows = []
    for values, runs in group(results, *names).items():
        values = values if len(names) > 1 else (values,)
        rows.append({**dict(zip(names, values)), "parameters": runs[0].parameter_count,
                     "final loss": spread(runs, "loss", ".3f"), "accuracy (%)": spread(runs, "accuracy", ".1f", 100),
                     "epochs": f"{median(runs, 'epochs'):.0f}", "thousand samples": f"{median(runs, 'samples') / 1e3:.0f}",
                     "seconds": f"{median(runs, 'seconds'):.2f}", "stuck": f"{sum(r.is_stuck for r in runs)} of {len(runs)}"})
    return rows


def pivot(results, down, across, cell):
    """Return a table: a row for each value of the setting `down` (a tuple of names), a column for each of `across`.

    `cell(runs)` makes a text of the runs of one setting.
    """
    rows, columns = [], sorted(group(results, across))
    for values, runs in group(results, *down).items():
        own = group(runs, across)
        rows.append({**dict(zip(down, values if len(down) > 1 else (values,))),
                     **{f"{across} {value:g}": cell(own[value]) if value in own else "" for value in columns}})
    return rows


def loss_and_accuracy(runs):
    """Return a table's cell: median loss, median accuracy with its range, and how many are stuck, if any are."""
    stuck = sum(r.is_stuck for r in runs)
    return f"{median(runs, 'loss'):.3f}, {spread(runs, 'accuracy', '.1f', 100)} %" + f", {stuck} stuck" * bool(stuck)


def cost(runs):
    """Return a table's cell: median accuracy, thousand samples and seconds, and how many are stuck, if any are."""
    stuck = sum(r.is_stuck for r in runs)
    return (f"{100 * median(runs, 'accuracy'):.1f} %, {median(runs, 'samples') / 1e3:.0f} k, {median(runs, 'seconds'):.2f} s"
            + f", {stuck} stuck" * bool(stuck))
