"""Saved evaluations of runs, and the check that runs were evaluated in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.evaluation.measured_tasks import HEALTHY
from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.runs.checkpoint import has_checkpoint
from fastadapt.adaptation.runs.run import Run
from fastadapt.errors import FastadaptError, unknown_name


def load_online(run: Run, splits: Sequence[str] = ()) -> list[OnlineResult]:
    """Return the online evaluations of a run, on all splits or on the given ones.

    Of several of an agent on one split, with other plans or rivals, the latest; the others stay in
    their folders.
    """
    files = list((run.path / "evaluations").glob("*/online.json"))
    latest: dict[tuple[str, str], OnlineResult] = {}
    for file in sorted(files, key=lambda file: (file.stat().st_mtime_ns, str(file))):
        result = OnlineResult.load(file.parent)
        latest[result.agent, result.split] = result
    found = [latest[key] for key in sorted(latest)]
    chosen = [result for result in found if not splits or result.split in splits]
    _check_fresh(run, [result.meta for result in chosen])
    return chosen


def load_results(run: Run, splits: Sequence[str] = ()) -> Result:
    """Return the evaluations of a run, on all splits or on the given ones, as one result.

    Of several evaluations of an agent with one seed on one split, the one with the most measured
    episodes counts, of those after the most iterations; the others stay in their folders.

    Raises:
        FastadaptError: there is none, a split is missing, or shots differ between seeds.
    """
    files = (run.path / "evaluations").glob("*/results.csv")
    files = sorted(files, key=lambda file: (file.parent.name.startswith(HEALTHY), file))
    if not files:
        online = ", only online trials" if load_online(run) else ""
        raise FastadaptError(
            f"'{run.path}' holds no few-shot evaluation{online}. Run fastadapt evaluate first."
        )
    parts: list[Result] = []
    episodes: dict[tuple[str, str], int] = {}
    measured: dict[tuple[str, str], list[int]] = {}
    loaded = _largest(files)
    trained = {part.meta.get("iterations") for part in loaded}
    if len(trained) > 1:
        raise FastadaptError(
            f"'{run.path}' was evaluated after {' and '.join(map(str, sorted(trained, key=str)))} "
            "iterations: evaluate all of it again, or delete the old folders in "
            f"'{run.path / 'evaluations'}'."
        )
    _check_fresh(run, [part.meta for part in loaded])
    evaluated = {split for part in loaded for split in part.splits}
    for split in splits:
        if split not in evaluated:
            raise unknown_name(f"split that '{run.path}' was evaluated on called", split, evaluated)
    for part in loaded:
        if splits and part.splits[0] not in splits:
            continue
        # Another seed of the same split: more episodes of the same tasks.
        key = (part.agents[0], part.splits[0])
        shots = part.shots(*key)
        if shots != measured.setdefault(key, shots):
            raise FastadaptError(
                f"'{run.path}': {key[0]} was evaluated on {key[1]} in different ways: after "
                f"{_text(measured[key])} shots and after {_text(shots)}, so they cannot be "
                f"pooled. Evaluate with the same --shots, or delete a folder in "
                f"'{run.path / 'evaluations'}'."
            )
        part.table["episode"] += episodes.get(key, 0)
        episodes[key] = int(part.table["episode"].max()) + 1
        parts.append(part)
    return Result.concatenate(parts)


def _check_fresh(run: Run, metas: Sequence[Mapping[str, Any]]) -> None:
    """Refuse results of other weights than those whose budget would stand beside them."""
    if not metas or not has_checkpoint(run.path / "checkpoints"):
        return
    now = run.measured()
    for meta in metas:
        measured = meta.get("iterations", now["iterations"])
        if measured != now["iterations"]:
            raise FastadaptError(
                f"'{run.path}' was evaluated after {measured!s:.20} iterations, but is trained to "
                f"iteration {now['iterations']}. Run fastadapt evaluate again."
            )
        if meta.get("weights", now["weights"]) != now["weights"]:
            raise FastadaptError(
                f"'{run.path}' holds results of other weights than those in its checkpoint: one of "
                "them was copied from elsewhere. Run fastadapt evaluate again."
            )


def _largest(files: Sequence[Path]) -> list[Result]:
    """Return the evaluations in these folders, the largest for each agent, split and seed.

    They share the starts of their episodes, so pooling them would count an episode twice.
    """
    found: dict[tuple[Any, ...], Result] = {}
    for file in files:
        result = Result.load(file.parent)
        seed = result.meta.get("evaluation_seed", file.parent.name)
        key = (tuple(result.agents), tuple(result.splits), seed)
        if key not in found or _size(result) > _size(found[key]):
            found[key] = result
    return list(found.values())


def _size(result: Result) -> tuple[int, int]:
    return int(result.meta.get("iterations") or 0), len(result.table)


def check_same_measure(runs: Sequence[Run], splits: Sequence[str] = ()) -> None:
    """Refuse to compare runs that were evaluated in different ways, naming the difference.

    Raises:
        FastadaptError: task sets, splits, tasks, shots, episodes, seeds or online trials differ, or
            an agent exceeded the budget of its shots.
    """
    loaded = [(run, load_results(run, splits), load_online(run, splits)) for run in runs]
    for run, results, _ in loaded:
        _check_budget(run, results)
    first, a, a_online = loaded[0]
    for run, b, b_online in loaded[1:]:
        for what, x, y in (
            ("task set", _version(first), _version(run)),
            ("splits", _splits(a, b), _splits(b, a)),
            *_few_shot(a, b),
            *_online(a_online, b_online),
        ):
            if x != y:
                raise FastadaptError(
                    f"'{first.path}' and '{run.path}' were not evaluated in the same way: {what} "
                    f"{_text(x)} and {_text(y)}. Evaluate both with the same options."
                )


def _splits(results: Result, other: Result) -> list[str]:
    """Return the splits that must agree; that of the healthy robot may be missing in one."""
    return sorted(s for s in results.splits if s != HEALTHY or s in other.splits)


def _version(run: Run) -> str:
    return f"{run.config.task_set} (hash {run.config.task_set_hash})"


def _few_shot(a: Result, b: Result) -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings that must agree on each split: name, and both values."""
    for split in sorted(set(a.splits) & set(b.splits)):
        names = (f"shots of {split}", f"episodes of {split}", f"tasks of {split}")
        yield from zip(names, _measure(a, split), _measure(b, split), strict=True)
    yield "evaluation seeds", _seeds(a), _seeds(b)


def _online(a: Sequence[OnlineResult], b: Sequence[OnlineResult]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings of online trials that must agree on a split."""
    mine, yours = ({result.split: result for result in some} for some in (a, b))
    for split in sorted(set(mine) & set(yours)):
        x, y = mine[split].meta, yours[split].meta
        for name in sorted(x["plan"]):
            yield f"{name} of online trials on {split}", x["plan"][name], y["plan"][name]
        seed = "evaluation_seed"
        yield f"seed of online trials on {split}", x[seed], y[seed]
        yield f"tasks of online trials on {split}", sorted(x["tasks"]), sorted(y["tasks"])


def _measure(results: Result, split: str) -> tuple[list[int], list[int], list[str]]:
    """Return shots, numbers of the measured episodes and tasks of a split."""
    rows = results.table[results.table["split"] == split]
    shots, episodes, tasks = (np.unique(rows[name]) for name in ("shot", "episode", "task_id"))
    return shots.tolist(), episodes.tolist(), tasks.tolist()


def _seeds(results: Result) -> list[int]:
    """Return the evaluation seeds of all parts."""
    parts = results.meta.get("parts", [results.meta])
    return sorted(
        {part.get("evaluation_seed", results.meta.get("evaluation_seed")) for part in parts}
    )


def _text(value: Any) -> str:
    """Return a value as text; of a long list, its length."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) if len(value) < 8 else f"({len(value)} of them)"
    return str(value)


def _check_budget(run: Run, results: Result) -> None:
    """Refuse an agent that used more control steps than its shots have."""
    horizon = run.task_set.environment.horizon
    table = results.table
    over = table["adaptation_env_steps"] > table["shot"].astype(np.int64) * horizon
    if over.any():
        row = table[over][0]
        raise FastadaptError(
            f"'{run.path}': {row['agent']} used {row['adaptation_env_steps']} control steps in "
            f"{row['shot']} shots, over the budget of {row['shot']} episodes x {horizon} steps. "
            "Results over budget cannot be compared; evaluate it with fastadapt evaluate."
        )
