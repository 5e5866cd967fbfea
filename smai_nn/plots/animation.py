"""The GIF of section 2.4: what several mappings have learnt after every epoch, side by side."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image, ImageSequence

from smai_nn.files import write_atomically
from smai_nn.plots.maps import COLUMN, ROW
from smai_nn.plots.style import METHOD_COLOURS, audit, describe

DPI = 80
PANEL = (3.5, 5.5)  # inches: a picture above its loss curve
COLOURS = 220  # taken from the pictures, of the one palette that all frames share; the rest is for the plot
MILLISECONDS = 100  # a frame
LAST_MILLISECONDS = 3000
TOLERANCES = (8, 12, 16, 24, 32, 48)  # of 255, see `save_reconstruction_gif`
MOST_BYTES = 4_000_000


def save_reconstruction_gif(path, name, runs):
    """Write the GIF, atomically, and return the Path. It has exactly one frame for each epoch.

    `runs` is a list of (method, label, frames, losses): pictures uint8 (epochs, height, width) or (..., 3), and the
    epoch's mean training losses. Every panel has a picture and, below it, the loss curve up to the frame's epoch, whose
    legend gives method, epoch and current loss. A pixel is drawn anew once one of its channels has moved by more than a
    tolerance from what is shown: the smallest of TOLERANCES with which the file has at most MOST_BYTES. Raises
    ValueError for runs of different lengths, or a panel without title, labels, legend or username.
    """
    frames = list(draw_frames(name, runs))
    palette = _palette(frames)
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    for tolerance in TOLERANCES:
        # Without dithering, so that what stands still stays as it was and costs nothing.
        first, *rest = (Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
                        for frame in _without_flicker(frames, tolerance))
        content = io.BytesIO()
        first.save(content, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)
        if content.tell() <= MOST_BYTES:
            break
    path = write_atomically(path, lambda file: file.write(content.getvalue()))
    if (count := gif_frame_count(path)) != len(frames):
        raise ValueError(f"{path}: expected {len(frames)} frames in the file, got {count}")
    return path


def gif_frame_count(path):
    """Return the number of frames in a GIF file, counted by reading all of it."""
    with Image.open(path) as image:
        return sum(1 for _ in ImageSequence.Iterator(image))


def draw_frames(name, runs):
    """Yield one array (height, width, 3), uint8, for each epoch; arguments as in `save_reconstruction_gif`."""
    lengths = {len(part) for _, _, frames, losses in runs for part in (frames, losses)}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"runs: expected as many frames as losses in each, at least one, got {sorted(lengths)}")
    (epochs,) = lengths
    figure = Figure(figsize=(PANEL[0] * len(runs), PANEL[1]), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    span = [loss for *_, losses in runs for loss in losses]
    panels = [_Panel(figure, i, len(runs), name, run, epochs, (min(span), max(span))) for i, run in enumerate(runs)]
    if problems := audit(figure):
        raise ValueError("the GIF's frames: " + "; ".join(problems))
    # Everything that stays is drawn once; each frame draws what changes on top of it.
    for panel in panels:
        panel.hide()
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    for epoch in range(epochs):
        canvas.restore_region(background)
        for panel in panels:
            panel.draw(epoch)
        yield np.array(canvas.buffer_rgba())[:, :, :3]


def _palette(frames):
    """Return the palette of all frames, a Pillow image: most of it from a sample, and the plot's own colours."""
    sample = np.hstack([frames[i] for i in np.linspace(0, len(frames) - 1, 6).astype(int)])
    colours = Image.fromarray(sample).quantize(COLOURS, method=Image.Quantize.MEDIANCUT).getpalette()[:3 * COLOURS]
    greys = [level for level in range(0, 256, 17) for _ in range(3)]
    own = [round(255 * channel) for colour in METHOD_COLOURS.values() for channel in to_rgb(colour)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours + greys + own)
    return palette


def _without_flicker(frames, tolerance):
    """Yield the frames with every pixel as last shown until one of its channels has moved by more than `tolerance`."""
    shown = frames[0].copy()
    for frame in frames:
        red, green, blue = np.moveaxis(np.abs(np.subtract(frame, shown, dtype=np.int16)) > tolerance, 2, 0)
        changed = red | green | blue  # far quicker than any(axis=2)
        shown[changed] = frame[changed]
        yield shown


class _Panel:
    """A picture with a legend, and below it the growing loss curve with another."""

    def __init__(self, figure, index, count, name, run, epochs, span):
        self.method, self.label, self.frames, self.losses = run
        left, width = (index + 0.2) / count, 0.75 / count
        picture = figure.add_axes((left, 0.47, width, 0.48))
        self.image = picture.imshow(self.frames[-1], cmap="gray", vmin=0, vmax=255)
        handle = Patch(color=METHOD_COLOURS[self.method], label=f"{self.label}, after each epoch")
        describe(picture, f"{name}: {self.label}", COLUMN, ROW, handles=[handle], legend="below")
        curve = figure.add_axes((left, 0.14, width, 0.14))
        (self.line,) = curve.plot([], [], color=METHOD_COLOURS[self.method], linewidth=1.8,
                                  label=self._text(epochs - 1))
        curve.set(yscale="log", xlim=(0, epochs + 1), ylim=(span[0] / 1.5, span[1] * 4))  # room for the username
        curve.grid(alpha=0.25)
        describe(curve, "Training loss up to this epoch", "epoch", "loss (MSE)", legend="below")
        self.text = curve.get_legend().get_texts()[0]
        # The picture, drawn in every frame, would cover its username.
        self.moving = [(picture, self.image), (picture, picture.texts[-1]), (curve, self.line), (curve, self.text)]

    def hide(self):
        """Leave out, of the background, what `draw` draws; a hidden text still takes its room in the legend."""
        for _, artist in self.moving:
            artist.set_visible(False)

    def draw(self, epoch):
        """Draw the state after this epoch, counted from 0, over the background."""
        self.image.set_data(self.frames[epoch])
        self.line.set_data(np.arange(1, epoch + 2), self.losses[:epoch + 1])
        self.text.set_text(self._text(epoch))
        for axes, artist in self.moving:
            artist.set_visible(True)
            axes.draw_artist(artist)

    def _text(self, epoch):
        return f"{self.label}, epoch {epoch + 1}: loss {self.losses[epoch]:.2e}"
