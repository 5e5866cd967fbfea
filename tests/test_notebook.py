"""The committed notebook: its form, that it was executed whole, that its claims hold, that its sections stand alone."""

import ast
import builtins
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from smai_nn import notebook as shown
from smai_nn.__main__ import NOTEBOOK, sections_of
from smai_nn.files import load_json

ROOT = Path(__file__).parents[1]
COMMITTED = nbformat.read(NOTEBOOK, as_version=4)
CODE = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]
RESULTS = ROOT / "runs" / "submission" / "results.json"


def text_of(cells):
    """Return all text outputs of cells."""
    return "\n".join(str(o.get("text", "")) + str(o.get("data", {}).get("text/markdown", ""))
                     for cell in cells for o in cell.get("outputs", []))


def said_lines(tree):
    """Return the numbers of the lines within plain strings that `say` shows: they are prose, not code."""
    strings = [a for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "say"
               for a in n.args]
    return {line for s in strings for line in range(s.lineno + 1, s.end_lineno + 1)}


def code_lines(cell):
    """Return the lines of a cell that are code: not blank, and not text for `say`."""
    prose = said_lines(ast.parse(cell.source))
    return [line for i, line in enumerate(cell.source.split("\n"), 1) if line.strip() and i not in prose]


def nodes():
    """Yield every syntax node of every cell."""
    for cell in CODE:
        yield from ast.walk(ast.parse(cell.source))


def test_form_of_the_code():
    lengths = sorted(len(code_lines(cell)) for cell in CODE)
    assert len(CODE) <= 70 and sum(lengths) <= 600
    assert lengths[-1] <= 25 and lengths[int(0.9 * (len(lengths) - 1))] <= 12
    assert max(len(line) for cell in CODE for line in code_lines(cell)) <= 100
    assert sum(line.startswith(("import", "from")) for line in CODE[0].source.split("\n")) <= 10


def test_cells_define_nothing_and_rebind_no_import():
    assert not [n for n in nodes() if isinstance(n, (ast.ClassDef, ast.FunctionDef, ast.Lambda))]
    names = [alias for n in nodes() if isinstance(n, (ast.Import, ast.ImportFrom)) for alias in n.names]
    assert "*" not in [alias.name for alias in names]
    stored = {n.id for n in nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert not stored & {(alias.asname or alias.name).split(".")[0] for alias in names}


def test_what_is_said_are_plain_strings_without_expressions_and_conditions():
    said = [a for n in nodes() if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "say" for a in n.args]
    assert said and all(isinstance(a, ast.Constant) for a in said)
    for argument in said:
        for brace in re.findall(r"{([^{}]*)}", argument.value):
            assert re.fullmatch(r"[a-z][\w.]*(:[-+,.\w%]*)?|\d+", brace), brace  # a fact, or an exponent in a formula


def test_words_sources_and_size():
    prose = sum(len(cell.source.split()) for cell in COMMITTED.cells if cell.cell_type == "markdown")
    tables = sources = 0
    for output in (o for cell in CODE for o in cell.outputs):
        text = "".join(output.get("data", {}).get("text/markdown", ""))
        if "```python" in text:
            sources += text.count("\n") - 3
        elif "\n| " in text:
            tables += len(text.replace("|", " ").split())
        else:
            prose += len(text.split())
    assert prose <= 8000 and tables <= 4000 and sources <= 1500
    assert NOTEBOOK.stat().st_size <= 2_000_000


def sections_code():
    """Return {section with code: its cells}, the set-up's own apart, with what is below a section added to it."""
    found = {}
    for cell, (place, _) in zip(COMMITTED.cells, sections_of(COMMITTED)):
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
            found.setdefault(place, []).append(cell)
    return found


@pytest.mark.parametrize("section", sections_code())
def test_a_section_needs_nothing_but_the_set_up(section):
    bound = {"profile", *dir(builtins)}
    for cell in sections_code()[section]:
        tree = ast.parse(cell.source)
        names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
        imports = [a for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
        handled = [n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler)]
        bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
        bound |= {(a.asname or a.name).split(".")[0] for a in imports}
        bound |= set(handled)
        assert {n.id for n in names if isinstance(n.ctx, ast.Load)} <= bound


def test_it_was_executed_in_full_from_top_to_bottom():
    assert [cell.execution_count for cell in CODE] == list(range(1, len(CODE) + 1))
    assert not [o for cell in CODE for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert "| profile | full |" in text_of(CODE) and "(not run)" not in text_of(CODE)


def test_all_claims_hold():
    facts = load_json(RESULTS)
    assert facts["claims.hold"] == facts["claims.made"] == text_of(CODE).count("| holds |") > 40
    assert "does not hold" not in text_of(CODE)


def test_what_is_said_is_what_results_json_says(monkeypatch):
    """The plain strings, filled in again from the committed facts, are the committed text."""
    monkeypatch.setattr(shown, "FACTS", load_json(RESULTS))
    committed = re.sub(r"\s+", " ", text_of(CODE))
    for n in nodes():
        if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "say":
            said = re.sub(r"\s+", " ", shown.fill(n.args[0].value)).strip()
            assert said in committed or said.startswith("> # ⚠")  # warnings of what is not the case here


def test_markdown_cells_hold_no_path_of_a_machine_and_no_external_link():
    text = json.dumps(COMMITTED)
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/\w", text)
    assert not re.search(r"https?://", text)


def test_source_of_every_graded_thing_is_shown():
    text = text_of(CODE)
    for name in ("Linear", "ReLU", "Tanh", "Sigmoid", "Identity", "Model", "MSE", "BCE", "SGD", "Adam", "EarlyStopping",
                 "Trainer", "TrainConfig", "BorderDataset", "Modular_Dataloader", "MLPAutoencoder"):
        assert f"\nclass {name}" in text, name
    for name in ("numerical_gradient", "run_xor", "mask_from_image", "log_run", "get_raw",
                 "get_polynomial", "get_fourier", "run_border"):
        assert f"def {name}(" in text, name


def test_facts_fill_a_text(monkeypatch):
    monkeypatch.setattr(shown, "FACTS", {"a.b": 1234.5678, "n": 7, "text": "x", "nothing": None})
    assert shown.fill("{a.b:,.1f} {n} {text} {nothing:.2f} {unknown:.1%} {A_B}") == "1,234.6 7 x never (not run) {A_B}"


def test_a_source_is_named_by_its_place_in_the_project_through_a_symbolic_link_too(tmp_path):
    (tmp_path / "link").symlink_to(ROOT, target_is_directory=True)
    assert shown._relative(tmp_path / "link" / "smai_nn" / "linear.py") == "smai_nn/linear.py"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], True])
def test_facts_that_are_none(value, monkeypatch):
    monkeypatch.setattr(shown, "FACTS", {})
    with pytest.raises(ValueError, match="xor.runs: expected a finite number, a text or None, got"):
        shown.record({"xor.runs": value})


def test_claims_say_what_does_not_hold(monkeypatch, capsys):
    monkeypatch.setattr(shown, "FACTS", {"claims.made": 0, "claims.hold": 0})
    tables = []
    monkeypatch.setattr(shown, "show_table", tables.append)
    shown.show_claims({"one": 1, "two": 2.5, "never": None}, [
        ("one is less", "one", "<", "two"), ("one is more", "one", ">", 3), ("it comes", "never", "<", "two")])
    assert [row["verdict"] for row in tables[0]] == ["holds"] + ["**does not hold in this execution**"] * 2
    assert tables[0][2]["measured"] == "never < 2.5" and shown.FACTS == {"claims.made": 3, "claims.hold": 1}


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
"""


def run(tmp_path, *options, **variables):
    """Run `python -m smai_nn` with these options, cut off from the network; return the folder of the execution."""
    (tmp_path / "sitecustomize.py").write_text(OFFLINE)
    before = set((tmp_path / "runs").glob("*"))
    done = subprocess.run([sys.executable, "-m", "smai_nn", *options], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path), "OFFLINE_NOTES": str(tmp_path / "hosts.txt"),
                               "SMAI_USERNAME": "ada.l", "WANDB_MODE": "offline", **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "hosts.txt").exists(), (tmp_path / "hosts.txt").read_text()
    (folder,) = set((tmp_path / "runs").glob("*")) - before
    return folder


def tables_and_text(folder):
    """Return all Markdown that an executed copy shows below its set-up cell, and how many pictures."""
    cells = [cell for cell in nbformat.read(folder / NOTEBOOK.name, as_version=4).cells if cell.cell_type == "code"][1:]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    return (["".join(o.data["text/markdown"]) for o in outputs if "text/markdown" in o.get("data", {})],
            sum(any(kind.startswith("image/") for kind in o.get("data", {})) for o in outputs))


def test_quick_runs_without_a_network_and_a_replay_shows_the_same(tmp_path):
    trained = run(tmp_path, "--profile", "quick")
    replayed = run(tmp_path, "--profile", "quick", "--replay", SMAI_SUBMISSION=str(trained))
    assert not list(replayed.glob("*/settings.json"))  # nothing was trained
    shown, pictures = tables_and_text(trained)
    again, as_many = tables_and_text(replayed)
    assert as_many == pictures > 30
    assert [text for text in again if text.replace(replayed.name, trained.name) not in shown] == []
    assert {path.suffix for path in trained.glob("*/run-*.wandb")} == {".wandb"}
