"""The notebook's two sizes: "full" is what is committed, "quick" the same code on smaller grids."""

import dataclasses
import os

from smai_nn.checks import require_choice


@dataclasses.dataclass(frozen=True)
class XorProfile:
    """Section 1.3."""

    seeds: tuple
    widths: tuple  # of all hidden layers
    pairs: tuple  # of two hidden layers, unequal
    gradient_seeds: tuple


@dataclasses.dataclass(frozen=True)
class BorderProfile:
    """Sections 1.2 and 1.4."""

    seeds: tuple  # of every setting
    max_epochs: int  # cap where early stopping decides
    grid_depths: tuple  # hidden layers in the grid of architectures
    grid_widths: tuple
    activations: tuple
    longer_epochs: int  # of the runs that go on without early stopping
    depths: tuple  # with all other things fixed
    widths: tuple  # likewise
    learning_rates: tuple
    batch_sizes: tuple
    accumulations: tuple


@dataclasses.dataclass(frozen=True)
class DigitProfile:
    """Section 3.1."""

    epochs: dict  # bottleneck -> epochs, the widest first: it has one core, the others share the other one
    training_samples: int | None  # None: all
    trials: dict  # optimizer -> learning rates that are tried
    trial_epochs: int
    trial_samples: int

@dataclasses.dataclass(frozen=True)
class PicturesProfile:
    """Section 2."""

    size: int  # px, of all pictures
    study_size: int  # px, of the cat in the runs that compare settings
    scaling_epochs: int
    scaling_seeds: tuple
    screening_epochs: int
    screened: tuple  # candidates: (optimizer, learning rate, batch size, schedule)
    epochs: dict  # of each picture in section 2.4
    blur_levels: tuple  # those of them that there are
    blur_seeds: dict  # level -> seeds, where there are more than the seed 0
    blur_max_epochs: int  # cap where early stopping decides


@dataclasses.dataclass(frozen=True)
class SampleProfile:
    """Section 1.5, goal 2."""

    sgd_rates: tuple
    adam_rates: tuple
    batch_sizes: tuple
    accumulations: tuple
    slopes: tuple  # of recursive least squares
    noise_ratios: tuple  # likewise
    gradient_tuning_seeds: tuple  # of the runs that choose the settings of SGD and Adam
    tuning_seeds: tuple  # likewise, of recursive least squares
    tuning_samples: int  # after which such a run of SGD or Adam ends
    gradient_seeds: tuple  # of the runs that are reported
    seeds: tuple
    gradient_samples: int  # after which such a run of SGD or Adam ends


@dataclasses.dataclass(frozen=True)
class WholeMapProfile:
    """Section 1.5, the whole map."""

    shapes: tuple  # widths of the hidden layers
    seeds: tuple
    max_epochs: int

@dataclasses.dataclass(frozen=True)
class FacesProfile:
    """Section 3.2."""

    seeds: tuple  # each with a test of its own; at most three tests are without overlap
    bottlenecks: tuple  # from narrow to wide, all narrower than the hidden layers
    hidden: tuple  # widths of the encoder's hidden layers
    deeper: tuple  # what is tried instead
    max_epochs: int
    box_step: int  # 1: all of detection.BOXES are tried, 4: every fourth


@dataclasses.dataclass(frozen=True)
class Profile:
    """Grids, seeds and caps of all experiments, section by section."""

    name: str
    note: str  # for the set-up table
    xor: XorProfile
    border: BorderProfile
    samples: SampleProfile
    whole_map: WholeMapProfile
    pictures: PicturesProfile
    digits: DigitProfile
    faces: FacesProfile


FULL = Profile(
    "full", "full: all grids and seeds",
    XorProfile(seeds=tuple(range(7)), widths=(2, 4, 8, 16), pairs=((8, 4), (4, 8)),
               gradient_seeds=(0, 1, 2, 3, 4)),
    BorderProfile(seeds=(0, 1, 2), max_epochs=500, longer_epochs=100, grid_depths=(1, 2, 3), grid_widths=(8, 32, 64),
                  activations=("relu", "tanh", "sigmoid"), depths=(1, 2, 3, 4, 5, 6), widths=(4, 8, 16, 32, 64, 128),
                  learning_rates=(0.001, 0.003, 0.01), batch_sizes=(16, 64, 256), accumulations=(1, 4, 16)),
    SampleProfile(sgd_rates=(0.01, 0.03, 0.1, 0.3), adam_rates=(0.0003, 0.001, 0.003, 0.01), batch_sizes=(1, 4, 16, 64),
                  accumulations=(1, 4), slopes=(30.0, 60.0, 120.0, 240.0), noise_ratios=(3.0, 10.0, 30.0, 100.0),
                  gradient_tuning_seeds=(100, 101, 102), tuning_seeds=(100, 101, 102, 103, 104), tuning_samples=10_000,
                  gradient_seeds=tuple(range(5)), seeds=tuple(range(20)), gradient_samples=100_000),
    WholeMapProfile(shapes=((16,) * 3,), seeds=(0, 1, 2), max_epochs=20_000),
    PicturesProfile(size=256, study_size=128, scaling_epochs=8, scaling_seeds=(0, 1, 2), screening_epochs=15,
                    screened=(("adam", 0.001, 128, "cosine"), ("adam", 0.003, 128, "cosine"),
                              ("adam", 0.01, 128, "cosine"), ("adam", 0.003, 128, "constant"),
                              ("adam", 0.003, 512, "cosine"), ("momentum", 0.03, 128, "cosine")),
                    epochs={"smiley": 50, "cat": 150}, blur_levels=tuple(range(11)),
                    blur_seeds={level: (0, 1) for level in (0, 5, 10)}, blur_max_epochs=200),
    DigitProfile(epochs={32: 17, 8: 10, 2: 7}, training_samples=None, trial_epochs=2, trial_samples=10_000,
                 trials={"sgd": (3.0, 10.0, 30.0), "momentum": (1.0, 3.0, 10.0), "adam": (0.001, 0.003, 0.01)}),
    FacesProfile(seeds=(0, 1, 2), bottlenecks=(8, 24, 64), hidden=(256, 128), deeper=(256, 192, 128), max_epochs=60,
                 box_step=1))

QUICK = Profile(
    "quick", "quick: the same code on smaller grids, fewer epochs and samples, for a quick look",
    XorProfile(seeds=(0, 1), widths=(2, 8), pairs=((8, 4), (4, 8)), gradient_seeds=(0,)),
    BorderProfile(seeds=(0, 1), max_epochs=30, longer_epochs=40, grid_depths=(1, 2), grid_widths=(8, 32),
                  activations=("relu", "tanh", "sigmoid"), depths=(1, 3), widths=(8, 32),
                  learning_rates=(0.003, 0.01), batch_sizes=(16, 64), accumulations=(1, 4)),
    SampleProfile(sgd_rates=(0.1,), adam_rates=(0.003,), batch_sizes=(4, 16), accumulations=(1, 4),
                  slopes=(60.0, 120.0), noise_ratios=(10.0, 30.0), gradient_tuning_seeds=(100,), tuning_seeds=(100, 101),
                  tuning_samples=2500, gradient_seeds=(0, 1), seeds=(0, 1, 2), gradient_samples=10_000),
    WholeMapProfile(shapes=((16,) * 3,), seeds=(0,), max_epochs=600),
    PicturesProfile(size=40, study_size=32, scaling_epochs=4, scaling_seeds=(0,), screening_epochs=4,
                    screened=(("adam", 0.001, 128, "cosine"), ("adam", 0.003, 128, "cosine"),
                              ("momentum", 0.03, 128, "cosine")),
                    epochs={"smiley": 50, "cat": 150}, blur_levels=(0, 2, 5, 10),
                    blur_seeds={5: (0, 1)}, blur_max_epochs=60),
    DigitProfile(epochs={32: 6, 8: 3, 2: 3}, training_samples=4000, trial_epochs=2, trial_samples=2000,
                 trials={"sgd": (10.0,), "momentum": (1.0,), "adam": (0.003,)}),
    FacesProfile(seeds=(0, 1), bottlenecks=(4, 8, 16), hidden=(64, 32), deeper=(64, 48, 32), max_epochs=15,
                 box_step=4))

PROFILES = {profile.name: profile for profile in (FULL, QUICK)}


def current_profile():
    """Return the Profile named by $SMAI_PROFILE, "full" by default. Raises ValueError for an unknown name."""
    name = (os.environ.get("SMAI_PROFILE") or "full").strip()
    return PROFILES[require_choice(name, "SMAI_PROFILE", tuple(PROFILES))]
