"""Section 3.2: detectors that know one person's pictures, and take for an anomaly what they rebuild badly.

What to compare is chosen before, by studies that see no test picture. Without LFW, one shipped digit is the person.
"""

import dataclasses
from statistics import fmean

import numpy as np

from smai_nn.activations import Identity
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.checks import require_choice
from smai_nn.datasets.images import crop_pictures
from smai_nn.datasets.lfw import Faces, find_lfw, load_lfw
from smai_nn.datasets.mnist import load_shipped
from smai_nn.experiments.border import group
from smai_nn.metrics import pca_rebuilt, squared_errors
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import History, TrainConfig, Trainer

FEWEST_NORMALS, FEWEST_OTHERS = 10, 3  # pictures, people: with these no role is empty
SET_ASIDE = 0.1  # share of all people
PORTRAIT_SIZE = 96  # px, of the decoded portraits that all boxes are cut from
DETECTORS = ("autoencoder", "PCA", "mean picture")
QUANTILES = {"95% of normals pass": 0.95, "90% pass": 0.9}  # rules of the threshold that need no anomalies
EVERYONE = ", all other people"  # beside a rule: those set aside are tested too
SCORES = ("precision", "recall", "f1", "specificity", "balanced_accuracy")  # that depend on the threshold
NORMAL, STAND_IN = "George_W_Bush", "digit 0"  # who is normal: in LFW, and in the shipped digits
# Of each case: the role, whether it is called an anomaly, and which of these, in order of their errors, is shown: of
# hits the median, of misses the one whose error is the farthest from the threshold.
CASES = {"true negative": ("test", False, 0.5), "true positive": ("others", True, 0.5),
         "false positive": ("test", True, 1.0), "false negative": ("others", False, 0.0)}
ROLES = {"train": "normal: learnt from", "validation": "normal: all choices",
         "test": "normal: test", "set_aside": "others, set aside: all choices", "others": "others: test"}

# The candidates: all of the picture; and square boxes about the middle column, by centre row and side.
WHOLE = (0.0, 1.0, 0.0, 1.0)  # top, bottom, left, right in parts of the picture
BOXES = [WHOLE] + [(round(centre - side / 2, 2), round(centre + side / 2, 2), round(0.5 - side / 2, 2), 0.5 + side / 2)
                   for centre in (0.48, 0.52, 0.56) for side in (0.2, 0.26, 0.34, 0.5)]


@dataclasses.dataclass(frozen=True)
class DetectionSetting:
    """Settings of one detector; a sweep states only what differs."""

    detector: str = "autoencoder"  # or "PCA", with as many components as the bottleneck has units; or "mean picture"
    crop: tuple = WHOLE  # top, bottom, left, right in parts of the picture
    size: int = 24  # px, width and height after cropping
    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers (ReLU); the decoder has them in reverse
    bottleneck: int = 24
    input_noise: float = 0.6  # denoising: deviation of the noise on the inputs while training; the targets stay clean
    mirrored: bool = True  # also learn from the mirror images of the training pictures
    learning_rate: float = 0.001  # of Adam, falling to 0 along a cosine
    batch_size: int = 32
    max_epochs: int = 60
    seed: int = 0  # which fifth is tested; also of the initial values and of the shuffling, in separate streams

    def __post_init__(self):
        require_choice(self.detector, "detector", DETECTORS)

    label = property(lambda self: self.detector if self.detector == "mean picture" else
                     f"{self.detector} {self.bottleneck}", doc='Such as "autoencoder 24".')


@dataclasses.dataclass(frozen=True)
class ChoiceResult:
    """What one setting comes to on held-out normals that are in no test."""

    setting: DetectionSetting
    normal: str  # the name that is normal
    set_aside_auc: float  # held-out normals against people set aside
    losses: np.ndarray = ()  # of its epochs; none of PCA


@dataclasses.dataclass(frozen=True)
class DetectionResult:
    """One detector's errors of all pictures by role, and what they come to on the test."""

    setting: DetectionSetting
    normal: str  # the name that is normal
    errors: dict  # role -> (n,) float32, in the order of the pictures' names
    scores: dict  # rule of the threshold -> detection_scores of the test, see judge
    choice_auc: float  # AUC of validation normals against people set aside: what choices go by
    history: History  # without epochs for PCA and the mean picture
    cases: dict  # arrays with one entry for each of CASES that there is, for an autoencoder; see run_detection

    validation_error = property(lambda self: float(self.errors["validation"].mean()), doc="Mean over these pictures.")


def assign_roles(names, normal, seed=None):
    """Return the role of each picture, an array of texts (n,); `names` (n,) says who is on it, `normal` who is normal.

    The normal pictures are cut into fifths, always the same ones. The first is the "validation", the second is always
    in "train", and `seed` says which of the other three is the "test"; the rest is in "train" too. A tenth of all
    people, the same whoever is normal, is "set_aside" for choices that need anomalies; all "others" are the test's
    anomalies. Without a seed, for choices, all that any seed tests is in "test". Raises ValueError for fewer than
    FEWEST_NORMALS normal pictures or FEWEST_OTHERS other people.
    """
    people, fixed = np.unique(names), np.random.default_rng(0)
    normals = np.flatnonzero(names == normal)
    if len(normals) < FEWEST_NORMALS or len(people) <= FEWEST_OTHERS:
        raise ValueError(f"normal: expected a name with at least {FEWEST_NORMALS} pictures, and {FEWEST_OTHERS} other "
                         f"names, got {normal!r} with {len(normals)} pictures among {len(people)} names")
    aside = fixed.permutation(people)[:max(2, round(SET_ASIDE * len(people)))]
    validation, _, *tests = np.array_split(fixed.permutation(normals), 5)
    roles = np.full(len(names), "others", "U10")  # of up to ten letters
    roles[np.isin(names, aside)] = "set_aside"
    roles[normals] = "train"
    roles[validation] = "validation"
    roles[np.concatenate(tests) if seed is None else tests[seed % len(tests)]] = "test"
    return roles


def scale_pictures(images, is_train):
    """Return (rows, scaler): pictures uint8 (n, height, width) as rows float32 (n, height * width).

    Each picture gets mean 0 and variance 1, since brightness and contrast do not tell who is on it; then each pixel,
    over the training pictures, `is_train` (n,) bool, so that all pixels count alike. What does not vary becomes 0. The
    scaler's `mean_` and `scale_` take the scaling by pixel back.
    """
    from sklearn.preprocessing import StandardScaler  # loaded late, as metrics below: it takes a second
    rows = images.reshape(len(images), -1) / np.float32(255)
    rows = np.ascontiguousarray(StandardScaler().fit_transform(rows.T).T)  # a scaler standardises columns
    scaler = StandardScaler().fit(rows[is_train])
    return scaler.transform(rows), scaler


def judge(errors):
    """Return the test's `detection_scores` for each rule of the threshold, from a dict role -> errors (n,).

    "chosen" has the largest balanced accuracy on validation normals and people set aside. By a rule of QUANTILES, such
    a share of the validation normals does not exceed the threshold. Each rule comes once more with EVERYONE.
    """
    normals, aside = (np.sort(np.float64(errors[role])) for role in ("validation", "set_aside"))
    candidates = np.concatenate([normals, aside])
    passing = np.searchsorted(normals, candidates, side="right") / len(normals)  # shares with no larger errors
    missed = np.searchsorted(aside, candidates, side="right") / len(aside)
    chosen = candidates[np.argmax(passing - missed)]  # twice the balanced accuracy, less 1
    rules = {"chosen": chosen} | {rule: np.quantile(normals, share) for rule, share in QUANTILES.items()}
    tests = {"": errors["others"], EVERYONE: np.concatenate([errors["others"], errors["set_aside"]])}
    return {rule + name: detection_scores(errors["test"], anomalies, limit)
            for name, anomalies in tests.items() for rule, limit in rules.items()}


def choice_auc(normal_errors, anomaly_errors):
    """Return the AUC that choices go by, of errors (n,) of validation normals and of people set aside."""
    return detection_scores(normal_errors, anomaly_errors, np.inf)["auc"]


def detection_scores(normal_errors, anomaly_errors, threshold):
    """Return a dict of what calling every error above `threshold` an anomaly comes to.

    `auc`, the chance that an anomaly's error is larger than a normal one's, ties counting half, and
    `average_precision` need no threshold; `base_rate` is the share of anomalies.
    """
    from sklearn import metrics
    labels, errors = labelled(normal_errors, anomaly_errors)
    called = errors > threshold
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    specificity, recall = tn / (tn + fp), tp / (tp + fn)
    return {"auc": float(metrics.roc_auc_score(labels, errors)), "base_rate": float(labels.mean()),
            "average_precision": float(metrics.average_precision_score(labels, errors)), "threshold": float(threshold),
            "precision": tp / max(1, tp + fp), "recall": recall, "f1": 2 * tp / (2 * tp + fp + fn),
            "specificity": specificity, "false_alarms": 1 - specificity,
            "balanced_accuracy": (recall + specificity) / 2,
            "true_negatives": tn, "false_positives": fp, "false_negatives": fn, "true_positives": tp}


def labelled(normal_errors, anomaly_errors):
    """Return (labels, errors): 0 for normal pictures and 1 for anomalies, and all errors, in one row each."""
    labels = np.repeat([0, 1], [len(normal_errors), len(anomaly_errors)])
    return labels, np.concatenate([normal_errors, anomaly_errors], dtype=np.float64)


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
    """Return the ChoiceResult of one setting, whose `seed` does not say here what is tested."""
    faces, normal = load_pictures()
    roles = assign_roles(faces.people, normal)
    seen = np.isin(roles, ("train", "validation", "set_aside"))
    x, rebuilt, _, _, history = learn_and_rebuild(setting, faces.images[seen], roles[seen])
    if history.stop_reason == "interrupted":  # half a run is no result
        raise KeyboardInterrupt
    errors = squared_errors(rebuilt, x)
    held_out, set_aside = (errors[roles[seen] == role] for role in ("validation", "set_aside"))
    return ChoiceResult(setting, normal, choice_auc(held_out, set_aside), np.float32(history.epoch_loss))


def run_detection(setting, progress=False):
    """Let one detector learn the training normals and rebuild every picture once; return its run folder's path."""
    faces, normal = load_pictures()
    roles = assign_roles(faces.people, normal, setting.seed)
    with RunFolder.recording(f"{setting.label}-s{setting.seed}", DETECTION.described(setting, faces.source)) as folder:
        x, rebuilt, scaler, model, history = learn_and_rebuild(setting, faces.images, roles, progress)
        errors = squared_errors(rebuilt, x).astype(np.float32)
        by_role = {role: errors[roles == role] for role in ROLES}
        scores = judge(by_role)
        folder.save_arrays("errors", **by_role)
        cases = {}
        if model:  # PCA's and the mean picture's are not shown
            model.save_to(folder.path / "network.npz")  # large: not among what is committed
            cases = pick_cases(errors, roles, scores["chosen"]["threshold"])
        rows = np.array(list(cases.values()), int)
        maps = np.stack([scaler.mean_ + scaler.scale_ * x[rows], scaler.mean_ + scaler.scale_ * rebuilt[rows],
                         np.square(rebuilt[rows] - x[rows])]).astype(np.float16)
        compared, reconstructed, squares = maps.reshape(3, len(rows), setting.size, setting.size)
        folder.save_arrays("cases", case=np.array(list(cases)), person=faces.people[rows], error=errors[rows],
                           picture=faces.images[rows], compared=compared, rebuilt=reconstructed, squares=squares)
        folder.finish(history, {"normal": normal, "scores": scores,
                                "choice_auc": choice_auc(by_role["validation"], by_role["set_aside"])})
    return folder.path


def learn_and_rebuild(setting, images, roles, progress=False):
    """Learn the images (n, height, width) whose role is "train"; return (x, rebuilt, scaler, model, History).

    The rows x (n, size * size) are all pictures, cropped and scaled, see scale_pictures; `rebuilt` is what came back.
    The model is None for PCA and the mean picture.
    """
    x, scaler = scale_pictures(crop_pictures(images, setting.size, setting.size, setting.crop), roles == "train")
    train = x[roles == "train"]
    if setting.mirrored:
        mirror_images = train.reshape(-1, setting.size, setting.size)[:, :, ::-1]
        train = np.concatenate([train, mirror_images.reshape(train.shape)])
    if setting.detector != "autoencoder":
        components = setting.bottleneck if setting.detector == "PCA" else 0
        history = History(len(train), len(train), stop_reason="closed form")
        return x, pca_rebuilt(train, x, components), scaler, None, history
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    autoencoder = MLPAutoencoder(x.shape[1], setting.hidden, setting.bottleneck, output_activation=Identity,
                                 optimizer=Adam(setting.learning_rate), rng=initial_rng)
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=None, progress=progress,
                         learning_rate_schedule="cosine", input_noise=setting.input_noise)
    history = Trainer(autoencoder, config, rng=shuffle_rng).fit(train, train)
    return x, autoencoder.reconstruct(x), scaler, autoencoder, history


def pick_cases(errors, roles, threshold):
    """Return a dict case -> row of the picture that is shown, see CASES; a case that does not occur is left out."""
    cases, order = {}, np.argsort(errors, kind="stable")
    for case, (role, is_flagged, share) in CASES.items():
        rows = order[(roles[order] == role) & ((errors[order] > threshold) == is_flagged)]
        if len(rows):
            cases[case] = rows[int(share * (len(rows) - 1))]
    return cases


def read_detection(folder):
    """Return the DetectionResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, setting = folder.metrics(), restore_setting(DetectionSetting, folder.settings()["setting"])
    return DetectionResult(setting, metrics["normal"], folder.arrays("errors"), metrics["scores"],
                           metrics["choice_auc"], History.restore(folder.arrays("history"), metrics),
                           folder.arrays("cases"))


CHOICES = Study("detector-choices", 4, score_choice, ChoiceResult, pictures_source)
DETECTION = Experiment("detection", 7, run_detection, read_detection, pictures_source)


def detector_settings(base, bottlenecks, seeds):
    """Return the settings of autoencoder and PCA with each bottleneck, and of the mean picture, for all seeds."""
    kinds = [*((detector, width) for detector in DETECTORS[:2] for width in bottlenecks), ("mean picture", 0)]
    return [dataclasses.replace(base, detector=detector, bottleneck=width, seed=seed)
            for detector, width in kinds for seed in seeds]


def best_label(groups):
    """Return the label of the autoencoder with the largest mean `choice_auc`, from a dict label -> results by seed."""
    labels = [label for label in groups if label.startswith("autoencoder")]
    return max(labels, key=lambda label: fmean(result.choice_auc for result in groups[label]))


def mean_of(results, name, rule="chosen"):
    """Return the mean over seeds of one of the scores, with the threshold by this rule."""
    return fmean(result.scores[rule][name] for result in results)


def detector_facts(groups):
    """Return the facts of `groups`, see `best_label`, as "detector.…" and "lfw.…", of digits "digits_for_lfw.…"."""
    runs = groups[best_label(groups)]
    autoencoders, pcas = ([own for label, own in groups.items() if label.startswith(detector)]
                          for detector in DETECTORS[:2])
    best_pca = max(pcas, key=lambda own: mean_of(own, "auc"))
    auc, pca_auc = (np.array([run.scores["chosen"]["auc"] for run in own]) for own in (runs, best_pca))
    base_rate = mean_of(runs, "base_rate")
    facts = {"normal": runs[0].normal.replace("_", " "), "seeds": len(runs), "best": best_label(groups),
             "auc_mean": auc.mean(), "auc_low": auc.min(), "auc_high": auc.max(), "seed_range": np.ptp(auc),
             "bottleneck_range": np.ptp([mean_of(own, "auc") for own in autoencoders]),
             "choice_range": np.ptp([fmean(run.choice_auc for run in own) for own in autoencoders]),
             "gain_wide": min(np.subtract(*(run.scores["chosen"]["auc"] for run in (wide, narrow)))
                              for narrow, wide in zip(autoencoders[0], autoencoders[-1])),
             "pca_auc": pca_auc.mean(), "seeds_ahead_of_pca": np.sum(auc > pca_auc),
             "least_gain_over_pca": np.min(auc - pca_auc), "mean_auc": mean_of(groups["mean picture"], "auc"),
             "validation_error": fmean(run.validation_error for run in runs),
             "pca_validation_error": fmean(run.validation_error for run in best_pca),
             "train_error": fmean(run.errors["train"].mean() for run in runs),
             "base_rate": base_rate, "everything_f1": 2 * base_rate / (1 + base_rate)}
    for start, rule in (("", "chosen"), *zip(("strict_", "loose_"), QUANTILES), ("everyone_", "chosen" + EVERYONE)):
        facts |= {f"{start}{name}": mean_of(runs, name, rule) for name in (*SCORES, "false_alarms", "auc")}
    facts |= {f"pca_{name}": mean_of(best_pca, name) for name in SCORES}
    facts["strict_pca_recall"] = mean_of(best_pca, "recall", "95% of normals pass")
    data = "digits_for_lfw" if runs[0].normal == STAND_IN else "lfw"
    return {f"{start}.{name}": value for start in ("detector", data) for name, value in facts.items()}


def over_seeds(values):
    """Return mean and range of one value a seed, as a table's cell."""
    return f"{fmean(values):.4f} ({min(values):.3f} to {max(values):.3f})"


def choice_table(results, *names):
    """Return a table row for each value of the settings `names`: the AUC that choices go by, over seeds."""
    return [{name: str(getattr(own[0].setting, name)) for name in names}
            | {"AUC, set aside": over_seeds([result.set_aside_auc for result in own])}
            for own in group(results, *names).values()]


def score_rows(groups):
    """Return a table's rows: each detector's scores at the chosen threshold, mean and range over seeds."""
    return [{"detector": label, "AUC, set aside": over_seeds([result.choice_auc for result in results])} |
            {name.replace("_", " "): over_seeds([result.scores["chosen"][name] for result in results])
             for name in ("auc", *SCORES)} for label, results in groups.items()]


def rule_rows(groups):
    """Return a table's rows: each detector's scores by every rule of the threshold, means over seeds."""
    return [{"detector": label, "threshold": rule} |
            {name.replace("_", " "): f"{mean_of(results, name, rule):.3f}" for name in SCORES}
            for label, results in groups.items() for rule in results[0].scores]
