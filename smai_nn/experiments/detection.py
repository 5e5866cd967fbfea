"""Section 3.2: detectors that know one person's pictures, and take for an anomaly what they rebuild badly.

In: a DetectionSetting. Out: a run folder with the errors of all pictures by role and the few pictures that are shown,
and the DetectionResult that is read from it. What to compare is chosen before, by two studies that see no test picture.
Without LFW the same runs take the shipped digits: one digit is the person, the other digits are the others.
"""

import dataclasses

import numpy as np

from smai_nn.activations import Identity
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.baselines import fit_pca, pca_reconstruct
from smai_nn.checks import require_choice
from smai_nn.datasets.images import crop_pictures
from smai_nn.datasets.lfw import Faces, find_lfw, load_lfw
from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments import anomaly
from smai_nn.metrics import squared_errors
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import History, TrainConfig, Trainer

WHOLE = (0.0, 1.0, 0.0, 1.0)  # the box of an uncropped picture: top, bottom, left, right in parts of it
PORTRAIT_SIZE = 96  # px, of the decoded portraits that all boxes are cut from
DETECTORS = ("autoencoder", "PCA", "mean picture")
NORMAL, STAND_IN = "George_W_Bush", "digit 0"  # who is normal: in LFW, and in the shipped digits
# Of each case: the role, whether it is called an anomaly, and which of these, in order of their errors, is shown.
CASES = {"true negative": ("test", False, 0.5), "true positive": ("others", True, 0.5),
         "false positive": ("test", True, 1.0), "false negative": ("others", False, 0.0)}
ROLES = {"train": "normal: learnt from", "validation": "normal: threshold and choice of the bottleneck",
         "test": "normal: test", "set_aside": "others, set aside: choices that need them", "others": "others: test"}
# What the best autoencoder is compared with besides: all detectors on the whole picture, and PCA without mirror images.
REFERENCES = {"whole_picture": {"crop": WHOLE}, "whole_pca": {"detector": "PCA", "crop": WHOLE},
              "whole_mean": {"detector": "mean picture", "crop": WHOLE, "bottleneck": 0},
              "plain_pca": {"detector": "PCA", "mirrored": False}}

# The candidates: square boxes about the middle column, by side and by centre row, in parts of the portrait; and all.
SIDES, CENTRES = (0.2, 0.26, 0.34, 0.5), (0.48, 0.52, 0.56)
BOXES = (WHOLE, *(tuple(round(middle + sign * side / 2, 3) for middle in (centre, 0.5) for sign in (-1, 1))
                  for centre in CENTRES for side in SIDES))


@dataclasses.dataclass(frozen=True)
class DetectionSetting:
    """Settings of one detector; a sweep states only what differs."""

    detector: str = "autoencoder"  # or "PCA", with as many components as the bottleneck has units; or "mean picture"
    crop: tuple = WHOLE  # top, bottom, left, right in parts of the picture
    size: int = 24  # px, width and height after cropping
    scaling: str = "both"  # see scale_pictures
    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers (ReLU); the decoder has them in reverse
    bottleneck: int = 24
    input_noise: float = 0.6  # denoising: deviation of the noise on the inputs while training; the targets stay clean
    mirrored: bool = True  # also learn from the mirror images of the training pictures
    learning_rate: float = 0.001  # of Adam, falling to 0 along a cosine
    batch_size: int = 32
    max_epochs: int = 60
    quantile: float = 0.95  # share of the validation normals that the threshold lets pass
    seed: int = 0  # which fifth is tested; also of the initial values and of the shuffling, in separate streams
    folds: tuple = ()  # while settings are chosen: no picture of a test has a role, these parts are held out in turn

    def __post_init__(self):
        require_choice(self.detector, "detector", DETECTORS)
        require_choice(self.scaling, "scaling", anomaly.SCALINGS)

    @property
    def label(self):
        """Detector and bottleneck, such as "autoencoder 24"."""
        return self.detector if self.detector == "mean picture" else f"{self.detector} {self.bottleneck}"


@dataclasses.dataclass(frozen=True)
class ChoiceResult:
    """What one setting comes to on held-out normals that are in no test, means over the folds."""

    setting: DetectionSetting
    normal: str  # the name that is normal
    validation_error: float  # needs no anomalies
    set_aside_auc: float  # does: held-out normals against people set aside
    mean_picture: np.ndarray  # of the normals that are in no test, uncropped, uint8, its rows end to end


@dataclasses.dataclass(frozen=True)
class DetectionResult:
    """One detector's errors of all pictures by role, and what they come to on the test."""

    setting: DetectionSetting
    normal: str  # the name that is normal
    errors: dict  # role -> (n,) float32, in the order of the pictures' names
    scores: dict  # see detection_scores, at the threshold that needs no anomalies
    tuned_scores: dict  # the same at the threshold that was tuned on people set aside
    history: History  # without epochs for PCA and the mean picture
    explained: float | None  # of PCA: the share of the training pictures' variance that its components explain
    cases: dict  # of an autoencoder: arrays with one entry for each case that there is, see `_cases`


def load_pictures():
    """Return (Faces, name of the normal person): LFW if it is there, else the shipped digits, named "digit 0" to 9."""
    faces = load_lfw(PORTRAIT_SIZE)
    if faces is not None:
        return faces, NORMAL
    digits = load_shipped()
    images = np.round(255 * np.concatenate([digits.x_train, digits.x_test])).astype(np.uint8).reshape(-1, 28, 28)
    names = np.array([f"digit {label}" for label in np.concatenate([digits.y_train, digits.y_test])])
    return Faces(images, names, digits.source), STAND_IN


def pictures_source(setting=None):
    """Return the DataSource of the pictures that a run would use now; LFW's are not read for it."""
    return find_lfw() or load_shipped().source


def score_choice(setting):
    """Return the ChoiceResult of one setting with folds."""
    (faces, normal), scores = load_pictures(), []
    for fold in setting.folds:
        split = anomaly.split_pictures(faces.people, normal, fold=fold)
        x, _, _ = _rows(faces.images, split, setting)
        rebuilt, _, _ = learn_and_rebuild(setting, x, len(split["train"]))
        errors = _by_role(split, squared_errors(rebuilt, x))
        scores.append((errors["validation"].mean(), anomaly.auc(errors["validation"], errors["set_aside"])))
    normals = faces.images[np.concatenate([split["train"], split["validation"]])]
    return ChoiceResult(setting, normal, *np.mean(scores, axis=0).tolist(),
                        normals.mean(axis=0).astype(np.uint8).ravel())


def run_detection(setting, progress=False):
    """Let one detector learn the training normals and rebuild every picture once; return its run folder's path."""
    faces, normal = load_pictures()
    split = anomaly.split_pictures(faces.people, normal, setting.seed)
    x, mean, deviation = _rows(faces.images, split, setting)
    asked = DETECTION.described(setting, faces.source)
    with RunFolder.recording(f"{setting.label}-s{setting.seed}", asked) as folder:
        rebuilt, history, explained = learn_and_rebuild(setting, x, len(split["train"]), progress)
        errors = _by_role(split, squared_errors(rebuilt, x).astype(np.float32))
        scores, tuned_scores = anomaly.judge(errors, setting.quantile)
        folder.save_arrays("errors", **errors)
        if setting.detector == "autoencoder":
            maps = {"compared": x * deviation + mean, "rebuilt": rebuilt * deviation + mean,
                    "squares": np.square(rebuilt - x)}
            maps = {name: _by_role(split, rows.reshape(-1, setting.size, setting.size)) for name, rows in maps.items()}
            folder.save_arrays("cases", **_cases(errors, scores["threshold"], faces, split, maps))
        folder.finish(history, {"normal": normal, "scores": scores, "tuned_scores": tuned_scores,
                                "explained": explained, "validation_error": float(errors["validation"].mean())})
    return folder.path


def _rows(pictures, split, setting):
    """Return the pictures that have a role, cropped and scaled, see scale_pictures; role after role, training first."""
    pictures = pictures[np.concatenate(list(split.values()))]
    images = crop_pictures(pictures, setting.size, setting.size, setting.crop)
    return anomaly.scale_pictures(images, setting.scaling, np.arange(len(split["train"])))


def _by_role(split, values):
    """Return {role: its part of `values`}, which are in the order of `_rows`."""
    return dict(zip(split, np.split(values, np.cumsum([len(rows) for rows in split.values()])[:-1])))


def learn_and_rebuild(setting, x, train_count, progress=False):
    """Learn the first rows of x; return (all of x rebuilt, History, share of variance explained by PCA or None)."""
    train = x[:train_count]
    if setting.mirrored:
        images = train.reshape(-1, setting.size, setting.size)
        train = np.concatenate([train, images[:, :, ::-1].reshape(train.shape)])
    if setting.detector != "autoencoder":
        components = setting.bottleneck if setting.detector == "PCA" else 0
        pca = fit_pca(train, max(components, 1))
        return (pca_reconstruct(pca, x, components), History(len(train), len(train), stop_reason="closed form"),
                float(pca.explained_variance_ratio_[:components].sum()))
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck, output_activation=Identity,
                                 optimizer=Adam(setting.learning_rate), rng=initial_rng)
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=None, progress=progress,
                         learning_rate_schedule="cosine", input_noise=setting.input_noise)
    history = Trainer(autoencoder, config, rng=shuffle_rng).fit(train, train)
    return autoencoder.reconstruct(x), history, None


def _cases(errors, threshold, faces, split, maps):
    """Return arrays of what is shown of a detector, one entry a case: the typical hits and the worst misses.

    A hit (true negative, true positive) is the test picture with the median error of its case, a miss (false positive,
    false negative) the one whose error is the farthest from the threshold. A case that does not occur has no entry.
    `place` is the picture's place in its role. All pictures' `maps`, by name and role, (n, size, size), are "compared"
    and "rebuilt" as the eye sees them, with the scaling by pixel taken back, and "squares" in the units of the errors.
    """
    entries = []
    for case, (role, is_flagged, share) in CASES.items():
        order = np.argsort(errors[role], kind="stable")
        order = order[(errors[role][order] > threshold) == is_flagged]
        if len(order):
            place = order[int(share * (len(order) - 1))]
            picture = split[role][place]
            entries.append({"case": case, "place": place, "person": faces.people[picture],
                            "error": errors[role][place], "picture": faces.images[picture],
                            **{name: by_role[role][place].astype(np.float16) for name, by_role in maps.items()}})
    return {name: np.stack([entry[name] for entry in entries]) for name in entries[0]}


def read_detection(folder):
    """Return the DetectionResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, setting = folder.metrics(), restore_setting(DetectionSetting, folder.settings()["setting"])
    return DetectionResult(setting, metrics["normal"], folder.arrays("errors"), metrics["scores"],
                           metrics["tuned_scores"], History.restore(folder.arrays("history"), metrics),
                           metrics["explained"], folder.arrays("cases") if setting.detector == "autoencoder" else {})


CHOICES = Study("detector-choices", 1, score_choice, ChoiceResult, pictures_source)
DETECTION = Experiment("detection", 2, run_detection, read_detection, pictures_source)


def crop_settings(boxes=BOXES, scalings=("picture",)):
    """Return the settings that try boxes and scalings, by PCA, which takes a hundredth of an autoencoder's time."""
    return [DetectionSetting("PCA", box, scaling=scaling, bottleneck=32, folds=tuple(range(anomaly.FOLDS)))
            for box in dict.fromkeys(boxes) for scaling in scalings]


def best_crop(choices):
    """Return the setting with the largest AUC against people set aside: errors of other pixels do not compare."""
    return max(choices, key=lambda result: result.set_aside_auc).setting


def learning_settings(crop, profile):
    """Return autoencoders to choose from, for a chosen crop: noise, mirror images, hidden layers (FacesProfile)."""
    base = DetectionSetting(crop=crop.crop, scaling=crop.scaling, hidden=profile.hidden, max_epochs=profile.max_epochs,
                            bottleneck=profile.bottlenecks[1], folds=(0,))
    return [dataclasses.replace(base, **options) for options in (
        {}, {"mirrored": False}, {"input_noise": 0.0}, {"mirrored": False, "input_noise": 0.0},
        {"hidden": profile.deeper})]


def best_learning(choices):
    """Return the setting with the least validation error: all rebuild the same pixels, so that errors do compare."""
    return dataclasses.replace(min(choices, key=lambda result: result.validation_error).setting, folds=())


def detector_settings(base, bottlenecks, seeds):
    """Return the settings of autoencoder and PCA with each bottleneck, and of the mean picture, for all seeds."""
    kinds = [*((detector, width) for detector in DETECTORS[:2] for width in bottlenecks), ("mean picture", 0)]
    return [dataclasses.replace(base, detector=detector, bottleneck=width, seed=seed)
            for detector, width in kinds for seed in seeds]


def reference_settings(base, bottleneck, seeds):
    """Return the settings of the REFERENCES, one after the other, for all seeds."""
    return [dataclasses.replace(base, **{"bottleneck": bottleneck, "seed": seed, **options})
            for options in REFERENCES.values() for seed in seeds]
