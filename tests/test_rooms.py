"""Dependence points one way, between the rooms and inside each; files and folders stay small."""

import ast
from pathlib import Path

import pytest

from tests.support.structure import circles, import_graph, imports_in, modules, unit_graph, unit_of

ROOT = Path(__file__).parent.parent
BELOW = ("errors", "registry", "trust", "__version__")  # of the package itself: below all rooms
ORDER = ["assets", "envs", "agents", "adaptation"]  # each may import what stands before it
FORBIDDEN = {
    "assets": {"mujoco", "torch", "gymnasium"},
    "envs": {"torch"},
    "agents": {"mujoco", "mjbatch"},
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
MAX_FILE, MAX_FUNCTION, MAX_CLASS, MAX_FOLDER = 400, 60, 250, 16

LEVELS = {  # what stands on a line may import what stands above it
    "envs": """
        arrays
        distributions messages rng simulation success
        model
        environment
        objectives perturbations
        robots custom
        catalogue
        tasks
        runtime rendering arguments
        batched_env
        gymnasium_env sanity
    """,
    "agents": """
        spec config graph
        interface determinism checkpoint_arrays
        optim
        nn
        rollout
        base controls saved_models training_tasks
        external
        ppo pearl maml sb3 onpolicy
        registry
    """,
    "adaptation": """
        text_table progress
        statistics
        trials
        runs
        evaluation
        training deploy logs
        references
        report
        envelope
        sweeps
        cli
    """,
}

FILES = [path for room in ORDER for path in sorted((ROOT / room).rglob("*.py"))]
OTHERS = [p for folder in ("tests", "benchmarks") for p in sorted((ROOT / folder).rglob("*.py"))]


def room_of(path):
    return path.relative_to(ROOT).parts[0]


def violations(source, room, package=""):
    """Return the imports that a source in this room must not have."""
    allowed = ORDER[: ORDER.index(room) + 1]
    found = []
    for name in sorted(imports_in(source, package)):
        top, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if top == "fastadapt" and other and other not in (*BELOW, *allowed):
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


def levels(room):
    """Return the level of each unit of a room, the lowest first."""
    lines = LEVELS[room].strip().splitlines()
    return {unit: level for level, line in enumerate(lines) for unit in line.split()}


def arrows_up(graph, room):
    """Return the imports inside a room that do not point to a lower level."""
    level = levels(room)
    found = []
    for name, targets in graph.items():
        if name == f"fastadapt.{room}" or not name.startswith(f"fastadapt.{room}."):
            continue
        here = unit_of(name).rpartition(".")[2]
        for target in targets:
            there = unit_of(target).rpartition(".")[2]
            if target == f"fastadapt.{room}":
                found.append(f"{name} -> {target}")
            elif not target.startswith(f"fastadapt.{room}.") or here == there:
                continue
            elif level[there] >= level[here]:
                found.append(f"{name} -> {target}")
    return sorted(found)


@pytest.fixture(scope="module")
def graph():
    found = modules(ROOT)
    packages = {name for name, path in found.items() if path.name == "__init__.py"}
    return import_graph({n: p.read_text(encoding="utf-8") for n, p in found.items()}, packages)


@pytest.mark.parametrize("room", LEVELS)
def test_every_unit_has_its_level(room):
    units = {p.stem for p in (ROOT / room).glob("*.py")} - {"__init__"}
    units |= {p.parent.name for p in (ROOT / room).glob("*/__init__.py")}
    assert units == set(levels(room))


def test_no_module_imports_itself_in_a_circle(graph):
    assert circles(graph) == []
    assert circles({n: t for n, t in unit_graph(graph).items() if n.count(".") > 1}) == []


@pytest.mark.parametrize("room", LEVELS)
def test_what_is_lower_imports_nothing_that_is_higher(graph, room):
    assert arrows_up(graph, room) == []


def test_folders_are_small():
    folders = {path.parent for path in FILES}
    counts = {str(f.relative_to(ROOT)): len(list(f.glob("*.py"))) - 1 for f in folders}
    assert {folder: n for folder, n in counts.items() if n > MAX_FOLDER} == {}


def test_a_circle_is_seen_lazy_and_for_type_hints_too():
    lazy = {
        "a": "def f():\n    import b",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a",
    }
    assert circles(import_graph(lazy)) == [["a", "b"]]
    relative = {"p": "", "p.a": "from .b import x", "p.b": "from p import a"}
    assert circles(import_graph(relative, ["p"])) == [["p.a", "p.b"]]
    assert circles(import_graph({"a": "import b", "b": "import c", "c": ""})) == []


def test_an_arrow_that_points_up_is_seen():
    graph = {"fastadapt.envs.model.names": {"fastadapt.envs.tasks.task", "fastadapt.envs.arrays"}}
    assert arrows_up(graph, "envs") == ["fastadapt.envs.model.names -> fastadapt.envs.tasks.task"]
    assert arrows_up({"fastadapt.envs.rng": {"fastadapt.envs"}}, "envs")
