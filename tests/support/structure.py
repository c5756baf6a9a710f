"""The structure of the code, measured from its source: imports, circles, sizes, documentation.

`python -m tests.support.structure [FOLDER]` prints the figures of a checkout.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median, quantiles

ROOMS = ("envs", "agents", "adaptation")
Graph = Mapping[str, set[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(root: Path) -> dict[str, Path]:
    """Return the modules of the rooms by their names, e.g. `fastadapt.envs.tasks.task`."""
    found: dict[str, Path] = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(("fastadapt", *(p for p in parts if p != "__init__")))] = path
    return found


def imports_in(source: str, package: str) -> set[str]:
    """Return the absolute names that a source imports: lazily and for type hints, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*parents, node.module or ""]).strip(".") if node.level else node.module
            found |= {base or "", *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def import_graph(sources: Mapping[str, str], packages: Iterable[str] = ()) -> dict[str, set[str]]:
    """Return which modules each module imports.

    `from package import module` is an import of the module, and one of the package only where it
    takes a name from the package itself.

    Args:
        sources: source code by module name.
        packages: which of the modules are packages.
    """
    known, folders = set(sources), set(packages)
    graph: dict[str, set[str]] = {}
    for name, source in sources.items():
        package = name if name in folders else name.rpartition(".")[0]
        found = imports_in(source, package)
        targets = {target for target in found if target in known}
        for target in found - targets:
            parent = target.rpartition(".")[0]
            if parent in known:
                targets.add(parent)
        own_names = {t.rpartition(".")[0] for t in found if t not in known}
        targets = {t for t in targets if t not in folders or t in own_names}
        graph[name] = targets - {name}
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in sorted(graph.get(name, ())):
            if target not in order:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], order[target])
        if low[name] == order[name]:
            at = stack.index(name)
            group, stack[at:] = stack[at:], []
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def unit_of(name: str) -> str:
    """Return the sub-folder of a room that a module lies in, or the module at the room's top."""
    return ".".join(name.split(".")[:3])


def unit_graph(graph: Graph) -> dict[str, set[str]]:
    """Return which units import which others."""
    result: dict[str, set[str]] = {}
    for name, targets in graph.items():
        here = unit_of(name)
        result.setdefault(here, set()).update({unit_of(target) for target in targets} - {here})
    return result


def documented(trees: Iterable[ast.Module]) -> tuple[float, float]:
    """Return the shares of public definitions with a docstring, and of annotated parameters."""
    public = with_docs = parameters = annotated = 0
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                public += 1
                with_docs += ast.get_docstring(node) is not None
            if isinstance(node, Function):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                every = [a for a in every if a.arg not in ("self", "cls")]
                parameters += len(every) + 1  # and what is returned
                annotated += sum(a.annotation is not None for a in every)
                annotated += node.returns is not None
    return with_docs / public, annotated / parameters


def figures(root: Path) -> dict[str, str]:
    """Return what there is to say about a checkout, as text by title."""
    found = modules(root)
    packages = {name for name, path in found.items() if path.name == "__init__.py"}
    sources = {name: path.read_text(encoding="utf-8") for name, path in found.items()}
    graph = import_graph(sources, packages)
    groups = circles(graph)
    lengths = [source.count("\n") for n, source in sources.items() if n not in packages]
    folders: dict[Path, int] = {}
    for path in found.values():
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    folders = {folder: count for folder, count in folders.items() if count}
    largest = max(folders, key=lambda folder: folders[folder])
    between = circles(unit_graph(graph))
    docs, hints = documented(ast.parse(source) for source in sources.values())
    return {
        "files": f"{len(lengths)} in {len(folders)} folders",
        "files a folder": f"{len(lengths) / len(folders):.1f}",
        "largest folder": f"{folders[largest]} ({largest.relative_to(root)})",
        "circles of modules": f"{len(groups)} (largest {max(map(len, groups), default=0)})",
        "circles of sub-folders": f"{len(between)} (largest {max(map(len, between), default=0)})",
        "lines a file": f"median {median(lengths):.0f}, p90 {quantiles(lengths, n=10)[-1]:.0f}, "
        f"largest {max(lengths)}",
        "public definitions with a docstring": f"{docs:.0%}",
        "annotated parameters and returns": f"{hints:.0%}",
    }


if __name__ == "__main__":
    for title, text in figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()).items():
        print(f"{title:<38}{text}")
