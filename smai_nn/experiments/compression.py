"""Section 3.1: autoencoders that compress the digits of MNIST, and PCA beside them."""

import dataclasses
import functools

import numpy as np

from smai_nn.activations import ACTIVATIONS
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.checks import require_choice
from smai_nn.datasets.mnist import SIZE, load_mnist
from smai_nn.experiments.recording import train_and_save
from smai_nn.optim import Adam
from smai_nn.pca import fit_pca, pca_reconstruct
from smai_nn.plots.autoencoders import plot_mosaic
from smai_nn.trainer import Callback, History, TrainConfig


@dataclasses.dataclass(frozen=True)
class DigitSetting:
    """Settings of one autoencoder of digits; a sweep states only what differs."""

    hidden: tuple = (384, 128)  # widths of the encoder's hidden layers; the decoder has them in reverse
    bottleneck: int = 32
    activation: str = "tanh"  # of the hidden layers
    output_activation: str = "sigmoid"  # intensities lie in [0, 1]
    learning_rate: float = 0.003  # of Adam, falling to 0 along a cosine
    batch_size: int = 64
    max_epochs: int = 12
    training_samples: int | None = None  # the first so many digits; None: all
    seed: int = 0  # of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))
        require_choice(self.output_activation, "output_activation", tuple(ACTIVATIONS))


@dataclasses.dataclass(frozen=True)
class DigitResult:
    """What one autoencoder came to; both errors are means over all pixels of all digits, with the final parameters."""

    setting: DigitSetting
    autoencoder: MLPAutoencoder
    train_mse: float
    test_mse: float
    epoch_test_mse: list  # after each epoch
    history: History
    folder: str  # name of the run folder


class HeldOutLoss(Callback):
    """Keeps the loss on data that are not trained on, after every epoch, in `losses`."""

    def __init__(self, x, y):
        self.x, self.y, self.losses = x, y, []

    def on_epoch_end(self, trainer):
        """Evaluate the model and append the loss."""
        self.losses.append(trainer.model.evaluate(self.x, self.y))


@functools.lru_cache(1)
def digits():
    """Return load_mnist(), read once in every process."""
    return load_mnist()


def build_autoencoder(setting, rng):
    """Return the MLPAutoencoder of a setting, for pictures of 28x28 px, with its optimizer."""
    return MLPAutoencoder(SIZE * SIZE, setting.hidden, setting.bottleneck, activation=ACTIVATIONS[setting.activation],
                          output_activation=ACTIVATIONS[setting.output_activation],
                          optimizer=Adam(setting.learning_rate), rng=rng)


def run_digits(setting, progress=False):
    """Train one autoencoder on the training digits, keep its run folder, and return a DigitResult."""
    data = digits()
    x = data.x_train[:setting.training_samples]
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    autoencoder = build_autoencoder(setting, initial_rng)
    model, held_out = autoencoder.model, HeldOutLoss(data.x_test, data.x_test)
    config = TrainConfig(batch_size=setting.batch_size, max_epochs=setting.max_epochs, patience=None,
                         learning_rate_schedule="cosine", progress=progress)

    @functools.cache
    def errors():
        """Return train and test MSE, computed once."""
        return {"train_mse": model.evaluate(x, x), "test_mse": model.evaluate(data.x_test, data.x_test)}

    def figures(history):
        rows = one_of_each(data.y_test)
        return {"digits": plot_mosaic(
            [str(digit) for digit in data.y_test[rows]], mosaic_of(data.x_test[rows], autoencoder),
            f"{autoencoder}, seed {setting.seed}", "digit class")}

    settings = {"experiment": "digits", "data": data.source.record() | {"is_complete": data.is_complete},
                "seed": setting.seed, "autoencoder": dataclasses.asdict(setting)}
    folder, history = train_and_save(
        model, config, x, x, rng=shuffle_rng, name=f"digits-b{setting.bottleneck}-s{setting.seed}", settings=settings,
        figures=figures, metrics=lambda history: errors() | {"epoch_test_mse": held_out.losses}, callbacks=[held_out])
    return DigitResult(setting, autoencoder, **errors(), epoch_test_mse=held_out.losses, history=history,
                       folder=folder.name)


def one_of_each(labels):
    """Return the row of the first example of each class, in the classes' order."""
    return np.unique(labels, return_index=True)[1]


def mosaic_of(x, autoencoder):
    """Return rows of pictures for `plot_mosaic`: digits x (n, 784), their reconstructions, the absolute errors."""
    rebuilt = autoencoder.reconstruct(x)
    return {name: values.reshape(-1, SIZE, SIZE) for name, values in
            (("original", x), ("reconstruction", rebuilt), ("absolute error", np.abs(rebuilt - x)))}


def pca_of_digits(components, training_samples=None):
    """Return scikit-learn's PCA of the training digits, and {bottleneck: test MSE} for each of `components`."""
    data = digits()
    pca = fit_pca(data.x_train[:training_samples], max(components))
    return pca, {k: float(np.mean(np.square(pca_reconstruct(pca, data.x_test, k) - data.x_test), dtype=float))
                 for k in components}


def interpolate(autoencoder, first, second, weights):
    """Return pictures (len(weights), 784) on the way from `first` to `second`, (784,) each, along a line of latents."""
    ends = autoencoder.encode(np.stack([first, second]))
    weights = np.asarray(weights, ends.dtype)[:, None]
    return autoencoder.decode((1 - weights) * ends[:1] + weights * ends[1:])


def neighbour_agreement(points, labels):
    """Return the share of points, (n, width), whose nearest other point has the same label: 1 is all."""
    from scipy.spatial import cKDTree  # loaded late: it takes a tenth of a second

    nearest = cKDTree(points).query(points, k=2)[1]
    # Of two equal points either may come first.
    other = np.where(nearest[:, 0] == np.arange(len(points)), nearest[:, 1], nearest[:, 0])
    return float(np.mean(labels[other] == labels))
