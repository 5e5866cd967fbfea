"""The GIF of section 2.4: what three mappings have learnt after every epoch, side by side.

It takes `runs`, a list of (method, label, pictures, losses): uint8 (epochs, height, width[, 3]), and the mean squared
error of each picture.
"""

import io

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.ticker import NullLocator
from PIL import Image

from smai_nn.files import write_atomically
from smai_nn.plots.images import rgb
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import JPEG_QUALITY, METHOD_COLOURS, audit, describe, drawn, new_figure, plain_log_scale

DPI = 80
MILLISECONDS = 100  # a frame
LAST_MILLISECONDS = 3000
TOLERANCE = 12  # of 255, by which a pixel may differ from what is shown: each that is drawn anew takes about a byte


def save_gif(path, name, runs):
    """Write the GIF, atomically, with exactly one frame an epoch; return the Path.

    Raises ValueError for frames that lack a title, a label, a legend or the username.
    """
    frames = list(draw_frames(name, runs))
    palette = _palette(frames)
    # Without dithering, so that what stands still stays as it was and costs nothing.
    first, *rest = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
                    for frame in without_flicker(frames))
    durations = [MILLISECONDS] * len(rest) + [LAST_MILLISECONDS]
    return write_atomically(path, lambda file: first.save(file, format="GIF", save_all=True, append_images=rest,
                                                          duration=durations, loop=0))


def _palette(frames):
    """Return a picture whose palette fits six of the frames, and the lines."""
    epochs = np.unique(np.geomspace(1, len(frames), 6).astype(int)) - 1
    lines = [round(255 * part) for colour in METHOD_COLOURS.values() for part in to_rgb(colour)]
    palette = Image.fromarray(np.concatenate([frames[epoch] for epoch in epochs])).quantize(256 - len(METHOD_COLOURS))
    palette.putpalette(palette.getpalette() + lines)  # of their own, or a cat's would do for the blue line
    return palette


def last_frame(path):
    """Return (number of frames in a GIF file, the last one as the bytes of a JPEG or PNG, whichever is smaller)."""
    jpeg, png = io.BytesIO(), io.BytesIO()
    with Image.open(path) as image:
        image.seek(image.n_frames - 1)
        image.convert("RGB").save(jpeg, "JPEG", quality=JPEG_QUALITY, optimize=True)
        image.convert("RGB").quantize(dither=Image.Dither.NONE).save(png, "PNG")
        return image.n_frames, min(jpeg.getvalue(), png.getvalue(), key=len)


def draw_frames(name, runs):
    """Yield one array (height, width, 3), uint8, for each epoch."""
    figure, axes = new_figure(1, len(runs), width=3.3, height=5.25, margins=(0.75, 2.8, 0.35, 0.25))
    figure.set_dpi(DPI)
    everything = np.concatenate([losses for *_, losses in runs])
    limits = {"xlim": (0, len(runs[0][3]) + 1), "ylim": (everything.min() / 1.5, everything.max() * 1.5)}
    panels = [_draw_panel(panel, name, run, limits) for panel, run in zip(axes[0], runs)]
    if problems := audit(figure):
        raise ValueError("the GIF's frames: " + "; ".join(problems))
    for epoch in range(len(runs[0][3])):
        for (picture, line, legend), (_, label, pictures, losses) in zip(panels, runs):
            picture.set_data(rgb(pictures[epoch]))
            line.set_data(np.arange(1, epoch + 2), losses[:epoch + 1])
            legend.get_texts()[0].set_text(f"{label}, epoch {epoch + 1}: loss {losses[epoch]:.2e}")
        yield np.array(drawn(figure).buffer_rgba())[:, :, :3]


def _draw_panel(axes, name, run, limits):
    """Draw a picture and, as an inset below it, its loss curve; return what changes: picture, line and legend."""
    method, label, pictures, _ = run
    picture = axes.imshow(rgb(pictures[0]))
    describe(axes, f"{name}: {label}", COLUMN, ROW)
    curve = axes.inset_axes((0, -0.82, 1, 0.5))
    (line,) = curve.plot([], [], color=METHOD_COLOURS[method], linewidth=2, marker="o", markevery=[-1], label=label)
    curve.set(yscale="log", **limits)
    if limits["ylim"][1] < 300 * limits["ylim"][0]:
        plain_log_scale(curve.yaxis, "{x:.0e}")
    curve.yaxis.set_minor_locator(NullLocator())
    curve.grid(alpha=0.25)
    describe(curve, "Loss of the picture above", "epoch", "MSE", legend="below")
    moving = (picture, line, curve.get_legend())
    for artist in moving:
        artist.set_animated(True)  # drawn on top of all that stays, see `drawn`
    return moving


def without_flicker(frames):
    """Yield the frames (one array that changes) with a pixel drawn anew once a channel has moved by over TOLERANCE."""
    shown = frames[0].copy()
    for frame in frames:
        red, green, blue = np.moveaxis(np.abs(np.subtract(frame, shown, dtype=np.int16)) > TOLERANCE, 2, 0)
        changed = red | green | blue  # far quicker than any(axis=2)
        shown[changed] = frame[changed]
        yield shown
