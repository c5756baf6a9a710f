"""Several evaluated runs in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastadapt.adaptation.report import write_report
from fastadapt.adaptation.results import Result
from fastadapt.adaptation.run import Run, load_run
from fastadapt.envs.errors import FastadaptError


def compare_runs(paths: Sequence[Path], out: Path) -> tuple[Path, str]:
    """Write one report from the evaluations of several runs; return its page and its table.

    Raises:
        FastadaptError: a path is no run or was not evaluated, task sets or budgets differ, or `out`
            holds something else than a report.
    """
    if not paths:
        raise FastadaptError("Nothing to compare: give at least one run directory.")
    if out.exists() and any(out.iterdir()) and not (out / "index.html").is_file():
        raise FastadaptError(f"'{out}' holds something else than a report. Choose another --out.")
    runs = [load_run(path) for path in paths]
    _check_same_measure(runs)
    agents = [run.config.agent for run in runs]
    parts: list[Result] = []
    curves: dict[str, Any] = {}
    for run in runs:
        agent = run.config.agent
        label = agent if agents.count(agent) == 1 else f"{agent} ({run.path.name})"
        names = {name: name.replace(agent, label, 1) for name in load_results(run).agents}
        parts.append(load_results(run).renamed(names))
        curves[label] = run.metrics()
    results = Result.concatenate(parts)
    training = [f"{run.config.command}  # seed {run.config.seed}" for run in runs]
    page = write_report(out, "Comparison", results, curves, [], {"training_commands": training})
    return page, results.markdown()


def load_results(run: Run) -> Result:
    """Return all evaluations of a run as one result.

    Raises:
        FastadaptError: there is none.
    """
    files = sorted((run.path / "evaluations").glob("*/results.csv"))
    if not files:
        raise FastadaptError(f"'{run.path}' holds no evaluation. Run fastadapt evaluate first.")
    parts: list[Result] = []
    episodes: dict[tuple[str, str], int] = {}
    for part in (Result.load(file.parent) for file in files):
        # Another seed of the same split: more episodes of the same tasks.
        key = (part.agents[0], part.splits[0])
        part.table["episode"] += episodes.get(key, 0)
        episodes[key] = int(part.table["episode"].max()) + 1
        parts.append(part)
    return Result.concatenate(parts)


def _check_same_measure(runs: Sequence[Run]) -> None:
    """Refuse to compare what was not measured alike, naming what differs."""
    first = runs[0]
    for run in runs[1:]:
        pairs = [("task set", first.config.task_set_hash, run.config.task_set_hash)]
        a, b = load_results(first), load_results(run)
        pairs += [
            ("splits", sorted(a.splits), sorted(b.splits)),
            ("shots", a.meta.get("shots"), b.meta.get("shots")),
            ("episodes", a.meta.get("episodes"), b.meta.get("episodes")),
            ("seed", a.meta.get("evaluation_seed"), b.meta.get("evaluation_seed")),
        ]
        for what, x, y in pairs:
            if x != y:
                raise FastadaptError(
                    f"'{first.path}' and '{run.path}' were not measured alike: {what} {x} and {y}. "
                    "Evaluate both with the same options."
                )
