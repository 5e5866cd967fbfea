"""The notebook: runs section by section in `quick`, and as committed is whole and executed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from smai_nn import notebook as notebook_tools
from smai_nn.__main__ import NOTEBOOK, main, sections_of, select
from smai_nn.files import load_json
from smai_nn.submission import SUBMISSION

ROOT = Path(__file__).parents[1]
COMMITTED = nbformat.read(NOTEBOOK, as_version=4)
CODE = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]


# Every Python process that finds this as sitecustomize.py notes and refuses whatever would leave the machine.
OFFLINE = """
import os, socket

def refusing(function, address_of):
    def guarded(*arguments, **options):
        host = address_of(arguments)
        if isinstance(host, str) and not host.startswith("/") and host not in ("", "127.0.0.1", "::1", "localhost"):
            with open(os.environ["OFFLINE_NOTES"], "a") as notes:
                notes.write(host + "\\n")
            raise OSError("the test allows no network")
        return function(*arguments, **options)
    return guarded

def host(address):
    return address[0] if isinstance(address, tuple) else None

socket.getaddrinfo = refusing(socket.getaddrinfo, lambda a: a[0])
socket.socket.connect = refusing(socket.socket.connect, lambda a: host(a[1]))
socket.socket.connect_ex = refusing(socket.socket.connect_ex, lambda a: host(a[1]))
"""


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Cut Python processes that are started off from the network; return the file that notes who asked for it."""
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "sitecustomize.py").write_text(OFFLINE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "offline"))
    monkeypatch.setenv("OFFLINE_NOTES", str(tmp_path / "hosts.txt"))
    return tmp_path / "hosts.txt"


def run(*arguments):
    """Run `python -m smai_nn` with these arguments; return the finished process."""
    return subprocess.run([sys.executable, "-m", "smai_nn", *arguments], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, "SMAI_USERNAME": "ada.l"})


def only_copy():
    """Return the one executed notebook that a run left."""
    (path,) = Path(os.environ["SMAI_RUNS"]).glob("*/assignment3.ipynb")
    return path


def text_of(notebook):
    """Return all text outputs of a notebook."""
    return "\n".join(str(o.get("text", "")) + str(o.get("data", {}).get("text/markdown", ""))
                     for cell in notebook.cells for o in cell.get("outputs", []))


@pytest.mark.parametrize("section", ["1.1", "1.2", "1.3.1", "1.3.2", "1.4", "1.5", "2.1", "2.2", "2.3", "2.4", "2.5",
                                     "3.1", "3.2"])
def test_section_runs_by_itself_and_without_a_network(section, offline):
    done = run("--profile", "quick", "--section", section)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not offline.exists(), offline.read_text()
    copy = nbformat.read(only_copy(), as_version=4)
    assert "quick: the same code on smaller grids" in text_of(copy)
    assert "**What it shows.**" in text_of(copy)
    code = [cell for cell in copy.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    figures = list(only_copy().parent.glob("figures/*.png"))
    assert figures and all(path.stem.endswith("-ada.l") for path in figures)
    assert {path.name.split("-")[0] for path in figures} == {section}


def test_the_summary_by_itself_says_what_has_not_been_run(offline):
    assert run("--profile", "quick", "--section", "4").returncode == 0
    text = text_of(nbformat.read(only_copy(), as_version=4))
    assert "reach at most (not run)" in text and "{" not in text


def test_the_guard_against_the_network_works(offline):
    code = "import urllib.request; urllib.request.urlopen('http://example.com')"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert done.returncode and "the test allows no network" in done.stderr and offline.read_text() == "example.com\n"


def test_list_names_the_sections():
    done = run("--list")
    assert done.returncode == 0
    for number in ("1.1", "1.2", "1.3", "1.3.1", "1.3.2", "1.4", "1.5", "2", "2.1", "2.5"):
        assert re.search(rf"^{re.escape(number)} ", done.stdout, re.MULTILINE)


def test_unknown_section_and_profile_are_usage_errors():
    done = run("--section", "9.9")
    assert done.returncode == 2 and "expected one of" in done.stderr and "1.3.2" in done.stderr
    assert run("--profile", "fast").returncode == 2


def test_a_failing_cell_is_shown_and_gives_status_1(tmp_path, monkeypatch, capsys):
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("## 7 Broken"), nbformat.v4.new_code_cell("print('before')"),
        nbformat.v4.new_code_cell("1 / 0"), nbformat.v4.new_code_cell("print('after')")])
    nbformat.write(notebook, tmp_path / "assignment3.ipynb")
    monkeypatch.setattr("smai_nn.__main__.NOTEBOOK", tmp_path / "assignment3.ipynb")
    assert main([]) == 1
    shown = capsys.readouterr().out
    assert "ZeroDivisionError" in shown and "1 / 0" in shown and "7 Broken" in shown
    copy = nbformat.read(only_copy(), as_version=4)
    assert "before" in text_of(copy) and "after" not in text_of(copy)


def test_interrupt_keeps_what_ran_and_gives_status_130():
    process = subprocess.Popen([sys.executable, "-m", "smai_nn", "--profile", "quick", "--section", "1.4"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not list(Path(os.environ["SMAI_RUNS"]).glob("*/*border*")):  # the first training run has begun
        time.sleep(0.1)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "Interrupted; what ran so far is in" in shown and "Traceback" not in shown
    assert "border map" in text_of(nbformat.read(only_copy(), as_version=4))


def test_a_section_keeps_set_up_and_what_is_below_it():
    chosen = select(COMMITTED, "1.3")
    names, cells = sections_of(chosen)
    assert {"1.3", "1.3.1", "1.3.2"} == set(names)
    assert "setup" in chosen.cells[0].metadata.tags
    assert "1.4" not in cells


def test_committed_notebook_was_executed_in_full_from_top_to_bottom():
    counts = [cell.execution_count for cell in CODE]
    assert counts == list(range(1, len(CODE) + 1))
    assert not [o for cell in CODE for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert "full: all grids and seeds" in text_of(COMMITTED)
    assert NOTEBOOK.stat().st_size < 15e6


def test_committed_notebook_holds_no_path_of_a_machine_and_no_external_link():
    text = json.dumps(COMMITTED)
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/\w", text)
    assert not re.search(r"https?://", text)


def test_notebook_defines_no_class():
    assert not [cell for cell in CODE if re.search(r"^\s*class ", cell.source, re.MULTILINE)]


def test_source_of_every_graded_thing_is_shown():
    shown = text_of(COMMITTED)
    for name in ("Linear", "ReLU", "Tanh", "Sigmoid", "Identity", "Model", "MSE", "BCE", "SGD", "Momentum", "Adam",
                 "EarlyStopping", "Trainer", "TrainConfig", "BorderDataset", "Modular_Dataloader", "MLPAutoencoder"):
        assert f"class {name}" in shown, name
    for name in ("numerical_gradient", "run_xor", "mask_from_image", "plot_loss_against_samples", "get_raw",
                 "get_polynomial", "get_fourier", "scale_columns", "run_reconstruction", "save_reconstruction_gif",
                 "run_digits", "run_detection", "split_pictures", "threshold_from", "detection_scores"):
        assert f"def {name}(" in shown, name


@pytest.fixture
def no_results(monkeypatch):
    monkeypatch.setattr(notebook_tools, "RESULTS", {})


def test_headline_figures_are_kept_as_plain_numbers_and_written_at_once(no_results):
    notebook_tools.record({"a.b": np.float32(0.5), "n": np.int64(3)})
    notebook_tools.record({"text": "x", "nothing": None})
    written = load_json(Path(os.environ["SMAI_RUNS"]) / "results.json")
    assert written == {"a.b": 0.5, "n": 3, "text": "x", "nothing": None}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], True, np.array([1.0])])
def test_headline_figures_that_are_none(value, no_results):
    with pytest.raises(ValueError, match="xor.runs: expected a finite number, a text or None, got"):
        notebook_tools.record({"xor.runs": value})


def test_figures_fill_a_text(no_results):
    notebook_tools.record({"a.b": 1234.5678, "n": 7, "text": "x", "nothing": None})
    assert notebook_tools.fill("{a.b:,.1f} {n} {text:.3f} {nothing:.2f} {unknown:.1%}") == "1,234.6 7 x never (not run)"


def output_of(cell):
    return "".join(o.get("data", {}).get("text/markdown", "") for o in cell.outputs)


def test_scoreboard_and_summary_are_what_results_json_says(monkeypatch):
    """The cells that make them, run again on the committed file, give the committed text."""
    monkeypatch.setattr(notebook_tools, "RESULTS", load_json(SUBMISSION / "results.json"))
    said, rows = [], []
    names = {"RESULTS": notebook_tools.RESULTS, "fill": notebook_tools.fill, "say": said.append,
             "show_scoreboard": rows.extend}
    summary, board = (next(cell for cell in CODE if text in cell.source) for text in ("say(fill(", "show_scoreboard(["))
    exec(summary.source, names)  # noqa: S102
    exec(board.source, names)  # noqa: S102
    (place,) = [cell for cell in CODE if "hold_scoreboard()" in cell.source]
    assert said[0].strip() == output_of(summary).strip()
    lines = [line for line in output_of(place).splitlines() if line.startswith("| ")][2:]
    assert lines == [f"| {what} | {notebook_tools.fill(form)} | {section} |" for what, form, section in rows]
    assert len(lines) > 10 and "(not run)" not in output_of(place)


SENTENCES = [  # (how the text says it, how results.json does)
    (r"([\d,]+ of [\d,]+)\)\. From the first start", "{xor.successes:,} of {xor.runs:,}"),
    (r"largest relative error at the best step is (\S+)", "{gradient_check.max_relative_error:.1e}"),
    (r"Over all (\d+) runs of this section", "{border.runs}"),
    (r"the accuracy goes from [\d.]+% to ([\d.]+%)", "{border.best_accuracy:.2%}"),
    (r"parameters, median accuracy\s([\d.]+%)", "{border.best_median_accuracy:.2%}"),
    (r"smallest network found is \*\*(\S+ .+?) with \d+ parameters", "{challenge.parameters_network}"),
    (r"smallest network found is \*\*\S+ .+? with (\d+) parameters", "{challenge.parameters}"),
    (r"parameters and (\d+) of 2500 pixels", "{challenge.parameters_correct}"),
    (r"Goal 1: (\d+) independent searches", "{challenge.parameters_searches}"),
    (r"(\d+) of \d+ searches reach 91%, with", "{challenge.parameters_search_successes}"),
    (r"With \*\*(\w+)\*\* \(", "{challenge.samples_method}"),
    (r"\*\*([\d,]+) samples\*\* on in the median", "{challenge.samples_median:,.0f}"),
    (r"it first gets there after\s([\d,]+)", "{challenge.samples_first_crossing_median:,.0f}"),
    (r"in the same order is ([\d,]+): the network", "{challenge.samples_limit:,.0f}"),
    (r"\| RLS \| 2-\d+-1 \|(?: [^|]+\|){3} ([\d,]+)", "{challenge.samples_until_early_stopping_median:,.0f}"),
    (r"with \*\*(\d+) hidden neurons\*\*", "{challenge.full_map_neurons}"),
    (r"\d+ parameters for [\d.]+%, \d+ for ([\d.]+%)\.", "{challenge.full_map_accuracy:.2%}"),
    (r"the \*test\* digits with an MSE of \*\*([\d.]+)\*\*", "{mnist.bottleneck32.test_mse:.5f}"),
    (r"bottleneck of \d+ tells (.+?) from all others", "{lfw.normal}"),
    (r"AUC of \*\*([\d.]+)\*\*", "{lfw.auc_mean:.3f}"),
    (r"bootstrap intervals reach from ([\d.]+ to [\d.]+)", "{lfw.auc_ci_low:.3f} to {lfw.auc_ci_high:.3f}"),
    (r"PCAs on the same pixels in (\d+ of \d+) seeds", "{lfw.seeds_ahead_of_pca} of {lfw.seeds}"),
    (r"PCA has .* ([\d.]+) with 128\.\n", "{lfw.pca_auc:.3f}"),
    (r"on the whole picture has an AUC of ([\d.]+),", "{lfw.whole_picture_auc:.3f}"),
]
COLUMNS = [  # (how a table's caption begins, the form of a figure's name for a row, column, form)
    ("smiley, 256x256", "reconstruction.smiley.{method}.mse", "final inference loss (MSE)", ".2e"),
    ("smiley, 256x256", "reconstruction.smiley.{method}.psnr", "PSNR (dB)", ".2f"),
    ("cat, 256x256", "reconstruction.cat.{method}.mse", "final inference loss (MSE)", ".2e"),
    ("cat, 256x256", "reconstruction.cat.{method}.psnr", "PSNR (dB)", ".2f"),
    ("Targets and losses", "blur.base.{blur}.mse", "BASE loss", ".2e"),
    ("Targets and losses", "blur.fourier.{blur}.mse", "FOURIER loss", ".2e"),
    ("MSE per pixel", "mnist.bottleneck{bottleneck}.test_mse", "test MSE", ".5f"),
    ("MSE per pixel", "mnist.pca{bottleneck}.test_mse", "PCA's test MSE", ".5f"),
    *(("The best model", f"lfw.{name.replace(' ', '_')}", name, ".4f")
      for name in ("precision", "recall", "f1", "balanced accuracy")),
]


@pytest.mark.parametrize("sentence, form", SENTENCES)
def test_what_the_text_says_is_what_results_json_says(sentence, form, monkeypatch):
    monkeypatch.setattr(notebook_tools, "RESULTS", load_json(SUBMISSION / "results.json"))
    found = re.search(sentence, text_of(COMMITTED))
    assert found and found[1] == notebook_tools.fill(form)


def committed_table(caption):
    """Return the rows, dicts of texts, of the table whose caption begins so."""
    lines = re.search(rf"^\*\*{re.escape(caption)}[^\n]*\n\n((?:\|.*\n?)+)", text_of(COMMITTED), re.MULTILINE)[1]
    header, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines.strip().splitlines())
    return [dict(zip([name.lower() for name in header], row)) for row in rows]


@pytest.mark.parametrize("caption, name, column, form", COLUMNS)
def test_what_the_tables_say_is_what_results_json_says(caption, name, column, form):
    results = load_json(SUBMISSION / "results.json")
    rows = committed_table(caption)
    for row in rows if "{" in name else rows[:1]:
        key = name.format(**{column: text.lower().replace(" ", "") for column, text in row.items() if column.isalpha()})
        assert row[column.lower()] == format(results[key], form), key


def test_every_figure_of_results_json_is_looked_for_in_the_notebook():
    patterns = [re.escape(key) for _, form in SENTENCES for key in re.findall(r"{([\w.]+)", form)]
    patterns += [re.sub(r"{\w+}", r"\\w+", name.replace(".", r"\.")) for _, name, _, _ in COLUMNS]
    elsewhere = r"notebook\..+|data\..+"  # the scoreboard, and the table of the set-up cell
    unknown = [key for key in load_json(SUBMISSION / "results.json")
               if not re.fullmatch("|".join([elsewhere, *patterns]), key)]
    assert unknown == []
