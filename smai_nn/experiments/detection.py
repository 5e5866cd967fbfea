"""Section 3.2: autoencoders that know one person's pictures, and take all others for anomalies.

Without LFW the same runs on the shipped digits: one digit is the person, the other digits are the others.
"""

import dataclasses
import functools
import itertools

import numpy as np

from smai_nn.activations import ACTIVATIONS, Identity
from smai_nn.anomaly import (
    FOLDS,
    auc,
    detection_scores,
    scale_pictures,
    split_pictures,
    threshold_from,
)
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.checks import require_choice
from smai_nn.datasets.images import crop_pictures
from smai_nn.datasets.lfw import WHOLE, find_lfw, load_lfw
from smai_nn.datasets.mnist import load_shipped
from smai_nn.datasets.sources import DataSource, may_download
from smai_nn.experiments.recording import train_and_save
from smai_nn.metrics import squared_errors
from smai_nn.optim import Adam
from smai_nn.pca import fit_pca, pca_reconstruct
from smai_nn.plots.autoencoders import plot_error_histogram
from smai_nn.trainer import History, TrainConfig

PORTRAIT_SIZE = 128  # px, of the decoded portraits that all crops are cut from

# Boxes about the middle column, by centre row, height and width in parts of the portrait, and the whole portrait.
FACE_CROPS = (WHOLE, *((round(c - h / 2, 3), round(c + h / 2, 3), round(0.5 - w / 2, 3), round(0.5 + w / 2, 3))
                       for c, h, w in itertools.product((0.48, 0.52, 0.56), (0.26, 0.32, 0.4, 0.5),
                                                        (0.22, 0.27, 0.34, 0.5))))
DIGIT_CROPS = (WHOLE, *((m, 1 - m, m, 1 - m) for m in (0.1, 0.2, 0.3)))


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What is to be told apart: `images` (n, height, width) uint8 and whose they are, `names` (n,)."""

    images: np.ndarray
    names: np.ndarray
    source: DataSource
    description: str
    are_faces: bool  # LFW; else the shipped digits stand in for it

    @property
    def candidates(self):
        """The crops that are compared."""
        return FACE_CROPS if self.are_faces else DIGIT_CROPS

    @property
    def identities(self):
        """Names that are normal in turn; the first is the one of the assignment."""
        return ("George_W_Bush", "Colin_Powell", "Tony_Blair") if self.are_faces else ("digit 0", "digit 3", "digit 7")


@dataclasses.dataclass(frozen=True)
class DetectionSetting:
    """Settings of one detector; a sweep states only what differs."""

    normal: str = "George_W_Bush"  # whose pictures are normal
    crop: tuple = WHOLE  # top, bottom, left, right in parts of the picture
    size: int = 32  # px, width and height after cropping
    scaling: str = "picture"  # see scale_pictures
    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers; the decoder has them in reverse
    bottleneck: int = 64
    activation: str = "relu"  # of the hidden layers; the output is the identity
    input_noise: float = 0.0  # denoising: deviation of the noise on the inputs while training
    mirrored: bool = False  # also train on the mirror images of the training pictures
    learning_rate: float = 0.001  # of Adam, falling to 0 along a cosine
    batch_size: int = 32
    max_epochs: int = 100
    quantile: float = 0.95  # share of the validation normals that the threshold lets pass
    seed: int = 0  # of the split, of the initial values and of the shuffling, in separate streams
    fold: int | None = None  # while settings are chosen: no picture of a test has a role, this part is held out

    def __post_init__(self):
        require_choice(self.activation, "activation", tuple(ACTIVATIONS))


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector's errors of all pictures, (n,), NaN for those without a role, and what they come to."""

    setting: DetectionSetting
    errors: np.ndarray

    @property
    def split(self):
        """Which picture has which role."""
        return split_of(self.setting)

    @property
    def threshold(self):
        """The error above which a picture is called an anomaly: the setting's quantile of the validation normals."""
        return self.threshold_at(self.setting.quantile)

    def threshold_at(self, quantile):
        """Return the error that this share of the validation normals does not exceed."""
        return threshold_from(self.errors[self.split.validation], quantile)

    def balance_set_aside(self, quantile):
        """Return the balanced accuracy of that threshold on the validation normals and those set aside: no test."""
        groups = self.errors[self.split.validation], self.errors[self.split.set_aside]
        return detection_scores(*groups, self.threshold_at(quantile))["balanced_accuracy"]

    @property
    def validation_error(self):
        """Mean error of the validation normals: the measure that needs no anomalies."""
        return float(self.errors[self.split.validation].mean())

    @property
    def set_aside_auc(self):
        """AUC of the validation normals against those set aside: the measure that does."""
        return auc(self.errors[self.split.validation], self.errors[self.split.set_aside])

    def test_errors(self, everyone=False):
        """Return (errors of the test's normals, of its anomalies); `everyone` adds those set aside to the latter."""
        split = self.split
        anomalies = np.concatenate([split.others, split.set_aside]) if everyone else split.others
        return self.errors[split.test], self.errors[anomalies]

    def scores(self, quantile=None):
        """Return the test's detection_scores at the threshold of this quantile, by default the setting's."""
        return detection_scores(*self.test_errors(), self.threshold_at(quantile or self.setting.quantile))


@dataclasses.dataclass(frozen=True)
class DetectionResult(Detector):
    """One trained autoencoder as a detector."""

    autoencoder: MLPAutoencoder
    history: History
    folder: str  # name of the run folder


def load_pictures():
    """Return Pictures: LFW if it is there (or a download was asked for), else the shipped digits."""
    return _pictures(find_lfw(), may_download())


@functools.lru_cache(1)
def _pictures(found, downloading):
    """Read them once in every process, as long as the source stays the same."""
    if found is not None or downloading:
        faces = load_lfw(PORTRAIT_SIZE, PORTRAIT_SIZE)
        return Pictures(faces.images, faces.people, faces.source, str(faces), are_faces=True)
    digits = load_shipped()
    images = np.concatenate([digits.x_train, digits.x_test]).reshape(-1, 28, 28)
    names = np.array([f"digit {label}" for label in np.concatenate([digits.y_train, digits.y_test])])
    return Pictures(np.round(255 * images).astype(np.uint8), names, digits.source,
                    f"{len(images):,} digits from {digits.source}", are_faces=False)


def split_of(setting):
    """Return the Split of the pictures under a setting."""
    return _split(find_lfw(), setting.normal, setting.seed, setting.fold)


@functools.lru_cache(32)
def _split(found, normal, seed, fold):
    """Draw a split once in every process: thousands of names take a while, and every score asks for it."""
    return split_pictures(load_pictures().names, normal, seed, fold=fold)


@functools.lru_cache(4)  # 14 MB each; section 3.2 compares as many boxes
def _crops(found, crop, size):
    return crop_pictures(load_pictures().images, size, size, crop)


def rows_of(setting):
    """Return all pictures, cropped and scaled, as rows (n, size * size) float32."""
    images = _crops(find_lfw(), tuple(setting.crop), setting.size)
    return scale_pictures(images, setting.scaling, split_of(setting).train)


def as_seen(setting, rows):
    """Return scaled rows (n, size * size) as pictures (n, size, size) that look like ones.

    What made all pixels count alike is undone: with "both" they are those of "picture", with "pixel" those of "none".
    """
    before = {"both": "picture", "pixel": "none"}.get(setting.scaling)
    pictures = rows
    if before:
        train = rows_of(dataclasses.replace(setting, scaling=before))[split_of(setting).train]
        pictures = rows * train.std(axis=0) + train.mean(axis=0)
    return pictures.reshape(-1, setting.size, setting.size)


def run_detection(setting, progress=False):
    """Train one autoencoder on the training normals, keep its run folder, and return a DetectionResult."""
    x, split = rows_of(setting), split_of(setting)
    train = x[split.train]
    if setting.mirrored:
        images = train.reshape(-1, setting.size, setting.size)
        train = np.concatenate([train, images[:, :, ::-1].reshape(train.shape)])
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck,
                                 activation=ACTIVATIONS[setting.activation], output_activation=Identity,
                                 optimizer=Adam(setting.learning_rate), rng=initial_rng)
    config = TrainConfig(batch_size=setting.batch_size, max_epochs=setting.max_epochs, patience=None,
                         learning_rate_schedule="cosine", input_noise=setting.input_noise, progress=progress)

    @functools.cache
    def detector():
        """Return the trained detector, computed once."""
        errors = np.full(len(x), np.nan)
        errors[split.rows] = autoencoder.errors(x[split.rows])
        return Detector(setting, errors)

    def metrics(history):
        chosen_by = {"set_aside_auc": detector().set_aside_auc, "validation_error": detector().validation_error}
        if setting.fold is not None:
            return chosen_by
        return chosen_by | detector().scores() | {"auc_against_everyone": auc(*detector().test_errors(everyone=True))}

    def figures(history):
        groups = (detector().test_errors() if setting.fold is None else
                  (detector().errors[split.validation], detector().errors[split.set_aside]))
        return {"errors": plot_error_histogram(*groups, detector().threshold, setting.normal,
                                               f"Bottleneck {setting.bottleneck}, seed {setting.seed}")}

    source = load_pictures().source
    settings = {"experiment": "detection", "data": source.record(), "seed": setting.seed,
                "detection": dataclasses.asdict(setting)}
    name = (f"{setting.normal.replace(' ', '_')}-b{setting.bottleneck}-"
            + (f"s{setting.seed}" if setting.fold is None else f"fold{setting.fold}"))
    folder, history = train_and_save(
        autoencoder.model, config, train, train, rng=shuffle_rng, name=name, settings=settings, figures=figures,
        metrics=metrics, arrays=lambda history: {"errors": {"errors": detector().errors, **vars(split)}})
    return DetectionResult(setting, detector().errors, autoencoder, history, folder.name)


def pca_detector(setting):
    """Return the Detector that rebuilds pictures from the first `setting.bottleneck` principal components.

    They are those of the training normals; with 0 of them, the error is the distance from the mean picture.
    """
    x = rows_of(setting)
    pca = fit_pca(x[split_of(setting).train], max(setting.bottleneck, 1))
    return Detector(setting, squared_errors(pca_reconstruct(pca, x, setting.bottleneck), x))


@dataclasses.dataclass(frozen=True)
class CropScore:
    """What PCA comes to on one way to crop and scale, in cross-validation without any picture of the test."""

    setting: DetectionSetting
    auc: float  # held-out normals against those set aside, mean over folds
    unexplained: float  # error of held-out normals, in units of the mean picture's error: needs no anomalies


def score_crop(setting, components=32):
    """Return the CropScore of a setting's crop, size and scaling.

    Each of FOLDS parts of the normal pictures is held out in turn from a PCA of the others. PCA stands in for an
    autoencoder, which would take a hundred times as long. Only pictures that are in no test are looked at, whatever the
    seed.
    """
    areas, shares, pictures = [], [], load_pictures()
    split = split_of(dataclasses.replace(setting, fold=0))
    images = dict(zip(split.rows, crop_pictures(pictures.images[split.rows], setting.size, setting.size, setting.crop)))
    for fold in range(FOLDS):
        split = split_of(dataclasses.replace(setting, fold=fold))
        ends = np.cumsum([len(split.train), len(split.validation)])
        x = scale_pictures([images[row] for row in split.rows], setting.scaling, np.arange(ends[0]))
        pca = fit_pca(x[:ends[0]], components)
        errors = squared_errors(pca_reconstruct(pca, x, components), x)[ends[0]:]
        held_out, set_aside = np.split(errors, [len(split.validation)])
        validation = x[ends[0]:ends[1]]
        areas.append(auc(held_out, set_aside))
        shares.append(held_out.mean() / squared_errors(np.broadcast_to(pca.mean_, validation.shape), validation).mean())
    return CropScore(setting, float(np.mean(areas)), float(np.mean(shares)))


def by_name(detector, least=5):
    """Return a list of (name, test pictures, share of them taken for normal), of others with at least so many pictures.

    The most often taken for normal come first; those with equal shares in order of their mean errors.
    """
    names, others = load_pictures().names, detector.split.others
    table = []
    for name in np.unique(names[others]):
        errors = detector.errors[others[names[others] == name]]
        if len(errors) >= least:
            table.append((str(name), len(errors), float(np.mean(errors <= detector.threshold)), float(errors.mean())))
    return [row[:3] for row in sorted(table, key=lambda row: (-row[2], row[3]))]


def example_cases(detector):
    """Return {"true negative": row, ...}: of each of the four cases the test picture with the middle error, or None."""
    normal, others, threshold = detector.split.test, detector.split.others, detector.threshold
    cases = {}
    for case, rows, is_anomalous in (("true negative", normal, False), ("true positive", others, True),
                                     ("false positive", normal, True), ("false negative", others, False)):
        chosen = rows[(detector.errors[rows] > threshold) == is_anomalous]
        order = chosen[np.argsort(detector.errors[chosen], kind="stable")]
        cases[case] = int(order[len(order) // 2]) if len(order) else None
    return cases
