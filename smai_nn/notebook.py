"""What the notebook needs to show things: source code, figures, tables, text with measured numbers."""

import inspect
import os
import platform
import textwrap
from pathlib import Path

from IPython.display import Image, Markdown, display
from threadpoolctl import threadpool_limits

from smai_nn.datasets.blur import find_blurred
from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.lfw import find_lfw
from smai_nn.datasets.mnist import SHIPPED, find_mnist
from smai_nn.datasets.sources import ROOT, find_file, may_download
from smai_nn.plots.animation import gif_frame_count, save_reconstruction_gif
from smai_nn.plots.style import audit
from smai_nn.profiles import current_profile
from smai_nn.runs import DEFAULT_USERNAME, RunFolder, runs_root, username, versions


def start():
    """Show username, profile, seeds, data sources and versions; return the Profile. The set-up cell calls it."""
    profile = current_profile()
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
    columns = list(rows[0])
    marks = [("---:" if all(isinstance(row[c], (int, float)) for row in rows) else ":---") for c in columns]
    lines = ["| " + " | ".join(cells) + " |" for cells in
             [columns, marks, *([_cell(row[c]) for c in columns] for row in rows)]]
    display(Markdown((f"**{caption}**\n\n" if caption else "") + "\n".join(lines)))


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
