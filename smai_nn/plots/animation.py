"""The GIF of section 2.4: what three mappings have learnt after every epoch, side by side.

`runs` is a list of (method, label, pictures as uint8 (epochs, height, width[, 3]), mean squared error of each).
"""

import io

import numpy as np
from PIL import Image

from smai_nn.files import write_atomically
from smai_nn.plots.border import COLUMN, ROW
from smai_nn.plots.reconstruction import rgb
from smai_nn.plots.style import METHOD_COLOURS, describe, drawn, new_figure

TOLERANCE = 12  # of 255, by which a pixel may differ from what is shown: each that is drawn anew takes about a byte


def save_gif(path, name, runs):
    """Write the GIF, atomically, with exactly one frame an epoch; return the Path."""
    frames = list(draw_frames(name, runs))
    # Of both ends; an octree keeps the lines' colours.
    palette = Image.fromarray(np.concatenate([frames[0], frames[-1]])).quantize(256, Image.Quantize.FASTOCTREE)
    # Without dithering, so that what stands still stays as it was and costs nothing.
    first, *rest = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
                    for frame in without_flicker(frames))
    return write_atomically(path, lambda file: first.save(file, format="GIF", save_all=True, append_images=rest,
                                                          duration=100, loop=0))  # milliseconds


def two_frames(path):
    """Return (number of frames in a GIF file, [the one after a tenth of them, the last one] as the bytes of JPEGs)."""
    files = io.BytesIO(), io.BytesIO()
    with Image.open(path) as image:
        for file, number in zip(files, (image.n_frames // 10, image.n_frames - 1)):
            image.seek(number)
            image.convert("RGB").save(file, "JPEG", quality=60)
        return image.n_frames, [file.getvalue() for file in files]


def draw_frames(name, runs):
    """Yield one array (height, width, 3), uint8, for each epoch; above each loss curve its picture."""
    figure, axes = new_figure(1, len(runs), width=3.3, height=5.25, margins=(0.75, 2.8, 0.35, 0.25))
    figure.set_dpi(80)
    everything = np.concatenate([losses for *_, losses in runs])
    figure.moving = []
    for panel, (method, label, pictures, losses) in zip(axes[0], runs):
        picture = panel.imshow(rgb(pictures[0]))
        describe(panel, f"{name}: {label}", COLUMN, ROW)
        curve = panel.inset_axes((0, -0.82, 1, 0.5))
        (line,) = curve.plot([], [], color=METHOD_COLOURS[method], linewidth=2, marker="o", markevery=[-1], label=label)
        curve.set(yscale="log", xlim=(0, len(losses) + 1), ylim=(everything.min() / 1.5, everything.max() * 1.5))
        curve.grid(alpha=0.25)
        describe(curve, "Loss of the picture above", "epoch", "MSE", legend="below")
        figure.moving.append((picture, line, curve.get_legend()))
        for artist in figure.moving[-1]:
            artist.set_animated(True)  # drawn on top of all that stays, see `drawn`
    for epoch in range(len(runs[0][3])):
        for (picture, line, legend), (_, label, pictures, losses) in zip(figure.moving, runs):
            picture.set_data(rgb(pictures[epoch]))
            line.set_data(np.arange(1, epoch + 2), losses[:epoch + 1])
            legend.get_texts()[0].set_text(f"{label}, epoch {epoch + 1}: loss {losses[epoch]:.2e}")
        yield np.array(drawn(figure).buffer_rgba())[:, :, :3]


def without_flicker(frames):
    """Yield the frames (one array that changes) with a pixel drawn anew once a channel has moved by over TOLERANCE."""
    shown = frames[0].copy()
    for frame in frames:
        changed = (np.abs(np.subtract(frame, shown, dtype=np.int16)) > TOLERANCE).any(axis=2)
        shown[changed] = frame[changed]
        yield shown
