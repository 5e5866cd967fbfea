"""What all figures share: their style, colours, labels, the username, the files they become, and the audit of these."""

import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from matplotlib.transforms import offset_copy
from PIL import Image

from smai_nn.runs import username

# Okabe and Ito's palette, distinguishable with any common colour blindness.
BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BLACK = "#0072B2 #E69F00 #009E73 #CC79A7 #D55E00 #56B4E9 #000000".split()
SERIES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)

# A colour means one thing in all figures: an activation (with its marker), or a feature mapping.
ACTIVATION_STYLES = {"relu": (BLUE, "o"), "tanh": (RED, "s"), "sigmoid": (GREEN, "^"), "identity": (ORANGE, "D")}
METHOD_COLOURS = {"Raw": BLUE, "Polynomial": RED, "Fourier": GREEN}

STYLE = {"figure.dpi": 90, "savefig.dpi": 90, "font.size": 9.2, "axes.titlesize": 10, "axes.labelsize": 9.2,
         "xtick.labelsize": 8.6, "ytick.labelsize": 8.6, "legend.fontsize": 8.6, "legend.framealpha": 0.85}
STRIP = 0.2  # inches at the top of every figure that hold the username and nothing else
JPEG_QUALITY = 77


def new_figure(rows=1, columns=1, width=4.6, height=3.7, margins=None):
    """Return a Figure of rows x columns panels, each `width` x `height` inches, and its axes (rows, columns).

    The layout is found, or given as `margins`, inches around each panel (left, bottom, right, top): twice as fast.
    """
    matplotlib.rcdefaults()  # whatever somebody's matplotlibrc says: it could turn the maps upside down
    matplotlib.rcParams.update(STYLE)
    full_width, full_height = width * columns, height * rows + STRIP
    figure = Figure(figsize=(full_width, full_height), layout=None if margins else "constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    below_strip = 1 - STRIP / full_height
    if margins:
        left, bottom, right, top = margins
        figure.subplots_adjust(left / full_width, bottom / full_height, 1 - right / full_width,
                               below_strip - top / full_height, (left + right) / (width - left - right),
                               (bottom + top) / (height - bottom - top))
    else:
        figure.get_layout_engine().set(rect=(0, 0, 1, below_strip))
    figure.text(1 - 0.06 / full_width, 1 - 0.04 / full_height, username(), ha="right", va="top", fontsize=8,
                color="#555555")
    return figure, axes


def describe(axes, title, x_label, y_label, *, legend=None, handles=None, columns=1):
    """Give a panel its title, its axis labels and, if it needs one, its legend.

    `legend` is a matplotlib location, or "below" for a legend under the panel; `handles` replaces the labelled artists.
    """
    axes.set_title(title, y=1)  # without y, it is looked for anew in every drawing
    axes.set(xlabel=x_label, ylabel=y_label)
    handles = handles or axes.get_legend_handles_labels()[0]
    if legend == "below":  # a fixed distance, whatever the panel's size: past the tick labels and the x-label
        below = offset_copy(axes.transAxes, axes.figure, y=-36, units="points")
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0,
                    ncols=columns)
    elif legend:
        axes.legend(handles=handles, loc=legend, ncols=columns)


def share_legend(figure, handles, columns=4):
    """Give all panels of a figure (of automatic layout) one legend, below them."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def audit(figure):
    """Return what is missing in a Figure, a list of sentences; empty if it is complete.

    It needs the username, and every panel a title, both axis labels and, if it shows more than a coloured picture, a
    legend, of its own or shared; for a colour scale, a colour bar in the figure is enough.
    """
    missing = [] if username() in [text.get_text() for text in figure.texts] else ["the username is missing"]
    has_bar = any(image.colorbar for axes in figure.axes for image in axes.images)
    for axes in [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]:
        texts = {"title": axes.get_title(), "x-label": axes.get_xlabel(), "y-label": axes.get_ylabel()}
        missing += [f"panel {axes.get_title()!r} has no {name}" for name, text in texts.items() if not text.strip()]
        is_scale = any(np.ndim(image.get_array()) == 2 for image in axes.images)
        needs_key = axes.lines or axes.patches or axes.collections or is_scale and not has_bar
        if needs_key and not (axes.get_legend() or figure.legends):
            missing.append(f"panel {axes.get_title()!r} has neither a legend nor a colour bar")
    return missing


def colour_bar(figure, picture, panels, label, shrink=1.0):
    """Add a colour bar for `picture` beside one panel or a list of them."""
    figure.colorbar(picture, ax=panels, shrink=shrink, aspect=25).set_label(label)


def encode(figure, photographs=False, colours=128):
    """Return (content, ending): the figure as bytes, "png" of so many colours, or "jpg" where it holds photographs."""
    file, picture = io.BytesIO(), Image.fromarray(np.asarray(drawn(figure).buffer_rgba())).convert("RGB")
    if photographs:
        picture.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    else:
        picture.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue(), "jpg" if photographs else "png"


def drawn(figure):
    """Return the canvas with the figure. Drawn again, only the artists in its tuples `moving` are drawn anew."""
    moving = [artist for panel in getattr(figure, "moving", ()) for artist in panel]
    if not (moving and isinstance(figure.canvas, FigureCanvasAgg)):
        FigureCanvasAgg(figure).draw()  # all but the animated artists
        figure.background = figure.canvas.copy_from_bbox(figure.bbox)
    figure.canvas.restore_region(figure.background)
    for artist in moving:
        artist.axes.draw_artist(artist)
    return figure.canvas


def plain_log_scale(axis, form="{x:g}"):
    """Make a logarithmic axis whose ticks read 0.2, 0.5, 1 instead of powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter(form))
    axis.set_minor_locator(NullLocator())
