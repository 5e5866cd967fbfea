"""The headless runner, on tiny notebooks: what it starts, keeps, prints and returns."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import nbformat
import pytest

from smai_nn import __main__ as runner
from smai_nn.__main__ import find_execution, main, publish, sections_of, select
from smai_nn.files import load_json, save_json
from smai_nn.runs import RunFolder, runs_root

ROOT = Path(__file__).parents[1]
SET_UP = "from smai_nn.notebook import section, start\nprint('before', start().name)"
SWEEP = """
from smai_nn.execution import run_experiments
from tiny import TINY, TinySetting
section("5")
print([result.square for result in run_experiments(TINY, [TinySetting(n, steps=30) for n in range(4)])])
"""
START = """
import sys
from pathlib import Path
from smai_nn import __main__ as runner
runner.NOTEBOOK = Path(sys.argv[1])
sys.exit(runner.main(sys.argv[2:]))
"""


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A function that makes the runner's notebook: code cells, and Markdown cells where a source begins with #."""
    monkeypatch.setattr(runner, "NOTEBOOK", tmp_path / "assignment3.ipynb")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))

    def make(*sources):
        markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
        cells = [(markdown if source.startswith("#") else code)(source) for source in sources]
        for cell in cells[1:]:
            if cell.cell_type == "code":
                cell.update(execution_count=9, outputs=[nbformat.v4.new_output("stream", text="committed before")])
        nbformat.write(nbformat.v4.new_notebook(cells=cells), runner.NOTEBOOK)

    yield make
    signal.signal(signal.SIGINT, signal.default_int_handler)  # main() has replaced it


def start(*arguments, **options):
    """Start the runner as a process of its own, on the test's notebook."""
    return subprocess.Popen([sys.executable, "-c", START, str(runner.NOTEBOOK), *arguments], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def only_execution():
    """Return the one folder that the runner has made."""
    (path,) = runs_root().glob("*/execution.json")
    return path.parent


def text_of(path):
    """Return all text outputs of a notebook."""
    return "\n".join(str(output.get("text", "")) for cell in nbformat.read(path, as_version=4).cells
                     for output in cell.get("outputs", []))


def test_a_section_keeps_set_up_and_what_is_below_it():
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [code("set-up"), markdown("## 1 One"), code("one"),
             markdown("## 1.1 Half"), code("half"), markdown("## 11 Eleven"), code("eleven")]
    kept = select(nbformat.v4.new_notebook(cells=cells), "1")
    assert [cell.source for cell in kept.cells if cell.cell_type == "code"] == ["set-up", "one", "half"]
    assert dict(sections_of(kept)) == {"": "set-up", "1": "One", "1.1": "Half"}


@pytest.mark.parametrize("arguments, variables, why", [
    (["--section", "9.9"], {}, "section 9.9: expected one of 1, 2.1"),
    (["--profile", "fast"], {}, "invalid choice: 'fast'"),
    ([], {"SMAI_PROFILE": "fast"}, "SMAI_PROFILE: expected one of 'full', 'quick', got 'fast'"),
    ([], {"SMAI_RUN": "again"}, "SMAI_RUN: expected one of"),
    ([], {"SMAI_RUNS": __file__}, "set SMAI_RUNS to such a folder"),
    ([], {"SMAI_RUNS": "/proc/nothing"}, "set SMAI_RUNS to such a folder"),
    (["--resume"], {}, "expected an unfinished execution"),
    (["--resume", "nowhere"], {}, "in nowhere, with its execution.json, found none"),
    (["--resume", "--replay"], {}, "not allowed with argument"),
    (["--in-place", "--profile", "quick"], {}, "got quick, train, section all"),
    (["--in-place", "--section", "1"], {}, "got full, train, section 1"),
    (["--in-place", "--replay"], {}, "got full, replay, section all")])
def test_what_cannot_be_carried_out_is_a_usage_error(arguments, variables, why, notebook, monkeypatch, capsys):
    notebook("# 1 One", "# No number", "## 2.1. Two")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert why in " ".join(capsys.readouterr().err.split())


def test_a_failing_cell_is_shown_and_the_copy_holds_only_what_ran(notebook, monkeypatch, capsys, tmp_path):
    (tmp_path / "startup.py").write_text("print('start-up')")
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "startup.py"))
    save_json(tmp_path / "kernels" / "python3" / "kernel.json",
              {"argv": ["another python"], "display_name": "Python 3", "language": "python"})
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook("import os, sys; print(sys.executable, os.environ['SMAI_PROFILE'])", "# 7 Broken", "1 / 0", "print(2)")
    monkeypatch.setenv("SMAI_PROFILE", " quick ")
    assert main([]) == 1
    shown = capsys.readouterr().out
    assert "ZeroDivisionError" in shown and "1 / 0" in shown and "7 Broken" in shown
    assert text_of(only_execution() / "assignment3.ipynb").strip() == f"{sys.executable} quick"
    assert load_json(only_execution() / "execution.json")["status"] == "failed"


def test_relative_places_mean_the_same_to_the_notebook(notebook, monkeypatch, tmp_path):
    places = ("SMAI_DATA", "SMAI_CACHE", "SMAI_SUBMISSION", "SMAI_RUNS", "SCIKIT_LEARN_DATA")
    for name in places:
        monkeypatch.setenv(name, name.lower())
    monkeypatch.chdir(tmp_path)
    notebook(f"import os; print([os.environ[name] for name in {places}])")
    assert main([]) == 0
    expected = [str(tmp_path / name.lower()) for name in places]
    expected[3] = str(only_execution())
    assert text_of(only_execution() / "assignment3.ipynb") == f"{expected}\n"


def test_a_kernel_that_dies_leaves_the_copy(notebook, capsys):
    notebook("print('before')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert main([]) == 1 and "Kernel died" in capsys.readouterr().out
    assert text_of(only_execution() / "assignment3.ipynb") == "before\n"


def test_a_copy_that_cannot_be_written_is_said_with_its_path(notebook, monkeypatch, capsys):
    notebook("# 1 One")
    monkeypatch.setattr(runner, "save_text", Mock(side_effect=OSError(28, "No space left on device")))
    assert main([]) == 1
    assert re.search(r"/runs/\S+/assignment3.ipynb: could not be written .*No space left", capsys.readouterr().out)


def processes_marked(mark):
    """Return the folders in /proc of processes that have the environment variable MARK=mark."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [file.parent] * (f"MARK={mark}".encode() in file.read_bytes().split(b"\0"))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_ran_and_resume_goes_on_from_there(number, notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SMAI_TINY_PAUSE", "0.05")
    monkeypatch.setenv("MARK", tmp_path.as_posix())
    notebook(SET_UP, "# 5 Sweep", SWEEP, "print('after')")
    process = start("--profile", "quick")
    while not list(runs_root().glob("*/*-tiny-2")):  # of four on two cores: one run has ended, others are in work
        time.sleep(0.05)
        assert process.poll() is None
    with pytest.raises(ValueError, match="execution of quick, and none that is running now, in .*, found none"):
        find_execution("", "quick", None)
    process.send_signal(number)
    shown = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number and "Interrupted; what ran so far is in" in shown
    time.sleep(1.5)  # a process that has lost its parent ends within a second
    assert "Traceback" not in shown and processes_marked(tmp_path.as_posix()) == []
    execution = only_execution()
    kept = text_of(execution / "assignment3.ipynb")
    assert "before" in kept and "after" not in kept and "committed before" not in kept
    finished = {path.parent for path in execution.glob("*/metrics.json") if "completed" in path.read_text()}
    begun = [path.parent for path in execution.glob("*-tiny-*/metrics.json")]  # one just made holds nothing yet
    assert finished and all(RunFolder(folder).status in ("completed", "interrupted") for folder in begun)

    if number != signal.SIGINT:  # once is enough
        return
    monkeypatch.setenv("SMAI_TINY_PAUSE", "0")
    assert main(["--profile", "quick", "--resume"]) == 0
    assert only_execution() == execution and "[0, 1, 4, 9]" in text_of(execution / "assignment3.ipynb")
    completed = {path.parent for path in execution.glob("*/metrics.json") if "completed" in path.read_text()}
    assert finished < completed and len(completed) == 4


def test_resume_takes_the_newest_unfinished_execution_of_the_profile():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name, profile, status, process in (
            ("1", "full", "interrupted", os.getppid()), ("2", "full", "running", gone.pid),  # which was killed
            ("3", "full", "completed", gone.pid), ("4", "quick", "failed", gone.pid),
            ("5", "full", "running", os.getppid()), ("6", "quick", "running", os.getppid())):
        about = {"profile": profile, "section": None, "status": status, "process": process}
        save_json(runs_root() / name / "execution.json", about)
    assert find_execution("", "full", None) == (runs_root() / "2", "full", None)
    assert find_execution("", "quick", None)[0].name == "4"
    for name in ("3", "5"):
        assert find_execution(str(runs_root() / name), "quick", None) == (runs_root() / name, "full", None)


FIRST_CELL = next(cell.source for cell in nbformat.read(ROOT / "assignment3.ipynb", as_version=4).cells
                  if cell.cell_type == "code")


@pytest.mark.skipif("sys.path" not in FIRST_CELL, reason="the committed notebook expects the package beside it")
def test_the_set_up_cell_finds_the_package_above_it_or_says_that_it_needs_it(tmp_path):
    for place, status, said in ((ROOT / "data", 0, ""), (tmp_path, 1, "needs the folder smai_nn beside it")):
        done = subprocess.run([sys.executable, "-c", FIRST_CELL], cwd=place, text=True, capture_output=True)
        assert done.returncode == status and said in done.stderr


def test_an_older_python_is_told_so_before_anything_is_imported(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    monkeypatch.setattr(sys, "version", "3.10.0 (main)")
    text = (ROOT / "smai_nn" / "__init__.py").read_text()
    with pytest.raises(SystemExit, match="expected Python 3.11 or newer, got 3.10.0"):
        exec(compile(text, "__init__", "exec"), {})


# What is committed

@pytest.fixture
def execution(tmp_path, monkeypatch):
    """A folder as an execution leaves it, and an older one that is committed, in $SMAI_SUBMISSION."""
    monkeypatch.setenv("SMAI_SUBMISSION", str(tmp_path / "submission"))
    save_json(tmp_path / "submission" / "old" / "metrics.json", {"status": "completed"})
    folder = tmp_path / "execution"
    for name, status in (("a", "completed"), ("b", "failed"), ("c", "interrupted")):
        save_json(folder / name / "metrics.json", {"status": status})
        for left_out in ("frames.npz", "network.npz", "losses.npz"):
            (folder / name / left_out).write_bytes(bytes(100))
    for name in ("results.json", "figures/1.1-mask.png", "a/run-1.wandb", "assignment3.ipynb", "execution.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    return folder


def committed(tmp_path):
    return {path.relative_to(tmp_path / "submission").as_posix() for path in (tmp_path / "submission").rglob("*.*")}


def test_results_figures_and_finished_runs_replace_what_was_committed(execution, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "NOTEBOOK", tmp_path / "assignment3.ipynb")
    publish(execution, nbformat.v4.new_notebook())
    assert committed(tmp_path) == {"results.json", "figures/1.1-mask.png", "a/run-1.wandb", "a/metrics.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"submission", "execution", "assignment3.ipynb"}


def test_no_more_than_25_mb_are_committed(execution, tmp_path):
    with (execution / "a" / "big.npz").open("wb") as file:
        file.truncate(26_000_000)
    with pytest.raises(ValueError, match="at most 25 MB to commit, got 26.0 MB"):
        publish(execution, nbformat.v4.new_notebook())
    assert committed(tmp_path) == {"old/metrics.json"}


def test_what_was_committed_stays_if_anything_fails(execution, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "save_text", Mock(side_effect=OSError("no space")))

    def fails(error, match):
        with pytest.raises(error, match=match):
            publish(execution, nbformat.v4.new_notebook())
        assert committed(tmp_path) == {"old/metrics.json"}
        assert {path.name for path in tmp_path.iterdir()} == {"submission", "execution"}

    fails(OSError, "no space")
    monkeypatch.undo()
    monkeypatch.setenv("SMAI_SUBMISSION", str(tmp_path / "submission"))
    monkeypatch.setattr(runner, "NOTEBOOK", tmp_path / "nowhere" / "assignment3.ipynb")  # a folder: cannot be replaced
    (tmp_path / "nowhere" / "assignment3.ipynb").mkdir(parents=True)
    with pytest.raises(OSError):
        publish(execution, nbformat.v4.new_notebook())
    assert committed(tmp_path) == {"old/metrics.json"}
    shutil.rmtree(tmp_path / "nowhere")
    (execution / "results.json").unlink()
    fails(FileNotFoundError, "results.json")


def test_in_place_replaces_the_notebook(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SMAI_SUBMISSION", str(tmp_path / "submission"))
    notebook("from smai_nn.notebook import record, runs_root", "(runs_root() / 'figures').mkdir()",
             "x = record({'a.b': 1})")
    assert main(["--in-place"]) == 0
    assert "committed before" not in text_of(runner.NOTEBOOK)
    assert load_json(tmp_path / "submission" / "results.json") == {"a.b": 1}
