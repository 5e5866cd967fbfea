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
    search: dict  # settings of a search for the smallest network, in section 1.5
    search_seeds: tuple
    tuning_seeds: tuple  # of the runs that choose settings for the fewest samples
    tuning_epochs: int
    sample_rates: dict  # learning rates to choose from
    sample_width: int  # units of the wide first layer
    sample_epochs: dict  # caps where early stopping decides
    sample_seeds: tuple
    map_hidden: tuple  # networks that are to classify every pixel correctly
    map_epochs: int
    map_seeds: tuple
    picture_size: int  # px, of the pictures of section 2
    scaling_epochs: int  # of the runs that compare scalings
    screening_epochs: int  # of the runs that choose two sets of hyperparameters for a closer look
    screened: tuple  # (optimizer, learning rate, batch size, schedule) of each candidate
    blur_levels: tuple
    blur_seeds: tuple
    blur_max_epochs: int  # cap where early stopping decides
    digit_bottlenecks: tuple  # widths of the autoencoders' latent representations in section 3.1
    digit_samples: int | None  # training digits; None: all
    digit_epochs: int
    face_hidden: tuple  # hidden layers that are compared in section 3.2
    face_noises: tuple  # likewise, of denoising
    face_bottlenecks: tuple
    face_seeds: tuple
    face_epochs: int

    @property
    def note(self):
        """What the profile means, for the top of the notebook."""
        if self.name == "full":
            return "full: all grids and seeds"
        return (f"quick: the same code on smaller grids, fewer epochs and samples, pictures of {self.picture_size} px, "
                "for a quick look")


PROFILES = {
    "full": Profile(
        "full", seeds=(0, 1, 2, 3, 4), max_epochs=500, xor_seeds=tuple(range(10)), xor_widths=(2, 4, 8, 16),
        gradient_seeds=(0, 1, 2, 3, 4), architecture_depths=(1, 2, 3), architecture_widths=(8, 32, 64),
        activations=("relu", "tanh", "sigmoid"), depths=(1, 2, 3, 4, 5, 6), widths=(4, 8, 16, 32, 64, 128),
        learning_rates=(0.001, 0.003, 0.01), batch_sizes=(32, 64, 256), accumulations=(1, 4),
        search={}, search_seeds=(0, 1, 2, 3, 4), tuning_seeds=(100, 101, 102), tuning_epochs=6,
        sample_rates={"sgd": (0.03, 0.1, 0.3), "adam": (0.001, 0.003, 0.01), "wide": (0.001, 0.003)},
        sample_width=1024, sample_epochs={"SGD": 12, "Adam": 12, "Adam, wide": 9, "Adam, wide, averaged": 5},
        sample_seeds=tuple(range(20)), map_hidden=((16,) * 3, (14,) * 4), map_epochs=20_000,
        map_seeds=(0, 1, 2), picture_size=256, scaling_epochs=6, screening_epochs=6, screened=(
            *(("adam", rate, 128, "cosine") for rate in (0.001, 0.003, 0.01)), ("adam", 0.003, 128, "constant"),
            ("adam", 0.003, 512, "cosine"), ("momentum", 0.03, 128, "cosine")),
        blur_levels=tuple(range(11)), blur_seeds=(0, 1, 2), blur_max_epochs=300,
        digit_bottlenecks=(2, 8, 16, 32, 64), digit_samples=None, digit_epochs=12,
        face_hidden=((256, 128), (256, 128, 64)), face_noises=(0.0, 0.3, 0.6), face_bottlenecks=(8, 32, 128),
        face_seeds=(0, 1, 2, 3, 4), face_epochs=60),
    "quick": Profile(
        "quick", seeds=(0, 1), max_epochs=30, xor_seeds=(0, 1), xor_widths=(2, 8), gradient_seeds=(0,),
        architecture_depths=(1, 2), architecture_widths=(8, 32), activations=("relu", "tanh", "sigmoid"),
        depths=(1, 3), widths=(8, 32), learning_rates=(0.003, 0.01), batch_sizes=(16, 64), accumulations=(1, 4),
        search={"max_parameters": 25, "starts": 36, "closer_starts": 120, "chains": 3, "changes": 4000},
        search_seeds=(0,), tuning_seeds=(100,), tuning_epochs=2,
        sample_rates={"sgd": (0.1,), "adam": (0.003,), "wide": (0.003,)}, sample_width=512,
        sample_epochs={"SGD": 3, "Adam": 3, "Adam, wide": 3, "Adam, wide, averaged": 3}, sample_seeds=(0, 1, 2),
        map_hidden=((16,) * 4,), map_epochs=600, map_seeds=(0,),
        picture_size=64, scaling_epochs=5, screening_epochs=3, screened=(
            ("adam", 0.001, 128, "cosine"), ("adam", 0.003, 128, "cosine"), ("momentum", 0.01, 128, "cosine")),
        blur_levels=(0, 2, 10), blur_seeds=(0,), blur_max_epochs=120,
        digit_bottlenecks=(2, 8, 32), digit_samples=4000, digit_epochs=6,
        face_hidden=((64, 32), (64, 32, 16)), face_noises=(0.0, 0.3), face_bottlenecks=(4, 8, 16), face_seeds=(0, 1),
        face_epochs=25),
}


def current_profile():
    """Return the Profile named by $SMAI_PROFILE, "full" by default. Raises ValueError for an unknown name."""
    return PROFILES[require_choice(os.environ.get("SMAI_PROFILE") or "full", "SMAI_PROFILE", tuple(PROFILES))]
