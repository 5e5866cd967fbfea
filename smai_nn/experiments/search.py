"""Section 1.5, goal 1: the smallest network that has 91% of all pixels right.

A network starts with lines through the border (`draw_starts`), is fitted to a quarter of the pixels, then to all with a
sharper and sharper output, and varied at random: the methods of `Search` say how. Up to four hidden layers of tanh or
ReLU take part. (A sigmoid is a tanh in other units, which the next layer makes up for; an identity adds nothing.)
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

    ancestry = property(lambda self: [*(self.parent.ancestry if self.parent else []), self],
                        doc="The list of networks from the start to this one.")


class Search:
    """One search on a BorderDataset: what it has found so far, and its stages, from Networks to Networks."""

    def __init__(self, dataset, setting):
        self.setting, self.rng, self.border = setting, np.random.default_rng(setting.seed), border_points(dataset)
        self.x, self.targets = np.ascontiguousarray(dataset.inputs.T), dataset.targets[:, 0]   # (2, pixels), (pixels,)
        rows = np.arange(len(dataset)).reshape(dataset.mask.shape)[::2, ::2].ravel()
        self.quarter = np.ascontiguousarray(self.x[:, rows]), self.targets[rows]
        self.needed = math.ceil(setting.target * len(dataset) - 1e-9)
        self.best = {}  # Architecture -> the Network with the most pixels right
        self.starts = collections.Counter()  # parameter count -> starts

    def run(self, progress=False):
        """Look at one parameter count after another, then closer at those that came near; stop at the target.

        More effort for fewer candidates, as in successive halving (Jamieson and Talwalkar 2016).
        """
        setting, looked = self.setting, []
        shapes = architectures_up_to(setting.max_parameters, setting.max_depth, setting.activations)
        counts = [list(same) for _, same in itertools.groupby(shapes, key=lambda shape: shape.parameter_count)]
        for architectures in tqdm(counts, "first look", file=sys.stdout, disable=not progress, ncols=100):
            looked.append(architectures)
            each = max(setting.least_starts, math.ceil(setting.starts / len(architectures)))
            explored = sorted(self.explore(architectures, each), key=lambda network: network.loss)
            self.sharpen(explored[:2], SHARPNESSES, setting.sharpen_iterations)
            if self.shortfall(self.best.values()) <= 0:
                break
        for architectures in tqdm(looked, "closer look", file=sys.stdout, disable=not progress, ncols=100):
            near = most_correct([self.best[a] for a in architectures], 2)
            if 0 < self.shortfall(near) <= setting.far:
                self.look_closer([network.architecture for network in near])
            if self.shortfall([self.best[a] for a in architectures]) <= 0:
                return

    def look_closer(self, architectures):
        """Explore, sharpen and vary, in as many rounds as it takes or the setting allows."""
        setting = self.setting
        for _ in range(setting.rounds):
            explored = sorted(self.explore(architectures, setting.closer_starts), key=lambda network: network.loss)
            sharpened = self.sharpen(explored[:setting.sharpened * len(architectures)], SHARPNESSES,
                                     setting.sharpen_iterations)
            found = most_correct(sharpened, setting.parents)
            if self.shortfall(found) > setting.hopeless:
                return
            for _ in range(setting.generations):
                if self.shortfall(found) <= 0:
                    return
                parents = [parent for parent in found for _ in range(setting.children)]
                children = self.sharpen(parents, SOFTER, setting.vary_iterations, "varied", setting.change)
                found = most_correct(found + children, setting.parents)

    def explore(self, architectures, number):
        """Draw so many networks of each architecture; fit them to every other pixel of every other row."""
        found = []
        for architecture in architectures:
            self.starts[architecture.parameter_count] += number
            drawn = draw_starts(architecture, number, self.border, self.rng)
            parents = self.add("start", architecture, [None] * number, drawn)
            fitted = architecture.fit(drawn, *self.quarter, self.setting.explore_iterations)
            found += self.add("fitted to a quarter", architecture, parents, *fitted)
        return found

    def sharpen(self, networks, sharpnesses, iterations, what="sharpened", change=0.0):
        """Fit to all pixels at one sharpness after another, and return each network as it was with most pixels right.

        A pixel at 0.6 is right and still counts 0.16. So the output layer is scaled until the mean |z| that goes into
        the sigmoid is 4, the network fitted again, scaled to 8, and so on up to 4,096, where the error is the share of
        wrong pixels; gradually, since a sharp output has no slope save at its border (graduated non-convexity, Blake
        and Zisserman 1987). Before that, each parameter is changed at random; `change` is the deviation, as a share.
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


def border_points(dataset):
    """Return the middles between neighbouring pixels of different countries, (n, 2) in units of the inputs."""
    grid, mask = dataset.inputs.reshape(*dataset.mask.shape, 2), dataset.mask
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    return np.concatenate([(grid[1:] + grid[:-1])[down], (grid[:, 1:] + grid[:, :-1])[right]]) / 2


def draw_starts(architecture, number, border, rng):
    """Return parameters (number, parameter_count): lines through the border, a heuristic; other weights as Glorot's."""
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

    samples_so_far: list = dataclasses.field(default_factory=list)  # after each stage
    samples = property(lambda self: self.samples_so_far[-1])
    epoch_samples = property(lambda self: np.array(self.samples_so_far))


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search came to."""

    setting: SearchSetting
    needed: int  # pixels that must be right
    winner: Architecture
    parameters: np.ndarray  # of the winner
    stages: tuple  # dicts, the winner's line of ancestors: stage, correct pixels, samples so far
    best: dict  # Architecture -> most pixels right
    starts: dict  # parameter count -> starts tried
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the winner's checkpoint
    history: Ancestry
    folder: Path

    correct = property(lambda self: int(np.sum(self.predicted == self.truth)), doc="Pixels that are right on it.")
    reached = property(lambda self: self.correct >= self.needed, doc="Whether that is the target.")


def run_search(setting, progress=False):
    """Search for the smallest network; return the path of the run folder."""
    dataset = BorderDataset()
    with RunFolder.recording(f"search-s{setting.seed}", SEARCH.described(setting, dataset.source)) as folder:
        search, start = Search(dataset, setting), time.perf_counter()
        search.run(progress)
        winner, seconds = search.winner, time.perf_counter() - start
        model, ancestry = winner.architecture.model(winner.parameters), winner.ancestry
        seen = np.cumsum([n.samples for n in ancestry]).tolist()
        model.save_to(folder.path / "parameters.npz")
        predicted = dataset.as_map(load_winner(folder.path, winner.architecture).predict(dataset.inputs) > 0.5)
        folder.save_arrays("map", truth=dataset.mask, predicted=predicted.astype(np.uint8))
        save_json(folder.path / "search.json", {
            "needed": search.needed, "winner": dataclasses.asdict(winner.architecture),
            "stages": [{"stage": n.what, "correct pixels": n.correct, "samples so far": total}
                       for n, total in zip(ancestry, seen)],
            "best": [(dataclasses.asdict(n.architecture), n.correct) for n in search.best.values()],
            "starts": list(search.starts.items())})
        losses = [float(winner.architecture.model(n.parameters).evaluate(dataset.inputs, dataset.targets))
                  for n in ancestry]
        history = Ancestry(len(dataset), len(dataset), [], losses, [n.correct / len(dataset) for n in ancestry],
                           [math.nan] * len(losses), 0, seconds, "search ended", str(setting.seed), seen)
        folder.finish(history, {"parameter_count": model.parameter_count,
                                "correct_pixels": int(np.sum(predicted == dataset.mask))})
    return folder.path


def read_search(folder):
    """Return the SearchResult of a finished search's folder."""
    folder = RunFolder(folder)
    book = load_json(folder.path / "search.json")
    winner = restore_setting(Architecture, book["winner"])
    best = {restore_setting(Architecture, architecture): correct for architecture, correct in book["best"]}
    return SearchResult(
        restore_setting(SearchSetting, folder.settings()["setting"]), book["needed"], winner,
        load_winner(folder.path, winner).parameters, tuple(book["stages"]), best, dict(book["starts"]),
        **folder.arrays("map"), folder=folder.path,
        history=Ancestry.restore(folder.arrays("history"), folder.metrics()))


def load_winner(path, architecture):
    """Return a new Model of an Architecture with the parameters in a run folder, read by `load_from`."""
    model = architecture.model()
    model.load_from(path / "parameters.npz")
    return model


def recount(result, dataset):
    """Return how many pixels of a BorderDataset the checkpoint of a result's winner has right."""
    prediction = load_winner(result.folder, result.winner).predict(dataset.inputs)
    return int(np.sum((prediction > 0.5) == (dataset.targets > 0.5)))


SEARCH = Experiment("search", 2, run_search, read_search, border_source)
