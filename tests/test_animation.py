"""The GIF: one frame an epoch, complete labels, the curve growing, read back from the file."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from smai_nn.plots import animation
from smai_nn.plots.animation import draw_frames, save_gif, two_frames, without_flicker
from smai_nn.plots.style import METHOD_COLOURS, audit, new_figure

LABELS = ("Raw", "Polynomial 15", "Fourier 25")


def some_runs(epochs, still=False, shape=(8, 8, 3)):
    """Return three runs of `epochs` random pictures, or of one that stands still."""
    pictures = np.random.default_rng(0).integers(0, 256, (1 if still else epochs, *shape), np.uint8)
    losses = np.ones(epochs) if still else np.geomspace(1, 0.001, epochs)
    return [(label.split()[0], label, np.resize(pictures, (epochs, *shape)), losses) for label in LABELS]


@pytest.mark.parametrize("runs, epochs", [(some_runs(50, still=True), 50), (some_runs(12), 12), (some_runs(1), 1),
                                          (some_runs(3, shape=(8, 8)), 3)])
def test_exactly_one_frame_an_epoch(tmp_path, runs, epochs):
    assert two_frames(save_gif(tmp_path / "a.gif", "cat", runs))[0] == epochs


def test_three_panels_are_complete_and_name_method_and_loss(monkeypatch):
    figures = []
    monkeypatch.setattr(animation, "new_figure", lambda *a, **k: figures.append(new_figure(*a, **k)) or figures[-1])
    for number, _ in enumerate(draw_frames("cat", some_runs(4)), start=1):
        figure = figures[0][0]
        assert audit(figure) == [] and len(figure.axes) == 3
        for panel, label in zip(figure.axes, LABELS):
            (curve,) = panel.child_axes
            (text,) = curve.get_legend().get_texts()
            assert label in panel.get_title() and curve.get_xlabel() and curve.get_ylabel()
            assert text.get_text() == f"{label}, epoch {number}: loss {np.geomspace(1, 0.001, 4)[number - 1]:.2e}"
            assert curve.lines[0].get_xdata().tolist() == list(range(1, number + 1))
    assert number == 4


def test_frames_show_the_pictures_of_their_epochs_and_the_first_one_has_its_curve_point():
    runs = some_runs(2)
    runs[0][2][:] = np.array([0, 255], np.uint8)[:, None, None, None]  # black, then white
    first, second = draw_frames("cat", runs)
    height, width, _ = first.shape
    row, column = int(0.3 * height), int(0.2 * width)  # inside the left panel's picture
    assert first[row, column].tolist() == [0, 0, 0] and second[row, column].tolist() == [255, 255, 255]
    below = first[int(0.6 * height):int(0.85 * height), :width // 3].astype(int)
    assert (np.ptp(below, axis=2) > 60).sum() > 10  # the blue point


def test_what_hardly_moves_stands_still():
    frames = [np.full((2, 2, 3), value, np.uint8) for value in (100, 106, 111, 116, 90)]
    assert [frame[0, 0, 0] for frame in without_flicker(frames)] == [100, 100, 100, 116, 90]


def test_the_last_frame_is_read_and_its_lines_keep_their_colours(tmp_path):
    frames, (_, last) = two_frames(save_gif(tmp_path / "a.gif", "cat", some_runs(5)))
    with Image.open(io.BytesIO(last)) as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    assert frames == 5 and picture.shape == next(draw_frames("cat", some_runs(1))).shape
    for part, label in zip(np.array_split(picture[picture.shape[0] // 2:], 3, axis=1), LABELS):
        colour = 255 * np.array(to_rgb(METHOD_COLOURS[label.split()[0]]))
        assert (np.abs(part - colour).max(axis=2) < 20).sum() > 20
