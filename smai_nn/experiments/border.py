"""Sections 1.1, 1.2 and 1.4: networks that predict the country of each pixel of the border map."""

import dataclasses
import itertools
import operator
from pathlib import Path

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.checks import require_choice
from smai_nn.datasets import sources
from smai_nn.datasets.border import BorderDataset, touches_other_country
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder, restore_setting
from smai_nn.trainer import History, TrainConfig, Trainer

STUCK_EPOCHS, STUCK_GAIN = 20, 0.005  # a stuck run ended by then, with no more above the majority class


@dataclasses.dataclass(frozen=True)
class BorderSetting:
    """Settings of one run on the border; a sweep states only what differs."""

    hidden: tuple = (32, 32)  # widths of the hidden layers
    activation: str = "relu"  # of all hidden layers
    learning_rate: float = 0.003  # of Adam; the output is a sigmoid, the loss BCE
    batch_size: int = 32
    grad_accumulation_steps: int = 1
    max_epochs: int = 500
    patience: int | None = 10  # None: no early stopping
    relative_loss_threshold: float = 0.01
    seed: int = 0  # of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))

    depth = property(lambda self: len(self.hidden), doc="Number of hidden layers.")
    window = property(lambda self: self.batch_size * self.grad_accumulation_steps, doc="Samples of one update.")
    width = property(lambda self: self.hidden[0], doc="Width of the first hidden layer.")
    label = property(lambda self: f"{'-'.join(map(str, (2, *self.hidden, 1)))} {self.activation}",
                     doc="All widths and the activation, such as '2-32-32-1 relu'.")


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
    def training_seconds(self):
        """Epochs times the median of an epoch's seconds: what the training took, without what else the machine did."""
        return self.history.epochs * float(np.median(self.history.epoch_seconds))

    @property
    def is_stuck(self):
        """Whether a network that could do better ended where it began, on the plateau of the majority class."""
        return (self.setting.activation != "identity" and self.history.epochs <= STUCK_EPOCHS
                and self.accuracy <= self.majority_accuracy + STUCK_GAIN)


def run_border(setting, progress=False):
    """Train one network until early stopping; return the path of its run folder."""
    dataset = BorderDataset()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)  # any network sees the same orders
    model = build_network((2, *setting.hidden, 1), ACTIVATIONS[setting.activation], Sigmoid, loss="bce",
                          optimizer=Adam(setting.learning_rate), rng=initial_rng)
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
    plain = [metrics[name] for name in ("parameter_count", "map_loss", "map_accuracy", "majority_accuracy")]
    return BorderResult(restore_setting(BorderSetting, folder.settings()["setting"]), *plain,
                        History.restore(folder.arrays("history"), metrics), **maps, folder=folder.path)


def border_source(setting=None):
    """Return the DataSource of the border map."""
    return sources.find_file("border.png")


BORDER = Experiment("border", 2, run_border, read_border, border_source)


def vary(base, seeds, **lists):
    """Return `base` with every combination of the given values, each with every seed, as a list of settings."""
    return [dataclasses.replace(base, **dict(zip(lists, values)), seed=seed)
            for values in itertools.product(*lists.values()) for seed in seeds]


def group(results, *names):
    """Return a dict value -> list of results, by the named attributes of their settings (a tuple for several names)."""
    groups, values = {}, operator.attrgetter(*names)
    for result in results:
        groups.setdefault(values(result.setting), []).append(result)
    return groups


def values_of(results, name):
    """Return an attribute of each result, or of its history, or of its setting, as an array."""
    places = [next(p for p in (r, r.history, r.setting) if hasattr(p, name)) for r in results]
    return np.array([getattr(place, name) for place in places])


def median(results, name):
    """Return the median over results of an attribute such as "accuracy" (see `values_of`)."""
    return float(np.median(values_of(results, name)))


def spread(results, name, form, scale=1):
    """Return "median (least–greatest)" over results of an attribute, as text."""
    values = scale * values_of(results, name)
    return f"{np.median(values):{form}} ({values.min():{form}}–{values.max():{form}})"


def pivot(results, down, across, cell):
    """Return a table: rows for the settings `down` (a tuple of names), columns for `across`, in them `cell(runs)`."""
    rows, columns = [], sorted(group(results, across))
    for runs in group(results, *down).values():
        own = group(runs, across)
        rows.append({name: getattr(runs[0].setting, name) for name in down}
                    | {f"{across} {value:g}": cell(own[value]) if value in own else "" for value in columns})
    return rows


def loss_and_accuracy(runs):
    """Return a table's cell: median loss, median accuracy with its range, and the number of stuck runs, if any."""
    stuck = sum(run.is_stuck for run in runs)
    return f"{median(runs, 'loss'):.3f}, {spread(runs, 'accuracy', '.1f', 100)} %" + f", {stuck} stuck" * (stuck > 0)


def cost(runs):
    """Return a table's cell: median accuracy, thousand samples and seconds."""
    return (f"{100 * median(runs, 'accuracy'):.1f} %, {median(runs, 'samples') / 1e3:.0f} k, "
            f"{median(runs, 'training_seconds'):.2f} s")


def dataset_facts(dataset, samples):
    """Return the facts of section 1.1: a BorderDataset, and one shuffled pass of its samples."""
    coordinates = np.array([point for point, _ in samples])
    return {"dataset.width": dataset.width, "dataset.height": dataset.height, "dataset.pixels": len(dataset),
            "dataset.dutch": int((dataset.mask == 0).sum()), "dataset.belgian": int((dataset.mask == 1).sum()),
            "dataset.majority": dataset.majority_accuracy, "dataset.returned": len(samples),
            "dataset.different": len(np.unique(coordinates, axis=0)),
            "dataset.least": float(coordinates.min()), "dataset.greatest": float(coordinates.max())}


def one_run_facts(result):
    """Return the facts of section 1.2's run; the stopping rule looks at the ratios L_t / L_(t - patience)."""
    history, patience = result.history, result.setting.patience
    ratios = np.divide(history.epoch_loss[patience:], history.epoch_loss[:-patience]).tolist()
    return {"run.epochs": history.epochs, "run.samples": history.samples, "run.seconds": history.seconds,
            "run.accuracy": result.accuracy, "run.majority": result.majority_accuracy, "run.patience": patience,
            "run.parameters": result.parameter_count, "run.limit": 1 - result.setting.relative_loss_threshold,
            "run.last_ratio": ratios[-1], "run.ratio_before": max(ratios[:-1], default=None)}


def grid_facts(runs):
    """Return the facts of the grid of architectures."""
    curved, linear = ([r for r in runs if (r.setting.activation == "identity") == flag] for flag in (False, True))
    settings, majority = group(curved, "label"), runs[0].majority_accuracy
    medians = {label: median(own, "accuracy") for label, own in settings.items()}
    picture = best_and_worst(runs)[0]
    wrong, edge = picture.predicted != picture.truth, touches_other_country(picture.truth)
    facts = {"grid.runs": len(runs), "grid.majority": majority, "grid.linear": median(linear, "accuracy"),
             "grid.converged": sum(r.history.stop_reason == "early_stopping" for r in runs),
             "grid.best": picture.setting.label, "grid.best_median": max(medians.values()),
             "grid.best_parameters": picture.parameter_count, "grid.setting_range": np.ptp(list(medians.values())),
             "grid.seed_range": max(np.ptp(values_of(own, "accuracy")) for own in settings.values()),
             "grid.edge_share": float(edge.mean()), "grid.errors_at_edge": float(edge[wrong].mean())}
    return facts | {f"grid.{name}": median(own, "accuracy") for name, own in group(curved, "activation").items()}


def best_and_worst(runs):
    """Return the median run of the best architecture, and that of the worst, by their median accuracies."""
    settings = sorted(group(runs, "label").values(), key=lambda own: -median(own, "accuracy"))
    return [sorted(own, key=lambda r: r.accuracy)[len(own) // 2] for own in (settings[0], settings[-1])]


def seed_range(settings):
    """Return by how much the accuracies of one setting's seeds differ, the median over settings (see `group`)."""
    return float(np.median([np.ptp(values_of(own, "accuracy")) for own in settings.values()]))


def effect_facts(runs, by, unruled):
    """Return the facts of a study of `by`, "depth" or "width"; `unruled` are tanh runs without the stopping rule."""
    longer = {value: median(own, "accuracy") for value, own in group(unruled, by).items()}
    facts = {f"{by}.seed_range": seed_range(group(runs, by, "activation")), f"{by}.longer": longer[max(longer)],
             f"{by}.longer_best": max(longer.values()), f"{by}.longer_epochs": unruled[0].history.epochs}
    for name, own in group(runs, "activation").items():
        accuracy = {value: median(seeds, "accuracy") for value, seeds in group(own, by).items()}
        first, last, best = min(accuracy), max(accuracy), max(accuracy, key=accuracy.get)
        facts |= {f"{by}.{name}.first": accuracy[first], f"{by}.{name}.last": accuracy[last],
                  f"{by}.{name}.best": accuracy[best], f"{by}.{name}.best_at": best,
                  f"{by}.{name}.gain": accuracy[best] - accuracy[first]}
    return facts


def cost_facts(runs):
    """Return the facts of the study of batch size, accumulation and learning rate."""
    settings, facts = group(runs, "learning_rate", "batch_size", "grad_accumulation_steps"), {}
    for name, measure in (("fastest", "training_seconds"), ("leanest", "samples")):
        (rate, size, steps), own = min(settings.items(), key=lambda item: median(item[1], measure))
        facts[f"cost.{name}"] = f"rate {rate:g}, batch {size}, accumulation {steps}"
        facts |= {f"cost.{name}.{m}": median(own, m) for m in ("accuracy", "samples", "training_seconds")}
    for (size, steps), own in group(runs, "batch_size", "grad_accumulation_steps").items():
        seconds = float(np.median([np.median(r.history.epoch_seconds) for r in own]))
        facts[f"cost.{size}x{steps}.milliseconds"] = 1000 * seconds
    by_window = sorted(group(runs, "window").items())  # samples of an update -> runs
    return facts | {"cost.least.samples": median(by_window[0][1], "samples"),
                    "cost.most.samples": median(by_window[-1][1], "samples")}


def study_facts(runs):
    """Return the facts over all runs of section 1.4."""
    accuracies = values_of(runs, "accuracy")
    return {"border.runs": len(runs), "border.best_accuracy": float(accuracies.max()),
            "border.least_accuracy": float(accuracies.min()), "border.reach_91": int((accuracies >= 0.91).sum()),
            "border.stuck": sum(r.is_stuck for r in runs),
            "border.stuck_deep": sum(r.is_stuck and r.setting.depth > 1 for r in runs)}
