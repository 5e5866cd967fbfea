"""Section 1.5: the fewest parameters, and the fewest training samples, for an accuracy on a map.

**Fewest parameters** (`search_smallest`). Every shape of one to four hidden layers with at most so many parameters
takes part, and each start draws tanh or ReLU for each of its layers (a sigmoid is a tanh in other units, which the
next layer's weights make up for, so it adds nothing). A start is no accident: the line of every unit of the first
layer passes through two random points of the border. Then ever fewer networks survive ever longer fits (successive
halving):

1. `explore`: a few iterations of L-BFGS on a quarter of the pixels, every other one of every other row; the best
   quarter of a shape's starts gets more of them.
2. `refine`: L-BFGS on all pixels. The loss is the mean squared error of a Sigmoid output, a smooth version of the
   share of wrong pixels: away from the border, each pixel counts 0 or 1.
3. `sharpen`: the output layer is scaled up, which brings the smooth share closer to the true one, and all is fitted
   again.
4. `anneal`: random changes, each judged by the exact number of pixels that are right (simulated annealing).

All shapes go through the first three, every parameter count on its own, so that the few small shapes get many more
starts than the many large ones. Then, from the fewest parameters on, the best shape of each count that has come close
gets many more starts and goes through all four; what is hopeless after the third goes no further. The annealing is a
matter of chance, so a few networks are annealed at a time, until one reaches the target or all have had their turn.
The search ends when the target is reached.

**Fewest samples** (`place_first_layer`, `SampleCurve`, with `smai_nn.optim.Kalman`). A wide first layer of steep
units, whose lines lie everywhere and point everywhere, is left as it is; recursive least squares learns the output
layer, which is exact: after n samples the network is what a regularised fit to all n of them at once would give. Each
pixel is seen once. `settling_samples` says when an accuracy is reached for good.

Sources: assignment section 1.5. Successive halving: Jamieson and Talwalkar 2016, "Non-stochastic best arm
identification and hyperparameter optimization". L-BFGS: SciPy's. Simulated annealing: Kirkpatrick, Gelatt and Vecchi
1983, "Optimization by simulated annealing". Fixed first layers: Rahimi and Recht 2008, "Weighted sums of random
kitchen sinks".
"""

import collections
import dataclasses
import itertools
import math

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.checks import require_integer, require_number
from smai_nn.metrics import accuracy
from smai_nn.model import NonFiniteLossError, build_network
from smai_nn.sweep import run_sweep
from smai_nn.trainer import Callback


@dataclasses.dataclass(frozen=True)
class SearchSetting:
    """Settings of one search for the smallest network; raises ValueError for one out of range."""

    target: float = 0.91  # share of the pixels that are to be right
    seed: int = 0
    max_parameters: int = 60
    max_depth: int = 4  # hidden layers
    starts: int = 140  # of a parameter count up to 20 in the first round; of a larger one fewer, but one of each shape
    closer_starts: int = 800  # of a shape that is looked at more closely
    chains: int = 8  # networks of such a shape that are annealed at most, four at a time
    changes: int = 80_000  # that are tried in an annealing
    hopeless: float = 0.02  # share of the pixels by which the target may be missed before the annealing

    def __post_init__(self):
        require_number(self.target, "target", 0, 1)
        require_number(self.hopeless, "hopeless", 0, 1)
        require_integer(self.seed, "seed", 0)
        for name in ("max_depth", "starts", "closer_starts", "chains", "changes"):
            require_integer(getattr(self, name), name, 1)
        require_integer(self.max_parameters, "max_parameters", SMALLEST)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A network at one point of the search."""

    what: str  # was done to get here
    parameters: np.ndarray  # flat float32
    correct: int  # pixels that are right
    samples: int  # that passed through Model.train for it
    loss: float = math.nan  # of the fit that ended here


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network of the search, with all its ancestors."""

    hidden: tuple  # widths of the hidden layers
    activations: tuple  # their names
    entropy: tuple  # of the Generator that drew the start
    stages: tuple = ()  # from the start to what it is now

    @property
    def correct(self):
        """How many pixels are right."""
        return self.stages[-1].correct

    @property
    def parameter_count(self):
        """Number of weights and biases."""
        return count_parameters(self.hidden)

    @property
    def samples(self):
        """Samples that passed through Model.train, for all ancestors together."""
        return sum(stage.samples for stage in self.stages)

    @property
    def label(self):
        """Such as "2-4-1 tanh"."""
        return "-".join(map(str, (2, *self.hidden, 1))) + " " + " ".join(self.activations)

    def model(self, stage=-1):
        """Return a Model with the parameters of this stage."""
        model = build_network((2, *self.hidden, 1), [ACTIVATIONS[name] for name in self.activations], Sigmoid,
                              loss="mse", optimizer=None, rng=np.random.default_rng(0))
        if self.stages:
            model.parameters = self.stages[stage].parameters
        return model

    def after(self, what, model, dataset, samples=0, loss=math.nan):
        """Return the candidate with the model as a further stage."""
        stage = Stage(what, model.parameters.copy(), correct_pixels(model, dataset), samples, loss)
        return dataclasses.replace(self, stages=(*self.stages, stage))


def count_parameters(hidden):
    """Return the number of weights and biases of a network of two inputs, these hidden widths and one output.

    >>> count_parameters((4,))
    17
    """
    widths = (2, *hidden, 1)
    return sum((before + 1) * after for before, after in zip(widths, widths[1:]))


SMALLEST = count_parameters((1,))


def shapes_up_to(max_parameters, max_depth):
    """Return all tuples of hidden widths with at most so many parameters, from few to many.

    >>> shapes_up_to(13, 2)
    [(1,), (1, 1), (2,), (1, 2), (2, 1), (1, 3), (3,)]
    """
    def grow(widths):
        for width in itertools.count(1):
            longer = (*widths, width)
            if count_parameters(longer) > max_parameters:
                return
            yield longer
            if len(longer) < max_depth:
                yield from grow(longer)

    return sorted(grow(()), key=lambda hidden: (count_parameters(hidden), hidden))


def correct_pixels(model, dataset):
    """Return how many pixels of a BorderDataset the model classifies correctly."""
    values = dataset.inputs  # without Model.predict and its checks: this is called 100,000 times
    for layer in model.layers:
        values = layer.infer(values)
    return int(np.count_nonzero((values > 0.5) == (dataset.targets > 0.5)))


def border_points(dataset):
    """Return the middles between neighbouring pixels of different countries, (n, 2) in units of the inputs."""
    grid, mask = dataset.inputs.reshape(*dataset.mask.shape, 2), dataset.mask
    down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    return np.concatenate([(grid[1:] + grid[:-1])[down], (grid[:, 1:] + grid[:, :-1])[right]]) / 2


def fit(model, x, y, iterations):
    """Lower the model's loss on all of (x, y) by L-BFGS; return (samples through Model.train, the loss reached)."""
    from scipy.optimize import minimize  # loaded late: it takes a tenth of a second

    least, best, calls = math.inf, model.parameters.copy(), 0

    def loss_and_gradient(values):
        nonlocal least, best, calls
        model.parameters = values
        model.zero_grad()
        calls += 1
        loss = model.train(x, y)
        if loss < least:
            least, best = loss, model.parameters.copy()
        return loss, model.gradients.astype(float)

    try:
        with np.errstate(over="ignore", invalid="ignore"):
            minimize(loss_and_gradient, model.parameters.astype(float), jac=True, method="L-BFGS-B",
                     options={"maxiter": iterations, "maxcor": 12})
    except NonFiniteLossError:
        pass  # the line search went too far; the best so far is kept
    model.parameters = best
    model.zero_grad()
    return calls * len(x), least


# The stages. Each is a function of one tuple, so that it can be sent to another process.

QUICK_ITERATIONS, QUARTER_ITERATIONS, ALL_ITERATIONS, SHARP_ITERATIONS = 15, 45, 300, 150
FEW = 20  # parameters: the more than these a network has, the less its shape is worth
AT_A_TIME = 4  # networks that are annealed, whatever the number of workers


def explore(task):
    """Return the Candidates of a shape's starts, fitted to a quarter of the pixels; of many, the best quarter."""
    dataset, hidden, entropies = task
    rows = np.arange(len(dataset)).reshape(dataset.mask.shape)[::2, ::2].ravel()
    x, y = dataset.inputs[rows], dataset.targets[rows]

    def fitted(candidate, iterations):
        model = candidate.model()
        return candidate.after(f"{iterations} iterations on a quarter", model, dataset, *fit(model, x, y, iterations))

    found = [fitted(draw_start(dataset, hidden, entropy), QUICK_ITERATIONS) for entropy in entropies]
    return [fitted(c, QUARTER_ITERATIONS) for c in best_of(found, len(found) // 4, least_loss)] or found


def draw_start(dataset, hidden, entropy):
    """Return a Candidate of one stage: activations by chance, first layer's lines through points of the border."""
    rng = np.random.default_rng(entropy)
    activations = tuple(rng.choice(["tanh", "relu"], len(hidden)).tolist())
    candidate, points = Candidate(tuple(hidden), activations, tuple(entropy)), border_points(dataset)
    model = candidate.model()
    for layer in model.layers:
        layer.initialise(rng)
    for unit in range(hidden[0]):
        one, other = points[rng.integers(len(points), size=2)]
        normal = np.array([one[1] - other[1], other[0] - one[0]])
        normal *= rng.choice([-1, 1]) * rng.uniform(2, 8) / max(np.hypot(*normal), 1e-6)
        model.layers[0].weights[:, unit], model.layers[0].biases[unit] = normal, -normal @ one
    return candidate.after("start", model, dataset)


def refine(task):
    """Return the Candidate fitted to all pixels."""
    dataset, candidate = task
    model = candidate.model()
    reached = fit(model, dataset.inputs, dataset.targets, ALL_ITERATIONS)
    return candidate.after(f"{ALL_ITERATIONS} iterations on all", model, dataset, *reached)


def sharpen(task, times=4, factor=1.6):
    """Return the Candidate after scaling its output up and fitting again, several times; the best of these."""
    dataset, candidate = task
    model, samples = candidate.model(), 0
    steps = [candidate]
    for _ in range(times):
        model.layers[-1].weights *= factor
        model.layers[-1].biases *= factor
        samples += fit(model, dataset.inputs, dataset.targets, SHARP_ITERATIONS)[0]
        steps.append(candidate.after(f"output up to {times} times x {factor}", model, dataset, samples))
    return max(steps, key=lambda step: step.correct)


def anneal(task, temperature=2.0, touched=0.4):
    """Return the Candidate after so many random changes of a share `touched` of its parameters.

    A change that loses pixels is kept with probability exp(-pixels / t), and t falls from `temperature` to 0. The
    size of a change, relative to the parameter's own, is drawn anew each time, from 1/3000 to 1/10.
    """
    dataset, candidate, changes = task
    rng = np.random.default_rng((*candidate.entropy, len(candidate.stages)))
    model = candidate.model()
    values, correct = model.parameters.copy(), candidate.correct
    scale, best, most = _scale(values), values, correct
    for number in range(changes):
        size = 10 ** rng.uniform(-3.5, -1)
        step = size * scale * rng.standard_normal(values.size) * (rng.random(values.size) < touched)
        model.parameters = values + step
        now = correct_pixels(model, dataset)
        if now >= correct or rng.random() < math.exp((now - correct) / (temperature * (1 - number / changes))):
            values, correct = model.parameters.copy(), now
            scale = _scale(values)
            if now > most:
                best, most = values, now
    model.parameters = best
    return candidate.after(f"annealing, {changes} changes", model, dataset)


def _scale(values):
    """Return how large each parameter is, none much less than the others' mean."""
    return np.abs(values) + 0.1 * np.abs(values).mean()


def most_correct(candidate):
    """Sort the candidate with the most pixels right first; of equals, that with fewer parameters."""
    return -candidate.correct, candidate.parameter_count


def least_loss(candidate):
    """Sort the candidate with the least loss first: after a short fit, it foretells better than the pixels."""
    return candidate.stages[-1].loss


def best_of(candidates, kept, order=most_correct):
    """Return the first `kept` candidates in this order."""
    return sorted(candidates, key=order)[:kept]


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search came to."""

    setting: SearchSetting
    needed: int  # pixels that must be right
    best: dict  # hidden widths -> the best Candidate of that shape
    rounds: tuple  # of dicts: name, shapes, starts, and the fewest parameters that had reached the target by then

    @property
    def winner(self):
        """The Candidate with the fewest parameters that has reached the target (of these, the most pixels), or None."""
        reached = [c for c in self.best.values() if c.correct >= self.needed]
        return min(reached, key=lambda c: (c.parameter_count, -c.correct), default=None)



def search_smallest(dataset, setting, *, workers=-1, progress=True):
    """Search for the smallest network that reaches the target on a BorderDataset; return a SearchResult.

    The result depends on the map and the setting alone, not on the number of workers or the machine's speed.
    """
    needed = math.ceil(setting.target * len(dataset) - 1e-9)
    best, rounds, fresh = {}, [], itertools.count()

    def sweep(stage, tasks, description):
        """Run a stage, remember the best candidate of every shape, and return all it found."""
        tasks = [(dataset, *task) for task in tasks]
        found = run_sweep(stage, tasks, workers=workers, description=description, progress=progress) if tasks else []
        if stage is explore:
            found = list(itertools.chain.from_iterable(found))
        for candidate in found:
            if candidate.hidden not in best or candidate.correct > best[candidate.hidden].correct:
                best[candidate.hidden] = candidate
        return found

    def smallest_so_far():
        return min((c.parameter_count for c in best.values() if c.correct >= needed), default=None)

    def new_starts(hidden, starts):
        """Return the tasks of `explore` for one shape, no more than 40 starts in each."""
        return [(hidden, [(setting.seed, next(fresh)) for _ in range(min(40, starts - first))])
                for first in range(0, starts, 40)]

    def note(name, shapes, starts):
        rounds.append({"round": name, "shapes": shapes, "starts": starts, "smallest": smallest_so_far()})

    def look_at_all():
        """Give every shape its first starts; the best of every parameter count go on."""
        shapes = shapes_up_to(setting.max_parameters, setting.max_depth)
        alike = collections.Counter(map(count_parameters, shapes))
        tasks = []
        for hidden in shapes:
            count = count_parameters(hidden)
            tasks += new_starts(hidden, math.ceil(setting.starts * min(1, FEW / count) ** 2 / alike[count]))
        found = sweep(explore, tasks, "all shapes: explore")
        found = sweep(refine, [(c,) for c in best_of_each_count(found, 2, least_loss)], "all shapes: refine")
        sweep(sharpen, [(c,) for c in best_of_each_count(found, 1)], "all shapes: sharpen")
        note("all shapes", len(shapes), sum(len(entropies) for _, entropies in tasks))

    def look_closer(hidden):
        """Lead many starts of one shape through all stages, until one has reached the target."""
        name, chains = f"{count_parameters(hidden)} parameters", setting.chains
        found = sweep(explore, new_starts(hidden, setting.closer_starts), f"{name}: explore")
        found = sweep(refine, [(c,) for c in best_of(found, 12 * chains, least_loss)], f"{name}: refine")
        found = sweep(sharpen, [(c,) for c in best_of(found, 4 * chains)], f"{name}: sharpen")
        ready = best_of([c for c in found if c.correct >= needed - setting.hopeless * len(dataset)], chains)
        for first in range(0, len(ready), AT_A_TIME):
            if any(c.correct >= needed for c in found):
                break
            found = sweep(anneal, [(c, setting.changes) for c in ready[first:first + AT_A_TIME]], f"{name}: anneal")
        note(name, 1, setting.closer_starts)

    look_at_all()
    for count, candidate in frontier(best).items():
        if count >= (smallest_so_far() or math.inf):
            break
        if candidate.correct >= needed - 2 * setting.hopeless * len(dataset):
            look_closer(candidate.hidden)
    return SearchResult(setting, needed, best, tuple(rounds))


def frontier(best):
    """Return {parameter count: the best Candidate of all shapes with that count}, from few to many.

    `best` is a dict hidden widths -> Candidate.
    """
    return {c.parameter_count: c for c in sorted(best_of_each_count(best.values(), 1), key=lambda c: c.parameter_count)}


def best_of_each_count(candidates, kept, order=most_correct):
    """Return the first `kept` candidates of every parameter count in this order."""
    groups = {}
    for candidate in candidates:
        groups.setdefault(candidate.parameter_count, []).append(candidate)
    return [c for group in groups.values() for c in best_of(group, kept, order)]


def place_first_layer(layer, slope, rng):
    """Give each unit of a Linear weights of length `slope` in a random direction, zero at a point of [0, 1]^n."""
    directions = rng.standard_normal((layer.in_width, layer.out_width))
    weights = slope * directions / np.linalg.norm(directions, axis=0)
    layer.weights = weights
    layer.biases = -(weights * rng.uniform(0, 1, weights.shape)).sum(axis=0)


class SampleCurve(Callback):
    """Records the accuracy on all of (x, y) against the samples that have passed through train().

    It looks every `every` samples, and from `every` / `growth` samples on whenever they have grown by this share.
    With `averaging` of, say, 0.99 it looks at a running mean of the parameters, of which each update forgets 1 %;
    update t forgets 1 / t at least, so that the mean does not remember the initial values.
    `samples` and `accuracies` are lists.
    """

    def __init__(self, x, y, every=5, growth=0.04, averaging=None):
        self.x, self.y = x, y
        self.every, self.growth = require_integer(every, "every", 1), require_number(growth, "growth", 0, 1)
        self.averaging = None if averaging is None else require_number(averaging, "averaging", 0, 1, high_open=True)
        self.samples, self.accuracies, self._mean, self._updates, self._next = [], [], None, 0, self.every

    def on_batch_end(self, trainer):
        """Update the running mean and look if it is time."""
        parameters = trainer.model.parameters
        if self.averaging is not None and trainer.history.updates > self._updates:
            self._updates = trainer.history.updates
            self._mean = parameters.copy() if self._mean is None else self._mean
            self._mean += max(1 - self.averaging, 1 / self._updates) * (parameters - self._mean)
        if trainer.samples >= self._next:
            self._next = trainer.samples + max(self.every, math.floor(self.growth * trainer.samples))
            self.samples.append(trainer.samples)
            self.accuracies.append(self._look(trainer.model))

    def _look(self, model):
        if self._mean is None:
            return accuracy(model.predict(self.x), self.y)
        kept, model.parameters = model.parameters.copy(), self._mean
        try:
            return accuracy(model.predict(self.x), self.y)
        finally:
            model.parameters = kept


def settling_samples(samples, accuracies, target):
    """Return (first, settled): samples after which an accuracy is at least `target` once, and from then on.

    Each is None if that never happens. Raises ValueError for sequences of different lengths or none.

    >>> settling_samples([100, 200, 300, 400], [0.5, 0.92, 0.9, 0.93], 0.91)
    (200, 400)
    """
    if len(samples) != len(accuracies) or not len(samples):
        raise ValueError(f"samples: expected as many as accuracies, at least one, got {len(samples)} and "
                         f"{len(accuracies)}")
    reached = np.asarray(accuracies) >= target
    if not reached.any():
        return None, None
    misses = np.flatnonzero(~reached)
    stays = misses[-1] + 1 if len(misses) else 0
    return int(samples[int(reached.argmax())]), int(samples[stays]) if stays < len(samples) else None


def smoother_accuracies(dataset, order, counts, width):
    """Return the accuracies on all pixels of a kernel smoother (Nadaraya, Watson 1964) on the first pixels of `order`.

    There is one for each n of `counts`, the number of pixels it is given; the kernel is Gaussian of standard deviation
    `width`, in units of the inputs. No network and no training: what the samples say about the pixels around them.
    """
    order = np.asarray(order)[:max(counts)]
    x, labels = dataset.inputs.astype(np.float64), 2.0 * dataset.targets[:, 0] - 1
    squares = sum(np.square(axis - axis[order, None]) for axis in x.T)  # (samples, pixels)
    squares -= squares.min(axis=0)  # far from all samples, only ratios of weights count
    votes = np.exp(np.divide(squares, -2 * width ** 2, out=squares), out=squares)
    votes *= labels[order, None]
    np.cumsum(votes, axis=0, out=votes)
    return [float(np.mean((votes[n - 1] > 0) == (labels > 0))) for n in counts]
