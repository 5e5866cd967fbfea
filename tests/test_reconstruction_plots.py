"""Section 2's figures: complete, and showing what they say."""

import numpy as np
import pytest

from smai_nn.notebook import show_film
from smai_nn.plots.reconstruction import (
    plot_blur_losses, plot_blurred, plot_mapping_losses, plot_maps, plot_mosaic, plot_row_fits,
    plot_waves)
from smai_nn.plots.style import audit
from smai_nn.runs import runs_root
from tests.test_reconstruction import BLURRED, made, made_up

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (8, 8, 3), np.uint8)
GREY = PICTURE[:, :, 0]
GROUPS = {"cat": [made_up(0.1), made_up(0.01, "Fourier", 25)], "smiley": [made_up(0.1), made_up(0.2, "Polynomial", 15)]}
LEARNT = {"BASE": [made_up(0.1, image="blur_0.jpg"), made_up(0.1, image="blur_9.jpg")]}

FIGURES = [
    lambda: plot_mosaic([[("a", PICTURE), ("b", GREY)], [("", PICTURE), ("", PICTURE)]], "tiles"),
    lambda: plot_blurred([PICTURE, PICTURE], LEARNT, "all"),
    lambda: plot_maps([[("Raw", GREY / 255)]], "value"),
    lambda: plot_row_fits(RNG.random(8), {"Raw": RNG.random(8), "Fourier": RNG.random(8)}),
    lambda: plot_waves(64, 5, 8), lambda: plot_mapping_losses(GROUPS), lambda: plot_blur_losses(BLURRED)]


@pytest.mark.parametrize("number", range(len(FIGURES)))
def test_figure_is_complete(number):
    assert audit(FIGURES[number]()) == []


def test_blurred_pictures_are_cropped_to_their_boxes():
    panel = plot_blurred([PICTURE, PICTURE[::-1]], LEARNT, "x", [(0, 0.5, 0.5), (0.5, 0, 0.5)]).axes[0]
    canvas = panel.images[0].get_array()[len(panel.images[0].get_array()) // 2 - 5:]  # a tile of 4 px and a gap
    assert np.array_equal(canvas[:4, :4], PICTURE[:4, 4:]) and np.array_equal(canvas[:4, 15:19], PICTURE[3::-1, :4])
    assert [text.get_text() for text in panel.texts[:5]] == ["target 0", "target 9", "target 0", "target 9", "BASE 0"]


def test_film_is_made_once_and_a_replay_shows_it_without_the_pictures(monkeypatch):
    runs = [made(mapping=(method, 3)) for method in ("Raw", "Polynomial", "Fourier")]
    facts = show_film("2.4-cat", runs)
    assert facts["film.cat.frames"] == 6 and facts["film.cat.file"] == "2.4-cat-smai.student.gif"
    for run in runs:
        (run.folder / "frames.npz").unlink()
    monkeypatch.setenv("SMAI_RUN", "replay")
    monkeypatch.setenv("SMAI_SUBMISSION", str(runs_root()))
    assert show_film("2.4-cat", runs) == facts
