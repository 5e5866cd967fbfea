"""Section 1.3: XOR with many architectures, and the check of their gradients."""

import dataclasses
import itertools

import numpy as np

from smai_nn.activations import ACTIVATIONS, Identity, Sigmoid
from smai_nn.experiments.border import group
from smai_nn.gradcheck import compare_gradients
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import Study

LEARNING_RATE = 0.02
UPDATES_PER_START = 500  # after which a run that has not converged draws new initial weights
MARGIN = 0.25  # learnt: every output is at most this far from its label, so well beyond 100% accuracy
DRAWS, OUTPUT_GAIN = 4, 0.1  # of the initial values, see `xor_model`
RUN_EPSILONS = (1e-4, 1e-5)  # a run's gradient is checked with both, and the better one counts
EPSILONS = tuple(10.0 ** -k for k in range(1, 11))  # of section 1.3.2


def xor_arrays():
    """Return inputs (4, 2) and targets (4, 1), float64: x1 XOR x2 for all x1, x2 in {0, 1}."""
    return np.array([(0.0, 0), (0, 1), (1, 0), (1, 1)]), np.array([[0.0], [1], [1], [0]])


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
    losses: np.ndarray  # of the last start, every tenth update, float32
    parameters: np.ndarray  # final, flat, float32


def xor_settings(widths, families, outputs, seeds):
    """Return every combination as a list of XorSetting; the gradient is checked in the runs of the first seed.

    `families` are tuples of the hidden layers' activations, `outputs` pairs (output activation, loss). Each family has
    every one of `widths` in all layers, and those of two layers also 8-4 and 4-8.
    """
    shapes = [(family, (width,) * len(family)) for family in families for width in widths]
    shapes += [(family, pair) for family in families if len(family) == 2 for pair in ((8, 4), (4, 8))]
    return [XorSetting(shape, family, output, loss, seed, check_gradient=seed == seeds[0])
            for (family, shape), (output, loss), seed in itertools.product(shapes, outputs, seeds)]


def xor_model(setting, rng):
    """Return the untrained float64 Model of an XorSetting.

    Of DRAWS initial values it has those whose last hidden layer tells the four samples apart best: where the rows of
    its outputs, with a 1 for the bias, have the largest least singular value. The output weights begin at a tenth of
    their usual size, so that every output is near the sigmoid's steepest point and none is saturated on the wrong side.
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
    """Train on the four samples, as one batch, until learnt; return an XorResult.

    There are dead units and minima that no gradient leads out of. A network that has not learnt after UPDATES_PER_START
    updates therefore starts again with new weights from the same seed's stream; all updates and starts count.
    """
    x, y = xor_arrays()
    (rng,) = np.random.default_rng(setting.seed).spawn(1)  # a stream of its own, for initial values
    error, gradient_error, updates, starts = 1.0, None, 0, 0
    while error > MARGIN and starts < setting.most_starts:
        model, losses = xor_model(setting, rng), []
        if setting.check_gradient and starts == 0:
            gradient_error = min(compare_gradients(model, x, y, e).max_relative_error for e in RUN_EPSILONS)
        starts += 1
        while error > MARGIN and len(losses) < UPDATES_PER_START:
            losses.append(model.train(x, y))
            model.update()
            error = float(np.abs(model.predict(x) - y).max())
        updates += len(losses)
    p = model.predict(x)
    return XorResult(setting, p.ravel().tolist(), accuracy(p, y), error, updates, starts, gradient_error,
                     np.float16(losses), np.float32(model.parameters))


XOR = Study("xor", 3, run_xor, XorResult)


def xor_table(results, by):
    """Return a table row for each value of the setting `by`, "family" or "network"."""
    return [{by: value, "runs": len(own), "at 100 %": sum(r.accuracy == 1 for r in own),
             "from the first start": f"{np.mean([r.starts == 1 for r in own]):.1%}",
             "most starts": max(r.starts for r in own), "median updates": int(np.median([r.updates for r in own])),
             "largest error": f"{max(r.largest_error for r in own):.3f}",
             "gradient error": f"{max(r.gradient_error or 0 for r in own):.0e}"}
            for value, own in group(results, by).items()]


def prediction_table(result):
    """Return a table row for each of the four samples: label and prediction of one run."""
    samples = itertools.product((0, 1), repeat=2)
    return [{"x1": a, "x2": b, "label": a ^ b, "prediction": f"{p:.4f}"}
            for (a, b), p in zip(samples, result.predictions)]


def xor_facts(results, controls):
    """Return the facts of section 1.3.1; `controls` are runs of linear networks."""
    starts = {is_narrow: np.array([r.starts for r in own]) for is_narrow, own in group(results, "is_narrow").items()}
    return {"xor.runs": len(results), "xor.successes": sum(r.accuracy == 1 for r in results),
            "xor.wide_runs": len(starts[False]), "xor.most_starts": max(r.starts for r in results),
            "xor.first_start_share": np.mean(starts[False] == 1), "xor.narrow_share": np.mean(starts[True] == 1),
            "xor.gradient_error": max(r.gradient_error or 0 for r in results),
            "xor.control_accuracy": max(c.accuracy for c in controls)}


def check_gradients():
    """Compare backpropagation with central differences in a 2-6-6-2 network, on XOR and its complement as two outputs.

    Return {(activation, loss): largest relative error of any entry for each of EPSILONS, an array}, how many entries
    were compared, and how many left out.
    """
    x, y = xor_arrays()
    targets = np.hstack([y, 1 - y])  # (4, 2)
    errors, compared, excluded = {}, 0, 0
    for activation, loss in itertools.product(ACTIVATIONS, ("mse", "bce")):
        model = build_network((2, 6, 6, 2), ACTIVATIONS[activation], Sigmoid if loss == "bce" else Identity,
                              loss=loss, optimizer=None, rng=np.random.default_rng(0), dtype=np.float64)
        found = [compare_gradients(model, x, targets, epsilon) for epsilon in EPSILONS]
        errors[activation, loss] = np.array([f.max_relative_error for f in found])
        compared += sum(f.relative_errors.size for f in found)
        excluded += sum(f.excluded for f in found)
    return errors, compared, excluded


def gradient_table(errors):
    """Return a table row for each activation and loss: the worst entry's relative error, by step."""
    return [{"activation": name, "loss": loss.upper(), "best epsilon": f"{EPSILONS[np.nanargmin(e)]:.0e}",
             "relative error there": f"{np.nanmin(e):.0e}", "at 1e-1": f"{e[0]:.0e}", "at 1e-10": f"{e[-1]:.0e}"}
            for (name, loss), e in errors.items()]


def gradient_facts(errors, compared, excluded):
    """Return the facts of section 1.3.2, of what `check_gradients` found."""
    # The power of epsilon that the error follows from 0.1 to 0.001, where it is not round-off alone.
    falls = [np.log10(e[0] / e[2]) / 2 for e in errors.values() if e[0] > 1e-6]
    return {"gradient_check.max_relative_error": max(np.nanmin(e) for e in errors.values()),
            "gradient_check.least_fall": min(falls), "gradient_check.largest_fall": max(falls),
            "gradient_check.at_smallest_epsilon": max(e[-1] for e in errors.values()),
            "gradient_check.compared": compared, "gradient_check.excluded": excluded}
