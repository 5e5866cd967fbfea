"""The GIF of section 2.4: what three mappings have learnt after every epoch, side by side."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import NullLocator
from PIL import Image, ImageSequence

from smai_nn.files import write_atomically
from smai_nn.plots.images import plot_mosaic, rgb
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import METHOD_COLOURS, audit, describe, new_figure, plain_log_scale

DPI = 80
PANEL = 2.2  # inches: width and height of a picture
MILLISECONDS = 100  # a frame
LAST_MILLISECONDS = 3000
PLOT_COLOURS = 48  # of the palette, for curves and letters; the others are the pictures' own
TOLERANCES = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48)  # of 255, see `save_gif`
MOST_CHANGES = 1_500_000  # pixels drawn anew in all frames together: they take about a byte each


def save_gif(path, name, runs):
    """Write the GIF, atomically, with exactly one frame an epoch; return the Path.

    `runs` is a list of (method, label, pictures, losses): uint8 (epochs, height, width[, 3]), and the mean squared
    error of each picture. A pixel is drawn anew once one of its channels has moved by more than a tolerance from what
    is shown: the smallest of TOLERANCES with which there are about MOST_CHANGES of these; the last frame is exact.
    Raises ValueError for runs of different lengths, or frames that lack a title, a label, a legend or the username.
    """
    frames = list(draw_frames(name, runs))
    palette, tolerance = _palette(frames, runs), _tolerance(runs)
    # Without dithering, so that what stands still stays as it was and costs nothing.
    first, *rest = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
                    for frame in without_flicker(frames, tolerance))
    rest[-1:] = [Image.fromarray(frames[-1]).quantize(palette=palette, dither=Image.Dither.NONE)] * bool(rest)
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    path = write_atomically(path, lambda file: first.save(file, format="GIF", save_all=True, append_images=rest,
                                                          duration=durations, loop=0))
    if (count := count_frames(path)) != len(frames):
        raise ValueError(f"{path}: expected {len(frames)} frames in the file, got {count}")
    return path


def count_frames(path):
    """Return the number of frames in a GIF file, counted by reading all of it."""
    with Image.open(path) as image:
        return sum(1 for _ in ImageSequence.Iterator(image))


def draw_frames(name, runs):
    """Yield one array (height, width, 3), uint8, for each epoch; arguments as in `save_gif`."""
    lengths = {len(part) for _, _, pictures, losses in runs for part in (pictures, losses)}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"runs: expected as many pictures as losses in each, at least one, got {sorted(lengths)}")
    (epochs,) = lengths
    figure, axes = new_figure(1, len(runs), width=PANEL + 1.1, height=PANEL + 3.05, margins=(0.75, 2.8, 0.35, 0.25))
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    everything = np.concatenate([losses for *_, losses in runs])
    limits = {"xlim": (0, epochs + 1), "ylim": (everything.min() / 1.5, everything.max() * 1.5)}
    panels = [_Panel(panel, name, run, limits) for panel, run in zip(axes[0], runs)]
    for panel in panels:
        panel.show(0)
    if problems := audit(figure):
        raise ValueError("the GIF's frames: " + "; ".join(problems))
    canvas.draw()  # once, what stays; each frame draws what moves on top of it
    background = canvas.copy_from_bbox(figure.bbox)
    for epoch in range(epochs):
        canvas.restore_region(background)
        for panel in panels:
            panel.show(epoch)
            for artist in panel.moving:
                artist.axes.draw_artist(artist)
        yield np.array(canvas.buffer_rgba())[:, :, :3]


def plot_strip(name, runs):
    """Show six epochs, evenly spread on a logarithmic scale, of the runs as in `save_gif`: a row for each."""
    epochs = np.unique(np.geomspace(1, len(runs[0][3]), 6).round().astype(int))
    rows = [[(f"MSE {losses[e - 1]:.1e}", pictures[e - 1]) for e in epochs] for _, _, pictures, losses in runs]
    return plot_mosaic(rows, f"{name}: what the networks have learnt after some epochs", ("epoch", epochs),
                       ("mapping", [label for _, label, *_ in runs], [METHOD_COLOURS[method] for method, *_ in runs]))


class _Panel:
    """A picture, and below it, as an inset, the loss curve up to its epoch."""

    def __init__(self, axes, name, run, limits):
        method, self.label, self.pictures, self.losses = run
        self.picture = axes.imshow(rgb(self.pictures[0]))
        describe(axes, f"{name}: {self.label}", COLUMN, ROW)
        curve = axes.inset_axes((0, -0.82, 1, 0.5))
        (self.line,) = curve.plot([], [], color=METHOD_COLOURS[method], linewidth=2, marker="o", markevery=[-1])
        curve.set(yscale="log", **limits)
        if limits["ylim"][1] < 300 * limits["ylim"][0]:
            plain_log_scale(curve.yaxis, "{x:.0e}")
        curve.yaxis.set_minor_locator(NullLocator())
        curve.grid(alpha=0.25)
        describe(curve, "Loss of the picture above", "epoch", "MSE", legend="below", handles=[self.line])
        self.legend = curve.get_legend()
        self.moving = (self.picture, self.line, self.legend)
        for artist in self.moving:
            artist.set_animated(True)  # left out of the background

    def show(self, epoch):
        """Take the state after this epoch, counted from 0."""
        self.picture.set_data(rgb(self.pictures[epoch]))
        self.line.set_data(np.arange(1, epoch + 2), self.losses[:epoch + 1])
        self.legend.get_texts()[0].set_text(f"{self.label}, epoch {epoch + 1}: loss {self.losses[epoch]:.2e}")


def _palette(frames, runs):
    """Return one palette for all frames, a Pillow image: the pictures' own colours, and some of the plot."""
    step = max(1, len(runs[0][2][0]) // 64)
    epochs = np.unique(np.geomspace(1, len(frames), 6).astype(int)) - 1
    pictures = np.hstack([rgb(run[2][epoch])[::step, ::step] for run in runs for epoch in epochs])
    plot = frames[-1][-len(frames[-1]) // 3:]  # curves and legends
    colours = []
    for sample, count in ((pictures, 256 - PLOT_COLOURS), (plot, PLOT_COLOURS)):
        colours += Image.fromarray(np.ascontiguousarray(sample)).quantize(count).getpalette()[:3 * count]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours)
    return palette


def _tolerance(runs):
    """Return the smallest of TOLERANCES with few enough changes, counted on every 16th pixel of the pictures."""
    samples = [[rgb(picture[::4, ::4]) for picture in pictures] for _, _, pictures, _ in runs]
    area = (PANEL * DPI) ** 2 / samples[0][0][..., 0].size  # pixels on the screen for one of the sample
    for tolerance in TOLERANCES:
        shown = [list(without_flicker(sample, tolerance, copy=True)) for sample in samples]
        changes = sum(np.any(a != b, axis=2).sum() for sample in shown for a, b in zip(sample, sample[1:]))
        if changes * area <= MOST_CHANGES:
            break
    return tolerance


def without_flicker(frames, tolerance, copy=False):
    """Yield the frames with every pixel as last shown until one of its channels has moved by more than `tolerance`.

    All are one array that changes, unless a `copy` is asked for.
    """
    shown = frames[0].copy()
    for frame in frames:
        red, green, blue = np.moveaxis(np.abs(np.subtract(frame, shown, dtype=np.int16)) > tolerance, 2, 0)
        changed = red | green | blue  # far quicker than any(axis=2)
        shown[changed] = frame[changed]
        yield shown.copy() if copy else shown
