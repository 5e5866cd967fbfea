"""Section 1.3: XOR with many architectures, and the check of their gradients."""

import dataclasses
import itertools

import numpy as np

from smai_nn import wandb_log
from smai_nn.activations import ACTIVATIONS
from smai_nn.datasets.xor import xor_arrays
from smai_nn.files import save_json
from smai_nn.gradcheck import compare_gradients
from smai_nn.metrics import accuracy
from smai_nn.model import build_network
from smai_nn.optim import Adam
from smai_nn.runs import RunFolder
from smai_nn.trainer import Callback, TrainConfig, Trainer

LEARNING_RATE = 0.02
UPDATES_PER_START = 500  # after which a run that has not converged draws new initial weights
MOST_STARTS = 200
MARGIN = 0.25  # converged: every output is at most this far from its label, so well beyond 100% accuracy
CHECK_EPSILONS = (1e-4, 1e-5)  # the gradient is checked with both, and the better one counts


@dataclasses.dataclass(frozen=True)
class XorSetting:
    """One network for XOR."""

    width: int
    hidden: tuple  # names of the hidden layers' activations, one a layer
    output: str  # name of the output activation
    loss: str
    seed: int
    check_gradient: bool = False  # also compare backpropagation with central differences, at the start


@dataclasses.dataclass(frozen=True)
class XorResult:
    """How it went."""

    setting: XorSetting
    accuracy: float  # on the four samples, with the final parameters
    updates: int  # over all starts
    starts: int  # 1: the first initial weights led to success
    gradient_error: float | None  # maximum relative error of the gradient, if checked
    model: object = None  # the trained Model, if asked for


class StopWhenLearnt(Callback):
    """Stops training once every output is within MARGIN of its label."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def on_epoch_end(self, trainer):
        """Stop if all outputs are near enough."""
        if trainer.history.epoch_accuracy[-1] == 1 and np.abs(trainer.model.predict(self.x) - self.y).max() <= MARGIN:
            trainer.stop("learnt")


def xor_settings(widths, hidden_families, outputs, seeds):
    """Return every combination as a list of XorSetting; `outputs` holds (output activation, loss) pairs.

    The gradient is checked in the runs of the first seed.
    """
    return [XorSetting(width, hidden, output, loss, seed, check_gradient=seed == seeds[0])
            for hidden, width, (output, loss), seed in itertools.product(hidden_families, widths, outputs, seeds)]


def xor_model(setting, rng):
    """Return the untrained float64 Model of an XorSetting."""
    widths = [2] + [setting.width] * len(setting.hidden) + [1]
    return build_network(widths, [ACTIVATIONS[name] for name in setting.hidden], ACTIVATIONS[setting.output],
                         loss=setting.loss, optimizer=Adam(LEARNING_RATE), rng=rng, dtype=np.float64)


def run_xor(setting, keep_model=False):
    """Train on the four samples until learnt; return an XorResult.

    Narrow networks have dead units and local minima that no gradient leads out of. A run that is
    not done after UPDATES_PER_START updates therefore starts again from new weights, drawn from the
    same seed's stream; all updates count, and the number of starts is reported.
    """
    x, y = xor_arrays()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    config = TrainConfig(batch_size=4, max_epochs=UPDATES_PER_START, patience=None)
    updates, error = 0, None
    for start in range(1, MOST_STARTS + 1):
        model = xor_model(setting, initial_rng)
        if setting.check_gradient and start == 1:
            error = min(compare_gradients(model, x, y, epsilon).max_relative_error for epsilon in CHECK_EPSILONS)
        history = Trainer(model, config, rng=shuffle_rng, callbacks=[StopWhenLearnt(x, y)]).fit(x, y)
        updates += history.updates
        if history.stop_reason != "max_epochs":
            break
    return XorResult(setting, accuracy(model.predict(x), y), updates, start, error, model if keep_model else None)


def record_xor(results):
    """Keep all runs of the XOR sweep in one run folder and one W&B run, a row a run; return the RunFolder.

    A folder for each of these thousands of runs of a few milliseconds would take longer than the runs.
    """
    folder = RunFolder.create("xor")
    config = {"experiment": "xor", "learning_rate": LEARNING_RATE, "optimizer": "Adam", "batch_size": 4,
              "updates_per_start": UPDATES_PER_START, "most_starts": MOST_STARTS, "margin": MARGIN,
              "seeds": sorted({r.setting.seed for r in results})}
    folder.begin(config)
    rows = [{**dataclasses.asdict(r.setting), "hidden": "-".join(r.setting.hidden), "accuracy": r.accuracy,
             "updates": r.updates, "starts": r.starts, "gradient_error": r.gradient_error} for r in results]
    save_json(folder.path / "results.json", rows)
    metrics = {"runs": len(results), "successes": sum(r.accuracy == 1 for r in results)}
    logged = wandb_log.log_run(folder.path, config, rows, metrics)
    save_json(folder.path / "metrics.json", {"status": "completed", **metrics, "wandb": logged})
    return folder


def output_grid(model, points=81):
    """Return the model's output on a grid over [-0.25, 1.25]^2, (points, points), row 0 at the least x2."""
    axis = np.linspace(-0.25, 1.25, points)
    x1, x2 = np.meshgrid(axis, axis)
    return model.predict(np.stack([x1.ravel(), x2.ravel()], 1)).reshape(points, points)


def run_linear_control(seed, updates=500):
    """Train an all-Identity 2-8-1 network on XOR with MSE; return (best accuracy ever, final loss)."""
    x, y = xor_arrays()
    setting = XorSetting(8, ("identity",), "identity", "mse", seed)
    initial_rng, shuffle_rng = np.random.default_rng(seed).spawn(2)
    model = xor_model(setting, initial_rng)
    config = TrainConfig(batch_size=4, max_epochs=updates, patience=None)
    history = Trainer(model, config, rng=shuffle_rng).fit(x, y)
    return float(history.epoch_accuracy.max()), float(history.epoch_loss[-1])


def gradient_errors(epsilons, seeds):
    """Return ({(activation, loss): maximum relative error for each epsilon}, compared, excluded).

    Networks 2-6-6-2 on XOR and its complement as two outputs, the four samples as one batch; every
    weight and bias. The maximum is over entries and seeds; `compared` and `excluded` count entries
    over all seeds and epsilons, by activation.
    """
    x, y = xor_arrays()
    y = np.hstack([y, 1 - y])
    errors, compared, excluded = {}, {}, {}
    for name, loss in itertools.product(ACTIVATIONS, ("mse", "bce")):
        output = ACTIVATIONS["sigmoid"] if loss == "bce" else ACTIVATIONS[name]
        worst = np.zeros(len(epsilons))
        for seed in seeds:
            model = build_network([2, 6, 6, 2], ACTIVATIONS[name], output, loss=loss, optimizer=None,
                                  rng=np.random.default_rng(seed), dtype=np.float64)
            if output is ACTIVATIONS["relu"]:
                model.layers[-1].biases += 1  # a silent output unit would have nothing but zeros to compare
            for i, epsilon in enumerate(epsilons):
                result = compare_gradients(model, x, y, epsilon)
                compared[name] = compared.get(name, 0) + result.relative_errors.size
                excluded[name] = excluded.get(name, 0) + result.excluded
                if result.relative_errors.size:
                    worst[i] = max(worst[i], result.max_relative_error)
        errors[name, loss] = worst
    return errors, compared, excluded
