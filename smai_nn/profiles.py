"""The notebook's two sizes: "full", the defaults, is what is committed; "quick" the same code on smaller grids."""

import dataclasses
import os

from smai_nn.checks import require_choice
from smai_nn.experiments.search import SearchSetting


@dataclasses.dataclass(frozen=True)
class XorProfile:
    """Section 1.3."""

    seeds: tuple = (0, 1, 2, 3, 4, 5, 6)
    widths: tuple = (2, 4, 8, 16)  # of all hidden layers


@dataclasses.dataclass(frozen=True)
class BorderProfile:
    """Sections 1.2 and 1.4."""

    seeds: tuple = (0, 1, 2)  # of every setting
    max_epochs: int = 500  # cap where early stopping decides
    grid_depths: tuple = (1, 2, 3)  # hidden layers in the grid of architectures
    grid_widths: tuple = (8, 32, 64)
    longer_epochs: int = 100  # of the runs that go on without early stopping
    depths: tuple = (1, 2, 3, 4, 5, 6)  # with all other things fixed
    widths: tuple = (4, 8, 16, 32, 64, 128)  # likewise
    learning_rates: tuple = (0.001, 0.003, 0.01)
    batch_sizes: tuple = (16, 64, 256)
    accumulations: tuple = (1, 4, 16)


@dataclasses.dataclass(frozen=True)
class SampleProfile:
    """Section 1.5, goal 2."""

    learning_rates: dict = dataclasses.field(default_factory=lambda: {  # method -> those that are tried
        "sgd": (0.003, 0.01, 0.03, 0.1), "adam": (0.0003, 0.001, 0.003, 0.01),
        "adam, output layer": (0.0001, 0.0003, 0.001)})
    batch_sizes: tuple = (1, 4, 16, 64)
    accumulations: tuple = (1, 4)
    slopes: tuple = (30.0, 60.0, 120.0, 240.0)  # of recursive least squares
    noise_ratios: tuple = (3.0, 10.0, 30.0, 100.0)  # likewise
    gradient_tuning_seeds: tuple = (100, 101, 102)  # of the runs that choose the settings of SGD and Adam
    tuning_seeds: tuple = (100, 101, 102, 103, 104)  # likewise, of recursive least squares
    tuning_samples: int = 10_000  # after which such a run of SGD or Adam ends
    gradient_seeds: tuple = tuple(range(5))  # of the runs that are reported
    seeds: tuple = tuple(range(20))
    gradient_samples: int = 100_000  # after which such a run of SGD or Adam ends


@dataclasses.dataclass(frozen=True)
class PicturesProfile:
    """Section 2."""

    size: int = 256  # px, of all pictures
    study_size: int = 128  # px, of the cat in the runs that compare settings
    scaling_epochs: int = 20
    scaling_seeds: tuple = (0, 1, 2)
    screening_epochs: int = 30
    screened: tuple = (  # candidates: (learning rate, batch size, schedule)
        (0.001, 128, "cosine"), (0.003, 128, "cosine"), (0.01, 128, "cosine"), (0.003, 128, "constant"),
        (0.003, 512, "cosine"))
    epochs: dict = dataclasses.field(default_factory=lambda: {"smiley": 50, "cat": 150})  # in section 2.4
    mapping_seeds: tuple = (0, 1)  # likewise
    blur_levels: tuple = tuple(range(11))  # those of them that there are
    blur_seeds: tuple = (0, 1)
    blur_max_epochs: int = 200  # cap where early stopping decides


@dataclasses.dataclass(frozen=True)
class DigitProfile:
    """Section 3.1."""

    bottlenecks: tuple = (32, 8)
    max_epochs: int = 17
    training_samples: int | None = None  # None: all
    trials: dict = dataclasses.field(  # optimizer -> learning rates that are tried
        default_factory=lambda: {"sgd": (3.0, 10.0, 30.0), "adam": (0.001, 0.003, 0.01)})
    trial_epochs: int = 2
    trial_samples: int = 10_000


@dataclasses.dataclass(frozen=True)
class FacesProfile:
    """Section 3.2."""

    seeds: tuple = (0, 1, 2)  # each with a test of its own; at most three tests are without overlap
    bottlenecks: tuple = (8, 24, 64)  # from narrow to wide, all narrower than the hidden layers
    hidden: tuple = (256, 128)  # widths of the encoder's hidden layers
    max_epochs: int = 60


@dataclasses.dataclass(frozen=True)
class Profile:
    """Grids, seeds and caps of all experiments, section by section."""

    name: str = "full"
    xor: XorProfile = XorProfile()
    border: BorderProfile = BorderProfile()
    searches: tuple = tuple(SearchSetting(seed=seed) for seed in range(5))  # of section 1.5, goal 1
    samples: SampleProfile = SampleProfile()
    pictures: PicturesProfile = PicturesProfile()
    digits: DigitProfile = DigitProfile()
    faces: FacesProfile = FacesProfile()


QUICK = Profile(
    "quick", XorProfile(seeds=(0, 1), widths=(2, 8)),
    BorderProfile(seeds=(0, 1), max_epochs=30, longer_epochs=40, grid_depths=(1, 2), grid_widths=(8, 32),
                  depths=(1, 3), widths=(8, 32), learning_rates=(0.003, 0.01), batch_sizes=(16, 64),
                  accumulations=(1, 4)),
    (SearchSetting(max_parameters=21, max_depth=2, beyond=0),),
    SampleProfile(learning_rates={"sgd": (0.1,), "adam": (0.003,), "adam, output layer": (0.001,)},
                  batch_sizes=(4, 16), accumulations=(1, 4), slopes=(60.0, 120.0), noise_ratios=(10.0, 30.0),
                  gradient_tuning_seeds=(100,), tuning_seeds=(100, 101), tuning_samples=2500,
                  gradient_seeds=(0, 1), seeds=(0, 1, 2), gradient_samples=10_000),
    PicturesProfile(size=40, study_size=32, scaling_epochs=4, scaling_seeds=(0,), mapping_seeds=(0,),
                    screening_epochs=4, screened=((0.001, 128, "cosine"), (0.003, 128, "cosine")),
                    blur_levels=(0, 2, 5, 10), blur_seeds=(0,), blur_max_epochs=60),
    DigitProfile(max_epochs=6, training_samples=4000, trial_samples=2000,
                 trials={"sgd": (10.0,), "adam": (0.003,)}),
    FacesProfile(seeds=(0, 1), bottlenecks=(4, 8, 16), hidden=(64, 32), max_epochs=15))

PROFILES = {profile.name: profile for profile in (Profile(), QUICK)}


def current_profile():
    """Return the Profile named by $SMAI_PROFILE, "full" by default. Raises ValueError for an unknown name."""
    name = (os.environ.get("SMAI_PROFILE") or "full").strip()
    return PROFILES[require_choice(name, "SMAI_PROFILE", tuple(PROFILES))]
