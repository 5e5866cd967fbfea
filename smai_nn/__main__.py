"""Runs the notebook headless, whole or one section: `python -m smai_nn --help`.

Exit status: 0 all cells ran, 1 a cell failed or a file could not be written, 2 wrong options, 128 + a signal's number.
"""

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from smai_nn.datasets.sources import ROOT
from smai_nn.execution import run_mode, submission
from smai_nn.files import load_json, save_json, save_text
from smai_nn.profiles import PROFILES, current_profile
from smai_nn.runs import RunFolder, mark_interrupted, runs_root

NOTEBOOK = ROOT / "assignment3.ipynb"
HEADING = re.compile(r"^#{1,6}\s+(\d+(?:\.\d+)*)\.?\s+(.+)$", re.MULTILINE)
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows knows the latter alone


def sections_of(notebook):
    """Return the (number, title) of the heading above every cell, ("", "set-up") before the first with a number."""
    found, current = [], ("", "set-up")
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heading := HEADING.search(cell.source)):
            current = heading.groups()
        found.append(current)
    return found


def select(notebook, section):
    """Return the notebook with the set-up, and the cells of `section` and what is below it, alone."""
    sections = sections_of(notebook)
    if section not in dict(sections):
        raise ValueError(f"section {section}: expected one of {', '.join(filter(None, dict(sections)))}")
    notebook.cells = [cell for cell, (number, _) in zip(notebook.cells, sections)
                      if not number or f"{number}.".startswith(f"{section}.")]
    return notebook


def report(text, **options):
    """Print, if somebody still reads: with `| head` the reader is soon gone, and the run goes on."""
    with contextlib.suppress(OSError):
        print(text, **options, flush=True)


def stop(number, frame):
    """End the program because of a signal, and heed no further one."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def execute(notebook, destination, environment):
    """Run all cells, keeping outputs in `notebook`, which is written to `destination` whatever happens.

    Returns None, or the error text of the cell that failed. After a signal, raises SystemExit once the kernel has
    ended. Raises OSError if the copy cannot be written.
    """
    sections = sections_of(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)

    def show_progress(cell, cell_index):
        number, title = sections[cell_index]
        report(f"\rcell {cell_index + 1} of {len(sections)}: {number} {title}".ljust(100), end="")

    client = NotebookClient(notebook, timeout=None, kernel_name="python3", coalesce_streams=True, record_timing=False,
                            resources={"metadata": {"path": str(ROOT)}}, on_cell_start=show_progress,
                            extra_arguments=["--log-level=ERROR"])  # its warnings are not about the notebook
    kernel = client.create_kernel_manager()
    kernel.kernel_spec_manager.kernel_dirs = []  # with no others to choose from, it starts this very Python
    try:
        with ThreadPoolExecutor(1) as thread:  # in this one, nbclient would answer the signals in its own way
            running = thread.submit(client.execute, env=environment)
            try:
                while not wait([running], timeout=1).done:
                    pass
            finally:
                while not running.done():  # a signal has come: the kernel ends, with all its workers
                    if kernel.has_kernel:
                        asyncio.run(kernel.signal_kernel(KILL))
                    wait([running], timeout=1)
        error = running.exception()
        return error and (str(error) or repr(error))
    finally:
        save_text(destination, nbformat.writes(notebook) + "\n")


def publish(execution, notebook):
    """Replace NOTEBOOK, and the committed folder by results, figures, finished runs; after an error, neither."""
    target = submission()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        for folder in [execution / "figures", *(path.parent for path in execution.glob("*/metrics.json"))]:
            if folder.name == "figures" or RunFolder(folder).status == "completed":  # all but what is large
                ignore = shutil.ignore_patterns("frames*", "network*", "losses*")
                shutil.copytree(folder, new / folder.name, ignore=ignore)
        shutil.copy(execution / "results.json", new)
        size = sum(path.stat().st_size for path in new.rglob("*") if path.is_file())
        if size > 25e6:
            raise ValueError(f"expected at most 25 MB to commit, got {size / 1e6:.1f} MB")
        written = save_text(NOTEBOOK.with_suffix(".part"), nbformat.writes(notebook) + "\n")
        try:
            for path, place in ((target, old), (new, target), (written, NOTEBOOK)):
                if path.exists():
                    path.replace(place)
        except BaseException:
            if old.exists():
                shutil.rmtree(target, ignore_errors=True)
                old.rename(target)
            raise


def find_execution(given, profile, section):
    """Return the folder to go on with, and its profile and section: the one given, else the newest unfinished one."""
    others = {*psutil.pids()} - {os.getpid()}  # a killed execution says "running" for ever, but its process is gone
    for path in [Path(given)] if given else sorted(runs_root().glob("*"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            about = load_json(path / "execution.json")
            fits = (about["profile"], about["section"]) == (profile, section) and about["status"] != "completed"
            if given or fits and not (about["status"] == "running" and about["process"] in others):
                return path.absolute(), about["profile"], about["section"]
    raise ValueError(f"--resume: expected an unfinished execution of {profile}, and none that is running now, in "
                     f"{given or runs_root()}, with its execution.json, found none; start one without --resume")


def read_options(arguments):
    """Return (options, notebook) of a command line that can be carried out; ends with status 2 for another one."""
    parser = argparse.ArgumentParser(prog="python -m smai_nn", description="Run assignment3.ipynb headless.")
    parser.add_argument("--profile", choices=tuple(PROFILES),
                        help="full: all grids and seeds (default); quick: a look in a minute or two")
    parser.add_argument("--section", metavar="N", help="the set-up cell and this section alone, e.g. 1.3")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--resume", nargs="?", const="", metavar="FOLDER", help="go on with an execution that was "
                       "interrupted or killed: this one, or the newest of the profile")
    modes.add_argument("--replay", action="store_true", help="train nothing: show the committed runs again")
    parser.add_argument("--in-place", action="store_true",
                        help="also replace assignment3.ipynb by the executed copy, and runs/submission/ by its runs")
    options = parser.parse_args(arguments)
    try:
        options.profile = options.profile or current_profile().name
        options.mode = "replay" if options.replay else run_mode() if options.resume is None else "resume"
        if options.mode == "resume":
            options.folder, options.profile, options.section = find_execution(options.resume, options.profile,
                                                                              options.section)
        if options.in_place and (options.profile != "full" or options.mode == "replay" or options.section):
            raise ValueError("--in-place: expected the whole notebook, trained in full, since it replaces what is "
                             f"committed; got {options.profile}, {options.mode}, section {options.section or 'all'}")
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        if options.section:
            notebook = select(notebook, options.section)
        if options.mode != "resume":
            options.folder = RunFolder.create("-".join(filter(None, (options.profile, options.section)))).path
    except (ValueError, OSError, nbformat.ValidationError) as error:  # ValueError also: the notebook is none
        parser.error(str(error))
    return options, notebook


def main(arguments=None):
    """Parse the command line, run, report; return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # no code page, however small, turns what is shown into an error
    options, notebook = read_options(arguments)
    copy, about = options.folder / NOTEBOOK.name, {"profile": options.profile, "section": options.section}
    # The kernel starts in ROOT, from where a relative path would lead elsewhere.
    places = {name: str(Path(os.environ[name]).expanduser().absolute())
              for name in ("SMAI_DATA", "SMAI_CACHE", "SMAI_SUBMISSION", "SCIKIT_LEARN_DATA") if os.environ.get(name)}
    status, code = "failed", 1
    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        save_json(options.folder / "execution.json", about | {"status": "running", "process": os.getpid()})
        report(f"Profile {options.profile}, {options.mode}; everything goes to {options.folder}")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            # The user's own start-up files have no part in this; what killed processes leave is removed at the end.
            own = {"SMAI_PROFILE": options.profile, "SMAI_RUN": options.mode, "SMAI_RUNS": str(options.folder),
                   "IPYTHONDIR": scratch, "PYTHONSTARTUP": "", "TMPDIR": scratch, "TEMP": scratch}
            error = execute(notebook, copy, os.environ | places | own)
        message = f"Failed; the copy with the error is {copy}\n\n{error}"
        if not error:
            status, code, message = "completed", 0, f"Done: {copy}"
            if options.in_place:
                publish(options.folder, notebook)
                message += f"\n{NOTEBOOK.name} and the committed runs are replaced"
    except SystemExit as stopped:
        status, code, message = "interrupted", stopped.code, f"Interrupted; what ran so far is in {copy}"
        mark_interrupted(options.folder)
    except (OSError, ValueError) as error:
        code, message = 1, f"{copy}: could not be written or published ({error})"
    with contextlib.suppress(OSError):
        save_json(options.folder / "execution.json", about | {"status": status})
    report(f"\n{message}")
    return code


if __name__ == "__main__":
    sys.exit(main())
