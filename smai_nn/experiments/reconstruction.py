"""Section 2: networks that map features of a pixel's coordinates to its intensity."""

import dataclasses
from pathlib import Path, PureWindowsPath

import numpy as np

from smai_nn.activations import Identity, ReLU
from smai_nn.checks import require_choice
from smai_nn.datasets import sources
from smai_nn.experiments.border import group, vary
from smai_nn.features import Modular_Dataloader, get_fourier, get_polynomial, method_label, pixel_coordinates
from smai_nn.metrics import energy_above, psnr
from smai_nn.model import NonFiniteLossError, build_network
from smai_nn.optim import Adam
from smai_nn.runs import Experiment, RunFolder, Study, restore_setting
from smai_nn.trainer import Callback, History, TrainConfig, Trainer

# The mappings of section 2.4: (method, order or number of frequencies).
MAPPINGS = (("Raw", 1), ("Polynomial", 5), ("Polynomial", 15), ("Polynomial", 25),
            ("Fourier", 5), ("Fourier", 15), ("Fourier", 25))
REPEATED = (("Raw", 1), ("Polynomial", 5), ("Fourier", 5), ("Fourier", 25))  # those that are compared most
MIDDLE = (("Raw", 1), ("Polynomial", 15), ("Fourier", 15))  # one of each method, for the studies
BLUR_METHODS = {"Raw": "BASE", "Fourier": "FOURIER"}  # names of section 2.5
SCALINGS = {"standard": "the loader's own", "pixels": "pixel numbers", "symmetric": "[-1, 1)"}  # of section 2.3
RECIPE = ("learning_rate", "batch_size", "learning_rate_schedule")  # what the screening varies
DETAIL = 5  # cycles per picture, the highest frequency of FOURIER in 2.5: what lies above counts as detail


@dataclasses.dataclass(frozen=True)
class ReconstructionSetting:
    """Settings of one reconstruction; a sweep states only what differs."""

    image: str = "cat.jpg"  # a file's name in data/ or $SMAI_DATA, or its path
    image_type: str = "RGB"  # or "Gray"
    mapping: tuple = ("Raw", 1)  # method, and the order of the polynomial or the number of frequencies
    scaling: str = "standard"  # one of SCALINGS
    hidden: tuple = (64, 128, 128)  # widths of the hidden layers, all ReLU; the output is the identity
    learning_rate: float = 0.003  # of Adam
    learning_rate_schedule: str = "cosine"
    batch_size: int = 128
    max_epochs: int = 150
    patience: int | None = None  # no early stopping
    size: int = 256  # the picture's width and height, px
    seed: int = 0  # of the initial values and of the shuffling, in separate streams
    keep_pictures: bool = False  # of every epoch

    def __post_init__(self):
        require_choice(self.scaling, "scaling", tuple(SCALINGS))

    method = property(lambda self: self.mapping[0], doc='"Raw", "Polynomial" or "Fourier".')
    label = property(lambda self: method_label(*self.mapping, self.mapping[1]), doc='Such as "Fourier 25".')
    key = property(lambda self: self.label.lower().replace(" ", ""), doc='Such as "fourier25", in names of facts.')
    picture = property(lambda self: PureWindowsPath(self.image).stem, doc="The image's name, also of a Windows path.")
    level = property(lambda self: int(self.picture.removeprefix("blur_")), doc='The blur, 3 in "blur_3.jpg".')

    def loader(self):
        """Return the Modular_Dataloader of this run, with the features that `scaling` asks for."""
        method, order = self.mapping
        loader = Modular_Dataloader(self.image, self.image_type, method, order, freq=order, size=self.size)
        if self.scaling != "standard":
            features = pixel_coordinates(self.size)
            if self.scaling == "symmetric":
                features = 2 * features / self.size - 1
            if method != "Raw":
                features = (get_fourier if method == "Fourier" else get_polynomial)(features, order)
            with np.errstate(over="ignore"):  # which is what the comparison is about
                loader.features = features.astype(np.float32)
        return loader


@dataclasses.dataclass(frozen=True)
class ReconstructionResult:
    """What one run came to; `mse` is of the whole picture with the final parameters, before clipping to [0, 1]."""

    setting: ReconstructionSetting
    in_width: int  # columns of gamma(v)
    parameter_count: int
    mse: float
    target_detail: float  # mean square of what the target has above DETAIL
    error_detail: float  # likewise the reconstruction's error
    history: History
    image: np.ndarray  # the reconstruction, uint8
    folder: Path

    psnr = property(lambda self: psnr(self.mse), doc="Peak signal-to-noise ratio of the reconstruction, dB.")
    frames = property(lambda self: RunFolder(self.folder).arrays("frames"), doc="If they were kept: the pictures of "
                      "all epochs, uint8 (epochs, height, width[, 3]), and the mse (epochs,) of each.")


@dataclasses.dataclass(frozen=True)
class ComparedResult:
    """One run of a study that only compares settings."""

    setting: ReconstructionSetting
    psnr: float | None  # dB; None if the training diverged
    losses: np.ndarray = ()  # of its epochs


class KeepPictures(Callback):
    """Keeps the picture that the model makes after every epoch, as uint8, and its mean squared error."""

    def __init__(self, loader):
        self.loader, self.pictures, self.mse = loader, [], []

    def on_epoch_end(self, trainer):
        """Append what the model makes of all pixels now."""
        prediction = trainer.model.predict(self.loader.features)
        self.pictures.append(self.loader.as_image(prediction))
        self.mse.append(np.mean(np.square(prediction - self.loader.targets), dtype=float))


def train(setting, loader, callbacks=(), progress=False):
    """Train one network on a loader's pixels; return (model, history). Raises ValueError if the training diverges."""
    initial_rng, shuffle_rng = np.random.default_rng(setting.seed).spawn(2)
    model = build_network((loader.feature_width, *setting.hidden, loader.channels), ReLU, Identity, loss="mse",
                          optimizer=Adam(setting.learning_rate), rng=initial_rng)
    config = TrainConfig(setting.batch_size, max_epochs=setting.max_epochs, patience=setting.patience,
                         learning_rate_schedule=setting.learning_rate_schedule, progress=progress)
    return model, Trainer(model, config, rng=shuffle_rng, callbacks=callbacks).fit(loader)


def run_reconstruction(setting, progress=False):
    """Train one network; return the path of its run folder."""
    loader = setting.loader()
    keeper = KeepPictures(loader)
    asked = RECONSTRUCTION.described(setting, loader.source) | {"notes": loader.notes}
    with RunFolder.recording(f"{setting.picture}-{setting.key}-s{setting.seed}", asked) as folder:
        model, history = train(setting, loader, [keeper] if setting.keep_pictures else [], progress)
        image, target = loader.as_image(model.predict(loader.features)), loader.image / 255
        # The changes from row to row, modulo 256, take half the room; their sum modulo 256 is the picture again.
        folder.save_arrays("reconstruction", changes=np.diff(image, axis=0, prepend=np.uint8(0)))
        if keeper.pictures:
            folder.save_arrays("frames", pictures=np.stack(keeper.pictures), mse=np.array(keeper.mse))
        folder.finish(history, {
            "in_width": loader.feature_width, "parameter_count": model.parameter_count,
            "mse": model.evaluate(loader.features, loader.targets), "target_detail": energy_above(target, DETAIL),
            "error_detail": energy_above(image / 255 - target, DETAIL)}, model=model, half=True)
    return folder.path


def read_reconstruction(folder):
    """Return the ReconstructionResult of a finished run's folder."""
    folder = RunFolder(folder)
    metrics, changes = folder.metrics(), folder.arrays("reconstruction")["changes"]
    measures = [metrics[name] for name in ("in_width", "parameter_count", "mse", "target_detail", "error_detail")]
    return ReconstructionResult(
        restore_setting(ReconstructionSetting, folder.settings()["setting"]), *measures,
        History.restore(folder.arrays("history"), metrics), np.cumsum(changes, axis=0, dtype=np.uint8), folder.path)


def run_compared(setting):
    """Train one network; return a ComparedResult, without a folder of its own."""
    loader, diverged = setting.loader(), ComparedResult(setting, None, np.empty(0, np.float32))
    if not np.isfinite(loader.features).all():  # an outcome, as below: unscaled powers overflow
        return diverged
    try:
        model, history = train(setting, loader)
    except NonFiniteLossError:
        return diverged
    if history.stop_reason == "interrupted":  # half a run is no result
        raise KeyboardInterrupt
    mse = model.evaluate(loader.features, loader.targets)
    return ComparedResult(setting, psnr(mse), np.float32(history.epoch_loss))


def find_picture(setting=ReconstructionSetting()):
    """Return the DataSource of a setting's picture; a study's is the cat."""
    return sources.describe(setting.image) if Path(setting.image).is_file() else sources.find_file(setting.image)


RECONSTRUCTION = Experiment("reconstruction", 3, run_reconstruction, read_reconstruction, find_picture)
SCALING = Study("scaling", 5, run_compared, ComparedResult, find_picture)
SCREENING = Study("screening", 4, run_compared, ComparedResult, find_picture)


def scaling_settings(size, epochs, seeds):
    """Return the settings of section 2.3: each mapping with each scaling and seed, at a constant rate."""
    base = ReconstructionSetting(size=size, max_epochs=epochs, learning_rate_schedule="constant")
    return vary(base, seeds, mapping=MIDDLE, scaling=SCALINGS)


def screening_settings(candidates, size, epochs):
    """Return the settings of the screening: MIDDLE with each candidate, values of RECIPE."""
    return [ReconstructionSetting(mapping=mapping, size=size, max_epochs=epochs, **dict(zip(RECIPE, candidate)))
            for candidate in candidates for mapping in MIDDLE]


def mapping_settings(chosen, size, epochs, seeds):
    """Return section 2.4's settings, `epochs` a dict: all MAPPINGS with the first seed, REPEATED with the others too.

    The first seed keeps the pictures of all epochs.
    """
    settings = []
    for name, kind in (("cat.jpg", "RGB"), ("smiley.png", "Gray")):
        base = dataclasses.replace(chosen, image=name, image_type=kind, size=size, keep_pictures=False)
        base = dataclasses.replace(base, max_epochs=epochs[base.picture])
        settings += vary(dataclasses.replace(base, keep_pictures=True), seeds[:1], mapping=MAPPINGS)
        settings += vary(base, seeds[1:], mapping=REPEATED)
    return settings


def blur_settings(names, size, max_epochs, seeds):
    """Return the settings of section 2.5: each picture, of `names` (level -> file), with both methods and all seeds."""
    base = ReconstructionSetting(hidden=(64, 64, 64), size=size, max_epochs=max_epochs, patience=10,
                                 learning_rate=0.001, learning_rate_schedule="constant")
    return vary(base, seeds, image=names.values(), mapping=(("Raw", 1), ("Fourier", 5)))


def choose(results):
    """Return a screening's table, best mean first, and the choice, which is that one."""
    rows = []
    for recipe, runs in group(results, *RECIPE).items():
        mean = float(np.mean([-np.inf if run.psnr is None else run.psnr for run in runs]))
        by_mapping = {run.setting.label: run.psnr or "diverged" for run in runs}
        rows.append(dict(zip(RECIPE, recipe)) | by_mapping | {"mean": mean, "choice": ""})
    rows.sort(key=lambda row: -row["mean"])
    rows[0]["choice"] = "chosen"
    return rows, ReconstructionSetting(**{name: rows[0][name] for name in RECIPE})


def fit_row(row, gamma):
    """Return the least-squares fit of a picture's row, intensities (n,), by a constant and columns gamma (n, width)."""
    columns = np.column_stack([np.ones(len(row)), gamma])
    return columns @ np.linalg.lstsq(columns, row, rcond=None)[0]


def scaling_table(results):
    """Return the rows of the table of section 2.3, a row for each mapping and scaling."""
    rows = []
    for runs in group(results, "mapping", "scaling").values():
        setting, values = runs[0].setting, [run.psnr for run in runs]
        rows.append({"mapping": setting.label, "coordinates": SCALINGS[setting.scaling],
                     "largest value": f"{np.abs(setting.loader().features).max():.3g}",
                     "PSNR (dB)": "does not train" if None in values else
                     f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"})
    return rows


def scaling_facts(results):
    """Return, as facts, PSNRs by mapping and scaling (least, median, most; None if it diverged), how many runs did."""
    facts = {"scaling.diverged": sum(run.psnr is None for run in results)}
    for (method, scaling), runs in group(results, "method", "scaling").items():
        values = [run.psnr for run in runs]
        for name, of in (("least", min), ("median", np.median), ("most", max)):
            facts[f"scaling.{method.lower()}.{scaling}.{name}"] = None if None in values else float(of(values))
    return facts


def mapping_table(results):
    """Return the rows of section 2.4's table: the first seed's run of each mapping, and the PSNR of all seeds."""
    return [{"picture": run.setting.picture, "method": run.setting.label, "final inference loss": f"{run.mse:.2e}",
             "PSNR (dB) by seed": ", ".join(f"{seed.psnr:.1f}" for seed in (run, *others)),
             "epoch time (s, mean)": f"{np.mean(run.history.epoch_seconds):.2f}",
             "input parameters": run.in_width, "trainable parameters": run.parameter_count}
            for run, *others in group(results, "picture", "mapping").values()]


def mapping_facts(results):
    """Return section 2.4's facts; `reaches_raw` is the epoch in which a mapping has Raw's last loss, None for never."""
    facts = {"reconstruction.seed_range": 0.0}
    for picture, own in group(results, "picture").items():
        last = own[0].history.epoch_loss[-1]
        for runs in group(own, "mapping").values():
            name, values = f"reconstruction.{picture}.{runs[0].setting.key}", [run.psnr for run in runs]
            reached = np.flatnonzero(np.array(runs[0].history.epoch_loss) <= last)
            facts |= {f"{name}.psnr": values[0], f"{name}.least": min(values), f"{name}.most": max(values),
                      f"{name}.reaches_raw": int(reached[0]) + 1 if len(reached) else None}
            facts["reconstruction.seed_range"] = max(facts["reconstruction.seed_range"], max(values) - min(values))
    return facts


def runs_by_method(results):
    """Return {"BASE": [the runs of the least blur, one a seed; those of the next level; ...], "FOURIER": likewise}."""
    methods = group(results, "method")
    return {BLUR_METHODS[method]: list(group(own, "level").values()) for method, own in methods.items()}


def mean_loss(runs):
    """Return the mean final loss (MSE) of runs that differ in the seed alone."""
    return float(np.mean([run.mse for run in runs]))


def blur_table(results):
    """Return the rows of section 2.5's table, means over seeds by level; "detail missed" is a share of the target's."""
    rows = []
    for pair in zip(*runs_by_method(results).values()):
        rows.append({"blur": pair[0][0].setting.level})
        for name, runs in zip(BLUR_METHODS.values(), pair):
            missed = np.mean([run.error_detail / run.target_detail for run in runs])
            cap = ", not converged" * any(run.history.stop_reason != "early_stopping" for run in runs)
            rows[-1] |= {f"{name}: final loss": f"{mean_loss(runs):.2e}", f"{name}: detail missed": f"{missed:.0%}",
                         f"{name}: epochs": ", ".join(str(run.history.epochs) for run in runs) + cap}
    return rows


def blur_facts(results):
    """Return, as facts, what the strongest blur leaves of mean losses and detail, and how methods and seeds differ."""
    base, fourier = runs_by_method(results).values()
    gaps = {a[0].setting.level: mean_loss(a) / mean_loss(b) for a, b in zip(base, fourier)}
    rises = [f"{name} at blur_{high[0].setting.level} ({mean_loss(high) / mean_loss(low):.2f} times)"
             for name, levels in runs_by_method(results).items() for low, high in zip(levels, levels[1:])
             if mean_loss(high) > mean_loss(low)]
    first, last = base[0][0], base[-1][0]  # of the seed that is shown
    return {
        "blur.base.left": mean_loss(base[-1]) / mean_loss(base[0]), "blur.levels": len(gaps),
        "blur.fourier.left": mean_loss(fourier[-1]) / mean_loss(fourier[0]),
        "blur.detail_left": last.target_detail / first.target_detail,
        "blur.base.error_in_detail": first.error_detail / first.mse,
        "blur.base.missed_first": first.error_detail / first.target_detail,
        "blur.base.missed_last": last.error_detail / last.target_detail,
        "blur.gap_first": gaps[min(gaps)], "blur.gap_widest": max(gaps.values()), "blur.gap_last": gaps[max(gaps)],
        "blur.widest": max(gaps, key=gaps.get), "blur.rises": ", ".join(rises) or "no picture",
        "blur.spread": max(max(run.mse for run in runs) / min(run.mse for run in runs) for runs in base + fourier),
        "blur.levels_ahead": sum(max(b.mse for b in two) < min(a.mse for a in one) for one, two in zip(base, fourier))}
