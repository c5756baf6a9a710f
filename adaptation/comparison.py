"""Several evaluated runs in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.gallery import make_gallery
from fastadapt.adaptation.guest import open_measured
from fastadapt.adaptation.online_results import OnlineResult
from fastadapt.adaptation.recovery_report import NORMALISED, recovery_sections, recovery_tables
from fastadapt.adaptation.references import References, find_references
from fastadapt.adaptation.report import write_report
from fastadapt.adaptation.report_tables import DIFFERENCES, make_tables
from fastadapt.adaptation.results import Result
from fastadapt.adaptation.run import Run
from fastadapt.envs.errors import FastadaptError, unknown_name


def compare_runs(
    paths: Sequence[Path],
    out: Path,
    splits: Sequence[str] = (),
    references: Path | None = None,
) -> tuple[Path, str]:
    """Write one report from the evaluations of several runs; return its page and main tables.

    Args:
        paths: run directories.
        out: folder of the report.
        splits: which to compare (default: all that were evaluated).
        references: to normalise with (default: those shipped for the task set, if any).

    Raises:
        FastadaptError: a path is no run or was not evaluated, task sets or budgets differ, or `out`
            holds something else than a report.
    """
    if not paths:
        raise FastadaptError("Nothing to compare: give at least one run directory.")
    if out.exists() and not _is_ours(out):
        raise FastadaptError(f"'{out}' holds something else than a report. Choose another --out.")
    runs = [open_measured(path) for path in paths]
    _check_same_measure(runs, splits)
    agents = [run.config.agent for run in runs]
    parts: list[Result] = []
    curves: dict[str, Any] = {}
    for run in runs:
        agent = run.config.agent
        label = agent if agents.count(agent) == 1 else f"{agent} ({run.path})"
        found = load_results(run, splits)
        parts.append(found.renamed({n: n.replace(agent, label, 1) for n in found.agents}))
        curves[label] = run.metrics()
    results = Result.concatenate(parts)
    out.mkdir(parents=True, exist_ok=True)
    replays = [
        shown
        for number, (run, part) in enumerate(zip(runs, parts, strict=True))
        for shown in make_gallery(run, part.agents[0], part, out, f"-{number}")
    ]
    facts = {"training_commands": [run.origin() for run in runs]}
    task_set = runs[0].task_set
    known = (
        References.load(references)
        if references is not None
        else find_references(task_set.id, task_set.hash)
    )
    online = [result for run in runs for result in load_online(run, splits)]
    sections = recovery_sections(results, task_set, known, online)
    recovered = recovery_tables(results, known)
    page = write_report(out, "Comparison", results, curves, replays, facts, sections, recovered)
    text = results.markdown()
    for table in [*make_tables(results), *recovered]:
        if table.title in (DIFFERENCES, NORMALISED):
            text += f"\n{table.note}\n\n{table.markdown()}"
    return page, text


def load_online(run: Run, splits: Sequence[str] = ()) -> list[OnlineResult]:
    """Return the online evaluations of a run, all of them or those on some splits."""
    files = sorted((run.path / "evaluations").glob("*/online.json"))
    found = [OnlineResult.load(file.parent) for file in files]
    return [result for result in found if not splits or result.split in splits]


def load_results(run: Run, splits: Sequence[str] = ()) -> Result:
    """Return the evaluations of a run, all of them or those on some splits, as one result.

    Raises:
        FastadaptError: there is none.
    """
    files = sorted((run.path / "evaluations").glob("*/results.csv"))
    if not files:
        raise FastadaptError(f"'{run.path}' holds no evaluation. Run fastadapt evaluate first.")
    parts: list[Result] = []
    episodes: dict[tuple[str, str], int] = {}
    loaded = [Result.load(file.parent) for file in files]
    trained = {part.meta.get("iterations") for part in loaded}
    if len(trained) > 1:
        raise FastadaptError(
            f"'{run.path}' was evaluated after {' and '.join(map(str, sorted(trained, key=str)))} "
            "iterations: evaluate all of it again, or delete the old folders in "
            f"'{run.path / 'evaluations'}'."
        )
    evaluated = {split for part in loaded for split in part.splits}
    for split in splits:
        if split not in evaluated:
            raise unknown_name(f"split that '{run.path}' was evaluated on called", split, evaluated)
    for part in loaded:
        if splits and part.splits[0] not in splits:
            continue
        # Another seed of the same split: more episodes of the same tasks.
        key = (part.agents[0], part.splits[0])
        part.table["episode"] += episodes.get(key, 0)
        episodes[key] = int(part.table["episode"].max()) + 1
        parts.append(part)
    return Result.concatenate(parts)


def _is_ours(out: Path) -> bool:
    """Return whether a folder is empty, or holds a report and nothing else."""
    if not out.is_dir():
        return False
    names = {entry.name for entry in out.iterdir()}
    names = {name for name in names if not name.startswith("replay-")}
    ours = {"index.html", "table.md", "results.csv", "results.parquet", "plots"}
    return not names or {"index.html", "table.md"} <= names <= ours


def _check_same_measure(runs: Sequence[Run], splits: Sequence[str]) -> None:
    """Refuse to compare what was not measured alike, naming what differs."""
    first = runs[0]
    for run in runs[1:]:
        a, b = load_results(first, splits), load_results(run, splits)
        pairs = [
            ("task set", first.config.task_set_hash, run.config.task_set_hash),
            ("splits", sorted(a.splits), sorted(b.splits)),
        ]
        for split in sorted(set(a.splits) & set(b.splits)):
            pairs += zip(
                (f"shots of {split}", f"episodes of {split}", f"tasks of {split}"),
                _measure(a, split),
                _measure(b, split),
                strict=True,
            )
        pairs.append(("seeds", _seeds(a), _seeds(b)))
        for what, x, y in pairs:
            if x != y:
                raise FastadaptError(
                    f"'{first.path}' and '{run.path}' were not measured alike: {what} {x} and {y}. "
                    "Evaluate both with the same options."
                )


def _measure(results: Result, split: str) -> tuple[list[int], list[int], int]:
    """Return shots, numbers of the measured episodes and the number of tasks of a split."""
    rows = results.table[results.table["split"] == split]
    shots, episodes = np.unique(rows["shot"]), np.unique(rows["episode"])
    return shots.tolist(), episodes.tolist(), len(np.unique(rows["task_id"]))


def _seeds(results: Result) -> list[int]:
    """Return the evaluation seeds of all parts."""
    parts = results.meta.get("parts", [results.meta])
    return sorted(
        {part.get("evaluation_seed", results.meta.get("evaluation_seed")) for part in parts}
    )
