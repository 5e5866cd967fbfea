"""Runs the notebook headless, whole or one section: `python -m smai_nn --help`.

The executed copy and all runs go into a new folder under runs/. Exit status: 0 all cells ran, 1 a
cell failed (its error is shown), 2 wrong options, 130 interrupted.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm import tqdm

from smai_nn.datasets.sources import ROOT
from smai_nn.files import save_text
from smai_nn.profiles import PROFILES
from smai_nn.runs import RunFolder
from smai_nn.submission import collect

NOTEBOOK = ROOT / "assignment3.ipynb"
HEADING = re.compile(r"^#{1,6}\s+(\d+(?:\.\d+)*)\.?\s+(.+)$", re.MULTILINE)


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
    """Return a copy of the notebook with its set-up cells and the cells of `section` and what is below it alone."""
    names, cell_sections = sections_of(notebook)
    if section not in names:
        raise ValueError(f"section {section}: expected one of {', '.join(names)}")
    chosen = nbformat.from_dict(dict(notebook))
    chosen.cells = [cell for cell, own in zip(notebook.cells, cell_sections)
                    if "setup" in cell.metadata.get("tags", []) or f"{own}.".startswith(f"{section}.")]
    return chosen


def execute(notebook, destination, environment):
    """Run all cells, keeping outputs in `notebook`, which is written to `destination` whatever happens.

    `environment` holds the kernel's environment variables. Returns None, or the error text of the cell that failed.
    """
    names, cell_sections = sections_of(notebook)
    labels = [f"{own} {names[own]}" if own else "set-up" for own in cell_sections]
    code = sum(cell.cell_type == "code" for cell in notebook.cells)
    bar = tqdm(total=code, file=sys.stdout, ncols=100,
               bar_format="{n_fmt}/{total_fmt} cells [{elapsed}] {desc}")

    def on_start(cell, cell_index):
        bar.set_description_str(labels[cell_index])

    def on_done(cell, cell_index):
        if cell.cell_type == "code":
            bar.update()

    client = NotebookClient(notebook, timeout=None, kernel_name="python3", coalesce_streams=True, record_timing=False,
                            resources={"metadata": {"path": str(ROOT)}},
                            extra_arguments=["--log-level=ERROR"],  # its warnings are not about the notebook
                            on_cell_start=on_start, on_cell_complete=on_done)
    with ThreadPoolExecutor(1) as thread:  # nbclient's own answer to Ctrl-C would kill the kernel in mid-sentence
        running = thread.submit(client.execute, env=environment)
        try:
            running.result()
            return None
        except KeyboardInterrupt:
            while True:  # the running cell ends with KeyboardInterrupt; a kernel that is just starting may miss it
                if client.km is not None and client.km.has_kernel:
                    asyncio.run(client.km.interrupt_kernel())
                if wait([running], timeout=3).done:
                    raise
        except (CellExecutionError, DeadKernelError) as error:
            return str(error)
        finally:
            bar.close()
            save_text(destination, nbformat.writes(notebook) + "\n")


def main(arguments=None):
    """Parse the command line, run, report; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smai_nn", description="Run assignment3.ipynb headless.")
    parser.add_argument("--profile", choices=tuple(PROFILES), default=os.environ.get("SMAI_PROFILE") or "full",
                        help="full: all grids and seeds (default); quick: a look in a minute or two")
    parser.add_argument("--section", metavar="N", help="the set-up cell and this section alone, e.g. 1.3")
    parser.add_argument("--list", action="store_true", help="list the sections and end")
    parser.add_argument("--in-place", action="store_true",
                        help="also replace assignment3.ipynb by the executed copy, and runs/submission/ by its runs")
    options = parser.parse_args(arguments)
    if options.in_place and options.section:
        parser.error("--in-place: expected the whole notebook, got one section")
    try:
        notebook = nbformat.read(NOTEBOOK, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        print(f"assignment3.ipynb: expected the notebook beside smai_nn/, could not read it ({error})")
        return 1
    if options.list:
        for number, title in sections_of(notebook)[0].items():
            print(f"{number:8}{title}")
        return 0
    if options.section:
        try:
            notebook = select(notebook, options.section)
        except ValueError as error:
            parser.error(str(error))

    folder = RunFolder.create("-".join(filter(None, ("notebook", options.profile, options.section))))
    started = time.perf_counter()
    shown = folder.path.relative_to(ROOT).as_posix() if folder.path.is_relative_to(ROOT) else str(folder.path)
    print(f"Profile {options.profile}; everything goes to {shown}/", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        # The user's own IPython start-up files have no part in this.
        own = {"SMAI_PROFILE": options.profile, "SMAI_RUNS": str(folder.path), "IPYTHONDIR": scratch}
        try:
            error = execute(notebook, folder.path / NOTEBOOK.name, os.environ | own)
        except KeyboardInterrupt:
            print(f"Interrupted; what ran so far is in {shown}/{NOTEBOOK.name}")
            return 130
    seconds = time.perf_counter() - started
    if error:
        print(f"\nFailed after {seconds:.0f} s; the copy with the error is {shown}/{NOTEBOOK.name}\n\n{error}")
        return 1
    if options.in_place:
        save_text(NOTEBOOK, nbformat.writes(notebook) + "\n")
        print(f"runs/submission/: {collect(folder.path) / 1e6:.1f} MB")
    print(f"Done in {seconds:.0f} s: {shown}/{NOTEBOOK.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
