"""Section 3.1: autoencoders that compress the digits of MNIST; PCA and the mean digit beside them; three optimizers.

In: a DigitSetting. Out: a run folder, with what figures show of MNIST, and the DigitResult that is read from it. The
short trials of optimizers share one folder, the study OPTIMIZER_TRIALS.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from smai_nn.activations import Sigmoid, Tanh
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.baselines import fit_pca, pca_reconstruct
from smai_nn.checks import require_choice
from smai_nn.datasets.mnist import SIZE, load_mnist
from smai_nn.metrics import squared_errors
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

WAYS = AUTOENCODER, PCA, MEAN_DIGIT = "autoencoder", "PCA", "mean digit"  # to keep a digit; the last one keeps nothing
HELD_OUT_STEP = 5  # every fifth test digit is looked at after each epoch, all of them at the end
VALIDATION_DIGITS = 2000  # the last training digits, by which optimizers are compared
# Hinton and Salakhutdinov 2006: test error of 784-1000-500-250-30 after pretraining, summed over the pixels of a digit.
LITERATURE_BOTTLENECK, LITERATURE_MSE = 30, 3.00 / SIZE ** 2


@dataclasses.dataclass(frozen=True)
class DigitSetting:
    """Settings of one autoencoder of digits; a sweep states only what differs."""

    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers, tanh; the decoder has them in reverse
    bottleneck: int = 32
    optimizer: str = "adam"
    learning_rate: float = 0.003  # at the start; it falls to 0 along a cosine
    beta2: float = 0.98  # of Adam: its mean of squares looks back some 50 updates, not some 1,000 as with 0.999
    batch_size: int = 64
    max_epochs: int = 17
    training_samples: int | None = None  # the first so many digits; None: all
    seed: int = 0  # of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.optimizer, "optimizer", tuple(OPTIMIZERS))

    @property
    def architecture(self):
        """All widths, such as "784-256-128-32-128-256-784"."""
        return "-".join(map(str, (SIZE ** 2, *self.hidden, self.bottleneck, *self.hidden[::-1], SIZE ** 2)))


@dataclasses.dataclass(frozen=True)
class DigitResult:
    """What one autoencoder came to, beside PCA with as many components; errors are means over pixels and digits."""

    setting: DigitSetting
    source: str  # where the digits came from
    is_complete: bool  # the whole of MNIST, and not a part of it
    test_digits: int
    train_mse: float  # of the autoencoder, with its final parameters
    test_mse: dict  # way -> float; all test digits are rebuilt in each of WAYS
    classes: np.ndarray  # the digits 0 to 9
    class_mse: dict  # way -> (classes,), of the test digits of each class
    rebuilt: dict  # way -> (classes, 28, 28) uint8, of the first test digit of each class
    originals: np.ndarray  # these digits, likewise
    held_out_mse: np.ndarray  # (epochs,), of every HELD_OUT_STEP-th test digit after each epoch
    history: History
    folder: Path


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What a short training with some optimizer and rate came to."""

    setting: DigitSetting
    validation_mse: float  # of the last VALIDATION_DIGITS training digits, which it was not trained on


class HeldOutLoss(Callback):
    """Keeps the reconstruction error of digits that are not trained on, after every epoch, in `losses`."""

    def __init__(self, x):
        self.x, self.losses = x, []

    def on_epoch_end(self, trainer):
        """Evaluate the model and append the loss."""
        self.losses.append(trainer.model.evaluate(self.x, self.x))


@functools.lru_cache(1)
def digits():
    """Return load_mnist(), read once a process: it takes a second and 0.2 GB."""
    return load_mnist()


def digits_source(setting=None):
    """Return the DataSource of the digits."""
    return digits().source


def train_autoencoder(setting, x, callbacks=(), progress=False):
    """Train an autoencoder on rows x (n, 784) with MSE; return (autoencoder, History)."""
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    options = {"beta2": setting.beta2} if setting.optimizer == "adam" else {}
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck, activation=Tanh,
                                 output_activation=Sigmoid, rng=initial_rng,
                                 optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate, **options))
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=None,
                         learning_rate_schedule="cosine", progress=progress)
    return autoencoder, Trainer(autoencoder, config, rng=shuffle_rng, callbacks=callbacks).fit(x, x)


def run_digits(setting, progress=False):
    """Train one autoencoder, fit PCA to the same digits, and rebuild all test digits; return the run folder's path."""
    data = digits()
    x, test = data.x_train[:setting.training_samples], data.x_test
    held_out = HeldOutLoss(test[::HELD_OUT_STEP])
    name = f"digits-{setting.bottleneck}-s{setting.seed}"
    with RunFolder.recording(name, DIGITS.described(setting, data.source)) as folder:
        autoencoder, history = train_autoencoder(setting, x, [held_out], progress)
        pca = fit_pca(x, setting.bottleneck)
        rebuilt = [autoencoder.reconstruct(test), pca_reconstruct(pca, test, setting.bottleneck),
                   pca_reconstruct(pca, test, 0)]  # in the order of WAYS
        errors = np.stack([squared_errors(rows, test) for rows in rebuilt])  # (ways, digits)
        classes, first = np.unique(data.y_test, return_index=True)
        class_mse = np.stack([errors[:, data.y_test == digit].mean(axis=1) for digit in classes], axis=1)
        pictures = np.stack([rows[first] for rows in (*rebuilt, test)]).reshape(-1, len(classes), SIZE, SIZE)
        pictures = np.rint(255 * pictures.clip(0, 1)).astype(np.uint8)
        folder.save_arrays("digits", test_mse=errors.mean(axis=1), classes=classes, class_mse=class_mse,
                           rebuilt=pictures[:-1], originals=pictures[-1], held_out_mse=np.float32(held_out.losses))
        folder.finish(history, {"train_mse": autoencoder.evaluate(x, x), "test_mse": errors[0].mean(),
                                "parameter_count": autoencoder.parameter_count, "source": data.source.label,
                                "is_complete": data.is_complete, "test_digits": len(test)})
    return folder.path


def read_digits(folder):
    """Return the DigitResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, arrays = folder.metrics(), folder.arrays("digits")
    plain = {name: metrics[name] for name in ("source", "is_complete", "test_digits", "train_mse")}
    by_way = {name: dict(zip(WAYS, arrays.pop(name))) for name in ("test_mse", "class_mse", "rebuilt")}
    return DigitResult(restore_setting(DigitSetting, folder.settings()["setting"]), **plain, **by_way, **arrays,
                       history=History.restore(folder.arrays("history"), metrics), folder=folder.path)


def run_trial(setting):
    """Train with the optimizer of a setting on some of the training digits; return a TrialResult."""
    x, validation = np.split(digits().x_train, [-VALIDATION_DIGITS])
    autoencoder, _ = train_autoencoder(setting, x[:setting.training_samples])
    return TrialResult(setting, autoencoder.evaluate(validation, validation))


def error_rows(results):
    """Return a table's rows, one for each autoencoder, with PCA of as many components beside it."""
    return [{"bottleneck": r.setting.bottleneck, "network": r.setting.architecture, "epochs": r.history.epochs,
             "s/epoch": f"{np.median(r.history.epoch_seconds):.2f}", "train MSE": f"{r.train_mse:.5f}",
             "test MSE": f"{r.test_mse[AUTOENCODER]:.5f}", "PCA's test MSE": f"{r.test_mse[PCA]:.5f}"} for r in results]


def class_rows(result):
    """Return a table's rows: the test error of each class, a row for each way to keep a digit."""
    return [{"digit": way} | {str(digit): f"{mse:.4f}" for digit, mse in zip(result.classes, result.class_mse[way])}
            for way in WAYS]


def digit_facts(results, trials):
    """Return the section's facts; `results` are the autoencoders', one a bottleneck, the widest first."""
    facts = {"mnist.literature.test_mse": LITERATURE_MSE, "mnist.mean_digit.test_mse": results[0].test_mse[MEAN_DIGIT]}
    for r in results:
        kept, mse, pca_mse = r.setting.bottleneck, r.test_mse[AUTOENCODER], r.test_mse[PCA]
        facts |= {f"mnist.bottleneck{kept}.test_mse": mse, f"mnist.bottleneck{kept}.gap": mse / r.train_mse - 1,
                  f"mnist.bottleneck{kept}.gain": pca_mse / mse, f"mnist.pca{kept}.test_mse": pca_mse}
    for trial in sorted(trials, key=lambda t: t.validation_mse, reverse=True):  # the best rate comes last and stays
        facts[f"mnist.{trial.setting.optimizer}.validation_mse"] = trial.validation_mse
    return facts


DIGITS = Experiment("digits", 1, run_digits, read_digits, digits_source)
OPTIMIZER_TRIALS = Study("digit-optimizers", 1, run_trial, TrialResult, digits_source)
