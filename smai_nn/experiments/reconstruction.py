"""Section 2: networks that map features of a pixel's coordinates to its intensity.

In: a ReconstructionSetting. Out: a run folder with the reconstruction, and the ReconstructionResult that is read from
it; or, for runs that only compare settings, a row of a study.
"""

import dataclasses
from pathlib import Path, PureWindowsPath

import numpy as np

from smai_nn.activations import Identity, ReLU
from smai_nn.checks import require_choice
from smai_nn.datasets import sources
from smai_nn.features import Modular_Dataloader, get_fourier, get_polynomial, get_raw, method_label, pixel_coordinates
from smai_nn.metrics import psnr, spectrum
from smai_nn.model import build_network
from smai_nn.optim import OPTIMIZERS
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

# The mappings of section 2.4: (method, order or number of frequencies).
MAPPINGS = (("Raw", 5), ("Polynomial", 5), ("Polynomial", 15), ("Polynomial", 25),
            ("Fourier", 5), ("Fourier", 15), ("Fourier", 25))
SCREENED_MAPPINGS = (("Raw", 5), ("Polynomial", 15), ("Fourier", 15))  # one of each method, which count alike
BLUR_MAPPINGS = {"BASE": ("Raw", 5), "FOURIER": ("Fourier", 5)}
# For all of section 2.5: the recipe of 2.4, and a smaller network, since there are many pictures.
BLUR_RECIPE = {"optimizer": "adam", "learning_rate": 0.003, "batch_size": 128, "hidden": (64, 64, 64)}
MARGIN = 0.5  # dB by which two short runs must differ to count as different

# Ways to scale the coordinates for section 2.3: (first value, last value, whether the last pixel has it).
SCALINGS = {"[0, 1]": (0, 1, True), "[-1, 1]": (-1, 1, True), "[-1, 1)": (-1, 1, False), "[0, 1/2)": (0, 0.5, False)}
# What is compared there; "standard" is the loader's own, with scaled columns for polynomials.
COMPARED = {
    "raw.pixels": ("Raw", 5, "pixel numbers"), "raw.standard": ("Raw", 5, "standard"),
    "polynomial.pixels": ("Polynomial", 25, "pixel numbers"), "polynomial.unit": ("Polynomial", 25, "[0, 1]"),
    "polynomial.symmetric": ("Polynomial", 25, "[-1, 1]"), "polynomial.standard": ("Polynomial", 25, "standard"),
    "fourier.pixels": ("Fourier", 15, "pixel numbers"), "fourier.two_cycles": ("Fourier", 15, "[-1, 1)"),
    "fourier.closed": ("Fourier", 15, "[0, 1]"), "fourier.half_cycle": ("Fourier", 15, "[0, 1/2)"),
    "fourier.standard": ("Fourier", 15, "standard")}


@dataclasses.dataclass(frozen=True)
class ReconstructionSetting:
    """Settings of one reconstruction; a sweep states only what differs."""

    image: str = "cat.jpg"  # a file's name in data/ or $SMAI_DATA, or its path
    image_type: str = "RGB"  # or "Gray"
    method: str = "Raw"  # "Raw", "Polynomial" or "Fourier"
    size_of_mapping: int = 5  # order of the polynomial, or number of frequencies
    scaling: str = "standard"  # the loader's own, "pixel numbers", or one of SCALINGS
    hidden: tuple = (64, 128, 128)  # widths of the hidden layers, all ReLU; the output is the identity
    optimizer: str = "adam"
    learning_rate: float = 0.003
    learning_rate_schedule: str = "cosine"
    batch_size: int = 128
    max_epochs: int = 150
    patience: int | None = None  # no early stopping
    size: int = 256  # the picture's width and height, px
    seed: int = 0  # of the initial values and of the shuffling, in separate streams
    keep_pictures: bool = False  # of every epoch in a run folder; of a study's run, the last one

    def __post_init__(self):
        require_choice(self.optimizer, "optimizer", tuple(OPTIMIZERS))
        require_choice(self.scaling, "scaling", ("standard", "pixel numbers", *SCALINGS))
        self.train_config()  # checks the rest

    label = property(lambda self: method_label(self.method, self.size_of_mapping, self.size_of_mapping),
                     doc='The mapping with its size, such as "Fourier 25".')
    key = property(lambda self: self.label.lower().replace(" ", ""),
                   doc='The label as it stands in the names of facts, such as "fourier25".')
    picture = property(lambda self: PureWindowsPath(self.image).stem,
                       doc="The image's name without folder and ending, also of a Windows path.")
    level = property(lambda self: int(self.picture.removeprefix("blur_")),
                     doc='The blur, the number in a name such as "blur_3.jpg".')

    @property
    def recipe(self):
        """Optimizer, rate, batch size and schedule, such as "adam, rate 0.003, batch 128, cosine"."""
        return f"{self.optimizer}, rate {self.learning_rate:g}, batch {self.batch_size}, {self.learning_rate_schedule}"

    def loader(self):
        """Return the Modular_Dataloader of this run, with the features that `scaling` asks for."""
        loader = Modular_Dataloader(self.image, self.image_type, self.method, order=self.size_of_mapping,
                                    freq=self.size_of_mapping, size=self.size, batch_size=self.batch_size)
        if self.scaling != "standard":
            loader.features = unusual_features(self)
        return loader

    def train_config(self, progress=False):
        """Return the TrainConfig of this run."""
        return TrainConfig(batch_size=self.batch_size, max_epochs=self.max_epochs, patience=self.patience,
                           learning_rate_schedule=self.learning_rate_schedule, evaluate_every=0, progress=progress)


@dataclasses.dataclass(frozen=True)
class ReconstructionResult:
    """What one run came to; `mse` is of the whole picture with the final parameters, before clipping to [0, 1]."""

    setting: ReconstructionSetting
    in_width: int  # columns of gamma(v)
    parameter_count: int
    mse: float
    history: History
    image: np.ndarray  # the reconstruction, uint8
    target_energy: np.ndarray  # of the target without its mean, by frequency (see metrics.spectrum)
    error_energy: np.ndarray  # likewise of prediction - target; adds up to the mse
    picture_mse: np.ndarray  # after every epoch, if the pictures were kept
    folder: Path

    psnr = property(lambda self: psnr(self.mse), doc="Peak signal-to-noise ratio of the reconstruction, dB.")
    epoch_seconds = property(lambda self: float(np.median(self.history.epoch_seconds)),
                             doc="Training seconds of an epoch, without what is kept of it: the median, which a load "
                                 "on the machine for some epochs does not change.")
    converged = property(lambda self: self.history.stop_reason == "early_stopping",
                         doc="Whether early stopping, and not the cap on epochs, ended the run.")
    variance = property(lambda self: float(self.target_energy.sum()),
                        doc="Mean square of the target without its mean: the loss of the best flat picture.")

    def explained(self, first, after=None):
        """Return the share of the target's energy explained at first <= cycles < after; None if it has none there."""
        energy = self.target_energy[first:after].sum()
        return float(1 - self.error_energy[first:after].sum() / energy) if energy else None

    def pictures(self):
        """Return the pictures of all epochs, uint8 (epochs, height, width[, 3]), from the folder's frames.npz."""
        return RunFolder(self.folder).arrays("frames")["pictures"]


@dataclasses.dataclass(frozen=True)
class ComparedResult:
    """One run of a study that only compares settings."""

    setting: ReconstructionSetting
    psnr: float | None  # dB; None if the training diverged
    failure: str | None  # what the trainer said then
    image: np.ndarray  # the reconstruction, uint8, flat; empty if it was not to be kept


class KeepPictures(Callback):
    """Keeps the picture that the model makes after every epoch, as uint8, and its mean squared error."""

    def __init__(self, loader):
        self.loader, self.pictures, self.mse = loader, [], []

    def on_epoch_end(self, trainer):
        """Predict all pixels and append what comes out."""
        prediction = trainer.model.predict(self.loader.features)
        self.pictures.append(self.loader.as_image(prediction))
        self.mse.append(_mse(prediction, self.loader.targets))


def train(setting, loader, callbacks=(), progress=False):
    """Train one network on a loader's pixels; return (model, history). Raises ValueError if the training diverges."""
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = build_network((loader.feature_width, *setting.hidden, loader.channels), ReLU, Identity, loss="mse",
                          optimizer=OPTIMIZERS[setting.optimizer](setting.learning_rate), rng=initial_rng)
    trainer = Trainer(model, setting.train_config(progress), rng=shuffle_rng, callbacks=callbacks)
    return model, trainer.fit(loader)


def run_reconstruction(setting, progress=False):
    """Train one network; return the path of its run folder."""
    loader = setting.loader()
    keeper = KeepPictures(loader)
    asked = RECONSTRUCTION.described(setting, loader.source) | {"notes": loader.notes}
    with RunFolder.recording(f"{setting.picture}-{setting.key}-s{setting.seed}", asked) as folder:
        model, history = train(setting, loader, [keeper] if setting.keep_pictures else [], progress)
        prediction = model.predict(loader.features)
        target = loader.targets.reshape(loader.image_shape)
        folder.save_arrays("reconstruction", changes=np.diff(loader.as_image(prediction), axis=0, prepend=np.uint8(0)),
                           target_energy=spectrum(target - target.mean(axis=(0, 1)))[1],
                           error_energy=spectrum(prediction.reshape(target.shape) - target)[1],
                           picture_mse=np.array(keeper.mse))  # `changes` from row to row: they compress better
        if keeper.pictures:
            folder.save_arrays("frames", pictures=np.stack(keeper.pictures))
        folder.finish(history, {"in_width": loader.feature_width, "parameter_count": model.parameter_count,
                                "mse": _mse(prediction, loader.targets)}, model=model, half=True)
    return folder.path


def read_reconstruction(folder):
    """Return the ReconstructionResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, arrays = folder.metrics(), folder.arrays("reconstruction")
    image = np.cumsum(arrays.pop("changes"), axis=0, dtype=np.uint8)
    return ReconstructionResult(
        restore_setting(ReconstructionSetting, folder.settings()["setting"]), metrics["in_width"],
        metrics["parameter_count"], metrics["mse"], History.restore(folder.arrays("history"), metrics), image, **arrays,
        folder=folder.path)


def run_compared(setting):
    """Train one network; return a ComparedResult, without a folder of its own."""
    loader, nothing = setting.loader(), np.zeros(0, np.uint8)
    try:
        model, _ = train(setting, loader)
    except ValueError as error:  # features or a loss that are not finite: an outcome, since unscaled powers overflow
        return ComparedResult(setting, None, str(error), nothing)
    prediction = model.predict(loader.features)
    image = loader.as_image(prediction).ravel() if setting.keep_pictures else nothing
    return ComparedResult(setting, psnr(_mse(prediction, loader.targets)), None, image)


def _mse(prediction, targets):
    return float(np.mean(np.square(prediction - targets), dtype=float))


def find_picture(setting=ReconstructionSetting()):
    """Return the DataSource of a setting's picture; a study's is the cat."""
    return sources.describe(setting.image) if Path(setting.image).is_file() else sources.find_file(setting.image)


RECONSTRUCTION = Experiment("reconstruction", 2, run_reconstruction, read_reconstruction, find_picture)
SCALING = Study("scaling", 2, run_compared, ComparedResult, find_picture)
SCREENING = Study("screening", 2, run_compared, ComparedResult, find_picture)


def expand(coords, method, size):
    """Return the columns of a mapping (of this order or number of frequencies) at coordinates (n, 2), not rescaled."""
    if method == "Raw":
        return get_raw(coords)
    return get_polynomial(coords, size) if method == "Polynomial" else get_fourier(coords, size)


def unusual_features(setting):
    """Return the features of a setting whose `scaling` is not "standard", (pixels, columns) float32, not rescaled."""
    coords = pixel_coordinates(setting.size)
    if setting.scaling != "pixel numbers":
        first, last, closed = SCALINGS[setting.scaling]
        coords = first + (last - first) * coords / (setting.size - closed)
    with np.errstate(over="ignore"):  # which is what the comparison is about
        return expand(coords, setting.method, setting.size_of_mapping).astype(np.float32)


def with_mapping(base, method, size_of_mapping, **changes):
    """Return the setting `base` with another mapping, and other changes."""
    return dataclasses.replace(base, method=method, size_of_mapping=size_of_mapping, **changes)


def scaling_settings(size, epochs, seeds):
    """Return the settings of section 2.3: COMPARED with each seed, at a constant rate; pictures of Fourier are kept."""
    base = ReconstructionSetting(size=size, max_epochs=epochs, learning_rate_schedule="constant")
    return [with_mapping(base, method, k, scaling=scaling, seed=seed,
                         keep_pictures=method == "Fourier" and seed == seeds[0])
            for method, k, scaling in COMPARED.values() for seed in seeds]


def screening_settings(candidates, size, epochs):
    """Return the settings of the screening: SCREENED_MAPPINGS for each (optimizer, rate, batch size, schedule)."""
    names = ("optimizer", "learning_rate", "batch_size", "learning_rate_schedule")
    return [with_mapping(ReconstructionSetting(size=size, max_epochs=epochs), *mapping, **dict(zip(names, candidate)))
            for candidate in candidates for mapping in SCREENED_MAPPINGS]


def mapping_settings(chosen, size, epochs):
    """Return the settings of section 2.4: MAPPINGS on each picture; `epochs` maps "cat" and "smiley" to epochs."""
    pictures = (("cat.jpg", "RGB", epochs["cat"]), ("smiley.png", "Gray", epochs["smiley"]))
    return [with_mapping(chosen, *mapping, image=image, image_type=image_type, size=size, max_epochs=most,
                         keep_pictures=True)  # the widest first, so that the cores end together
            for image, image_type, most in pictures for mapping in reversed(MAPPINGS)]


def blur_settings(names, size, max_epochs, seeds):
    """Return the settings of section 2.5: each picture with both methods; `seeds` maps level -> seeds, else (0,)."""
    base = ReconstructionSetting(size=size, max_epochs=max_epochs, learning_rate_schedule="constant", patience=10,
                                 **BLUR_RECIPE)
    return [with_mapping(base, *mapping, image=name, seed=seed) for level, name in names.items()
            for mapping in BLUR_MAPPINGS.values() for seed in seeds.get(level, (0,))]


def choose(results):
    """Return the rows (setting, PSNRs, their mean) of a screening, best first, and the setting that is chosen.

    It is the one with the smallest learning rate (of two, the better) of all within MARGIN of the best mean.
    """
    rows = []
    for start in range(0, len(results), len(SCREENED_MAPPINGS)):
        runs = results[start:start + len(SCREENED_MAPPINGS)]
        values = [-np.inf if run.psnr is None else run.psnr for run in runs]  # None: it diverged
        rows.append((runs[0].setting, values, float(np.mean(values))))
    rows.sort(key=lambda row: -row[2])
    close = [row for row in rows if row[2] >= rows[0][2] - MARGIN]
    return rows, min(close, key=lambda row: row[0].learning_rate)[0]
