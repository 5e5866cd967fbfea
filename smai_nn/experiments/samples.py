"""Section 1.5, goal 2: the fewest training samples until 91% of all pixels are right for good.

SGD and Adam train a usual network. Recursive least squares trains the output layer of 2-1024-1 alone, with the pixels
in random order or of its own choice. Adam on that layer shows what is due to the network, and what to the method.
"""

import copy
import dataclasses
import math
import time

import numpy as np

from smai_nn.activations import Identity, ReLU, Sigmoid, Tanh
from smai_nn.checks import require_choice, require_number
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import border_source, group, median, pivot, spread, vary
from smai_nn.metrics import accuracy
from smai_nn.model import Model, build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

OUTPUT = "adam, output layer"
GRADIENT = ("sgd", "adam", OUTPUT)
NAMES = ("sgd", "adam", "output")  # of these, in the names of facts
RANDOM, CHOICE = "least squares, random order", "least squares, own choice"
VARIED = ("learning_rate", "batch_size", "grad_accumulation_steps", "slope", "noise_ratio")  # to choose a setting
TARGET = 0.91  # accuracy on all pixels
SIDE = 32  # of recursive least squares: directions of the lines of its first layer, and places for each
CLOSE, EVERY = 1000, 500  # samples with a look after each call of train(); samples between two looks from there on
BLOCK = 50  # samples that the history of least squares, which sees no pixel twice, counts as an epoch


@dataclasses.dataclass(frozen=True)
class SampleSetting:
    """Settings of one run for the fewest samples."""

    method: str  # one of GRADIENT; RANDOM or CHOICE, recursive least squares
    learning_rate: float = 0.01  # of the methods in GRADIENT, as the next two
    batch_size: int = 1
    grad_accumulation_steps: int = 1
    slope: float = 60.0  # of recursive least squares, as the next: length of the first layer's weight vectors
    noise_ratio: float = 10.0  # variance of the labels' noise over that of the output weights before any sample
    samples: int = 1000  # after which the run ends
    seed: int = 0  # of the initial values and of the order of the pixels, in separate streams

    def __post_init__(self):
        require_choice(self.method, "method", (*GRADIENT, RANDOM, CHOICE))
        for name in (*VARIED, "samples"):
            require_number(getattr(self, name), name, 0, math.inf, low_open=True)

    uses_gradients = property(lambda self: self.method in GRADIENT, doc="Whether it is SGD or Adam.")
    is_usual = property(lambda self: self.method in ("sgd", "adam"), doc="Whether the network is 2-64-64-1.")
    learner = property(lambda self: self.method if self.uses_gradients else "least squares",
                       doc="What is tuned together: the method, and both orders of least squares.")
    samples_per_update = property(lambda self: self.batch_size * self.grad_accumulation_steps, doc="Those it uses.")
    label = property(lambda self: f"{self.method} 2-{'64-64' if self.is_usual else SIDE ** 2}-1", doc="In tables.")


@dataclasses.dataclass(frozen=True)
class SampleResult:
    """What one run came to."""

    setting: SampleSetting
    parameter_count: int
    first: float  # samples when the target was first reached; infinity: never
    settled: float  # samples from which on every look saw the target reached, "for good"; infinity: never
    samples: np.ndarray  # seen when the accuracy was looked at
    accuracies: np.ndarray  # on all pixels
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the checkpoint as it is on the disk
    history: History

    correct = property(lambda self: int(np.sum(self.predicted == self.truth)), doc="Pixels the checkpoint has right.")


class LeastSquaresFilter:
    """Recursive least squares (Kalman 1960): outputs f = 1/2 + Phi w of all pixels, from samples of some of them.

    `features` is Phi, (pixels, weights). Kept are each output's mean and variance. At first the weights w are
    independent, of mean 0 and variance 1: the outputs have mean 1/2 and covariance C = Phi Phi^T. The label of pixel j
    is f_j plus noise of variance r, the `noise_ratio`. With c the j-th column of C, a label changes

        mean += c (label - mean_j) / (c_j + r),        C -= c c^T / (c_j + r).

    Then the mean is exactly the f of least sum of (label - f)^2 over the samples so far plus r |w|^2, and C's diagonal
    is the variance. C is too large to be changed at every sample: `learn` computes the column that it needs.
    """

    def __init__(self, features, noise_ratio, most_samples):
        self.features, self.noise_ratio = features, noise_ratio
        self.prior = features @ features.T                                  # (pixels, pixels)
        self.mean = np.full(len(features), 0.5, features.dtype)             # (pixels,)
        self.variance = self.prior.diagonal().copy()                        # (pixels,)
        self.rows = np.empty((most_samples, len(features)), features.dtype)  # one c / sqrt(c_j + r) a sample
        self.pixels, self.labels = [], []

    def learn(self, pixel, label):
        """Learn the label, 0 or 1, of the pixel of this number; return the squared error before that."""
        seen = self.rows[:len(self.pixels)]                                 # (samples, pixels)
        # The column of C now: that before any sample, minus c_j c / (c_j + r) of each sample so far, row_j times row.
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
        # Ridge regression in its dual form: so many equations as samples, and not as weights.
        features = self.features[self.pixels[:count]].astype(float)         # (count, weights)
        residuals = np.array(self.labels[:count]) - 0.5
        return features.T @ np.linalg.solve(features @ features.T + self.noise_ratio * np.eye(count), residuals)


def sample_model(setting, rng):
    """Return the untrained float32 Model of a SampleSetting.

    2-1024-1 answers 1/2 everywhere. Its first layer's weights have the length `slope`, its lines SIDE directions and as
    many places for each, shifted by chance: the more features differ between two pixels, the farther apart they are,
    everywhere and in every direction.
    """
    if setting.is_usual:
        return build_network((2, 64, 64, 1), ReLU, Sigmoid, loss="bce", rng=rng,
                             optimizer=OPTIMIZERS[setting.method](setting.learning_rate))
    units = SIDE ** 2
    model = build_network((2, units, 1), Tanh, Identity, loss="mse", optimizer=None, rng=rng)
    hidden, output = model.layers
    direction, place = np.divmod(np.arange(units), SIDE)                    # 0, 0, ...; 0, 1, ...: SIDE of each
    angle = np.pi * (direction + rng.random(units)) / SIDE
    weights = setting.slope * np.stack([np.cos(angle), np.sin(angle)])      # (2, units)
    low, high = np.minimum(weights, 0).sum(axis=0), np.maximum(weights, 0).sum(axis=0)  # of w . x in the unit square
    hidden.weights, hidden.biases = weights, -(low + (high - low) * (place + rng.random(units)) / SIDE)
    output.weights, output.biases = np.zeros((units, 1)), np.array([0.5])
    return model


def settling(samples, accuracies):
    """Return (first, settled): samples at the first look at TARGET, from which on all looks are; infinity: never."""
    first = min((seen for seen, value in zip(samples, accuracies) if value >= TARGET), default=math.inf)
    last_miss = max((seen for seen, value in zip(samples, accuracies) if value < TARGET), default=0)
    return first, min((seen for seen in samples if seen > last_miss), default=math.inf)


class SampleCurve(Callback):
    """Looks at the accuracy on all pixels: after every batch up to `close` samples, then every EVERY samples."""

    def __init__(self, inputs, targets, close):
        self.inputs, self.targets, self.close = inputs, targets, close
        self.samples, self.accuracies = [0], [0.0]
        self.checkpoint = None  # the parameters of the last look that saw the target reached and the one before did not

    def on_batch_end(self, trainer):
        """Look, if it is time."""
        samples = trainer.history.samples
        if samples <= self.close or samples >= self.samples[-1] + EVERY:
            value = accuracy(trainer.model.predict(self.inputs), self.targets)
            if value >= TARGET > self.accuracies[-1]:
                self.checkpoint = trainer.model.parameters.copy()
            self.samples.append(samples)
            self.accuracies.append(value)


def learn(setting, dataset, close=CLOSE, progress=False):
    """Train one network; return (model, samples and accuracies at all looks, History).

    The model is as at the look from which on the target is reached for good; if it never is, as in the end.
    """
    initial_rng, order_rng = np.random.default_rng(setting.seed).spawn(2)
    model = sample_model(setting, initial_rng)
    if not setting.uses_gradients:
        return learn_by_least_squares(model, setting, dataset, order_rng.permutation(len(dataset)))
    inputs, trained = dataset.inputs, model
    if setting.method == OUTPUT:  # the output layer is a network of its own, and the first one's outputs its inputs
        hidden, output = model.layers
        inputs = hidden.infer(inputs)
        trained = Model([copy.deepcopy(output)], "mse", OPTIMIZERS["adam"](setting.learning_rate))
    curve = SampleCurve(inputs, dataset.targets, close)
    config = TrainConfig(setting.batch_size, setting.grad_accumulation_steps, math.ceil(setting.samples / len(dataset)),
                         patience=None, progress=progress)
    history = Trainer(trained, config, rng=order_rng, callbacks=[curve]).fit(inputs, dataset.targets)
    if curve.accuracies[-1] >= TARGET:
        trained.parameters = curve.checkpoint
    model.layers[-1].weights, model.layers[-1].biases = trained.layers[-1].weights, trained.layers[-1].biases
    return model, curve.samples[1:], curve.accuracies[1:], history


def learn_by_least_squares(model, setting, dataset, order):
    """Do what `learn` says by a LeastSquaresFilter, with the pixels in this order, (n,), or of its own choice."""
    start, labels, count = time.perf_counter(), dataset.targets[:, 0], min(setting.samples, len(dataset))
    hidden, output = model.layers
    features = np.column_stack([hidden.infer(dataset.inputs), np.ones(len(dataset), np.float32)])  # 1: of the bias
    knowledge, losses, accuracies = LeastSquaresFilter(features, setting.noise_ratio, count), [], []
    for number in range(count):
        pixel = knowledge.least_sure() if setting.method == CHOICE and number else order[number]
        losses.append(knowledge.learn(pixel, labels[pixel]))
        accuracies.append(float(np.mean((knowledge.mean > 0.5) == (labels > 0.5))))
    samples = list(range(1, count + 1))
    weights = knowledge.weights(min(settling(samples, accuracies)[1], count))
    output.weights, output.biases = weights[:-1, None], 0.5 + weights[-1:]
    blocks, seconds = count // BLOCK, time.perf_counter() - start
    means = np.reshape(losses[:blocks * BLOCK], (blocks, BLOCK)).mean(axis=1).tolist()
    history = History(BLOCK, 1, losses, means, accuracies[BLOCK - 1::BLOCK], [seconds * BLOCK / count] * blocks, count,
                      seconds, "all samples seen", str(setting.seed))
    return model, samples, accuracies, history


def run_samples(setting, progress=False):
    """Train one network; keep curve, checkpoint, and the map of a new network that has loaded it; return the Path."""
    dataset = BorderDataset()
    with RunFolder.recording(f"{setting.method}-s{setting.seed}", SAMPLES.described(setting, dataset.source)) as folder:
        model, samples, accuracies, history = learn(setting, dataset, progress=progress)
        model.save_to(folder.path / "checkpoint.npz")
        loaded = sample_model(setting, np.random.default_rng(0))
        loaded.load_from(folder.path / "checkpoint.npz")
        predicted = dataset.as_map(loaded.predict(dataset.inputs) > 0.5).astype(np.uint8)
        folder.save_arrays("curve", samples=np.array(samples, np.uint32), accuracies=np.array(accuracies),
                           truth=dataset.mask, predicted=predicted)
        folder.finish(history, {"parameter_count": model.parameter_count})
    return folder.path


def read_samples(folder):
    """Return the SampleResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, curve = folder.metrics(), folder.arrays("curve")
    return SampleResult(restore_setting(SampleSetting, folder.settings()["setting"]), metrics["parameter_count"],
                        *settling(curve["samples"].tolist(), curve["accuracies"]), **curve,
                        history=History.restore(folder.arrays("history"), metrics))


SAMPLES = Experiment("samples", 3, run_samples, read_samples, border_source)


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """What a run that helps to choose a setting came to; the less the better."""

    setting: SampleSetting
    score: float  # SGD, Adam: mean share of wrong pixels at all looks; least squares: samples until 91% for good
    losses: np.ndarray = ()  # of its epochs


def tune(setting):
    """Train one network without a folder of its own; return a TuningResult."""
    _, samples, accuracies, history = learn(setting, BorderDataset(), close=0)
    if history.stop_reason == "interrupted":  # half a run is no result
        raise KeyboardInterrupt
    settled = min(settling(samples, accuracies)[1], setting.samples)  # infinity, never, would be no score
    score = 1 - float(np.mean(accuracies)) if setting.uses_gradients else settled
    return TuningResult(setting, score, np.float32(history.epoch_loss))


TUNING = Study("samples-tuning", 4, tune, TuningResult, border_source)


def tuning_settings(profile):
    """Return the settings of the study that chooses each method's, from a SampleProfile."""
    settings = []
    for method, rates in profile.learning_rates.items():
        settings += vary(SampleSetting(method, samples=profile.tuning_samples), profile.gradient_tuning_seeds,
                         batch_size=profile.batch_sizes, grad_accumulation_steps=profile.accumulations,
                         learning_rate=rates)
    for method in (RANDOM, CHOICE):
        settings += vary(SampleSetting(method), profile.tuning_seeds, slope=profile.slopes,
                         noise_ratio=profile.noise_ratios)
    return settings


def chosen_settings(tuned):
    """Return a dict method -> the SampleSetting chosen by these TuningResults, with one of their seeds.

    The least mean score is best. What is worse by no more than the best one's runs differ counts as equal, and of these
    the one with the fewest updates is taken, then the largest batch, then the best. Both orders of least squares have
    the settings that are best for the two together.
    """
    chosen = {}
    for runs in group(tuned, "learner").values():
        scores = {own[0].setting: np.array([r.score for r in own]) for own in group(runs, *VARIED).values()}
        best = min(scores.values(), key=np.mean)
        equal = [setting for setting in scores if scores[setting].mean() <= best.mean() + np.ptp(best)]
        setting = min(equal, key=lambda s: (-s.samples_per_update, -s.batch_size, scores[s].mean()))
        chosen |= {method: dataclasses.replace(setting, method=method) for method in group(runs, "method")}
    return chosen


def final_settings(chosen, profile):
    """Return the settings of all runs that are reported, each method's with all of its seeds."""
    gradient = [dataclasses.replace(chosen[method], samples=profile.gradient_samples) for method in GRADIENT]
    settings = [vary(setting, profile.gradient_seeds) for setting in gradient]
    settings += [vary(chosen[method], profile.seeds) for method in (RANDOM, CHOICE)]
    return sum(settings, [])


def sample_table(runs):
    """Return a table row for each method: medians over seeds, least and greatest in brackets."""
    rows = []
    for own in group(runs, "method").values():
        first, settled = (spread(own, name, ",.0f").replace("inf", "never") for name in ("first", "settled"))
        rows.append({"method": own[0].setting.label, "parameters": own[0].parameter_count, "first at 91%": first,
                     "**at 91% for good**": settled, "seeds": f"{sum(r.settled < math.inf for r in own)}/{len(own)}",
                     "run ends after": own[0].setting.samples, "least pixels": min(r.correct for r in own)})
    return rows


def tuning_table(tuned, learner):
    """Return the tuning of "sgd" or "adam", mean accuracies, or "least squares", mean samples until 91% for good."""
    runs = group(tuned, "learner")[learner]
    if learner in GRADIENT:
        return pivot(runs, ("batch_size", "grad_accumulation_steps"), "learning_rate",
                     lambda own: f"{1 - _score(own):.1%}")
    return pivot(runs, ("slope",), "noise_ratio", lambda own: "/".join(
        f"{_score(each):.0f}" for each in group(own, "method").values()))


def edges(tuned, setting):
    """Return the names of the settings in which the chosen one is the least or greatest of all that were tried.

    A batch of one and an update after each batch are the least there is: no edge that one could have gone beyond.
    """
    tried = {name: {getattr(r.setting, name) for r in tuned if r.setting.method == setting.method} for name in VARIED}
    return [name for name, values in tried.items() if len(values) > 1 and (
        getattr(setting, name) == max(values) or getattr(setting, name) == min(values) != 1)]


def tuning_facts(tuned):
    """Return the facts of the choice of settings."""
    chosen = chosen_settings(tuned)
    facts = {"challenge.tuning_edges": sum(len(edges(tuned, setting)) for setting in chosen.values()),
             "challenge.tuning_run": chosen["sgd"].samples,
             "challenge.filter_slope": chosen[RANDOM].slope, "challenge.filter_noise_ratio": chosen[RANDOM].noise_ratio}
    for name, method in zip(NAMES, GRADIENT):
        best = min(group(group(tuned, "method")[method], *VARIED).values(), key=_score)
        facts |= {f"challenge.{name}_rate": chosen[method].learning_rate,
                  f"challenge.{name}_tolerance": np.ptp([run.score for run in best]),
                  f"challenge.{name}_batch": chosen[method].batch_size,
                  f"challenge.{name}_accumulation": chosen[method].grad_accumulation_steps}
    return facts


def samples_facts(runs):
    """Return the facts of the runs that are reported; None stands for never."""
    methods, truth = group(runs, "method"), runs[0].truth
    facts = {"challenge.pixels": truth.size, "challenge.needed": math.ceil(TARGET * truth.size - 1e-9),
             "challenge.samples_least_recount": min(r.correct for r in (*methods[RANDOM], *methods[CHOICE]))}
    for name, method in (("samples", RANDOM), ("samples_chosen", CHOICE), *zip(NAMES, GRADIENT)):
        own = methods[method]
        facts |= {f"challenge.{name}_{what}": value if value < math.inf else None for what, value in {
            "median": median(own, "settled"), "first_crossing_median": median(own, "first"),
            "run": own[0].setting.samples, "tried": len(own),
            "seeds": sum(r.settled < math.inf for r in own)}.items()}
    return facts


def _score(runs):
    return float(np.mean([r.score for r in runs]))
