"""The GIF: one frame an epoch, complete labels, the curve growing, read back from the file."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from smai_nn.plots import animation
from smai_nn.plots.animation import draw_frames, gif_frame_count, save_reconstruction_gif
from smai_nn.plots.style import audit


def some_runs(epochs, still=False, channels=3):
    """Return three runs of `epochs` random pictures, or of one that stands still."""
    rng = np.random.default_rng(0)
    shape = (8, 8, channels) if channels > 1 else (8, 8)
    pictures = rng.integers(0, 256, (1 if still else epochs, *shape), np.uint8)
    frames = np.repeat(pictures, epochs, axis=0) if still else pictures
    losses = np.ones(epochs) if still else np.geomspace(1, 0.001, epochs)
    return [(method, label, frames, losses) for method, label in
            (("Raw", "Raw"), ("Polynomial", "Polynomial 15"), ("Fourier", "Fourier 25"))]


@pytest.mark.parametrize("epochs, still", [(50, False), (50, True), (150, True), (1, False)])
def test_exactly_one_frame_an_epoch(tmp_path, epochs, still):
    path = save_reconstruction_gif(tmp_path / "a.gif", "cat", some_runs(epochs, still))
    assert gif_frame_count(path) == epochs
    with Image.open(path) as image:
        assert image.n_frames == epochs
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [animation.MILLISECONDS] * (epochs - 1) + [animation.LAST_MILLISECONDS]


def test_panels_are_complete_and_name_method_and_loss(monkeypatch):
    figures = []
    monkeypatch.setattr(animation, "Figure", lambda *a, **k: figures.append(Figure(*a, **k)) or figures[-1])
    for number, _ in enumerate(draw_frames("cat", some_runs(4)), start=1):
        (figure,) = figures
        assert audit(figure) == [] and len(figure.axes) == 6  # a picture and a curve for each of the three
        for picture, curve, label in zip(figure.axes[::2], figure.axes[1::2], ("Raw", "Polynomial 15", "Fourier 25")):
            assert label in picture.get_title() and label in picture.get_legend().get_texts()[0].get_text()
            (text,) = curve.get_legend().get_texts()
            assert text.get_text() == f"{label}, epoch {number}: loss {np.geomspace(1, 0.001, 4)[number - 1]:.2e}"
            assert curve.lines[0].get_xdata().tolist() == list(range(1, number + 1))
    assert number == 4


def test_frames_show_the_pictures_of_their_epochs():
    runs = some_runs(2)
    runs[0][2][:] = np.array([0, 255], np.uint8)[:, None, None, None]  # black, then white
    first, second = draw_frames("cat", runs)
    height, width, _ = first.shape
    row, column = int(0.3 * height), int(0.2 * width)  # inside the left panel's picture
    assert first[row, column].tolist() == [0, 0, 0] and second[row, column].tolist() == [255, 255, 255]


def test_what_hardly_moves_stands_still():
    frames = [np.full((2, 2, 3), value, np.uint8) for value in (100, 104, 107, 112, 90)]
    shown = [frame[0, 0, 0].item() for frame in (f.copy() for f in animation._without_flicker(frames, 8))]
    assert shown == [100, 100, 100, 112, 90]


def test_file_is_kept_below_the_limit(tmp_path, monkeypatch):
    size = save_reconstruction_gif(tmp_path / "a.gif", "cat", some_runs(10)).stat().st_size
    monkeypatch.setattr(animation, "MOST_BYTES", size - 1)
    assert save_reconstruction_gif(tmp_path / "b.gif", "cat", some_runs(10)).stat().st_size < size


def test_grey_pictures_and_bad_runs(tmp_path):
    assert gif_frame_count(save_reconstruction_gif(tmp_path / "a.gif", "smiley", some_runs(3, channels=1))) == 3
    runs = some_runs(3)
    runs[1] = (*runs[1][:3], [0.5, 0.4])
    with pytest.raises(ValueError, match="expected as many frames as losses"):
        save_reconstruction_gif(tmp_path / "b.gif", "cat", runs)
    assert not (tmp_path / "b.gif").exists()
