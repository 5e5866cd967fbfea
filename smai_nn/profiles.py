"""The notebook's two sizes: "full" is what is committed, "quick" the same code on smaller grids."""

import dataclasses
import os

from smai_nn.checks import require_choice


@dataclasses.dataclass(frozen=True)
class Profile:
    """Grids, seeds and caps of all experiments."""

    name: str
    seeds: tuple  # of every setting on the border
    max_epochs: int  # cap where early stopping decides
    xor_seeds: tuple
    xor_widths: tuple
    gradient_seeds: tuple
    architecture_depths: tuple  # hidden layers in the grid of architectures
    architecture_widths: tuple
    activations: tuple
    depths: tuple  # with all other things fixed
    widths: tuple  # likewise
    learning_rates: tuple
    batch_sizes: tuple
    accumulations: tuple


PROFILES = {
    "full": Profile(
        "full", seeds=(0, 1, 2, 3, 4), max_epochs=500, xor_seeds=tuple(range(10)), xor_widths=(2, 3, 4, 8, 16),
        gradient_seeds=(0, 1, 2, 3, 4), architecture_depths=(1, 2, 3), architecture_widths=(8, 32, 64),
        activations=("relu", "tanh", "sigmoid"), depths=(1, 2, 3, 4, 5, 6), widths=(4, 8, 16, 32, 64, 128),
        learning_rates=(0.001, 0.003, 0.01), batch_sizes=(16, 64, 256), accumulations=(1, 4)),
    "quick": Profile(
        "quick", seeds=(0, 1), max_epochs=30, xor_seeds=(0, 1), xor_widths=(2, 8), gradient_seeds=(0,),
        architecture_depths=(1, 2), architecture_widths=(8, 32), activations=("relu", "tanh", "sigmoid"),
        depths=(1, 3), widths=(8, 32), learning_rates=(0.003, 0.01), batch_sizes=(16, 64), accumulations=(1, 4)),
}


def current_profile():
    """Return the Profile named by $SMAI_PROFILE, "full" by default. Raises ValueError for an unknown name."""
    return PROFILES[require_choice(os.environ.get("SMAI_PROFILE") or "full", "SMAI_PROFILE", tuple(PROFILES))]
