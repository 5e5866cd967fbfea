"""Section 1.5, goal 1: the smallest network that has 91% of all pixels right.

All architectures of one to four hidden layers, tanh or ReLU, with at most 40 parameters may take part. (A sigmoid is
a tanh in other units, which the next layer makes up for; an identity adds nothing.) A network goes through four stages:

1. *Start.* The line on which a unit of the first layer is zero passes through two random points of the border.
2. *Explore.* SciPy's L-BFGS lowers the mean squared error, with this project's own gradients (see `stack`), on a
   quarter of the pixels: every other one of every other row. The networks with the least loss go on, to all pixels.
3. *Sharpen.* The error of a soft output is not the number of wrong pixels: a pixel at 0.6 is right and still counts
   0.16. So the output layer is scaled until the mean |z| that goes into the sigmoid is 4, the network fitted again,
   scaled to 8, fitted again, up to 4,096, where the error is the share of wrong pixels. It has to be gradual: a sharp
   output has no slope, save at its border.
4. *Vary.* The best eight get four children each: all parameters changed by about 5% at random, made softer, sharpened
   again. The best eight of parents and children, by pixels, are the next parents.

The budget is divided by rule. First look, from few parameters to many: every architecture explores a few starts, the
best two networks of each parameter count are sharpened, until one reaches the target. Closer look, from the fewest
again: where the best is within 5% of the target, the two best architectures of that count explore many starts; what is
within 1.5% after sharpening is varied, if need be three times from new starts. The search ends with the first count
that reaches the target. It takes place in one process, and depends on the map and the setting alone.

Sources: L-BFGS, Liu and Nocedal 1989. Sharpening: graduated non-convexity, Blake and Zisserman 1987, "Visual
reconstruction". More effort for fewer: successive halving, Jamieson and Talwalkar 2016.
"""

import collections
import dataclasses
import itertools
import math
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from smai_nn.checks import require_choice, require_integer, require_number
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import border_source
from smai_nn.experiments.stack import Architecture, architectures_up_to
from smai_nn.files import load_json, save_json
from smai_nn.runs import Experiment, RunFolder, restore_setting
from smai_nn.trainer import History

SHARPNESSES = tuple(2.0 ** power for power in range(2, 13))  # 4 to 4,096
SOFTER = SHARPNESSES[3:]  # where children begin: 32


@dataclasses.dataclass(frozen=True)
class SearchSetting:
    """Settings of one search for the smallest network."""

    target: float = 0.91  # share of the pixels that are to be right
    max_parameters: int = 40
    max_depth: int = 4  # hidden layers
    activations: tuple = ("tanh", "relu")  # of all hidden layers of a network
    starts: int = 64  # of each parameter count in the first look, divided among its architectures
    least_starts: int = 4  # of an architecture there
    closer_starts: int = 400  # of an architecture in a round of the closer look
    sharpened: int = 32  # networks of those, for each architecture
    far: float = 0.05  # by which a count may miss the target, as a share of the pixels, to get a closer look
    hopeless: float = 0.015  # by which it may miss it after sharpening, to be varied
    explore_iterations: int = 60  # of L-BFGS, as the next two
    sharpen_iterations: int = 40  # at each sharpness
    vary_iterations: int = 60  # likewise, for children
    parents: int = 8
    children: int = 4  # of each parent
    change: float = 0.05  # standard deviation of a child's parameter, as a share of its parent's
    generations: int = 8
    rounds: int = 3
    seed: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, float):
                require_number(value, field.name, 0, 1)
            elif isinstance(field.default, int):
                require_integer(value, field.name, {"seed": 0, "max_parameters": 5}.get(field.name, 1))
        for activation in self.activations:
            require_choice(activation, "activations", ("tanh", "relu", "sigmoid"))


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network of the search at one point of its way."""

    architecture: Architecture
    what: str  # was done to get here
    parameters: np.ndarray  # (parameter_count,), float32
    loss: float  # mean squared error where it was fitted: on a quarter of the pixels or on all
    correct: int  # pixels of the whole map that are right
    samples: int  # that passed through the network since its parent
    parent: "Network | None"  # what it was before

    @property
    def ancestry(self):
        """The list of networks from the start to this one."""
        return [*(self.parent.ancestry if self.parent else []), self]


class Search:
    """One search on a BorderDataset: what it has found so far, and its stages, from Networks to Networks."""

    def __init__(self, dataset, setting):
        self.setting, self.rng, self.border = setting, np.random.default_rng(setting.seed), border_points(dataset)
        self.x, self.targets = np.ascontiguousarray(dataset.inputs.T), dataset.targets[:, 0]   # (2, pixels), (pixels,)
        self.quarter = np.arange(len(dataset)).reshape(dataset.mask.shape)[::2, ::2].ravel()
        self.needed = math.ceil(setting.target * len(dataset) - 1e-9)
        self.best = {}  # Architecture -> the Network with the most pixels right
        self.starts = collections.Counter()  # parameter count -> starts

    def run(self, progress=False):
        """Look at one parameter count after another, then closer at those that came near; stop at the target."""
        setting, looked = self.setting, []
        shapes = architectures_up_to(setting.max_parameters, setting.max_depth, setting.activations)
        counts = [list(same) for _, same in itertools.groupby(shapes, key=lambda shape: shape.parameter_count)]
        for architectures in tqdm(counts, "first look", file=sys.stdout, disable=not progress, ncols=100):
            looked.append(architectures)
            each = max(setting.least_starts, math.ceil(setting.starts / len(architectures)))
            self.sharpen(least_loss(self.explore(architectures, each), 2), SHARPNESSES, setting.sharpen_iterations)
            if self.shortfall(self.best.values()) <= 0:
                break
        for architectures in tqdm(looked, "closer look", file=sys.stdout, disable=not progress, ncols=100):
            near = most_correct([self.best[architecture] for architecture in architectures], 2)
            if 0 < self.shortfall(near) <= setting.far:
                self.look_closer([network.architecture for network in near])
            if self.shortfall([self.best[architecture] for architecture in architectures]) <= 0:
                return

    def look_closer(self, architectures):
        """Explore, sharpen and vary, in as many rounds as it takes or the setting allows."""
        setting = self.setting
        for _ in range(setting.rounds):
            explored = self.explore(architectures, setting.closer_starts)
            found = least_loss(explored, setting.sharpened * len(architectures))
            found = most_correct(self.sharpen(found, SHARPNESSES, setting.sharpen_iterations), setting.parents)
            if self.shortfall(found) > setting.hopeless:
                return
            for _ in range(setting.generations):
                if self.shortfall(found) <= 0:
                    return
                found = most_correct(found + self.vary(found), setting.parents)

    def explore(self, architectures, number):
        """Draw so many networks of each architecture and fit them to a quarter of the pixels."""
        found, x, targets = [], np.ascontiguousarray(self.x[:, self.quarter]), self.targets[self.quarter]
        for architecture in architectures:
            self.starts[architecture.parameter_count] += number
            drawn = draw_starts(architecture, number, self.border, self.rng)
            parents = self.add("start", architecture, [None] * number, drawn)
            fitted = architecture.fit(drawn, x, targets, self.setting.explore_iterations)
            found += self.add("fitted to a quarter", architecture, parents, *fitted)
        return found

    def sharpen(self, networks, sharpnesses, iterations, what="sharpened", change=0.0):
        """Fit to all pixels at one sharpness after another, and return each network as it was with most pixels right.

        `change` is the standard deviation of a random change of every parameter before that, as a share of it.
        """
        found = []
        for architecture in dict.fromkeys(network.architecture for network in networks):
            own, total, steps = [n for n in networks if n.architecture == architecture], 0, []
            parameters = np.array([network.parameters for network in own])                  # (networks, parameters)
            parameters *= 1 + np.float32(change) * self.rng.standard_normal(parameters.shape, np.float32)
            for sharpness in sharpnesses:
                mean = np.abs(architecture.logits(parameters, self.x)).mean(axis=1, keepdims=True)
                parameters[:, -architecture.hidden[-1] - 1:] *= sharpness / np.maximum(mean, 1e-6)  # the output layer
                parameters, losses, samples = architecture.fit(parameters, self.x, self.targets, iterations)
                total = total + samples
                steps.append(self.add(what, architecture, own, parameters, losses, total))
            found += [most_correct(steps_of_one, 1)[0] for steps_of_one in zip(*steps)]
        return found

    def vary(self, parents):
        """Return the children of these networks."""
        setting, parents = self.setting, [parent for parent in parents for _ in range(self.setting.children)]
        return self.sharpen(parents, SOFTER, setting.vary_iterations, "varied", setting.change)

    def add(self, what, architecture, parents, parameters, losses=itertools.repeat(math.nan),
            samples=itertools.repeat(0)):
        """Return a Network for each row of the parameters, its pixels counted; remember the architecture's best."""
        correct = ((architecture.logits(parameters, self.x) > 0) == (self.targets > 0.5)).sum(axis=1)
        networks = [Network(architecture, what, row, float(loss), int(right), int(seen), parent) for
                    row, loss, right, seen, parent in zip(parameters.copy(), losses, correct, samples, parents)]
        self.best[architecture] = most_correct([self.best.get(architecture, networks[0]), *networks], 1)[0]
        return networks

    def shortfall(self, networks):
        """Return the share of the pixels that the best of the networks lacks."""
        return (self.needed - most_correct(networks, 1)[0].correct) / len(self.targets)

    @property
    def winner(self):
        """The Network with the fewest parameters that reaches the target; if none does, that with the most pixels."""
        reached = [n for n in self.best.values() if n.correct >= self.needed] or most_correct(self.best.values(), 1)
        return min(reached, key=lambda n: (n.architecture.parameter_count, -n.correct))


def most_correct(networks, kept):
    """Return so many networks, those with the most pixels right first."""
    return sorted(networks, key=lambda network: -network.correct)[:kept]


def least_loss(networks, kept):
    """Return so many networks, those with the least loss first: after a short fit, it foretells better than pixels."""
    return sorted(networks, key=lambda network: network.loss)[:kept]


def border_points(dataset):
    """Return the middles between neighbouring pixels of different countries, (n, 2) in units of the inputs."""
    grid, mask = dataset.inputs.reshape(*dataset.mask.shape, 2), dataset.mask
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    return np.concatenate([(grid[1:] + grid[:-1])[down], (grid[:, 1:] + grid[:, :-1])[right]]) / 2


def draw_starts(architecture, number, border, rng):
    """Return parameters (number, parameter_count): lines through points of the border, other weights as Glorot's."""
    parameters = np.zeros((number, architecture.parameter_count), np.float32)
    (weights, biases), *others = architecture.layers(parameters)
    chosen, further = rng.integers(len(border), size=biases.shape), rng.integers(1, len(border), size=biases.shape)
    one, other = border[chosen], border[(chosen + further) % len(border)]               # two points (number, units, 2)
    normal = (other - one)[..., ::-1] * (-1, 1)                                         # at a right angle to the line
    length = rng.uniform(2, 8, (*biases.shape, 1)) * rng.choice([-1, 1], (*biases.shape, 1))
    normal = normal * length / np.linalg.norm(normal, axis=2, keepdims=True)
    weights[...], biases[...] = normal.transpose(0, 2, 1), -(normal * one).sum(axis=2)
    for weights, _ in others:
        limit = math.sqrt(6 / sum(weights.shape[1:]))
        weights[...] = rng.uniform(-limit, limit, weights.shape)
    return parameters


@dataclasses.dataclass
class Ancestry(History):
    """The History of a network of the search: an epoch is a stage on its way, and the stages' samples differ."""

    stage_samples: list = dataclasses.field(default_factory=list)
    samples = property(lambda self: sum(self.stage_samples))
    epoch_samples = property(lambda self: np.cumsum(self.stage_samples))


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search came to."""

    setting: SearchSetting
    needed: int  # pixels that must be right
    winner: Architecture
    parameters: np.ndarray  # of the winner
    stages: tuple  # dicts, the winner's line of ancestors: what, correct, loss, samples, file
    best: dict  # Architecture -> most pixels right
    starts: dict  # parameter count -> starts tried
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the winner as it is on the disk
    fewer: tuple  # (Architecture, predicted) of the best with fewer parameters, for each number of first-layer units
    history: Ancestry
    folder: Path

    @property
    def correct(self):
        """How many pixels the winner's checkpoint has right."""
        return int(np.sum(self.predicted == self.truth))

    @property
    def reached(self):
        """Whether that is the target."""
        return self.correct >= self.needed


def run_search(setting, progress=False):
    """Search for the smallest network; return the path of the run folder."""
    dataset = BorderDataset()
    with RunFolder.recording(f"search-s{setting.seed}", SEARCH.described(setting, dataset.source)) as folder:
        search, start = Search(dataset, setting), time.perf_counter()
        search.run(progress)
        winner, seconds = search.winner, time.perf_counter() - start
        stages = [{"what": n.what, "correct": n.correct, "loss": n.loss if math.isfinite(n.loss) else None,
                   "samples": n.samples, "file": f"ancestor-{i}.npz"} for i, n in enumerate(winner.ancestry)]
        for stage, network in zip(stages, winner.ancestry):
            winner.architecture.model(network.parameters).save_to(folder.path / stage["file"])
        winner.architecture.model(winner.parameters).save_to(folder.path / "parameters.npz")
        fewer = {n.architecture.hidden[0]: n for n in reversed(most_correct(search.best.values(), None))
                 if n.architecture.parameter_count < winner.architecture.parameter_count}
        fewer = [fewer[units] for units in sorted(fewer)]
        save_json(folder.path / "search.json", {
            "needed": search.needed, "winner": dataclasses.astuple(winner.architecture), "stages": stages,
            "starts": list(search.starts.items()),
            "best": [(*dataclasses.astuple(n.architecture), n.correct) for n in search.best.values()],
            "fewer": [dataclasses.astuple(n.architecture) for n in fewer]})
        maps = [dataset.as_map(n.architecture.logits(n.parameters[None], search.x) > 0) for n in fewer]
        predicted = dataset.as_map(load_winner(folder.path).predict(dataset.inputs) > 0.5)
        folder.save_arrays("map", truth=dataset.mask, predicted=np.array([*maps, predicted], np.uint8))
        losses = [float(winner.architecture.model(n.parameters).evaluate(dataset.inputs, dataset.targets))
                  for n in winner.ancestry]
        history = Ancestry(len(dataset), len(dataset), [], losses, [n.correct / len(dataset) for n in winner.ancestry],
                           [math.nan] * len(losses), 0, seconds, "search ended", str(setting.seed),
                           [n.samples for n in winner.ancestry])
        folder.finish(history, {"parameter_count": winner.architecture.parameter_count,
                                "correct_pixels": recount(folder.path, dataset)})
    return folder.path


def read_search(folder):
    """Return the SearchResult of a finished search's folder."""
    folder = RunFolder(folder)
    book, maps = load_json(folder.path / "search.json"), folder.arrays("map")
    *others, predicted = maps["predicted"]
    setting, winner = restore_setting(SearchSetting, folder.settings()["setting"]), _architecture(*book["winner"])
    model = load_winner(folder.path)
    return SearchResult(
        setting, book["needed"], winner, model.parameters, tuple(book["stages"]),
        {_architecture(*key): correct for *key, correct in book["best"]}, dict(book["starts"]), maps["truth"],
        predicted, tuple((_architecture(*key), other) for key, other in zip(book["fewer"], others)),
        Ancestry.restore(folder.arrays("history"), folder.metrics()), folder.path)


def load_winner(folder):
    """Return a new Model with the winner's parameters, read by `load_from`."""
    model = _architecture(*load_json(Path(folder) / "search.json")["winner"]).model()
    model.load_from(Path(folder) / "parameters.npz")
    return model


def recount(folder, dataset):
    """Return how many pixels of a BorderDataset the winner in a run folder has right."""
    return int(np.sum((load_winner(folder).predict(dataset.inputs) > 0.5) == (dataset.targets > 0.5)))


def _architecture(hidden, activation):
    return Architecture(tuple(hidden), activation)


SEARCH = Experiment("search", 1, run_search, read_search, border_source)
