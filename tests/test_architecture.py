"""The house's plan: who may import whom, which libraries live where, and that requirements.txt lists what is used."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "smai_nn"
MODULES = sorted(PACKAGE.rglob("*.py"))

HELPERS = "checks files metrics"
CORE = "activations losses linear optim model trainer autoencoder gradcheck features"  # datasets come before the last
ARROWS = {  # room -> the rooms that it may import from, besides itself
    "checks": "",
    "files": "",
    "metrics": "checks",
    "activations": "checks",
    "losses": "checks activations",
    "linear": "checks activations",
    "optim": "checks",
    "model": "checks files activations losses linear optim",
    "trainer": "checks metrics losses model",
    "autoencoder": "checks metrics activations linear model optim",
    "gradcheck": "checks activations",
    "datasets": "checks files",
    "features": "checks datasets",
    "wandb_log": "",
    "runs": "checks files datasets wandb_log",
    "experiments": f"{HELPERS} {CORE} datasets runs",
    "plots": "files metrics datasets runs experiments",
    "execution": "checks files datasets runs wandb_log plots",
    "profiles": "checks experiments",
    "notebook": "files datasets runs wandb_log execution profiles plots",
    "__main__": "files datasets runs execution profiles",
}
LIBRARIES = {  # library -> the rooms that may use it
    "matplotlib": "plots", "PIL": "datasets plots", "wandb": "wandb_log", "joblib": "runs",
    "threadpoolctl": "runs notebook", "IPython": "notebook", "nbformat": "__main__", "nbclient": "__main__",
    "psutil": "__main__",
    "sklearn": "datasets metrics experiments plots", "scipy": "metrics experiments",
    "torch": "", "pickle": ""}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "IPython": "ipython"}  # where the name is another one
NOT_IMPORTED = {"ipykernel", "pytest-xdist"}  # which the runner starts, and pytest loads


def imports_of(source):
    """Return the dotted names that a source imports, anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", [p for p in MODULES if p != PACKAGE / "__init__.py"],
                         ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_arrows(path):
    may = {room_of(path), *ARROWS[room_of(path)].split()}
    rooms = {name.split(".")[1] for name in imports_of(path.read_text()) if name.startswith("smai_nn.")}
    assert rooms <= may, f"{path.name} may not import {rooms - may}"


def test_every_arrow_points_up():
    for number, (room, others) in enumerate(ARROWS.items()):
        assert set(others.split()) <= set(list(ARROWS)[:number]), room


@pytest.mark.parametrize("room, other, form", [
    ("plots", "experiments", r"(?!run_|read_)\w+"), ("plots", "datasets", "[A-Z_]+"),
    ("profiles", "experiments", r"\w+Setting")])
def test_plots_run_nothing_and_profiles_take_only_settings(room, other, form):
    for path in (p for p in MODULES if room_of(p) == room):
        for name in imports_of(path.read_text()):
            if name.startswith(f"smai_nn.{other}."):
                assert re.fullmatch(form, name.rpartition(".")[2]), f"{path.name} imports {name}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_stay_in_their_rooms(library):
    users = {room_of(path) for path in MODULES if any(n.split(".")[0] == library for n in imports_of(path.read_text()))}
    assert users <= set(LIBRARIES[library].split())


def test_requirements_are_what_package_notebook_and_tests_import():
    sources = [path.read_text() for path in (*MODULES, *(ROOT / "tests").glob("*.py"))]
    cells = nbformat.read(ROOT / "assignment3.ipynb", as_version=4).cells
    sources += [cell.source for cell in cells if cell.cell_type == "code"]
    names = {name.split(".")[0] for source in sources for name in imports_of(source)}
    local = {"smai_nn", "tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    used = {DISTRIBUTIONS.get(name, name) for name in names - local - sys.stdlib_module_names}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {re.match(r"[\w-]+", line)[0] for line in lines if line and not line.startswith("#")}
    assert used == listed - NOT_IMPORTED


def public_without_docstring(node, where):
    """Yield the dotted names of public classes and functions below a syntax node that have no docstring."""
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and not child.name.startswith("_"):
            is_setter = any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in child.decorator_list)
            if not ast.get_docstring(child) and not is_setter:
                yield f"{where}.{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from public_without_docstring(child, f"{where}.{child.name}")


def test_every_public_thing_has_a_docstring():
    missing = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        missing += [path.name] * (ast.get_docstring(tree) is None) + list(public_without_docstring(tree, path.stem))
    # The activations' and losses' two methods each are described once, in their base classes.
    said_once = ("activations.", "losses.MSE.", "losses.BCE.value", "losses.BCE.gradient")
    assert [name for name in missing if not name.startswith(said_once)] == []
