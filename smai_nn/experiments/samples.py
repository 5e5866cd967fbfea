"""Section 1.5, goal 2: the fewest training samples until 91% of all pixels are right for good.

Four methods. SGD and Adam train all parameters of a usual network, 2-64-64-1. The other two are recursive least
squares on the output layer of 2-1024-1, whose steep first layer stays as it was drawn: with the pixels in random order,
and with pixels that it chooses itself. In: a SampleSetting. Out: a run folder with the accuracy on all pixels after
every update and a checkpoint of the moment when the target was reached, and the SampleResult that is read from it.
"""

import dataclasses
import math
import time
from pathlib import Path

import numpy as np

from smai_nn.activations import Identity, ReLU, Sigmoid, Tanh
from smai_nn.checks import require_choice, require_integer, require_number
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import border_source, group, vary
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

GRADIENT = ("sgd", "adam")
RANDOM, CHOICE = "least squares, random order", "least squares, own choice"
VARIED = ("learning_rate", "batch_size", "grad_accumulation_steps", "slope", "noise_ratio")  # to choose a setting
EVERY = 500  # samples between two looks of a gradient method, once it is past those after every update
BLOCK = 50  # samples that the history of a filter, which sees no pixel twice, counts as an epoch


@dataclasses.dataclass(frozen=True)
class SampleSetting:
    """Settings of one run for the fewest samples."""

    method: str  # "sgd" or "adam"; RANDOM or CHOICE, recursive least squares
    learning_rate: float = 0.01  # of "sgd" and "adam", as the next two
    batch_size: int = 1
    grad_accumulation_steps: int = 1
    slope: float = 60.0  # of recursive least squares, as the next two: length of the first layer's weight vectors
    noise_ratio: float = 10.0  # variance of the labels' noise over that of the output weights before any sample
    width: int = 1024  # units of the first layer, a square number
    samples: int = 1000  # after which the run ends
    close_samples: int = 1000  # up to which the accuracy is looked at after every update
    target: float = 0.91  # accuracy on all pixels
    seed: int = 0  # of the initial values and of the order of the pixels, in separate streams

    def __post_init__(self):
        require_choice(self.method, "method", (*GRADIENT, RANDOM, CHOICE))
        require_integer(self.samples, "samples", 1)
        require_number(self.target, "target", 0, 1)
        for name in ("slope", "noise_ratio"):
            require_number(getattr(self, name), name, 0, math.inf, low_open=True)
        if not self.uses_gradients and self.samples_per_update != 1:
            raise ValueError(f"batch_size, grad_accumulation_steps: expected 1 for {self.method}, which learns from "
                             f"each sample by itself, got {self.batch_size} and {self.grad_accumulation_steps}")
        if math.isqrt(require_integer(self.width, "width", 1)) ** 2 != self.width:
            raise ValueError(f"width: expected a square number, for as many directions as places, got {self.width}")

    @property
    def uses_gradients(self):
        """Whether it is SGD or Adam."""
        return self.method in GRADIENT

    @property
    def learner(self):
        """What is tuned together: the method; the two orders of least squares are one."""
        return self.method if self.uses_gradients else "least squares"

    @property
    def samples_per_update(self):
        """Samples whose gradients one update uses."""
        return self.batch_size * self.grad_accumulation_steps

    @property
    def label(self):
        """Method and network, such as "adam 2-64-64-1"."""
        return f"{self.method} 2-64-64-1" if self.uses_gradients else f"{self.method} 2-{self.width}-1"


@dataclasses.dataclass(frozen=True)
class SampleResult:
    """What one run came to."""

    setting: SampleSetting
    samples: np.ndarray  # seen when the accuracy was looked at
    accuracies: np.ndarray  # on all pixels
    first: int | None  # samples when the target was first reached
    settled: int | None  # samples from which on every look saw the target reached: "for good"
    pixels: np.ndarray  # numbers of the pixels in the order in which recursive least squares saw them; else empty
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the checkpoint as it is on the disk
    parameter_count: int
    history: History
    folder: Path

    @property
    def correct(self):
        """How many pixels the checkpoint has right."""
        return int(np.sum(self.predicted == self.truth))


class LeastSquaresFilter:
    """Recursive least squares (Kalman 1960): outputs f = 1/2 + Phi w of all pixels, from samples of some of them.

    Before any sample, the weights w are independent, with mean 0 and variance 1. So the outputs have mean 1/2 and the
    covariance C = Phi Phi^T. A label of pixel j is f_j plus noise of variance r. By the rule for a normal
    distribution of which one entry, plus noise, becomes known, with c the j-th column of C:

        mean += c (label - mean_j) / (c_j + r),        C -= c c^T / (c_j + r)

    Afterwards the mean is the prediction of the w that minimises the sum of (label - f)^2 over all samples so far plus
    r |w|^2, exactly, and the diagonal of C says how unsure each pixel still is. C itself, pixels x pixels, is not kept:
    it is Phi Phi^T - V^T V, where V has one row c / sqrt(c_j + r) a sample. `features` is Phi, (pixels, weights).
    """

    def __init__(self, features, noise_ratio, most_samples):
        self.features, self.noise_ratio = features, noise_ratio
        self.prior = features @ features.T                                  # (pixels, pixels)
        self.mean = np.full(len(features), 0.5, features.dtype)             # (pixels,)
        self.variance = self.prior.diagonal().copy()                        # (pixels,)
        self.rows = np.empty((most_samples, len(features)), features.dtype)  # V
        self.pixels, self.labels = [], []

    def learn(self, pixel, label):
        """Learn the label, 0 or 1, of the pixel of this number; return the squared error before that."""
        seen = self.rows[:len(self.pixels)]                                 # (samples, pixels)
        column = self.prior[pixel] - seen[:, pixel] @ seen                  # (pixels,)
        spread = column[pixel] + self.noise_ratio
        error = label - self.mean[pixel]
        self.mean += column * (error / spread)
        self.variance -= column ** 2 / spread
        self.rows[len(self.pixels)] = column / np.sqrt(spread)
        self.pixels.append(pixel)
        self.labels.append(label)
        return float(error ** 2)

    def least_sure(self):
        """Return the pixel not seen yet whose mean is the fewest standard deviations away from 1/2."""
        sureness = np.abs(self.mean - 0.5) / np.sqrt(np.maximum(self.variance, 1e-12))
        sureness[self.pixels] = np.inf
        return int(sureness.argmin())

    def weights(self, count):
        """Return the w after the first `count` samples: Phi_n^T (Phi_n Phi_n^T + r I)^-1 (labels - 1/2)."""
        features = self.features[self.pixels[:count]].astype(float)         # (count, weights)
        residuals = np.array(self.labels[:count]) - 0.5
        return features.T @ np.linalg.solve(features @ features.T + self.noise_ratio * np.eye(count), residuals)


def place_lines(layer, slope, rng):
    """Give the units of a Linear(2, width) weights of length `slope`, their lines evenly over the unit square.

    There are sqrt(width) directions and as many places for each, all shifted a little by chance: the more features
    differ between two pixels, the farther apart they are, and that should be so everywhere and in every direction.
    """
    side = math.isqrt(layer.out_width)
    direction, place = np.divmod(np.arange(layer.out_width), side)
    angle = np.pi * (direction + rng.random(layer.out_width)) / side
    weights = slope * np.stack([np.cos(angle), np.sin(angle)])              # (2, width)
    low, high = np.minimum(weights, 0).sum(axis=0), np.maximum(weights, 0).sum(axis=0)  # of w . x in the square
    layer.weights, layer.biases = weights, -(low + (high - low) * (place + rng.random(layer.out_width)) / side)


def sample_model(setting, rng):
    """Return the untrained float32 Model of a SampleSetting; that of least squares answers 1/2 everywhere."""
    if setting.uses_gradients:
        return build_network((2, 64, 64, 1), ReLU, Sigmoid, loss="bce", rng=rng,
                             optimizer=OPTIMIZERS[setting.method](setting.learning_rate))
    model = build_network((2, setting.width, 1), Tanh, Identity, loss="mse", optimizer=None, rng=rng)
    place_lines(model.layers[0], setting.slope, rng)
    model.layers[1].weights, model.layers[1].biases = np.zeros((setting.width, 1)), np.array([0.5])
    return model


class SampleCurve(Callback):
    """Looks at the accuracy on all pixels: after every update up to the setting's `close_samples`, then every EVERY.

    `parameters` are those of the last look at which the target was reached from below; None if it never was.
    """

    def __init__(self, dataset, setting):
        self.dataset, self.setting = dataset, setting
        self.samples, self.accuracies, self.parameters = [], [], None

    def on_batch_end(self, trainer):
        """Look, if it is time."""
        samples, last, before = trainer.history.samples, (self.samples or [0])[-1], (self.accuracies or [0])[-1]
        if samples > self.setting.close_samples and samples < last + EVERY:
            return
        self.samples.append(samples)
        self.accuracies.append(accuracy(trainer.model.predict(self.dataset.inputs), self.dataset.targets))
        if self.accuracies[-1] >= self.setting.target > before:
            self.parameters = trainer.model.parameters.copy()


def settling(samples, accuracies, target):
    """Return (first, settled): samples at the first look at the target, and from which on all looks are; else None.

    >>> settling([100, 200, 300, 400], [0.5, 0.92, 0.9, 0.93], 0.91)
    (200, 400)
    """
    reached = np.asarray(accuracies) >= target
    misses = np.flatnonzero(~reached)
    after = misses[-1] + 1 if len(misses) else 0
    return (int(samples[reached.argmax()]) if reached.any() else None,
            int(samples[after]) if after < len(samples) else None)


def learn(setting, dataset, progress=False):
    """Train one network; return (model as at its checkpoint, samples, accuracies, pixels seen, History).

    The checkpoint is the moment the target was last reached from below, which is the one from which on it is reached
    for good, if there is one; without any, it is the end.
    """
    initial_rng, order_rng = np.random.default_rng(setting.seed).spawn(2)
    model = sample_model(setting, initial_rng)
    if setting.uses_gradients:
        curve, epochs = SampleCurve(dataset, setting), math.ceil(setting.samples / len(dataset))
        config = TrainConfig(setting.batch_size, setting.grad_accumulation_steps, epochs, patience=None,
                             progress=progress)
        history = Trainer(model, config, rng=order_rng, callbacks=[curve]).fit(dataset.inputs, dataset.targets)
        if curve.parameters is not None:
            model.parameters = curve.parameters
        return model, curve.samples, curve.accuracies, [], history
    start, labels, order = time.perf_counter(), dataset.targets[:, 0], order_rng.permutation(len(dataset))
    count = min(setting.samples, len(dataset))
    features = np.column_stack([model.layers[0].infer(dataset.inputs), np.ones(len(dataset), np.float32)])
    knowledge, losses, accuracies = LeastSquaresFilter(features, setting.noise_ratio, count), [], []
    for number in range(count):
        pixel = knowledge.least_sure() if setting.method == CHOICE and number else order[number]
        losses.append(knowledge.learn(pixel, labels[pixel]))
        accuracies.append(float(np.mean((knowledge.mean > 0.5) == (labels > 0.5))))
    samples = list(range(1, count + 1))
    weights = knowledge.weights(settling(samples, accuracies, setting.target)[1] or count)
    model.layers[1].weights, model.layers[1].biases = weights[:-1, None], 0.5 + weights[-1:]
    seconds, blocks = time.perf_counter() - start, count // BLOCK
    means = np.reshape(losses[:blocks * BLOCK], (blocks, BLOCK)).mean(axis=1).tolist()
    history = History(BLOCK, 1, losses, means, accuracies[BLOCK - 1::BLOCK], [seconds * BLOCK / count] * blocks, count,
                      seconds, "all samples seen", f"{setting.seed}")
    return model, samples, accuracies, knowledge.pixels, history


def run_samples(setting, progress=False):
    """Train one network, keep its curve and its checkpoint; return the path of its run folder."""
    dataset = BorderDataset()
    name = f"{setting.method}-s{setting.seed}"
    with RunFolder.recording(name, SAMPLES.described(setting, dataset.source)) as folder:
        model, samples, accuracies, pixels, history = learn(setting, dataset, progress)
        model.save_to(folder.path / "checkpoint.npz")
        predicted = load_checkpoint(folder.path).predict(dataset.inputs) > 0.5
        folder.save_arrays("curve", samples=np.array(samples, np.uint32), pixels=np.array(pixels, np.uint32),
                           correct=np.rint(np.array(accuracies) * len(dataset)).astype(np.uint32))
        folder.save_arrays("map", truth=dataset.mask, predicted=dataset.as_map(predicted).astype(np.uint8))
        folder.finish(history, {"parameter_count": model.parameter_count,
                                "correct_pixels": recount(folder.path, dataset)})
    return folder.path


def read_samples(folder):
    """Return the SampleResult of a finished run's folder."""
    folder = RunFolder(folder)
    setting, metrics = restore_setting(SampleSetting, folder.settings()["setting"]), folder.metrics()
    curve, maps = folder.arrays("curve"), folder.arrays("map")
    accuracies = curve["correct"] / maps["truth"].size
    return SampleResult(setting, curve["samples"], accuracies, *settling(curve["samples"], accuracies, setting.target),
                        curve["pixels"], maps["truth"], maps["predicted"], metrics["parameter_count"],
                        History.restore(folder.arrays("history"), metrics), folder.path)


def load_checkpoint(folder):
    """Return a new Model with the parameters of a run folder's checkpoint, read by `load_from`."""
    setting = restore_setting(SampleSetting, RunFolder(folder).settings()["setting"])
    model = sample_model(setting, np.random.default_rng(0))
    model.load_from(Path(folder) / "checkpoint.npz")
    return model


def recount(folder, dataset):
    """Return how many pixels of a BorderDataset the checkpoint in a run folder has right."""
    return int(np.sum((load_checkpoint(folder).predict(dataset.inputs) > 0.5) == (dataset.targets > 0.5)))


SAMPLES = Experiment("samples", 1, run_samples, read_samples, border_source)


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """What a run that helps to choose a setting came to."""

    setting: SampleSetting
    settled: int | None  # samples from which on the target is reached, up to the run's end
    mean_accuracy: float  # over all looks

    @property
    def score(self):
        """Samples until the target is reached for good; if it never is, all of them.

        The mean share of wrong pixels is added. It is less than a sample, so it only decides where nothing else does.
        """
        return (self.settled or self.setting.samples) + 1 - self.mean_accuracy


def tune(setting):
    """Train one network without a folder of its own; return a TuningResult."""
    _, samples, accuracies, _, _ = learn(setting, BorderDataset())
    return TuningResult(setting, settling(samples, accuracies, setting.target)[1], float(np.mean(accuracies)))


TUNING = Study("samples-tuning", 1, tune, TuningResult, border_source)


def tuning_settings(profile):
    """Return the settings of the study that chooses each method's, from a SampleProfile."""
    settings = []
    for method, rates in (("sgd", profile.sgd_rates), ("adam", profile.adam_rates)):
        base = SampleSetting(method, samples=profile.tuning_samples, close_samples=0)
        settings += vary(base, profile.gradient_tuning_seeds, batch_size=profile.batch_sizes,
                         grad_accumulation_steps=profile.accumulations, learning_rate=rates)
    for method in (RANDOM, CHOICE):
        settings += vary(SampleSetting(method), profile.tuning_seeds, slope=profile.slopes,
                         noise_ratio=profile.noise_ratios)
    return settings


def chosen_settings(tuned):
    """Return a dict method -> the SampleSetting chosen by these TuningResults, with one of their seeds.

    The least mean score is best. What is worse by no more than the best one's runs differ counts as equal to it, and of
    equals the one with the fewest updates is taken, then the largest batch, then the best. Least squares with its own
    choice has the settings of random order, so that nothing but the order differs: what is best for both together.
    """
    chosen = {}
    for runs in group(tuned, "learner").values():
        scores = {own[0].setting: np.array([r.score for r in own]) for own in group(runs, *VARIED).values()}
        best = min(scores.values(), key=np.mean)
        setting = min((s for s in scores if scores[s].mean() <= best.mean() + np.ptp(best)),
                      key=lambda s: (-s.samples_per_update, -s.batch_size, scores[s].mean()))
        chosen |= {method: dataclasses.replace(setting, method=method) for method in group(runs, "method")}
    return chosen


def final_settings(chosen, profile):
    """Return the settings of all runs that are reported, each method's with all of its seeds."""
    settings = []
    for method, setting in chosen.items():
        seeds = profile.gradient_seeds if setting.uses_gradients else profile.seeds
        samples = profile.gradient_samples if setting.uses_gradients else setting.samples
        settings += vary(dataclasses.replace(setting, samples=samples, close_samples=1000), seeds)
    return settings
