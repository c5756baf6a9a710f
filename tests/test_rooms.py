"""The rooms depend on each other one way, and their files stay small: what DESIGN.md promises."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["assets", "envs", "agents", "adaptation"]  # each may import what stands before it
FORBIDDEN = {
    "assets": {"mujoco", "torch", "gymnasium"},
    "envs": {"torch"},
    "agents": {"mujoco", "mjbatch"},
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
MAX_FILE, MAX_FUNCTION, MAX_CLASS = 400, 60, 250

FILES = [path for room in ORDER for path in sorted((ROOT / room).rglob("*.py"))]
OTHERS = [p for folder in ("tests", "benchmarks") for p in sorted((ROOT / folder).rglob("*.py"))]


def room_of(path):
    return path.relative_to(ROOT).parts[0]


def imports_in(source, package):
    """Return the absolute names of the modules that a source imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*parents, node.module or ""]).strip(".") if node.level else node.module
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def violations(source, room, package=""):
    """Return the imports that a source in this room must not have."""
    allowed = ORDER[: ORDER.index(room) + 1]
    found = []
    for name in sorted(imports_in(source, package)):
        top, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if top == "fastadapt" and other and other not in allowed:
            found.append(name)
        if top in FORBIDDEN.get(room, set()):
            found.append(name)
    return found


def lengths(source, kinds):
    return {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds)
    }


def budget(source):
    """Return what is too long in a source."""
    functions = lengths(source, (ast.FunctionDef, ast.AsyncFunctionDef))
    classes = lengths(source, ast.ClassDef)
    lines = source.count("\n")
    return [
        *([f"file: {lines} lines"] if lines > MAX_FILE else []),
        *(f"{n}: {length} lines" for n, length in functions.items() if length >= MAX_FUNCTION),
        *(f"{n}: {length} lines" for n, length in classes.items() if length >= MAX_CLASS),
    ]


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def test_the_rooms_are_found():
    assert {room_of(path) for path in FILES} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_dependence_points_one_way(path):
    package = ".".join(["fastadapt", *path.relative_to(ROOT).parts[:-1]])
    assert violations(path.read_text(encoding="utf-8"), room_of(path), package) == []


@pytest.mark.parametrize("path", FILES + OTHERS, ids=names(FILES + OTHERS))
def test_files_functions_and_classes_are_short(path):
    assert budget(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES + OTHERS, ids=names(FILES + OTHERS))
def test_files_are_named_after_a_concept(path):
    assert not VAGUE & set(path.stem.split("_"))
    assert not VAGUE & set(path.relative_to(ROOT).parts)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("envs", "import torch"),
        ("envs", "def f():\n    from torch import nn"),
        ("envs", "from fastadapt.agents import make_agent"),
        ("envs", "from fastadapt import agents"),
        ("envs", "from ..adaptation import train"),
        ("agents", "import mujoco"),
        ("agents", "import mujoco.viewer as v"),
        ("agents", "from fastadapt.adaptation.cli.main import main"),
        ("assets", "import fastadapt.envs"),
    ],
)
def test_a_violation_is_seen(room, source):
    assert violations(source, room, f"fastadapt.{room}")


def test_what_is_allowed_is_not_flagged():
    source = "import numpy\nfrom fastadapt.envs import Task\nfrom fastadapt import envs, assets"
    assert violations(source, "agents", "fastadapt.agents") == []
    assert violations("import torch, mujoco", "adaptation", "fastadapt.adaptation") == []


def test_what_is_too_long_is_seen():
    assert budget("x = 1\n" * 401)
    assert budget("def f():\n" + "    x = 1\n" * 59)
    assert budget("class A:\n" + "    x = 1\n" * 249)
    assert budget("x = 1\n" * 400) == []
