"""The package's plan: data flows one way, and only some modules know certain libraries."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "smai_nn"

# From left to right; a module imports only from places to its left, or from its own place.
ORDER = [
    {"batches", "checks", "files", "stateless"},
    {"activations", "losses", "metrics", "anomaly", "pca"},
    {"datasets"},
    {"features"},
    {"linear", "optim", "early_stopping"},
    {"model"},
    {"autoencoder", "gradcheck", "trainer"},
    {"wandb_log", "sweep", "profiles"},
    {"runs", "challenge", "submission"},
    {"plots"},
    {"experiments"},
    {"notebook"},
    {"__main__"},
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def place_of(room):
    """Return the position of a top-level module or sub-package in ORDER."""
    places = [i for i, rooms in enumerate(ORDER) if room in rooms]
    assert places, f"smai_nn/{room} has no place in ORDER"
    return places[0]


def imports_of(path):
    """Return the dotted names that a file imports, anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_to_the_left(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):  # the public names
        return
    for name in imports_of(path):
        if name.startswith("smai_nn."):
            assert place_of(name.split(".")[1]) <= place_of(parts[0]), f"{path.name} imports {name}"


@pytest.mark.parametrize("library, allowed", [
    ("matplotlib", {"plots"}), ("wandb", {"wandb_log"}), ("joblib", {"sweep"}),
    ("PIL", {"datasets", "plots", "submission"}),
    ("torch", set()), ("sklearn", {"datasets", "anomaly", "pca"}), ("pickle", {"files"}),
    ("IPython", {"notebook"}), ("nbclient", {"__main__"})])
def test_libraries_stay_in_their_rooms(library, allowed):
    users = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES
             if any(name.split(".")[0] == library for name in imports_of(path))}
    assert users <= allowed


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
