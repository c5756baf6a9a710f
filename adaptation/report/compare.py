"""Several evaluated runs in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastadapt.adaptation.evaluation.load import (
    check_same_measure,
    load_online,
    load_results,
)
from fastadapt.adaptation.evaluation.online_results import ONLINE
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References, find_references
from fastadapt.adaptation.report.gallery import make_gallery
from fastadapt.adaptation.report.page import write_report
from fastadapt.adaptation.report.recovery import NORMALISED, recovery_sections, recovery_tables
from fastadapt.adaptation.report.tables import DIFFERENCES, make_tables
from fastadapt.adaptation.runs.external import open_measured
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.text_table import Table
from fastadapt.errors import FastadaptError

_LONGEST = 30
"""Characters of a path in the name of an agent; a name has 64 in all."""


def compare_runs(
    paths: Sequence[Path],
    out: Path,
    splits: Sequence[str] = (),
    references: Path | None = None,
) -> tuple[Path, str]:
    """Write one report from the evaluations of several runs; return its page and main tables.

    Runs that differ in nothing but their seed are one agent.

    Args:
        paths: run directories.
        out: folder of the report.
        splits: which to compare (default: all that were evaluated).
        references: to normalise with (default: those shipped for the task set, if any).

    Raises:
        FastadaptError: a path is no run or was not evaluated, task sets or budgets differ, the
            references are of another task set, or `out` holds something else than a report.
    """
    if not paths:
        raise FastadaptError("Nothing to compare: give at least one run directory.")
    if out.exists() and not _is_ours(out):
        raise FastadaptError(f"'{out}' holds something else than a report. Choose another --out.")
    runs = [open_measured(path) for path in paths]
    check_same_measure(runs, splits)
    agents = group_by_agent(runs)
    results = Result.concatenate(
        [_named(load_results(run, splits), run, label) for label, run in _flat(agents)]
    )
    task_set = runs[0].task_set
    known = (
        References.load(references)
        if references is not None
        else find_references(task_set.id, task_set.hash)
    )
    if known is not None:
        known.check(results)
    online = [
        result.renamed(_one_of(label, run, agents))
        for label, run in _flat(agents)
        for result in load_online(run, splits)
    ]
    sections = recovery_sections(results, task_set, known, online)
    recovered = recovery_tables(results, known, online)
    tables = make_tables(results)
    out.mkdir(parents=True, exist_ok=True)
    replays = [
        shown
        for number, (label, some) in enumerate(agents.items())
        for shown in make_gallery(
            some[0], label, _named(load_results(some[0], splits), some[0], label), out, f"-{number}"
        )
    ]
    curves = {_one_of(label, run, agents): run.metrics() for label, run in _flat(agents)}
    facts = {"training_commands": [run.origin() for run in runs]}
    page = write_report(out, "Comparison", results, curves, replays, facts, sections, recovered)
    return page, results.markdown() + _main_tables([*tables, *recovered])


def _main_tables(tables: Sequence[Table]) -> str:
    """Return the tables that a comparison is about, as Markdown."""
    return "".join(
        f"\n{table.title}. {table.note}\n\n{table.markdown()}"
        for table in tables
        if table.title in (DIFFERENCES, NORMALISED, ONLINE)
    )


def group_by_agent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by what an agent is called in a comparison.

    Runs that differ in their seed alone are one agent; agents of one name are told apart by a path.
    """
    groups: list[list[Run]] = []
    for run in runs:
        kin = [group for group in groups if _differ_in_seed(group, run)]
        if kin:
            kin[0].append(run)
        else:
            groups.append([run])
    names = [group[0].config.agent for group in groups]
    places = _short([group[0].path for group in groups])
    return {
        name if names.count(name) == 1 else f"{name} ({place})": group
        for name, place, group in zip(names, places, groups, strict=True)
    }


def _short(paths: Sequence[Path]) -> list[str]:
    """Return names for paths that tell them apart: their ends, or numbers where those are long."""
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        ends = [Path(*path.parts[-parts:]).as_posix() for path in paths]
        if len(set(ends)) == len(ends) and max(map(len, ends)) <= _LONGEST:
            return ends
    return [f"run {number}" for number in range(1, len(paths) + 1)]


def _differ_in_seed(group: Sequence[Run], run: Run) -> bool:
    def kind(one: Run) -> tuple[Any, ...]:
        config = one.config
        reference = getattr(one, "reference", None)
        return config.agent, config.options, config.iterations, config.task_set_hash, reference

    return kind(group[0]) == kind(run) and run.config.seed not in {r.config.seed for r in group}


def _flat(agents: dict[str, list[Run]]) -> list[tuple[str, Run]]:
    return [(label, run) for label, some in agents.items() for run in some]


def _one_of(label: str, run: Run, agents: dict[str, list[Run]]) -> str:
    """Return what one run of an agent is called."""
    return label if len(agents[label]) == 1 else f"{label}, seed {run.config.seed}"


def _named(found: Result, run: Run, label: str) -> Result:
    return found.renamed({n: n.replace(run.config.agent, label, 1) for n in found.agents})


def _is_ours(out: Path) -> bool:
    """Return whether a folder is empty, or holds a report and nothing else."""
    if not out.is_dir():
        return False
    names = {entry.name for entry in out.iterdir()}
    names = {name for name in names if not name.startswith("replay-")}
    ours = {"index.html", "table.md", "results.csv", "results.parquet", "plots"}
    return not names or {"index.html", "table.md"} <= names <= ours
