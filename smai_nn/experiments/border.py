"""Sections 1.2 and 1.4: networks that predict the country of each pixel of the border map."""

import dataclasses
import itertools

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.checks import require_choice
from smai_nn.datasets.border import COUNTRIES, BorderDataset
from smai_nn.experiments.recording import train_and_save
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.plots.maps import plot_map_prediction
from smai_nn.sweep import run_sweep
from smai_nn.trainer import History, TrainConfig


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
    patience: int = 10
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

    def train_config(self, **changes):
        """Return the TrainConfig of this run."""
        return TrainConfig(self.batch_size, self.grad_accumulation_steps, self.max_epochs, self.patience,
                           self.relative_loss_threshold, **changes)


@dataclasses.dataclass(frozen=True)
class BorderResult:
    """What one run on the border came to; loss and accuracy are of the whole map with the final parameters."""

    setting: BorderSetting
    parameter_count: int
    loss: float
    accuracy: float
    history: History
    predicted: np.ndarray  # (height, width), 0 or 1
    folder: str  # name of the run folder

    @property
    def converged(self):
        """Whether early stopping, and not the cap on epochs, ended the run."""
        return self.history.stop_reason == "early_stopping"


def border_model(setting, rng):
    """Return the untrained float32 Model of a BorderSetting."""
    return build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Sigmoid, loss=setting.loss,
                         optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate), rng=rng)


def run_border(setting, progress=False):
    """Train one network until early stopping, keep its run folder, and return a BorderResult."""
    dataset = BorderDataset()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = border_model(setting, initial_rng)

    def final_map():
        return model.predict(dataset.inputs)

    def figures(history):
        predicted = dataset.as_map(final_map() > 0.5).astype(np.uint8)
        title = f"{setting.label}, seed {setting.seed}"
        return {"map": plot_map_prediction(dataset.mask, predicted, COUNTRIES, title)}

    def metrics(history):
        return {"map_loss": model.evaluate(dataset.inputs, dataset.targets),
                "map_accuracy": accuracy(final_map(), dataset.targets)}

    settings = {"experiment": "border", "data": dataset.source.record(), "seed": setting.seed,
                "border": dataclasses.asdict(setting)}
    name = f"border-{setting.architecture}-{setting.activation}-s{setting.seed}"
    folder, history = train_and_save(model, setting.train_config(progress=progress), dataset.inputs, dataset.targets,
                                     rng=shuffle_rng, name=name, settings=settings, figures=figures, metrics=metrics)
    final = metrics(history)
    return BorderResult(setting, model.parameter_count, final["map_loss"], final["map_accuracy"], history,
                        dataset.as_map(final_map() > 0.5).astype(np.uint8), folder.name)


def vary(base, seeds, **lists):
    """Return `base` with every combination of the given values, each with every seed, as a list of settings."""
    return [dataclasses.replace(base, **dict(zip(lists, values)), seed=seed)
            for values in itertools.product(*lists.values()) for seed in seeds]


def run_missing(settings, results, description):
    """Return the results of all settings, in order; whatever is among `results` already is not run again."""
    made = {result.setting: result for result in results}
    missing = [setting for setting in settings if setting not in made]
    if missing:
        made |= zip(missing, run_sweep(run_border, missing, description=description))
    return [made[setting] for setting in settings]


def group(results, key):
    """Return a dict key(setting) -> list of results, in order of appearance; `key` may name an attribute."""
    groups = {}
    for result in results:
        value = getattr(result.setting, key) if isinstance(key, str) else key(result.setting)
        groups.setdefault(value, []).append(result)
    return groups


def spread(values, form="{:.3f}"):
    """Return "median (least to greatest)" as text."""
    return f"{form.format(np.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def summary_row(results):
    """Return what a table shows of the runs of one setting that differ by seed alone: texts by column."""
    stopped = sum(r.converged for r in results)
    return {"parameters": results[0].parameter_count,
            "final loss": spread([r.loss for r in results]),
            "accuracy": spread([100 * r.accuracy for r in results], "{:.1f}") + " %",
            "epochs": spread([r.history.epochs for r in results], "{:.0f}"),
            "samples": spread([r.history.samples / 1000 for r in results], "{:.1f}") + " k",
            "seconds": spread([r.history.seconds for r in results], "{:.2f}"),
            "stopped early": f"{stopped} of {len(results)}"}


def effect_arrays(results, values, key):
    """Return (losses, accuracies), each (len(values), seeds), for the runs whose `key(setting)` is each value."""
    groups = group(results, key)
    return tuple(np.array([[getattr(r, name) for r in groups[value]] for value in values])
                 for name in ("loss", "accuracy"))


def cost_tables(results, learning_rates, batch_sizes, accumulations, measure):
    """Return the medians over seeds of `measure(result)`, (learning rates, batch sizes, accumulations)."""
    groups = group(results, lambda s: (s.learning_rate, s.batch_size, s.grad_accumulation_steps))
    return np.array([[[np.median([measure(r) for r in groups[rate, size, steps]]) for steps in accumulations]
                      for size in batch_sizes] for rate in learning_rates])


def rank_correlation(first, second):
    """Return Spearman's rank correlation of two sequences of numbers; NaN if one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    from scipy.stats import spearmanr  # loaded late: it takes half a second

    return float(spearmanr(first, second).statistic)
