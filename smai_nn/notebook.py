"""What the notebook needs to show things: sources, figures, tables, text with measured numbers, claims."""

import html
import inspect
import math
import numbers
import operator
import os
import platform
import re
import textwrap
import time
from pathlib import Path

import numpy as np
from IPython.display import Image, Markdown, display
from threadpoolctl import threadpool_limits

from smai_nn.datasets import overview
from smai_nn.datasets.sources import ROOT
from smai_nn.execution import begin_execution, run_mode, submission
from smai_nn.files import load_json, save_json
from smai_nn.plots.animation import save_gif, two_frames
from smai_nn.plots.style import audit, encode
from smai_nn.profiles import current_profile
from smai_nn.runs import DEFAULT_USERNAME, RunFolder, runs_root, username, versions
from smai_nn.wandb_log import wandb_mode

FACTS = {}  # all facts recorded so far, by name
SECONDS = "notebook.seconds_by_section."  # how the facts begin that say how long each section took
RELATIONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}
_clock = {"section": None, "since": time.perf_counter()}


def start():
    """Show username, profile, data sources, machine and versions; return the Profile. The set-up cell calls it."""
    profile = current_profile()
    begin_execution()
    FACTS.clear()
    _clock["section"] = None
    record({"notebook.profile": profile.name, "notebook.mode": run_mode(), "claims.made": 0, "claims.hold": 0})
    # One BLAS thread here too: these networks are small, and the bits then equal those of a sweep.
    threadpool_limits(limits=1)
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")  # NumPy's own, whatever a start-up file says
    if run_mode() == "replay":
        say(f"> # ⚠ Loaded, not trained: results and times are those recorded in {_relative(submission())}/.")
    if username() == DEFAULT_USERNAME:
        say(f"> # ⚠ The figures carry the placeholder {DEFAULT_USERNAME}. Without your own email username they score "
            "0: set SMAI_USERNAME and run the notebook again.")
    rows = [("username on all figures", username()), ("profile", profile.name), *overview(),
            ("run folders", f"{_relative(runs_root())}/"), ("W&B mode", wandb_mode()),
            ("machine", f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"),
            ("versions", ", ".join(f"{name} {version}" for name, version in versions().items()))]
    show_table([{"setting": name, "value": text} for name, text in rows])
    display(Markdown("*The scoreboard appears here when the last cell has run.*"), display_id="scoreboard")
    return profile


def section(number):
    """Begin a section such as "1.4", or with None end the last one: its time is counted."""
    now = time.perf_counter()
    if _clock["section"] is not None:
        record({SECONDS + _clock["section"]: now - _clock["since"]})
    _clock.update(section=number, since=now)


def record(facts):
    """Keep facts, a dict name -> number, text or None, for `say`, and write all to results.json; return them."""
    for name, value in facts.items():
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number and not isinstance(value, str | None):
            raise ValueError(f"{name}: expected a finite number, a text or None, got {value!r}")
        FACTS[name] = value
    save_json(runs_root() / "results.json", FACTS)
    return facts


def fill(form):
    """Return a text with the facts in the place of {name:format}: "never" for None, "(not run)" if not recorded."""
    def value(match):
        name, _, spec = match[1].partition(":")
        fact = FACTS.get(name, "(not run)")
        return "never" if fact is None else fact if isinstance(fact, str) else format(fact, spec)

    return re.sub(r"\{([a-z][\w.]*(?::[^{}]*)?)\}", value, form)


def say(text):
    """Show Markdown text, with facts in the place of {name:format}."""
    display(Markdown(fill(textwrap.dedent(text).strip())))


def show_claims(facts, claims):
    """Show claims and whether they hold here; None, which stands for "never", makes one fail.

    A claim is (sentence, name of a fact, one of < <= == >= >, name of another fact or a number).
    """
    rows = []
    for sentence, left, relation, right in claims:
        one, other = facts[left], facts[right] if isinstance(right, str) else right
        holds = None not in (one, other) and bool(RELATIONS[relation](one, other))
        rows.append({"claim": sentence, "measured": f"{_entry(one)} {relation} {_entry(other)}",
                     "verdict": "holds" if holds else "**does not hold in this execution**"})
        record({"claims.made": FACTS["claims.made"] + 1, "claims.hold": FACTS["claims.hold"] + holds})
    show_table(rows)


def show_scoreboard(results):
    """Show results, name -> text as for `say`, if they were run, and each section's seconds, on the first page."""
    section(None)
    facts = load_json(submission() / "results.json") if run_mode() == "replay" else FACTS
    seconds = {name.removeprefix(SECONDS): value for name, value in facts.items() if name.startswith(SECONDS)}
    record({"notebook.seconds": sum(seconds.values())})
    rows = [f"| {name} | {fill(form)} |" for name, form in results.items() if "(not run)" not in fill(form)]
    title = f"**Scoreboard: profile {FACTS['notebook.profile']}, {FACTS['notebook.seconds'] / 60:.1f} minutes**"
    times = "; ".join(f"{number}: {value:.0f} s" for number, value in seconds.items())
    table = [title, "", "| result | measured |", "| :--- | :--- |", *rows, "", times]
    display(Markdown("\n".join(table)), display_id="scoreboard", update=True)


def show_source(*things):
    """Show the source of classes, functions and scripts (their paths), folded, with what they are on the first line."""
    for thing in things:
        if isinstance(thing, str):
            summary, code = f"<code>{thing}</code>", (ROOT / thing).read_text(encoding="utf-8")
        else:
            kind, code = "class" if inspect.isclass(thing) else "def", inspect.getsource(thing)
            head = html.escape(f"{kind} {thing.__name__}{inspect.signature(thing)}", quote=False)
            first = html.escape(inspect.getdoc(thing).splitlines()[0])
            path = _relative(inspect.getsourcefile(thing))
            summary = f"<code>{head}</code>, <code>{path}</code><br>{first}"
        display(Markdown(f"<details><summary>{summary}</summary>\n\n```python\n{code.rstrip()}\n```\n</details>"))


def show_figure(figure, name, photographs=False):
    """Save a Figure as <name>-<username> and show it; photographs become JPEG. ValueError if `audit` objects."""
    if problems := audit(figure):
        raise ValueError(f"figure {name}: " + "; ".join(problems))
    path = RunFolder(runs_root() / "figures").save_picture(name, *encode(figure, photographs))
    display(Image(filename=str(path)))


def show_film(name, runs):
    """Make the GIF of runs that kept their pictures, or in a replay read it; show two frames; return its facts."""
    picture = runs[0].setting.picture
    if run_mode() == "replay":
        (gif,) = (submission() / "figures").glob(f"{name}-*.gif")
    else:
        panels = [(run.setting.method, run.setting.label, *run.frames.values()) for run in runs]
        gif = save_gif(runs_root() / "figures" / f"{name}-{username()}.gif", picture, panels)
    frames, pictures = two_frames(gif)
    display(*map(Image, pictures))
    return {f"film.{picture}.frames": frames, f"film.{picture}.megabytes": gif.stat().st_size / 1e6,
            f"film.{picture}.file": gif.name}


def show_table(rows, caption=""):
    """Show rows, dicts with the same keys, as a table; numbers are right-aligned."""
    columns = list(rows[0])
    marks = ["---:" if all(isinstance(row[name], int | float) for row in rows) else ":---" for name in columns]
    lines = [columns, marks, *([_entry(row[name]) for name in columns] for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    display(Markdown(f"**{caption}**\n\n{table}" if caption else table))


def _entry(value):
    """Return what a table shows of a value: four digits, thousands apart, "never" for None, no mark of a column."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{value:,}" if isinstance(value, numbers.Integral) else f"{value:.4g}"
    return "never" if value is None else str(value).replace("|", "\\|")


def show_run_folder(path):
    """Show what is in a run folder: its files, and its metrics."""
    show_table([{"file": file.name, "bytes": file.stat().st_size} for file in sorted(path.iterdir())], _relative(path))
    show_table([{"name": key, "value": value} for key, value in RunFolder(path).metrics().items()], "metrics.json")


def _relative(path):
    """Return a path below the project without this machine's folders, or its name."""
    path, root = Path(path).resolve(), ROOT.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
