"""Section 1.3: XOR with many architectures, and the check of their gradients.

In: an XorSetting a run. Out: one study of all runs (a folder, a table, all final parameters), their facts.
"""

import dataclasses
import itertools

import numpy as np

from smai_nn.activations import ACTIVATIONS
from smai_nn.experiments.border import group
from smai_nn.gradcheck import compare_gradients
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import Study
from smai_nn.trainer import Callback, TrainConfig, Trainer

LEARNING_RATE = 0.02
UPDATES_PER_START = 500  # after which a run that has not converged draws new initial weights
MARGIN = 0.25  # learnt: every output is at most this far from its label, so well beyond 100% accuracy
DRAWS, OUTPUT_GAIN = 4, 0.1  # of the initial values, see `xor_model`
LOOK_EVERY = 10  # updates between two looks whether it has been learnt
CHECK_EPSILONS = (1e-4, 1e-5)  # the gradient is checked with both, and the better one counts


def xor_arrays(dtype=np.float64):
    """Return inputs (4, 2) and targets (4, 1): x1 XOR x2 for all x1, x2 in {0, 1}."""
    inputs = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype)
    return inputs, np.array([[0], [1], [1], [0]], dtype)


@dataclasses.dataclass(frozen=True)
class XorSetting:
    """One network for XOR."""

    widths: tuple  # of the hidden layers
    activations: tuple  # their names, one a layer
    output: str = "sigmoid"  # name of the output activation
    loss: str = "bce"
    seed: int = 0
    check_gradient: bool = False  # also compare backpropagation with central differences, at the start
    most_starts: int = 200  # after which a run ends without success

    network = property(lambda self: "-".join(map(str, (2, *self.widths, 1))), doc="All widths, such as '2-8-4-1'.")
    family = property(lambda self: " + ".join(self.activations), doc="The hidden layers, such as 'relu + identity'.")
    label = property(lambda self: f"{self.network} {self.family}", doc="Network and hidden layers.")
    is_narrow = property(lambda self: min(self.widths) < 4, doc="Whether a layer is close to the least that XOR needs.")


@dataclasses.dataclass(frozen=True)
class XorResult:
    """How a run went, with the final parameters."""

    setting: XorSetting
    predictions: list  # for (0, 0), (0, 1), (1, 0), (1, 1)
    accuracy: float
    largest_error: float  # max |p - y|
    updates: int  # over all starts
    starts: int  # 1: the first initial weights led to success
    gradient_error: float | None  # maximum relative error of the gradient, if checked
    losses: np.ndarray  # of the last start, every LOOK_EVERY updates, float32
    parameters: np.ndarray  # final, flat, float32


class StopWhenLearnt(Callback):
    """Stops training once every output is within MARGIN of its label; looks at every LOOK_EVERY-th update."""

    def on_epoch_end(self, trainer):
        """Look, if it is time; with four samples in one batch, an epoch is an update."""
        if trainer.history.epochs % LOOK_EVERY == 0:
            x, y = xor_arrays()
            if np.abs(trainer.model.predict(x) - y).max() <= MARGIN:
                trainer.stop("learnt")


def xor_settings(widths, pairs, families, outputs, seeds):
    """Return every combination as a list of XorSetting; the gradient is checked in the runs of the first seed.

    `families` are tuples of the hidden layers' activations; each has every one of `widths` in all layers, and those of
    two layers also every pair of widths in `pairs`. `outputs` holds (output activation, loss) pairs.
    """
    shapes = [(family, (width,) * len(family)) for family in families for width in widths]
    shapes += [(family, pair) for family in families if len(family) == 2 for pair in pairs]
    return [XorSetting(shape, family, output, loss, seed, check_gradient=seed == seeds[0])
            for (family, shape), (output, loss), seed in itertools.product(shapes, outputs, seeds)]


def xor_model(setting, rng):
    """Return the untrained float64 Model of an XorSetting.

    Of DRAWS initial values it has those whose last hidden layer tells the four samples apart best: where the rows of
    its outputs, with a 1 for the bias, have the largest least singular value. The output layer begins at a tenth of its
    usual size, so that every output is near the sigmoid's steepest point and none is saturated on the wrong side.
    """
    models, singular_values = [], []
    for _ in range(DRAWS):
        model = build_network((2, *setting.widths, 1), [ACTIVATIONS[name] for name in setting.activations],
                              ACTIVATIONS[setting.output], loss=setting.loss, optimizer=Adam(LEARNING_RATE), rng=rng,
                              dtype=np.float64)
        *hidden, last = model.layers
        last.weights, last.biases = OUTPUT_GAIN * last.weights, OUTPUT_GAIN * last.biases
        model.forward(xor_arrays()[0])
        rows = np.hstack([hidden[-1].output, np.ones((4, 1))])  # (4, width + 1)
        models.append(model)
        singular_values.append(np.linalg.svd(rows, compute_uv=False)[-1])
    return models[int(np.argmax(singular_values))]


def run_xor(setting):
    """Train on the four samples until learnt; return an XorResult.

    There are dead units and minima that no gradient leads out of. Who is not done after UPDATES_PER_START updates
    therefore starts again with new weights from the same seed's stream; all updates and starts count.
    """
    x, y = xor_arrays()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    config = TrainConfig(batch_size=4, max_epochs=UPDATES_PER_START, patience=None, evaluate_every=0)
    updates, gradient_error = 0, None
    for start in range(1, setting.most_starts + 1):
        model = xor_model(setting, initial_rng)
        if setting.check_gradient and start == 1:
            gradient_error = min(compare_gradients(model, x, y, e).max_relative_error for e in CHECK_EPSILONS)
        history = Trainer(model, config, rng=shuffle_rng, callbacks=[StopWhenLearnt()]).fit(x, y)
        updates += history.updates
        if history.stop_reason != "max_epochs":
            break
    p = model.predict(x)
    return XorResult(setting, p.ravel().tolist(), accuracy(p, y), float(np.abs(p - y).max()),
                     updates, start, gradient_error, np.float32(history.epoch_loss[::LOOK_EVERY]),
                     np.float32(model.parameters))


XOR = Study("xor", 1, run_xor, XorResult)


def output_grid(result, points=81):
    """Return the network's output on a grid over [-0.25, 1.25]^2, (points, points), row 0 at the least x2."""
    model = xor_model(result.setting, np.random.default_rng(0))
    model.parameters = result.parameters
    axis = np.linspace(-0.25, 1.25, points)
    x1, x2 = np.meshgrid(axis, axis)
    return model.predict(np.stack([x1.ravel(), x2.ravel()], 1)).reshape(points, points)


@dataclasses.dataclass(frozen=True)
class GradientSetting:
    """One network whose gradients are checked with a sweep of epsilon: 2-6-6-2 on XOR and its complement."""

    activation: str
    loss: str
    seed: int
    epsilons: tuple = tuple(10.0 ** -k for k in range(1, 11))


@dataclasses.dataclass(frozen=True)
class GradientResult:
    """What one network's gradients came to."""

    setting: GradientSetting
    errors: list  # maximum relative error over all weights and biases for each epsilon; None: all were excluded
    compared: int  # entries, over all epsilons
    excluded: int  # entries left out because a ReLU's kink lies within the step


def run_gradients(setting):
    """Compare backpropagation with central differences on the four samples as one batch; return a GradientResult."""
    x, y = xor_arrays()
    y = np.hstack([y, 1 - y])
    output = "sigmoid" if setting.loss == "bce" else setting.activation
    model = build_network((2, 6, 6, 2), ACTIVATIONS[setting.activation], ACTIVATIONS[output], loss=setting.loss,
                          optimizer=None, rng=np.random.default_rng(setting.seed), dtype=np.float64)
    if output == "relu":
        model.layers[-1].biases += 1  # a silent output unit would have nothing but zeros to compare
    found = [compare_gradients(model, x, y, epsilon) for epsilon in setting.epsilons]
    return GradientResult(setting, [f.max_relative_error for f in found], sum(f.relative_errors.size for f in found),
                          sum(f.excluded for f in found))


GRADIENTS = Study("gradients", 1, run_gradients, GradientResult)


def gradient_settings(seeds):
    """Return a GradientSetting for every activation, loss and seed."""
    return [GradientSetting(*values) for values in itertools.product(ACTIVATIONS, ("mse", "bce"), seeds)]


def worst_errors(results):
    """Return {(activation, loss): maximum relative error over seeds for each epsilon, an array}."""
    return {pair: np.fmax.reduce(np.array([r.errors for r in own], float))  # None becomes NaN, which fmax passes over
            for pair, own in group(results, "activation", "loss").items()}


def xor_table(results, by):
    """Return a table row for each value of the setting `by`, "family" or "network"."""
    return [{by: value, "runs": len(own), "at 100 %": sum(r.accuracy == 1 for r in own),
             "from the first start": f"{first_start_share(own):.1%}", "most starts": max(r.starts for r in own),
             "median updates": int(np.median([r.updates for r in own])),
             "largest error": f"{max(r.largest_error for r in own):.3f}", "gradient error": f"{worst_gradient(own):.0e}"}
            for value, own in group(results, by).items()]


def first_start_share(results):
    """Return the share of runs that learnt XOR from their first initial weights."""
    return float(np.mean([r.starts == 1 for r in results]))


def worst_gradient(results):
    """Return the largest of the gradients' relative errors, of those runs that checked it."""
    return max(r.gradient_error for r in results if r.gradient_error is not None)


def prediction_table(result):
    """Return a table row for each of the four samples: label and prediction of one run."""
    inputs, targets = xor_arrays(int)
    return [{"x1": a, "x2": b, "label": label, "prediction": f"{p:.4f}"}
            for (a, b), (label,), p in zip(inputs.tolist(), targets.tolist(), result.predictions)]


def gradient_table(results):
    """Return a table row for each activation and loss: the worst entry's relative error, by step."""
    epsilons = results[0].setting.epsilons
    return [{"activation": name, "loss": loss.upper(), "best epsilon": f"{epsilons[np.nanargmin(e)]:.0e}",
             "relative error there": f"{np.nanmin(e):.0e}", "at 1e-1": f"{e[0]:.0e}", "at 1e-10": f"{e[-1]:.0e}"}
            for (name, loss), e in worst_errors(results).items()]


def xor_facts(results, controls):
    """Return the facts of section 1.3.1; `controls` are runs of linear networks."""
    wide, narrow = ([r for r in results if r.setting.is_narrow == is_narrow] for is_narrow in (False, True))
    successes = sum(r.accuracy == 1 for r in results)
    return {"xor.runs": len(results), "xor.wide_runs": len(wide), "xor.successes": successes,
            "xor.first_start_share": first_start_share(wide), "xor.narrow_share": first_start_share(narrow),
            "xor.most_starts_wide": max(r.starts for r in wide), "xor.most_starts": max(r.starts for r in results),
            "xor.largest_error": max(r.largest_error for r in results), "xor.gradient_error": worst_gradient(results),
            "xor.control_accuracy": max(c.accuracy for c in controls),
            "xor.control_loss": float(np.median([c.losses[-1] for c in controls]))}


def gradient_facts(results):
    """Return the facts of section 1.3.2.

    The fall is the power of epsilon that the error follows between the first epsilon and the third, a hundredth of it,
    over the pairs of activation and loss whose error there is not round-off alone.
    """
    worst = worst_errors(results).values()
    falls = [float(np.log10(e[0] / e[2]) / 2) for e in worst if e[0] > 1e-6]
    return {"gradient_check.max_relative_error": max(float(np.nanmin(e)) for e in worst),
            "gradient_check.least_fall": min(falls), "gradient_check.largest_fall": max(falls),
            "gradient_check.at_smallest_epsilon": max(float(e[-1]) for e in worst),
            "gradient_check.exact": len(worst) - len(falls),
            "gradient_check.compared": sum(r.compared for r in results),
            "gradient_check.excluded": sum(r.excluded for r in results)}
