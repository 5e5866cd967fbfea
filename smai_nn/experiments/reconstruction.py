"""Section 2: networks that map features of a pixel's coordinates to its intensity."""

import dataclasses
import functools

import numpy as np

from smai_nn.activations import ACTIVATIONS, Identity
from smai_nn.checks import require_choice
from smai_nn.experiments.recording import train_and_save
from smai_nn.features import (
    Modular_Dataloader,
    get_fourier,
    get_polynomial,
    method_label,
    pixel_coordinates,
)
from smai_nn.files import load_npz
from smai_nn.metrics import psnr, spectrum
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.plots.images import plot_reconstruction
from smai_nn.trainer import Callback, History, TrainConfig

# The mappings of section 2.4: (method, order or number of frequencies).
MAPPINGS = (("Raw", 5), ("Polynomial", 5), ("Polynomial", 15), ("Polynomial", 25),
            ("Fourier", 5), ("Fourier", 15), ("Fourier", 25))

# Other ways to scale the coordinates (and columns), for section 2.3; the loader's own is "standard".
SCALINGS = {
    "pixel numbers": lambda pixels, size: pixels,
    "[0, 1]": lambda pixels, size: pixels / (size - 1),
    "[-1, 1]": lambda pixels, size: 2 * pixels / (size - 1) - 1,
    "[-1, 1)": lambda pixels, size: 2 * pixels / size - 1,
    "[0, 1/2)": lambda pixels, size: pixels / (2 * size),
}


@dataclasses.dataclass(frozen=True)
class ReconstructionSetting:
    """Settings of one reconstruction; a sweep states only what differs."""

    image: str = "cat.jpg"  # a file's name in data/ or $SMAI_DATA, or its path
    image_type: str = "RGB"  # or "Gray"
    method: str = "Raw"  # "Raw", "Polynomial" or "Fourier"
    size_of_mapping: int = 5  # order of the polynomial, or number of frequencies
    scaling: str = "standard"  # the loader's own, or one of SCALINGS
    hidden: tuple = (64, 128, 128)  # widths of the hidden layers
    activation: str = "relu"  # of all hidden layers; the output is the identity
    optimizer: str = "adam"
    learning_rate: float = 0.003
    learning_rate_schedule: str = "cosine"
    batch_size: int = 128
    max_epochs: int = 150
    patience: int | None = None  # no early stopping
    size: int = 256  # the picture's width and height, px
    seed: int = 0  # of the initial values and of the shuffling, in separate streams
    keep_frames: bool = False  # keep the picture of every epoch in the run folder
    save_figure: bool = True  # save target, reconstruction and error as a figure there

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))
        require_choice(self.optimizer, "optimizer", tuple(OPTIMIZERS))
        require_choice(self.scaling, "scaling", ("standard", *SCALINGS))

    @property
    def label(self):
        """The mapping with its size, such as "Fourier 25"."""
        return method_label(self.method, self.size_of_mapping, self.size_of_mapping)

    @property
    def stem(self):
        """The image's name without folder and ending."""
        return self.image.rsplit("/", 1)[-1].rsplit(".", 1)[0]

    def loader(self):
        """Return the Modular_Dataloader of this run."""
        return Modular_Dataloader(self.image, self.image_type, self.method, self.size_of_mapping, self.size_of_mapping,
                                  size=self.size, batch_size=self.batch_size)

    def features(self):
        """Return the features that the network gets, (pixels, columns) float32."""
        return self.loader().features if self.scaling == "standard" else unusual_features(self)

    def train_config(self, **changes):
        """Return the TrainConfig of this run."""
        return TrainConfig(batch_size=self.batch_size, max_epochs=self.max_epochs, patience=self.patience,
                           learning_rate_schedule=self.learning_rate_schedule, evaluate_every=0, **changes)


@dataclasses.dataclass(frozen=True)
class ReconstructionResult:
    """What one run came to; `mse` is of the whole picture with the final parameters, before clipping to [0, 1]."""

    setting: ReconstructionSetting
    in_width: int  # columns of gamma(v)
    parameter_count: int
    mse: float
    history: History
    image: np.ndarray  # the reconstruction, uint8
    error: np.ndarray  # prediction - target in the picture's shape, float32
    folder: str  # name of the run folder

    @property
    def psnr(self):
        """Peak signal-to-noise ratio of the reconstruction, dB."""
        return psnr(self.mse)

    @property
    def epoch_seconds(self):
        """Mean training seconds of an epoch, without what is kept of it."""
        return float(np.mean(self.history.epoch_seconds))

    @property
    def converged(self):
        """Whether early stopping, and not the cap on epochs, ended the run."""
        return self.history.stop_reason == "early_stopping"


class KeepFrames(Callback):
    """Keeps the picture that the model makes at the end of every epoch, as uint8, in `frames`."""

    def __init__(self, loader):
        self.loader, self.frames = loader, []

    def on_epoch_end(self, trainer):
        """Reconstruct the picture and append it."""
        self.frames.append(self.loader.reconstruct(trainer.model))


def run_reconstruction(setting, progress=False):
    """Train one network, keep its run folder, and return a ReconstructionResult."""
    loader = setting.loader()
    if setting.scaling != "standard":
        loader.features = setting.features()
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = build_network((loader.feature_width, *setting.hidden, loader.channels), ACTIVATIONS[setting.activation],
                          Identity, loss="mse", optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate),
                          rng=initial_rng)
    keeper = KeepFrames(loader)

    @functools.cache
    def prediction():
        """Return the trained model's prediction of all pixels, computed once."""
        return model.predict(loader.features)

    def metrics(history):
        mse = float(np.mean(np.square(prediction() - loader.targets), dtype=float))
        seconds = float(np.mean(history.epoch_seconds)) if history.epochs else None
        return {"mse": mse, "psnr": psnr(mse), "mean_epoch_seconds": seconds}

    def figures(history):
        return {"reconstruction": plot_reconstruction(
            loader.image, loader.as_image(prediction()), setting.method, f"{setting.label}, seed {setting.seed}",
            metrics(history)["mse"])} if setting.save_figure else {}

    def arrays(history):
        kept = {"reconstruction": {"image": loader.as_image(prediction())}}
        return kept | ({"frames": pack_frames(keeper.frames)} if keeper.frames else {})

    settings = {"experiment": "reconstruction", "data": loader.source.record(), "notes": loader.notes,
                "seed": setting.seed, "reconstruction": dataclasses.asdict(setting)}
    name = f"{setting.stem}-{setting.label.lower().replace(' ', '')}-s{setting.seed}"
    folder, history = train_and_save(model, setting.train_config(progress=progress), loader.features, loader.targets,
                                     rng=shuffle_rng, name=name, settings=settings, figures=figures, metrics=metrics,
                                     arrays=arrays, callbacks=[keeper] if setting.keep_frames else ())
    error = (prediction() - loader.targets).reshape(loader.image_shape)
    return ReconstructionResult(setting, loader.feature_width, model.parameter_count, metrics(history)["mse"], history,
                                loader.as_image(prediction()), error, folder.name)


def run_or_explain(setting):
    """Return what `run_reconstruction` does, or the text of its error: unscaled features can end a run."""
    try:
        return run_reconstruction(setting)
    except ValueError as error:
        return str(error)


def unusual_features(setting):
    """Return the features of a setting whose `scaling` is one of SCALINGS, float32, columns unscaled."""
    coords = SCALINGS[setting.scaling](pixel_coordinates(setting.size), setting.size)
    if setting.method == "Polynomial":
        coords = get_polynomial(coords, setting.size_of_mapping)
    elif setting.method == "Fourier":
        coords = get_fourier(coords, setting.size_of_mapping)
    with np.errstate(over="ignore"):  # which is what the experiment is about
        return coords.astype(np.float32)


def pack_frames(frames):
    """Return the arrays in which pictures (uint8, one an epoch) are kept: the first one, then the changes.

    From one epoch to the next most pixels change little, and small numbers compress better.
    """
    return {"changes": np.diff(np.stack(frames), axis=0, prepend=np.uint8(0))}  # modulo 256


def load_frames(path):
    """Return the pictures of all epochs, uint8 (epochs, height, width) or (..., 3), from a run's frames.npz."""
    arrays = load_npz(path)
    if set(arrays) != {"changes"} or arrays["changes"].dtype != np.uint8:
        raise ValueError(f"{path}: expected the frames of a run, one uint8 array `changes`, got "
                         f"{ {name: str(array.dtype) for name, array in arrays.items()} }")
    return np.cumsum(arrays["changes"], axis=0, dtype=np.uint8)


def with_mapping(base, method, size_of_mapping, **changes):
    """Return the setting `base` with another mapping, and other changes."""
    return dataclasses.replace(base, method=method, size_of_mapping=size_of_mapping, **changes)


def mean_psnr(results):
    """Return the mean PSNR of some results, dB; minus infinity if one of them is an error's text."""
    return float(np.mean([-np.inf if isinstance(r, str) else r.psnr for r in results]))


def explained_by_band(target, error, edges):
    """Return the share of the target's energy that a reconstruction explains, by band of frequencies.

    `target` (size, size[, channels]) in [0, 1] and `error`, prediction - target, of the same shape; band i holds radial
    frequencies above edges[i] and up to edges[i + 1], in cycles per picture. 1 is all; 0 is what a blank picture
    explains; less than 0 is worse than that. Raises ValueError for a band in which the target has no energy.
    """
    frequencies, energy = spectrum(target)
    own = spectrum(error)[1]
    bands = [(frequencies > low) & (frequencies <= high) for low, high in zip(edges, edges[1:])]
    for low, high, band in zip(edges, edges[1:], bands):
        if not energy[band].sum():
            raise ValueError(f"edges: expected bands in which the target has energy, got none from {low} to {high} "
                             f"cycles (it has frequencies up to {frequencies[-1]})")
    return [1 - own[band].sum() / energy[band].sum() for band in bands]
