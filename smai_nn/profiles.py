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
class Profile:
    """Grids, seeds and caps of all experiments, section by section."""

    name: str
    note: str  # for the set-up table
    xor: XorProfile
    border: BorderProfile
    digits: DigitProfile


FULL = Profile(
    "full", "full: all grids and seeds",
    XorProfile(seeds=tuple(range(7)), widths=(2, 4, 8, 16), pairs=((8, 4), (4, 8)),
               gradient_seeds=(0, 1, 2, 3, 4)),
    BorderProfile(seeds=(0, 1, 2), max_epochs=500, longer_epochs=100, grid_depths=(1, 2, 3), grid_widths=(8, 32, 64),
                  activations=("relu", "tanh", "sigmoid"), depths=(1, 2, 3, 4, 5, 6), widths=(4, 8, 16, 32, 64, 128),
                  learning_rates=(0.001, 0.003, 0.01), batch_sizes=(16, 64, 256), accumulations=(1, 4, 16)),
    DigitProfile(epochs={32: 17, 8: 10, 2: 7}, training_samples=None, trial_epochs=2, trial_samples=10_000,
                 trials={"sgd": (3.0, 10.0, 30.0), "momentum": (1.0, 3.0, 10.0), "adam": (0.001, 0.003, 0.01)}))

QUICK = Profile(
    "quick", "quick: the same code on smaller grids, fewer epochs and samples, for a quick look",
    XorProfile(seeds=(0, 1), widths=(2, 8), pairs=((8, 4), (4, 8)), gradient_seeds=(0,)),
    BorderProfile(seeds=(0, 1), max_epochs=30, longer_epochs=40, grid_depths=(1, 2), grid_widths=(8, 32),
                  activations=("relu", "tanh", "sigmoid"), depths=(1, 3), widths=(8, 32),
                  learning_rates=(0.003, 0.01), batch_sizes=(16, 64), accumulations=(1, 4)),
    DigitProfile(epochs={32: 6, 8: 3, 2: 3}, training_samples=4000, trial_epochs=2, trial_samples=2000,
                 trials={"sgd": (10.0,), "momentum": (1.0,), "adam": (0.003,)}))

PROFILES = {profile.name: profile for profile in (FULL, QUICK)}


def current_profile():
    """Return the Profile named by $SMAI_PROFILE, "full" by default. Raises ValueError for an unknown name."""
    name = (os.environ.get("SMAI_PROFILE") or "full").strip()
    return PROFILES[require_choice(name, "SMAI_PROFILE", tuple(PROFILES))]
