"""Section 3.1: autoencoders that compress the digits of MNIST; PCA and the mean digit beside them; three optimizers.

In: a DigitSetting. Out: a run folder, and the DigitResult that is read from it. Two studies of small runs have a folder
each: DIGIT_BASELINES and OPTIMIZER_TRIALS. What figures show of MNIST is in the folders.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from smai_nn.activations import ACTIVATIONS, Sigmoid
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.baselines import fit_pca, pca_reconstruct
from smai_nn.checks import require_choice
from smai_nn.datasets.mnist import SIZE, load_mnist
from smai_nn.metrics import squared_errors
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

HELD_OUT_STEP = 5  # every fifth test digit is looked at after each epoch, all of them at the end
VALIDATION_DIGITS = 2000  # the last training digits, by which optimizers are compared
# Hinton and Salakhutdinov 2006: test error of 784-1000-500-250-30 after pretraining, summed over the pixels of a digit.
LITERATURE_BOTTLENECK, LITERATURE_MSE = 30, 3.00 / SIZE ** 2


@dataclasses.dataclass(frozen=True)
class DigitSetting:
    """Settings of one autoencoder of digits; a sweep states only what differs."""

    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers; the decoder has them in reverse
    bottleneck: int = 32
    activation: str = "tanh"  # of the hidden layers; the output is a sigmoid, as intensities lie in [0, 1]
    optimizer: str = "adam"
    learning_rate: float = 0.003  # at the start; it falls to 0 along a cosine
    beta2: float = 0.98  # of Adam: its mean of squares looks back some 50 updates, not some 1,000 as with 0.999
    batch_size: int = 64
    max_epochs: int = 17
    training_samples: int | None = None  # the first so many digits; None: all
    seed: int = 0  # of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))
        require_choice(self.optimizer, "optimizer", tuple(OPTIMIZERS))

    @property
    def architecture(self):
        """All widths, such as "784-256-128-32-128-256-784"."""
        return "-".join(map(str, (SIZE ** 2, *self.hidden, self.bottleneck, *self.hidden[::-1], SIZE ** 2)))


@dataclasses.dataclass(frozen=True)
class DigitResult:
    """What one autoencoder came to; errors are squared, means over pixels and digits, with the final parameters."""

    setting: DigitSetting
    source: str  # where the digits came from
    is_complete: bool  # the whole of MNIST, and not a part of it
    test_digits: int
    train_mse: float
    test_mse: float
    held_out_mse: np.ndarray  # (epochs,), of every HELD_OUT_STEP-th test digit after each epoch
    class_mse: np.ndarray  # (classes,), of the test digits of each class
    classes: np.ndarray  # (classes,), the digits 0 to 9
    originals: np.ndarray  # (classes, 28, 28) uint8, the first test digit of each class
    rebuilt: np.ndarray  # likewise, its reconstruction
    history: History
    folder: Path


@dataclasses.dataclass(frozen=True)
class BaselineSetting:
    """PCA of the training digits."""

    components: int  # 0: every digit is replaced by the mean training digit
    training_samples: int | None = None  # as in DigitSetting


@dataclasses.dataclass(frozen=True)
class BaselineResult:
    """What PCA came to, as in DigitResult; all test digits are rebuilt."""

    setting: BaselineSetting
    test_mse: float
    class_mse: np.ndarray  # (classes,)
    rebuilt: np.ndarray  # (classes * 784,) uint8, flat, as a study keeps its arrays


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
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck, rng=initial_rng,
                                 activation=ACTIVATIONS[setting.activation], output_activation=Sigmoid,
                                 optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate, **options))
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=None,
                         learning_rate_schedule="cosine", progress=progress)
    return autoencoder, Trainer(autoencoder, config, rng=shuffle_rng, callbacks=callbacks).fit(x, x)


def run_digits(setting, progress=False):
    """Train one autoencoder on the training digits; return the path of its run folder."""
    data = digits()
    x = data.x_train[:setting.training_samples]
    held_out = HeldOutLoss(data.x_test[::HELD_OUT_STEP])
    with RunFolder.recording(f"digits-{setting.bottleneck}", DIGITS.described(setting, data.source)) as folder:
        autoencoder, history = train_autoencoder(setting, x, [held_out], progress)
        test_mse, class_mse, rebuilt = summarize(data, autoencoder.reconstruct(data.x_test))
        folder.save_arrays("digits", classes=np.unique(data.y_test), class_mse=class_mse, rebuilt=rebuilt,
                           originals=first_of_each(data, data.x_test), held_out_mse=np.float32(held_out.losses))
        folder.finish(history, {"train_mse": autoencoder.evaluate(x, x), "test_mse": test_mse,
                                "parameter_count": autoencoder.parameter_count, "source": data.source.label,
                                "is_complete": data.is_complete, "test_digits": len(data.x_test)})
    return folder.path


def read_digits(folder):
    """Return the DigitResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, asked = folder.metrics(), folder.settings()
    plain = {name: metrics[name] for name in ("source", "is_complete", "test_digits", "train_mse", "test_mse")}
    return DigitResult(restore_setting(DigitSetting, asked["setting"]), **plain, **folder.arrays("digits"),
                       history=History.restore(folder.arrays("history"), metrics), folder=folder.path)


def summarize(data, rebuilt):
    """Return (MSE, MSE of each class, first_of_each) of the reconstructions (n, 784) of all test digits."""
    errors = squared_errors(rebuilt, data.x_test)
    class_mse = np.array([errors[data.y_test == digit].mean() for digit in np.unique(data.y_test)])
    return float(errors.mean()), class_mse, first_of_each(data, rebuilt)


def first_of_each(data, rows):
    """Return the row of the first test digit of each class, of rows (n, 784) in [0, 1], as uint8 (classes, 28, 28)."""
    chosen = rows[np.unique(data.y_test, return_index=True)[1]]
    return np.rint(255 * chosen.clip(0, 1)).astype(np.uint8).reshape(-1, SIZE, SIZE)


def run_baseline(setting):
    """Fit PCA to the training digits and rebuild the test digits; return a BaselineResult."""
    data = digits()
    x = data.x_train[:setting.training_samples]
    pca = fit_pca(x, max(setting.components, 1))
    test_mse, class_mse, rebuilt = summarize(data, pca_reconstruct(pca, data.x_test, setting.components))
    return BaselineResult(setting, test_mse, class_mse, rebuilt.ravel())


def run_trial(setting):
    """Train with the optimizer of a setting on some of the training digits; return a TrialResult."""
    x, validation = np.split(digits().x_train, [-VALIDATION_DIGITS])
    autoencoder, _ = train_autoencoder(setting, x[:setting.training_samples])
    return TrialResult(setting, autoencoder.evaluate(validation, validation))


def error_rows(results, baselines):
    """Return a table's rows, one for each autoencoder, with PCA of as many components beside it."""
    pca = {b.setting.components: b.test_mse for b in baselines}
    return [{"bottleneck": r.setting.bottleneck, "network": r.setting.architecture, "epochs": r.history.epochs,
             "seconds": f"{r.history.seconds:.0f}", "train MSE": f"{r.train_mse:.5f}", "test MSE": f"{r.test_mse:.5f}",
             "PCA's test MSE": f"{pca[r.setting.bottleneck]:.5f}"} for r in results]


def class_rows(results, baselines):
    """Return a table's rows: the test error of each class, a row for each way to keep a digit."""
    ways = {f"PCA, {b.setting.components}" if b.setting.components else "mean digit": b for b in baselines}
    ways |= {f"autoencoder, {r.setting.bottleneck}": r for r in results}
    return [{"digit": name} | {str(c): f"{mse:.4f}" for c, mse in zip(results[0].classes, way.class_mse)}
            for name, way in ways.items()]


def digit_facts(results, baselines, trials):
    """Return the section's facts; `results` are the autoencoders', one a bottleneck, the widest first."""
    classes, class_mse = results[0].classes, results[0].class_mse
    facts = {"mnist.literature.test_mse": LITERATURE_MSE, "mnist.easiest_digit": int(classes[np.argmin(class_mse)]),
             "mnist.hardest_digit": int(classes[np.argmax(class_mse)])}
    for result in baselines:
        kept = result.setting.components
        facts[f"mnist.pca{kept}.test_mse" if kept else "mnist.mean_digit.test_mse"] = result.test_mse
    for result in results:
        kept = result.setting.bottleneck
        facts |= {f"mnist.bottleneck{kept}.test_mse": result.test_mse,
                  f"mnist.bottleneck{kept}.gap": result.test_mse / result.train_mse - 1,
                  f"mnist.bottleneck{kept}.gain": facts[f"mnist.pca{kept}.test_mse"] / result.test_mse}
    for trial in sorted(trials, key=lambda t: t.validation_mse, reverse=True):  # the best rate comes last and stays
        facts[f"mnist.{trial.setting.optimizer}.validation_mse"] = trial.validation_mse
    return facts


DIGITS = Experiment("digits", 1, run_digits, read_digits, digits_source)
DIGIT_BASELINES = Study("digit-baselines", 1, run_baseline, BaselineResult, digits_source)
OPTIMIZER_TRIALS = Study("digit-optimizers", 1, run_trial, TrialResult, digits_source)
