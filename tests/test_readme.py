"""The README: its examples run, and its commands, files and results are what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


QUICKER = {"range(5)": "range(1)", "BorderSetting()": "BorderSetting(max_epochs=2)"}


@pytest.mark.parametrize("part, shorter, expected", [
    ("circle.npz", {}, r"(0\.9\d*|1\.0) "), ("run_experiments", QUICKER, r"\[0\.\d+(, 0\.\d+){3}\]")])
def test_the_examples_run(part, shorter, expected, tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if part in block)
    for long, short in shorter.items():
        code = code.replace(long, short)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, text=True, capture_output=True,
                          env={"PYTHONPATH": str(ROOT), "SMAI_RUNS": str(tmp_path), "WANDB_MODE": "disabled"})
    assert done.returncode == 0, done.stderr
    assert re.search(expected, done.stdout)


def test_both_commands_are_one_line_that_sets_everything_up():
    commands = [block.strip() for block in re.findall(r"^```\n(python3.*?)^```", README, re.DOTALL | re.MULTILINE)]
    set_up = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python -m "
    assert commands == [set_up + "smai_nn", set_up + "pytest"]


def test_every_file_that_it_names_exists():
    for name in re.findall(r"\]\(([^)#]+)\)|`((?:tests|data)/[\w/.]+)`", README):
        path = name[0] or name[1]
        assert path.startswith("http") or (ROOT / path).exists(), path


def test_its_results_are_the_scoreboard_of_the_committed_notebook():
    table = re.search(r"\| result \| measured \|\n\|[^\n]+\n((?:\|.*\n)+)", README)[1].splitlines()
    notebook = json.loads((ROOT / "assignment3.ipynb").read_text(encoding="utf-8"))
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    board = "".join("".join(o.get("data", {}).get("text/markdown", "")) + "\n" for o in outputs).splitlines()
    assert len(table) > 8 and [row for row in table if row not in board] == []


def test_all_options_and_variables_are_explained():
    done = subprocess.run([sys.executable, "-m", "smai_nn", "--help"], cwd=ROOT, text=True, capture_output=True)
    names = set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help"}
    for path in (ROOT / "smai_nn").rglob("*.py"):
        names |= set(re.findall(r"\bSMAI_[A-Z]+\b", path.read_text()))
    assert {name for name in names if name not in README} == set()
