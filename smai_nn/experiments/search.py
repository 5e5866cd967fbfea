"""Section 1.5, goal 1: the smallest network that has 91% of all pixels right; the methods of `Search` say how.

Hidden layers are of tanh or ReLU: a sigmoid is a tanh in other units, and an identity adds nothing.
"""

import dataclasses
import itertools
import math
import time
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.datasets.border import BorderDataset
from smai_nn.experiments.border import border_source
from smai_nn.files import load_json, save_json
from smai_nn.model import build_network
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
    beyond: int = 4  # parameters more than the winner's up to which architectures are looked at, for comparison
    starts: int = 8  # of every architecture
    sharpened: int = 2  # networks of those
    near: float = 0.04  # by which it may then miss the target, as a share of the pixels, to get a closer look
    closer_starts: int = 50  # of an architecture there
    parents: int = 8  # networks that are sharpened there, and of which children are made
    children: int = 4  # of each parent
    change: float = 0.05  # standard deviation of a child's parameter, as a share of its parent's
    generations: int = 4
    rounds: int = 3  # each with new starts
    iterations: int = 50  # of L-BFGS, in every fit
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Two inputs, hidden layers of one activation, a sigmoid output."""

    hidden: tuple  # widths of the hidden layers
    activation: str

    widths = property(lambda self: (2, *self.hidden, 1), doc="All widths, input and output included.")
    parameter_count = property(lambda self: sum((a + 1) * b for a, b in itertools.pairwise(self.widths)),
                               doc="Number of weights and biases.")
    label = property(lambda self: f"{'-'.join(map(str, self.widths))} {self.activation}", doc="Such as 2-4-1 tanh.")

    def model(self, parameters=None):
        """Return a float32 Model of this architecture, with these parameters (parameter_count,) if they are given."""
        model = build_network(self.widths, ACTIVATIONS[self.activation], Sigmoid, loss="mse", optimizer=None,
                              rng=np.random.default_rng(0))
        if parameters is not None:
            model.parameters = parameters
        return model


def architectures_up_to(max_parameters, max_depth, activations):
    """Return all Architectures with at most so many parameters and hidden layers, from few parameters to many."""
    shapes = [hidden for depth in range(1, max_depth + 1)  # a unit of any layer but the first costs three at the least
              for hidden in itertools.product(range(1, max_parameters // 3 + 1), repeat=depth)]
    found = [Architecture(hidden, activation) for hidden in shapes for activation in activations]
    found = [architecture for architecture in found if architecture.parameter_count <= max_parameters]
    return sorted(found, key=lambda architecture: (architecture.parameter_count, architecture.hidden))


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A network of the search at one point of its way."""

    architecture: Architecture
    parameters: np.ndarray  # (parameter_count,), float32
    correct: int  # pixels of the map that are right
    losses: tuple  # mean squared error on all pixels, of every evaluation on its way: each has seen every pixel once
    stages: tuple  # dicts, the way from the start to here: stage, correct pixels, samples so far


class Search:
    """One search on a BorderDataset: its stages, and the best that it has found so far."""

    def __init__(self, dataset, setting):
        self.dataset, self.setting, self.rng = dataset, setting, np.random.default_rng(setting.seed)
        self.border = border_points(dataset)
        self.needed = math.ceil(setting.target * len(dataset) - 1e-9)
        self.best = {}  # Architecture -> the Network with the most pixels right
        self.starts = {}  # parameter count -> starts

    def run(self):
        """Look at one architecture after another, from few parameters to many; closer at those that come near.

        More effort for fewer candidates, as in successive halving (Jamieson and Talwalkar 2016). Once the target is
        reached, those with a few parameters more get the short look alone.
        """
        setting, limit = self.setting, math.inf
        for architecture in architectures_up_to(setting.max_parameters, setting.max_depth, setting.activations):
            if architecture.parameter_count > limit:
                return
            for network in self.explore(architecture, setting.starts, setting.sharpened):
                self.sharpen(network, SHARPNESSES)
            if limit == math.inf and 0 < self.shortfall(architecture) <= setting.near:
                self.look_closer(architecture)
            if limit == math.inf and self.shortfall(architecture) <= 0:
                limit = architecture.parameter_count + setting.beyond

    def look_closer(self, architecture):
        """Explore and sharpen more networks; if the best is near, make children of the best; begin anew if need be."""
        setting = self.setting
        for _ in range(setting.rounds):
            explored = self.explore(architecture, setting.closer_starts, setting.parents)
            parents = [self.sharpen(network, SHARPNESSES) for network in explored]
            if self.shortfall(architecture) > setting.near / 2:
                return
            for _ in range(setting.generations):
                if self.shortfall(architecture) <= 0:
                    return
                children = [self.sharpen(parent, SOFTER, setting.change)
                            for parent in parents for _ in range(setting.children)]
                parents = sorted([*parents, *children], key=lambda network: -network.correct)[:setting.parents]

    def explore(self, architecture, number, kept):
        """Draw so many networks and fit them to all pixels; return those that are kept, of least loss."""
        model, found, count = architecture.model(), [], architecture.parameter_count
        for _ in range(number):
            draw_start(model, self.border, self.rng)
            start = self.note(architecture, model, "start")
            found.append(self.note(architecture, model, "fitted", start, self.fit(model)))
        self.starts[count] = self.starts.get(count, 0) + number
        return sorted(found, key=lambda network: network.losses[-1])[:kept]

    def sharpen(self, network, sharpnesses, change=0.0):
        """Fit at one sharpness after another; return the network as it was with most pixels right.

        A pixel at 0.6 is right and still counts 0.16. So the output layer is scaled until the mean |z| that goes into
        the sigmoid is 4, the network fitted again, scaled to 8, and so on up to 4,096, where the loss is the share of
        wrong pixels; gradually, since a sharp output has no slope save at its border (graduated non-convexity, Blake
        and Zisserman 1987). With a `change`, it is a child: each parameter is changed at random by such a share.
        """
        factors = 1 + change * self.rng.standard_normal(network.parameters.shape)
        model, losses, steps = network.architecture.model(network.parameters * factors), [], []
        output = model.layers[-1]
        for sharpness in sharpnesses:
            model.forward(self.dataset.inputs)
            scale = sharpness / max(np.abs(output.pre_activation).mean(), 1e-6)
            output.weights *= scale
            output.biases *= scale
            losses += self.fit(model)
            steps.append(self.note(network.architecture, model, "varied" if change else "sharpened", network, losses))
        return max(steps, key=lambda step: step.correct)

    def fit(self, model):
        """Lower the loss of a Model on all pixels by SciPy's L-BFGS (Liu and Nocedal 1989); return all losses seen."""
        losses = []

        def loss_and_gradient(parameters):
            """Return both for all pixels, and note the loss."""
            model.parameters = parameters
            model.zero_grad()
            losses.append(model.train(self.dataset.inputs, self.dataset.targets))
            return losses[-1], model.gradients.astype(float)

        found = minimize(loss_and_gradient, model.parameters.astype(float), jac=True, method="L-BFGS-B",
                         options={"maxiter": self.setting.iterations})
        model.parameters = found.x
        return losses

    def note(self, architecture, model, stage, before=None, losses=()):
        """Return the Model as the Network that has come from `before`; remember the best of each architecture."""
        right = (model.predict(self.dataset.inputs) > 0.5) == (self.dataset.targets > 0.5)
        losses = (*before.losses, *losses) if before else ()
        row = {"stage": stage, "correct pixels": int(right.sum()), "samples so far": len(losses) * len(self.dataset)}
        stages = (*before.stages, row) if before else (row,)
        network = Network(architecture, model.parameters.copy(), row["correct pixels"], losses, stages)
        self.best[architecture] = max(self.best.get(architecture, network), network, key=lambda n: n.correct)
        return network

    def shortfall(self, architecture):
        """Return the share of the pixels that the best network of an architecture lacks."""
        return (self.needed - self.best[architecture].correct) / len(self.dataset)

    @property
    def winner(self):
        """The Network with the fewest parameters that reaches the target; if none does, that with the most pixels."""
        return min(self.best.values(), key=lambda network: (
            max(0, self.needed - network.correct), network.architecture.parameter_count, -network.correct))


def border_points(dataset):
    """Return the middles between neighbouring pixels of different countries, (n, 2) in units of the inputs."""
    grid, mask = dataset.inputs.reshape(*dataset.mask.shape, 2), dataset.mask
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    return np.concatenate([(grid[1:] + grid[:-1])[down], (grid[:, 1:] + grid[:, :-1])[right]]) / 2


def draw_start(model, border, rng):
    """Draw a Model's parameters: the first layer's lines pass through points of the border, a heuristic."""
    first = model.layers[0]
    for layer in model.layers:
        layer.weights = rng.uniform(-0.5, 0.5, layer.weights.shape)
        layer.biases = np.zeros(layer.out_width)
    angles, lengths = rng.uniform(0, 2 * np.pi, first.out_width), rng.uniform(2, 8, first.out_width)
    points = border[rng.integers(len(border), size=first.out_width)].T                  # (2, units)
    first.weights = lengths * np.stack([np.cos(angles), np.sin(angles)])                # (2, units)
    first.biases = -(first.weights * points).sum(axis=0)                                # there w . x + b = 0


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search came to."""

    setting: SearchSetting
    needed: int  # pixels that must be right
    winner: Architecture
    stages: tuple  # of the winner, as in Network
    best: dict  # Architecture -> most pixels right
    starts: dict  # parameter count -> starts tried
    truth: np.ndarray  # (height, width), 0 or 1
    predicted: np.ndarray  # likewise, by the winner
    history: History  # of the winner, from its start: an evaluation counts as an epoch
    folder: Path

    correct = property(lambda self: int(np.sum(self.predicted == self.truth)), doc="Pixels that are right on it.")
    reached = property(lambda self: self.correct >= self.needed, doc="Whether that is the target.")

    def load_winner(self):
        """Return a new Model with the parameters of the winner's checkpoint, read by `load_from`."""
        model = self.winner.model()
        model.load_from(self.folder / "parameters.npz")
        return model

    def recount(self, dataset):
        """Return how many pixels of a BorderDataset the winner's checkpoint has right."""
        prediction = self.load_winner().predict(dataset.inputs)
        return int(np.sum((prediction > 0.5) == (dataset.targets > 0.5)))


def run_search(setting, progress=False):
    """Search for the smallest network, without a progress bar; return the path of the run folder."""
    dataset = BorderDataset()
    with RunFolder.recording(f"search-s{setting.seed}", SEARCH.described(setting, dataset.source)) as folder:
        search, start = Search(dataset, setting), time.perf_counter()
        search.run()
        winner, seconds = search.winner, time.perf_counter() - start
        model = winner.architecture.model(winner.parameters)
        predicted = dataset.as_map(model.predict(dataset.inputs) > 0.5)
        folder.save_arrays("map", truth=dataset.mask, predicted=predicted.astype(np.uint8))
        save_json(folder.path / "search.json", {
            "needed": search.needed, "winner": dataclasses.asdict(winner.architecture), "stages": winner.stages,
            "best": [(dataclasses.asdict(n.architecture), n.correct) for n in search.best.values()],
            "starts": list(search.starts.items())})
        losses, unknown = list(winner.losses), [math.nan] * len(winner.losses)
        history = History(len(dataset), len(dataset), losses, losses, unknown, unknown, len(losses), seconds,
                          "search ended", str(setting.seed))
        metrics = {"parameter_count": model.parameter_count, "correct_pixels": winner.correct}
        folder.finish(history, metrics, model=model)
    return folder.path


def read_search(folder):
    """Return the SearchResult of a finished search's folder."""
    folder = RunFolder(folder)
    book = load_json(folder.path / "search.json")
    best = {restore_setting(Architecture, architecture): correct for architecture, correct in book["best"]}
    return SearchResult(
        restore_setting(SearchSetting, folder.settings()["setting"]), book["needed"],
        restore_setting(Architecture, book["winner"]), tuple(book["stages"]), best, dict(book["starts"]),
        **folder.arrays("map"), history=History.restore(folder.arrays("history"), folder.metrics()), folder=folder.path)


SEARCH = Experiment("search", 3, run_search, read_search, border_source)


def smallest(results):
    """Return the result with the fewest parameters that reached its target; of equals the one with the most pixels."""
    return min(results, key=lambda r: (not r.reached, r.winner.parameter_count, -r.correct, r.setting.seed))


def best_of_all(results):
    """Return a dict Architecture -> most pixels in any search, from few parameters to many, a count's best last."""
    found = {}
    for result in results:
        for architecture, correct in result.best.items():
            found[architecture] = max(correct, found.get(architecture, 0))
    return dict(sorted(found.items(), key=lambda item: (item[0].parameter_count, item[1])))


def search_table(results, recounted):
    """Return a table row for each search; `recounted` are the pixels of their winners, loaded from the checkpoints."""
    return [{"seed": r.setting.seed, "smallest network": r.winner.label, "parameters": r.winner.parameter_count,
             "correct pixels, counted again": f"{correct} of {r.truth.size}",
             "accuracy": f"{correct / r.truth.size:.2%}", "starts": f"{sum(r.starts.values()):,}",
             "seconds": f"{r.history.seconds:.0f}"}
            for r, correct in zip(results, recounted)]


def search_facts(results):
    """Return the facts of the searches."""
    first, best = smallest(results), best_of_all(results)
    count = first.winner.parameter_count
    below = max((a for a in best if a.parameter_count < count), key=best.get, default=first.winner)
    return {"challenge.parameters": count if first.reached else None} | {
        f"challenge.parameters_{name}": value for name, value in {
            "correct": first.correct, "pixels": first.truth.size, "needed": first.needed, "seed": first.setting.seed,
            "network": first.winner.label, "samples": first.history.samples, "searches": len(results),
            "search_successes": sum(r.reached and r.winner.parameter_count <= 17 for r in results),
            "architectures": len(best), "starts": float(np.mean([sum(r.starts.values()) for r in results])),
            "seconds": float(np.mean([r.history.seconds for r in results])), "below_network": below.label,
            "below_count": below.parameter_count, "below_misses": first.needed - best[below]}.items()}
