"""The README: its example runs, and its commands are what CI and the package offer."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_example_learns_the_circle(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "circle.npz" in block)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True,
                          env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[0]) > 0.9 and (tmp_path / "circle.npz").is_file()


def test_the_example_reconstructs_the_smiley(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "smiley.png" in block)
    done = subprocess.run([sys.executable, "-c", code + "\nprint(picture.shape)"], cwd=tmp_path, text=True,
                          capture_output=True, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[0]) < 0.05 and "(256, 256)" in done.stdout


def test_the_example_compresses_digits(tmp_path):
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_mnist" in block)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True,
                          env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[0]) < 0.05 and done.stdout.strip().endswith("16)")


def test_both_commands_are_one_line_that_sets_everything_up():
    commands = [block.strip() for block in re.findall(r"^```\n(python3.*?)^```", README, re.DOTALL | re.MULTILINE)]
    set_up = "python3.11 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python -m "
    assert commands == [set_up + "smai_nn", set_up + "pytest"]


def test_every_file_that_it_names_exists():
    for name in re.findall(r"\]\(([^)#]+)\)|`(tests/[\w/.]+|data/[\w.]+)`", README):
        path = name[0] or name[1]
        assert path.startswith("http") or (ROOT / path).exists(), path


def test_its_results_are_the_scoreboard_of_the_committed_notebook():
    table = re.search(r"\| result \| measured \| section \|\n\|[^\n]+\n((?:\|.*\n)+)", README)[1].splitlines()
    notebook = json.loads((ROOT / "assignment3.ipynb").read_text())
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    board = "".join("".join(o.get("data", {}).get("text/markdown", "")) + "\n" for o in outputs).splitlines()
    assert len(table) > 8 and [row for row in table if row not in board] == []


def test_all_options_of_the_runner_are_explained():
    done = subprocess.run([sys.executable, "-m", "smai_nn", "--help"], cwd=ROOT, text=True, capture_output=True)
    for option in set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help"}:
        assert option in README, option
