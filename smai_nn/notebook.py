"""What the notebook needs to show things: source code, figures, tables, text with measured numbers."""

import inspect
import math
import numbers
import os
import platform
import re
import textwrap
import time
from pathlib import Path

from IPython.display import Image, Markdown, display, update_display
from threadpoolctl import threadpool_limits

from smai_nn.datasets.blur import find_blurred
from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.lfw import find_lfw
from smai_nn.datasets.mnist import SHIPPED, find_mnist
from smai_nn.datasets.sources import ROOT, find_file, may_download
from smai_nn.files import save_json
from smai_nn.plots.animation import gif_frame_count, save_reconstruction_gif
from smai_nn.plots.style import audit
from smai_nn.profiles import current_profile
from smai_nn.runs import DEFAULT_USERNAME, RunFolder, runs_root, username, versions

SCOREBOARD = "scoreboard"  # the display that the first pages hold a place for
RESULTS = {}  # the headline figures so far, by name
_started = time.perf_counter()


def start():
    """Show username, profile, seeds, data sources and versions; return the Profile. The set-up cell calls it."""
    global _started
    _started = time.perf_counter()
    RESULTS.clear()
    profile = current_profile()
    record({"notebook.profile": profile.name, "data.border": BorderDataset().source.label,
            "data.mnist": mnist_summary(), "data.lfw": lfw_summary()})
    # One BLAS thread here too: these networks are small, and the bits then equal those of a sweep.
    threadpool_limits(limits=1)
    own = username()
    name = own if own != DEFAULT_USERNAME else f"{own} (a placeholder: set SMAI_USERNAME to your email username)"
    rows = [("username on all figures", name),
            ("profile", profile.note),
            ("seeds", ", ".join(map(str, profile.seeds)) + "; for XOR " + ", ".join(map(str, profile.xor_seeds))),
            ("border map", str(BorderDataset().source)),
            *((name, str(find_file(name))) for name in ("smiley.png", "cat.jpg")),
            ("blurred pictures", blurred_summary()),
            ("MNIST", mnist_summary()),
            ("LFW", lfw_summary()),
            ("run folders", f"{_relative(runs_root())}/"),
            ("W&B mode", os.environ.get("WANDB_MODE", "offline")),
            ("machine", f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"),
            ("versions", ", ".join(f"{k} {v}" for k, v in versions().items()))]
    show_table([{"setting": k, "value": v} for k, v in rows])
    return profile


def blurred_summary():
    """Return which blurred pictures there are, and which are missing, as text."""
    found, missing = find_blurred()
    return (f"{len(found)}, from {found[min(found)].label} to {found[max(found)].label}"
            + (f"; missing: {', '.join(map(str, missing))}" if missing else ""))


def mnist_summary():
    """Return where MNIST is taken from, as text; the shipped part of it is called one."""
    label = find_mnist()[0]
    return f"{label}, A PART OF MNIST" if label.endswith(SHIPPED) else label


def lfw_summary():
    """Return where LFW is taken from, as text, or what stands in for it."""
    found = find_lfw()
    if found is None:
        return "NOT FOUND" + ("; it will be downloaded" if may_download() else "; the shipped digits stand in for it")
    return found[0]


def record(figures):
    """Keep headline figures, a dict name -> number or text, and write all so far to results.json beside the runs.

    Raises ValueError for a value that is neither a text nor a finite number; None stands for "not reached".
    """
    for name, value in figures.items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (isinstance(value, str) or value is None or number and math.isfinite(value)):
            raise ValueError(f"{name}: expected a finite number, a text or None, got {value!r}")
        RESULTS[name] = value if isinstance(value, str) or value is None else (
            int(value) if isinstance(value, numbers.Integral) else float(value))
    save_json(runs_root() / "results.json", RESULTS)


def hold_scoreboard():
    """Hold the place of the scoreboard, which `show_scoreboard` fills in at the end of the notebook."""
    display(Markdown("*The scoreboard appears here when the last cell has run.*"), display_id=SCOREBOARD)


def show_scoreboard(rows):
    """Record the time since the set-up cell, and show the scoreboard in its place on the first page.

    `rows` is a list of (what, how to find it in RESULTS as a format such as "{xor.runs:,}", the section's number).
    """
    record({"notebook.seconds": time.perf_counter() - _started})
    table = [{"result": what, "measured": fill(form), "section": section} for what, form, section in rows]
    update_display(Markdown(_table(table, f"Scoreboard of this execution ({RESULTS['notebook.profile']}, "
                                          f"{RESULTS['notebook.seconds'] / 60:.1f} minutes)")), display_id=SCOREBOARD)


def fill(form):
    """Return a text with the figures of RESULTS in the place of {name:format}.

    A figure is "never" if it is None, and "(not run)" if its section has not recorded it.
    """
    def value(match):
        name, _, spec = match[1].partition(":")
        figure = RESULTS.get(name, "(not run)")
        return "never" if figure is None else figure if isinstance(figure, str) else format(figure, spec)

    return re.sub(r"\{([^{}]+)\}", value, form)


def banner(text):
    """Show a warning that nobody can overlook."""
    display(Markdown(f"> # ⚠ {text}"))


def show_source(*objects):
    """Show the source of classes and functions, each with the file it lives in."""
    for thing in objects:
        path = Path(inspect.getsourcefile(thing)).relative_to(ROOT).as_posix()
        display(Markdown(f"`{thing.__name__}`, from `{path}`:\n\n```python\n{inspect.getsource(thing).rstrip()}\n```"))


def show_figure(figure, name):
    """Save a Figure as <name>-<username>.png in the runs' figures folder and show it.

    Raises ValueError if it lacks a title, an axis label, a legend or the username: such a plot counts for nothing.
    """
    if problems := audit(figure):
        raise ValueError(f"figure {name}: " + "; ".join(problems))
    path = RunFolder(runs_root() / "figures").save_figure(name, figure)
    display(Image(data=path.read_bytes(), format="png"))


def show_gif(name, runs, file_name):
    """Save the GIF of the runs (see `save_reconstruction_gif`) in the runs' figures folder; show its facts."""
    path = save_reconstruction_gif(runs_root() / "figures" / f"{file_name}-{username()}.gif", name, runs)
    show_table([{"GIF": f"{_relative(path)}", "frames": gif_frame_count(path), "bytes": path.stat().st_size,
                 "panels": ", ".join(label for _, label, _, _ in runs)}])


def show_table(rows, caption=""):
    """Show rows, dicts with the same keys, as a table; numbers are right-aligned."""
    display(Markdown(_table(rows, caption)))


def _table(rows, caption):
    columns = list(rows[0])
    marks = [("---:" if all(isinstance(row[c], (int, float)) for row in rows) else ":---") for c in columns]
    lines = ["| " + " | ".join(cells) + " |" for cells in
             [columns, marks, *([_cell(row[c]) for c in columns] for row in rows)]]
    return (f"**{caption}**\n\n" if caption else "") + "\n".join(lines)


def show_run_folder(name):
    """Show what is in the run folder of this name: its files, its settings, its metrics."""
    folder = RunFolder(runs_root() / name)
    show_table([{"file": file, "bytes": size} for file, size in folder.listing()], f"{_relative(runs_root())}/{name}/")
    for title, content in (("settings.json", folder.settings()), ("metrics.json", folder.metrics())):
        show_table([{"name": key, "value": value} for key, value in content.items() if key != "versions"], title)


def say(text):
    """Show Markdown text; the notebook fills in the numbers that it measured."""
    display(Markdown(textwrap.dedent(text).strip()))


def _cell(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")


def _relative(path):
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return path.name
