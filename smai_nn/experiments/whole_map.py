"""Section 1.5, beyond the goals: a network as small as possible that has every pixel of the map right.

In: a WholeMapSetting. Out: a run folder with the parameters of the best epoch; the WholeMapResult that is read from it.
"""

import dataclasses
from pathlib import Path

import numpy as np

from smai_nn.activations import Sigmoid, Tanh
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import border_source, group
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder, restore_setting
from smai_nn.trainer import Callback, EarlyStopping, History, TrainConfig, Trainer


@dataclasses.dataclass(frozen=True)
class WholeMapSetting:
    """Settings of one run that is to classify every pixel correctly; all hidden units are tanh."""

    hidden: tuple = (16, 16, 16)
    slope: float = 8.0  # length of the first layer's weight vectors at the start
    learning_rate: float = 0.01  # of Adam, falling to 0 along a cosine
    batch_size: int = 1250
    max_epochs: int = 20_000
    seed: int = 0

    def __post_init__(self):
        TrainConfig(self.batch_size, max_epochs=self.max_epochs)  # checks both

    @property
    def architecture(self):
        """The widths, input and output included, such as "2-16-16-16-1"."""
        return "-".join(map(str, (2, *self.hidden, 1)))

    @property
    def neurons(self):
        """Number of hidden units."""
        return sum(self.hidden)


@dataclasses.dataclass(frozen=True)
class WholeMapResult:
    """What one run came to."""

    setting: WholeMapSetting
    parameter_count: int
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the parameters as they are on the disk
    history: History
    folder: Path

    @property
    def correct(self):
        """How many pixels are right."""
        return int(np.sum(self.predicted == self.truth))

    @property
    def is_complete(self):
        """Whether all pixels are right."""
        return self.correct == self.truth.size


class StopWhenAllCorrect(Callback):
    """Ends a run after the first epoch with every sample right; keeps the parameters of the epoch with the most."""

    def __init__(self, model):
        self.accuracy, self.parameters = -1.0, model.parameters.copy()

    def on_epoch_end(self, trainer):
        """Look at the epoch's accuracy."""
        if trainer.history.epoch_accuracy[-1] > self.accuracy:
            self.accuracy, self.parameters = trainer.history.epoch_accuracy[-1], trainer.model.parameters.copy()
        if self.accuracy == 1:
            trainer.stop("all correct")


def whole_map_model(setting, rng):
    """Return the untrained Model; the line of each unit of the first layer passes through a random point of the map."""
    model = build_network((2, *setting.hidden, 1), Tanh, Sigmoid, loss="bce", optimizer=Adam(setting.learning_rate),
                          rng=rng)
    directions = rng.standard_normal((2, setting.hidden[0]))
    weights = setting.slope * directions / np.linalg.norm(directions, axis=0)
    model.layers[0].weights, model.layers[0].biases = weights, -(weights * rng.random(weights.shape)).sum(axis=0)
    return model


def run_whole_map(setting, progress=False):
    """Train until every pixel is right or the epochs are over; return the path of the run folder."""
    dataset = BorderDataset()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = whole_map_model(setting, initial_rng)
    watch = StopWhenAllCorrect(model)
    config = TrainConfig(setting.batch_size, 1, setting.max_epochs, patience=None, learning_rate_schedule="cosine",
                         progress=progress)
    name = f"map-{setting.architecture}-s{setting.seed}"
    with RunFolder.recording(name, WHOLE_MAP.described(setting, dataset.source)) as folder:
        history = Trainer(model, config, rng=shuffle_rng, callbacks=[watch]).fit(dataset.inputs, dataset.targets)
        model.parameters = watch.parameters
        model.save_to(folder.path / "parameters.npz")
        again = whole_map_model(setting, initial_rng)
        again.load_from(folder.path / "parameters.npz")
        predicted = dataset.as_map(again.predict(dataset.inputs) > 0.5).astype(np.uint8)
        folder.save_arrays("map", truth=dataset.mask, predicted=predicted)
        folder.finish(history, {"parameter_count": model.parameter_count})
    return folder.path


def read_whole_map(folder):
    """Return the WholeMapResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, maps = folder.metrics(), folder.arrays("map")
    return WholeMapResult(restore_setting(WholeMapSetting, folder.settings()["setting"]), metrics["parameter_count"],
                          maps["truth"], maps["predicted"], History.restore(folder.arrays("history"), metrics),
                          folder.path)


WHOLE_MAP = Experiment("whole-map", 1, run_whole_map, read_whole_map, border_source)


def whole_map_table(runs):
    """Return a table row for each shape."""
    return [{"network": own[0].setting.architecture, "hidden neurons": own[0].setting.neurons,
             "parameters": own[0].parameter_count, "correct pixels by seed": ", ".join(str(r.correct) for r in own),
             "all right": f"{sum(r.is_complete for r in own)} of {len(own)}",
             "epochs by seed": ", ".join(f"{r.history.epochs:,}" for r in own),
             "seconds by seed": ", ".join(f"{r.history.seconds:.0f}" for r in own)}
            for own in group(runs, "hidden").values()]


def best_whole_map(runs):
    """Return the run with the most pixels right, of these with the fewest neurons, then the least seed."""
    return min(runs, key=lambda r: (-r.correct, r.setting.neurons, r.setting.seed))


def whole_map_facts(runs):
    """Return the facts of the best run, among them when section 1.4's stopping rule would have ended it."""
    best = best_whole_map(runs)
    history, rule = best.history, EarlyStopping(10, 0.01)
    stop = next((epoch for epoch, loss in enumerate(history.epoch_loss, 1) if rule.should_stop(loss)), history.epochs)
    return {"challenge.full_map_neurons": best.setting.neurons, "challenge.full_map_parameters": best.parameter_count,
            "challenge.full_map_accuracy": best.correct / best.truth.size, "challenge.full_map_correct": best.correct,
            "challenge.full_map_pixels": best.truth.size, "challenge.full_map_network": best.setting.architecture,
            "challenge.full_map_epochs": history.epochs,
            "challenge.full_map_complete": sum(r.is_complete for r in runs), "challenge.full_map_runs": len(runs),
            "challenge.full_map_rule_epoch": stop, "challenge.full_map_rule_accuracy": history.epoch_accuracy[stop - 1]}
