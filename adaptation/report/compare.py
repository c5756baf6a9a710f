"""Comparison of several evaluated runs in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastadapt.adaptation.evaluation.load import (
    check_same_measure,
    load_online,
    load_results,
)
from fastadapt.adaptation.evaluation.online_table import ONLINE
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References, find_references
from fastadapt.adaptation.report.metrics import compute_metrics
from fastadapt.adaptation.report.page import write_report
from fastadapt.adaptation.report.recovery import NORMALISED, recovery_sections, recovery_tables
from fastadapt.adaptation.report.replays.gallery import make_gallery
from fastadapt.adaptation.report.tables import CONSTANT, DIFFERENCES, make_tables
from fastadapt.adaptation.report.verdicts import verdict
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.text_table import Table
from fastadapt.envs import TaskSet
from fastadapt.errors import FastadaptError

_LONGEST = 30
"""Characters of a path in the name of an agent; a name has 64 in all."""


_MARK = ".fastadapt-report"
"""File that marks the folder of a report from its beginning."""


class Comparison(NamedTuple):
    """A comparison of runs.

    Attributes:
        verdict: what came out, in a few sentences.
        page: path of the report's page.
        results: of all runs, with their names in the comparison.
        tables: of the report.
    """

    verdict: str
    page: Path
    results: Result
    tables: list[Table]

    def markdown(self) -> str:
        """Return verdict and main tables as Markdown: returns, differences, normalised scores."""
        shown = (CONSTANT, DIFFERENCES, NORMALISED, ONLINE)
        main = [table for table in self.tables if table.title in shown]
        texts = [f"\n{table.title}. {table.note}\n\n{table.markdown()}" for table in main]
        return f"{self.verdict}\n\n{self.results.markdown()}" + "".join(texts)


def compare(
    runs: Sequence[str | Path | Run],
    out: str | Path = "report",
    splits: Sequence[str] = (),
    references: str | Path | None = None,
) -> Comparison:
    """Write one report from the evaluations of several runs.

    Runs that differ only in their seed are pooled as one agent.

    Args:
        runs: evaluated run directories, `zoo:NAME`, or opened runs.
        out: folder of the report.
        splits: to compare (default: all that were evaluated).
        references: file to normalise with (default: the references shipped for the task set).

    Raises:
        FastadaptError: a path is not a run or was not evaluated, task sets or budgets differ, the
            references belong to another task set, or `out` holds other files than a report.
    """
    out = Path(out)
    if not runs:
        raise FastadaptError("Nothing to compare: give at least one run directory.")
    if out.exists() and not _is_ours(out):
        raise FastadaptError(f"'{out}' holds other files than a report. Choose another --out.")
    runs = [open_run(run) for run in runs]
    check_same_measure(runs, splits)
    agents = group_by_agent(runs)
    results = Result.concatenate(
        [_named(load_results(run, splits), run, label) for label, run in _flat(agents)]
    )
    task_set = runs[0].task_set
    known = _known(task_set, references)
    if known is not None:
        known.check(results)
    online = [
        result.renamed(_one_of(label, run, agents))
        for label, run in _flat(agents)
        for result in load_online(run, splits)
    ]
    sections = recovery_sections(results, task_set, known, online)
    recovered = recovery_tables(results, known, online)
    replays = _replays(agents, splits, out)
    curves = {_one_of(label, run, agents): run.metrics() for label, run in _flat(agents)}
    words = verdict(results, online, known, runs)
    page = write_report(
        out,
        "Comparison",
        results,
        curves,
        replays,
        {"training_commands": [run.origin() for run in runs]},
        sections,
        recovered,
        compute_metrics(results, known),
        known is not None,
        words,
    )
    return Comparison(words, page, results, [*make_tables(results), *recovered])


def _known(task_set: TaskSet, references: str | Path | None) -> References | None:
    """Return the references of a file, or those that are shipped for a task set."""
    if references is not None:
        return References.load(Path(references))
    return find_references(task_set.id, task_set.hash)


def _replays(
    agents: dict[str, list[Run]], splits: Sequence[str], out: Path
) -> list[tuple[str, str]]:
    """Begin the folder of a report and write the replays of the first run of each agent."""
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()
    return [
        shown
        for number, (label, some) in enumerate(agents.items())
        for shown in make_gallery(
            some[0], label, _named(load_results(some[0], splits), some[0], label), out, f"-{number}"
        )
    ]


def group_by_agent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by the name of their agent in a comparison.

    Runs that differ only in their seed are one agent; a path distinguishes agents of one name.
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
    """Return short distinct names for paths: their last parts, or numbers where those are long."""
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
    """Return the name of one run of an agent."""
    return label if len(agents[label]) == 1 else f"{label}, seed {run.config.seed}"


def _named(found: Result, run: Run, label: str) -> Result:
    return found.renamed({n: n.replace(run.config.agent, label, 1) for n in found.agents})


def _is_ours(out: Path) -> bool:
    """Return whether a folder is empty or holds only a report."""
    if not out.is_dir():
        return False
    names = {entry.name for entry in out.iterdir()}
    if _MARK in names:  # also one that was interrupted
        return True
    names = {name for name in names if not name.startswith("replay-")}
    ours = {"index.html", "table.md", "results.csv", "results.parquet", "metrics.csv", "plots"}
    return not names or {"index.html", "table.md"} <= names <= ours
