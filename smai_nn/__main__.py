"""Runs the notebook headless, whole or one section: `python -m smai_nn --help`.

The executed copy and all runs go into a new folder under runs/, or into the one that is gone on with. Exit status:
0 all cells ran, 1 a cell failed (its error is shown) or the copy could not be written, 2 wrong options, 128 and the
signal's number for Ctrl-C (130) and other signals.
"""

import sys
from pathlib import Path

if not __package__:  # started as `python smai_nn/__main__.py`: modules are looked for beside the package, not in it
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    import smai_nn  # noqa: F401  (which refuses a Python that is too old)

import argparse
import asyncio
import contextlib
import os
import re
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

from smai_nn.datasets.sources import ROOT
from smai_nn.execution import run_mode
from smai_nn.files import load_json, save_json, save_text
from smai_nn.profiles import PROFILES, current_profile
from smai_nn.runs import RunFolder, running_folders, runs_root
from smai_nn.submission import publish

NOTEBOOK = ROOT / "assignment3.ipynb"
HEADING = re.compile(r"^#{1,6}\s+(\d+(?:\.\d+)*)\.?\s+(.+)$", re.MULTILINE)
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
PATIENCE = 8  # seconds that an interrupted notebook has to end by itself


class Stopped(BaseException):
    """A signal asks for the end."""


class _Screen:
    """Standard output that no absent reader and no small code page turns into an error."""

    def __init__(self, stream):
        self.stream = stream
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")

    def write(self, text):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # none at all, closed, no reader
            self.stream.write(text)
            self.stream.flush()

    def flush(self):
        pass  # all is flushed


def sections_of(notebook):
    """Return (names, cell_sections): a dict number -> title, and the section number of every cell ("" before any).

    A section begins at a Markdown cell with a heading that starts with its number.
    """
    names, cell_sections, current = {}, [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (heading := HEADING.search(cell.source)):
            current = heading[1]
            names[current] = heading[2].strip()
        cell_sections.append(current)
    return names, cell_sections


def select(notebook, section):
    """Return the notebook with its set-up cells and the cells of `section` and what is below it alone.

    Set-up cells have the tag "setup"; where no cell has it, they are the code cells before the first section.
    """
    names, cell_sections = sections_of(notebook)
    if section not in names:
        raise ValueError(f"section {section}: expected one of {', '.join(names)}")
    is_setup = ["setup" in cell.metadata.get("tags", []) for cell in notebook.cells]
    if not any(is_setup):
        is_setup = [not own and cell.cell_type == "code" for cell, own in zip(notebook.cells, cell_sections)]
    notebook.cells = [cell for cell, own, setup in zip(notebook.cells, cell_sections, is_setup)
                      if setup or f"{own}.".startswith(f"{section}.")]
    return notebook


def execute(notebook, destination, environment):
    """Run all cells, keeping outputs in `notebook`, which is written to `destination` whatever happens.

    `environment` holds the kernel's environment variables. Returns None, or the error text of the cell that failed.
    Raises Stopped, with the signal's number, once the notebook has ended; OSError if the copy cannot be written.
    """
    names, cell_sections = sections_of(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.update(outputs=[], execution_count=None)
    bar = tqdm(total=len(code), file=sys.stdout, ncols=100, bar_format="{n_fmt}/{total_fmt} cells [{elapsed}] {desc}")

    def on_start(cell, cell_index):
        own = cell_sections[cell_index]
        bar.set_description_str(f"{own} {names[own]}" if own else "set-up")

    def stop(number, frame):
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    client = NotebookClient(notebook, timeout=None, kernel_name="python3", coalesce_streams=True, record_timing=False,
                            resources={"metadata": {"path": str(ROOT)}}, on_cell_start=on_start,
                            on_cell_complete=lambda cell, cell_index: bar.update(cell.cell_type == "code"),
                            extra_arguments=["--log-level=ERROR"])  # its warnings are not about the notebook
    kernel = client.create_kernel_manager()
    kernel.kernel_spec_manager.kernel_dirs = []  # with no others to choose from, it starts this very Python
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        with ThreadPoolExecutor(1) as thread:  # nbclient's own answer to Ctrl-C would kill the kernel in mid-sentence
            running = thread.submit(client.execute, env=environment)
            try:
                while not wait([running], timeout=1).done:
                    pass
            except Stopped:
                _end(kernel, running)
                raise
        error = running.exception()
        return error and (str(error) or repr(error))
    finally:
        if hasattr(os, "killpg") and kernel.provisioner and kernel.provisioner.pgid:
            with contextlib.suppress(OSError):  # as it should be: none of the kernel's processes is left
                os.killpg(kernel.provisioner.pgid, KILL)
        try:
            save_text(destination, nbformat.writes(notebook) + "\n")
        finally:
            bar.close()
            for number, handler in before.items():
                signal.signal(number, handler)


def _end(kernel, running):
    """Interrupt the running cell, which ends with KeyboardInterrupt; a kernel that does not answer is killed."""
    deadline = time.monotonic() + PATIENCE
    while not running.done():
        if kernel.has_kernel:  # one that is just starting may miss it
            late = time.monotonic() > deadline
            asyncio.run(kernel.signal_kernel(KILL) if late else kernel.interrupt_kernel())
        wait([running], timeout=3)


def find_execution(given, profile, section):
    """Return the folder to go on with, and its profile and section: the one given, else the newest unfinished one."""
    for path in [Path(given)] if given else sorted(runs_root().glob("*"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            about = load_json(path / "execution.json")
            if given or (about["profile"], about["section"]) == (profile, section) and about["status"] != "completed":
                return path.absolute(), about["profile"], about["section"]
    raise ValueError(f"--resume: expected an execution in {given}, with its execution.json, found none" if given else
                     f"--resume: expected an unfinished execution of {profile} in {runs_root()}, found none; start one "
                     "without --resume")


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
    sys.stdout = _Screen(sys.stdout)
    options, notebook = read_options(arguments)
    started, copy = time.perf_counter(), options.folder / NOTEBOOK.name
    shown = copy.relative_to(ROOT).as_posix() if copy.is_relative_to(ROOT) else str(copy)

    def note(status):
        save_json(options.folder / "execution.json", {"profile": options.profile, "section": options.section,
                                                      "mode": options.mode, "status": status})

    status, code = "failed", 1
    try:
        note("running")
        print(f"Profile {options.profile}, {options.mode}; everything goes to {Path(shown).parent.as_posix()}/")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            # The user's own start-up files have no part in this; what killed processes leave is removed at the end.
            own = {"SMAI_PROFILE": options.profile, "SMAI_RUN": options.mode, "SMAI_RUNS": str(options.folder),
                   "IPYTHONDIR": scratch, "PYTHONSTARTUP": "", "TMPDIR": scratch, "TEMP": scratch}
            error = execute(notebook, copy, os.environ | own)
        message = f"Failed; the copy with the error is {shown}\n\n{error}"
        if not error:
            status, code, message = "completed", 0, f"Done: {shown}"
            if options.in_place:
                size = publish(options.folder, lambda: save_text(NOTEBOOK, nbformat.writes(notebook) + "\n"))
                message += f"\n{NOTEBOOK.name} and the committed runs, {size / 1e6:.1f} MB, are replaced"
    except Stopped as stopped:
        status, code, message = "interrupted", 128 + stopped.args[0], f"Interrupted; what ran so far is in {shown}"
        for folder in running_folders(options.folder):
            folder.set_status("interrupted")
    except (OSError, ValueError) as error:
        code, message = 1, f"{shown}: could not be written or published ({error})"
    with contextlib.suppress(OSError):
        note(status)
    print(f"\n{message}\n{time.perf_counter() - started:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
