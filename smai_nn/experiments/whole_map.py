"""Section 1.5, beyond the goals: a network as small as possible that has every pixel of the map right.

In: a BorderSetting. Out: a run folder with the parameters of the best epoch, which `read_border` reads.
"""

import numpy as np

from smai_nn.activations import Sigmoid, Tanh
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import BorderSetting, border_source, read_border, vary
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder
from smai_nn.trainer import Callback, TrainConfig, Trainer

SLOPE = 8.0  # length of the first layer's weight vectors at the start


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


def run_whole_map(setting, progress=False):
    """Train until every pixel is right or the epochs are over; return the path of the run folder.

    At the start the line of each unit of the first layer passes through a random point of the map.
    """
    dataset = BorderDataset()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = build_network((2, *setting.hidden, 1), Tanh, Sigmoid, loss="bce", optimizer=Adam(setting.learning_rate),
                          rng=initial_rng)
    directions = initial_rng.standard_normal((2, setting.width))
    weights = SLOPE * directions / np.linalg.norm(directions, axis=0)                   # (2, width)
    model.layers[0].weights = weights
    model.layers[0].biases = -(weights * initial_rng.random(weights.shape)).sum(axis=0)  # (width,)
    watch = StopWhenAllCorrect(model)
    config = TrainConfig(setting.batch_size, 1, setting.max_epochs, patience=None, learning_rate_schedule="cosine",
                         progress=progress)
    name = f"map-{setting.label}-s{setting.seed}"
    with RunFolder.recording(name, WHOLE_MAP.described(setting, dataset.source)) as folder:
        history = Trainer(model, config, rng=shuffle_rng, callbacks=[watch]).fit(dataset.inputs, dataset.targets)
        model.parameters = watch.parameters
        prediction = model.predict(dataset.inputs)
        folder.save_arrays("map", truth=dataset.mask, predicted=dataset.as_map(prediction > 0.5).astype(np.uint8))
        folder.finish(history, {"map_loss": model.loss.value(prediction, dataset.targets),
                                "map_accuracy": accuracy(prediction, dataset.targets),
                                "majority_accuracy": dataset.majority_accuracy,
                                "parameter_count": model.parameter_count}, model=model)
    return folder.path


WHOLE_MAP = Experiment("whole-map", 1, run_whole_map, read_border, border_source)


def whole_map_settings(profile):
    """Return the settings of all runs, from a WholeMapProfile; the rate falls from 0.01 to 0 along a cosine."""
    base = BorderSetting(activation="tanh", learning_rate=0.01, batch_size=1250, max_epochs=profile.max_epochs,
                         patience=None)
    return vary(base, profile.seeds, hidden=profile.shapes)


def best_whole_map(runs):
    """Return the BorderResult with the most pixels right, of these the one with the fewest parameters."""
    return min(runs, key=lambda r: (-r.accuracy, r.parameter_count))


def whole_map_facts(runs):
    """Return the facts of the best of some BorderResults, and of how all did."""
    best, correct = best_whole_map(runs), [int(np.sum(r.predicted == r.truth)) for r in runs]
    return {f"challenge.full_map_{name}": value for name, value in {
        "network": best.setting.label, "parameters": best.parameter_count, "epochs": best.history.epochs,
        "correct": max(correct), "by_seed": ", ".join(map(str, correct)), "pixels": best.truth.size}.items()}
