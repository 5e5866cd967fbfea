"""Section 3.1: autoencoders that compress the digits of MNIST; PCA and the mean digit beside them."""

import dataclasses
import functools

import numpy as np

from smai_nn.activations import Sigmoid, Tanh
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.checks import require_choice
from smai_nn.datasets.mnist import SIZE, load_mnist
from smai_nn.metrics import pca_rebuilt
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, restore_setting
from smai_nn.trainer import History, TrainConfig, Trainer

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

    label = property(lambda self: "-".join(map(str, (
        SIZE ** 2, *self.hidden, self.bottleneck, *self.hidden[::-1], SIZE ** 2))), doc="Such as 784-256-32-256-784.")


@dataclasses.dataclass(frozen=True)
class DigitResult:
    """What one autoencoder came to, beside PCA with as many components; errors are means over pixels and digits."""

    setting: DigitSetting
    is_complete: bool  # the whole of MNIST was found, and not a part of it
    train_mse: float  # of the autoencoder, with its final parameters
    test_mse: float  # likewise
    pca_mse: float  # on the test digits
    mean_digit_mse: float  # of the mean training digit in the place of every test digit
    classes: np.ndarray  # the digits 0 to 9
    originals: np.ndarray  # (classes, 28, 28) float16, the first test digit of each class
    rebuilt: np.ndarray  # these digits rebuilt by the autoencoder, likewise
    pca_rebuilt: np.ndarray  # and by PCA
    history: History


digits = functools.cache(load_mnist)  # read once a process: it takes a second and 0.2 GB


def digits_source(setting=None):
    """Return the DataSource of the digits."""
    return digits().source


def train_autoencoder(setting, x, progress=False):
    """Train an autoencoder on rows x (n, 784) with MSE; return (autoencoder, History)."""
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    options = {"beta2": setting.beta2} if setting.optimizer == "adam" else {}
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck, activation=Tanh,
                                 output_activation=Sigmoid, rng=initial_rng,
                                 optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate, **options))
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=None,
                         learning_rate_schedule="cosine", progress=progress)
    return autoencoder, Trainer(autoencoder, config, rng=shuffle_rng).fit(x, x)


def run_digits(setting, progress=False):
    """Train one autoencoder, fit PCA to the same digits, and rebuild all test digits; return the run folder's path."""
    data = digits()
    x, test = data.x_train[:setting.training_samples], data.x_test
    asked = DIGITS.described(setting, data.source)
    with RunFolder.recording(f"digits-{setting.bottleneck}-s{setting.seed}", asked) as folder:
        autoencoder, history = train_autoencoder(setting, x, progress)
        autoencoder.save_to(folder.path / "network.npz")  # large: not among what is committed
        by_pca = pca_rebuilt(x, test, setting.bottleneck)
        classes, first = np.unique(data.y_test, return_index=True)
        pictures = np.stack([test[first], autoencoder.reconstruct(test[first]), by_pca[first]]).astype(np.float16)
        originals, rebuilt, rebuilt_by_pca = pictures.reshape(3, -1, SIZE, SIZE)
        folder.save_arrays("digits", classes=classes, originals=originals, rebuilt=rebuilt, pca_rebuilt=rebuilt_by_pca)
        folder.finish(history, {
            "is_complete": data.is_complete, "parameter_count": autoencoder.parameter_count,
            "train_mse": autoencoder.evaluate(x, x), "test_mse": autoencoder.evaluate(test, test),
            "pca_mse": np.square(by_pca - test).mean(dtype=float),
            "mean_digit_mse": np.square(x.mean(axis=0) - test).mean(dtype=float)})
    return folder.path


def read_digits(folder):
    """Return the DigitResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics = folder.metrics()
    measures = [metrics[name] for name in ("is_complete", "train_mse", "test_mse", "pca_mse", "mean_digit_mse")]
    return DigitResult(restore_setting(DigitSetting, folder.settings()["setting"]), *measures,
                       **folder.arrays("digits"), history=History.restore(folder.arrays("history"), metrics))


def error_rows(results):
    """Return a table's rows: the test error of each autoencoder and of PCA, the mean digit, and the literature."""
    rows = [(f"{r.setting.label}, {r.history.epochs} epochs", r.setting.bottleneck, r.test_mse) for r in results]
    rows += [("PCA", r.setting.bottleneck, r.pca_mse) for r in results]
    rows += [("mean training digit", 0, results[0].mean_digit_mse),
             ("Hinton and Salakhutdinov 2006", LITERATURE_BOTTLENECK, LITERATURE_MSE)]
    return [{"what keeps a digit": name, "numbers kept": kept, "test MSE": f"{mse:.5f}"} for name, kept, mse in rows]


def digit_facts(results, trials):
    """Return the section's facts; `results` are of the autoencoders, one a bottleneck, `trials` of the optimizers."""
    facts = {"mnist.literature.test_mse": LITERATURE_MSE, "mnist.mean_digit.test_mse": results[0].mean_digit_mse,
             "mnist.least_gain": min(r.pca_mse / r.test_mse for r in results)}
    for r in results:
        kept = r.setting.bottleneck
        facts |= {f"mnist.bottleneck{kept}.test_mse": r.test_mse, f"mnist.pca{kept}.test_mse": r.pca_mse,
                  f"mnist.bottleneck{kept}.gap": r.test_mse / r.train_mse - 1,
                  f"mnist.bottleneck{kept}.gain": r.pca_mse / r.test_mse}
    for trial in sorted(trials, key=lambda t: t.train_mse, reverse=True):  # the best rate comes last and stays
        facts[f"mnist.{trial.setting.optimizer}.trial_mse"] = trial.train_mse
    return facts


DIGITS = Experiment("digits", 2, run_digits, read_digits, digits_source)
