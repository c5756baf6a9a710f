"""Evaluation of a run on several splits, saved in its directory."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fastadapt.adaptation.evaluation.controls import Ablation, Inference, controlled, ending
from fastadapt.adaptation.evaluation.evaluate import checked_shots, evaluate
from fastadapt.adaptation.evaluation.measured_tasks import (
    HEALTHY,
    check_told_nothing,
    split_tasks,
    task_set_for,
    trained_on,
)
from fastadapt.adaptation.evaluation.online_results import (
    OnlineResult,
    online_name,
    plan_as_json,
)
from fastadapt.adaptation.evaluation.online_rivals import RivalRuns, open_rivals
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.evaluation.splits_seen import note_measured
from fastadapt.adaptation.runs.external import ExternalRun
from fastadapt.adaptation.runs.machine import versions
from fastadapt.adaptation.runs.open_run import one_evaluation, open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.trials.online import run_online
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents.interface import agent_name
from fastadapt.envs import TaskSet
from fastadapt.errors import FastadaptError

Progress = Callable[[str, int, int], None]
"""Called with a title, the number of completed steps, and their total."""


@one_evaluation
def evaluate_run(
    run: str | Path | Run,
    splits: Sequence[str] = (),
    shots: Sequence[int] = (0, 1, 2, 5),
    episodes: int = 2,
    seed: int = 0,
    *,
    task_set: str | Path | TaskSet | None = None,
    healthy: bool = True,
    ablate: Ablation | None = None,
    every: int = 1,
    inference: Inference | None = None,
    num_threads: int = 0,
    out: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Result:
    """Evaluate the agent of a run on frozen tasks and save the results in its directory.

    Splits that an earlier call with the same arguments completed are loaded, unless the agent is
    external. A call with other arguments has a folder of its own.

    Args:
        run: a run directory, `zoo:NAME`, or an opened run.
        splits: of the task set (default: see `default_splits`).
        shots: numbers of shots after which to measure.
        episodes: measured episodes for each task and number of shots.
        seed: of starts, goals and exploration.
        task_set: another one of the same robot, in place of the run's own.
        healthy: measure the split `healthy` too: does adapting harm where nothing is wrong?
        ablate: a control, see `Ablation`.
        every: with `memory`, control steps between two emptyings.
        inference: within episodes, in place of the agent's own way.
        num_threads: threads that simulate; 0 means one per processor.
        out: directory for a run of the zoo (default: `runs/NAME`).
        on_progress: called while each split is measured.

    Raises:
        FastadaptError: no such run or split, another robot, an impossible number or ablation.
        KeyboardInterrupt: Ctrl-C; completed splits are saved.
    """
    opened, shots = open_run(run, out), checked_shots(shots)
    on = task_set_for(opened, task_set)
    agent = controlled(opened, ablate, every, num_threads, inference)
    check_told_nothing(agent, opened, on)
    chosen = _chosen_splits(on, splits, healthy)
    note_measured(opened, chosen)

    def measure(split: str) -> Result:
        show = _counted(on_progress, agent, split, len(shots) * episodes)
        numbers, options = (shots, episodes, seed), {"num_threads": num_threads, "progress": False}
        return evaluate(agent, on, split, *numbers, **options, on_measure=lambda _: show())

    kind = ending(ablate, every, inference)
    return Result.concatenate(
        [_saved_or_new(opened, on, split, seed, shots, episodes, kind, measure) for split in chosen]
    )


def _saved_or_new(
    run: Run,
    task_set: TaskSet,
    split: str,
    seed: int,
    shots: Sequence[int],
    episodes: int,
    kind: str,
    measure: Callable[[str], Result],
) -> Result:
    """Return the results on a split that are saved, or measure and save them."""
    wanted = _settings(run, seed, task_set) | {"shots": shots, "episodes": episodes}
    places = _folders(run, task_set, split, seed, shots, episodes, kind)
    found = [_completed(Result, place, "summary.json", run, wanted) for place in places]
    result = next((saved for saved in found if saved is not None), None)
    if result is None:
        result = measure(split)
        result.meta |= {**run.measured(), "trained_on": trained_on(run)}
        result.save(places[0])
    return result


@one_evaluation
def evaluate_run_online(
    run: str | Path | Run,
    splits: Sequence[str] = (),
    plan: OnlinePlan | None = None,
    seed: int = 0,
    *,
    baseline: str | Path | Run | None = None,
    ceiling: str | Path | Run | None = None,
    ablate: Ablation | None = None,
    every: int = 1,
    inference: Inference | None = None,
    num_threads: int = 0,
    out: str | Path | None = None,
    on_progress: Progress | None = None,
) -> list[OnlineResult]:
    """Run online trials with the agent of a run and save the results in its directory.

    Args:
        run: see `evaluate_run`.
        splits: see `evaluate_run`.
        plan: duration of the episode, onset and course of the damage.
        seed: of starts, goals and onsets.
        baseline: run of an agent that does not adapt; regained shares count from its level.
        ceiling: run of an agent that observes the damage; regained shares count up to its level.
        ablate: a control; none that needs shots.
        every: with `memory`, control steps between two emptyings.
        inference: within episodes, in place of the agent's own way.
        num_threads: threads that simulate; 0 means one per processor.
        out: see `evaluate_run`.
        on_progress: called while each split is measured.

    Returns:
        One result for each split.

    Raises:
        FastadaptError: see `evaluate_run`; `swapped-context` needs shots.
        KeyboardInterrupt: Ctrl-C; completed splits are saved.
    """
    if ablate == "swapped-context":
        raise FastadaptError(f"--ablate {ablate} needs shots: leave out --online.")
    plan, opened = plan or OnlinePlan(), open_run(run, out)
    agent = controlled(opened, ablate, every, num_threads, inference)
    rivals, task_set = open_rivals(opened, baseline, ceiling), opened.task_set
    wanted = _settings(opened, seed) | {"plan": plan_as_json(plan), "rivals": rivals.identity()}
    results, chosen = list[OnlineResult](), _chosen_splits(task_set, splits)
    note_measured(opened, chosen)
    for split in chosen:
        name = f"{split}-{seed}-{online_name(plan, rivals.identity())}"
        name += ending(ablate, every, inference)
        folder = opened.path / "evaluations" / name
        result = _completed(OnlineResult, folder, "online.json", opened, wanted)
        if result is None:
            steps = round(plan.duration / task_set.environment.control_step())
            show = _counted(on_progress, agent, split, steps)
            result = _struck(agent, rivals, split, plan, seed, num_threads, show)
            result.meta.update(opened.measured())
            result.save(folder)
        results.append(result)
    return results


def _struck(
    agent: Any,
    rivals: RivalRuns,
    split: str,
    plan: OnlinePlan,
    seed: int,
    num_threads: int,
    show: Callable[[], None],
) -> OnlineResult:
    """Return online trials of an agent and of its rivals on the tasks of a split."""
    task_set, tasks = rivals.task_set, rivals.task_set.tasks(split)
    trial = run_online(
        agent, task_set, tasks, plan, seed, num_threads=num_threads, on_step=lambda *_: show()
    )
    alike = rivals.struck(tasks, plan, seed, num_threads)
    result = OnlineResult.of(agent, task_set, split, tasks, plan, seed, trial, alike)
    result.meta["rivals"] = rivals.identity()
    return result


def _folders(
    run: Run,
    task_set: TaskSet,
    split: str,
    seed: int,
    shots: Sequence[int],
    episodes: int,
    suffix: str,
) -> tuple[Path, ...]:
    """Return the folder of an evaluation, then the one that earlier versions wrote it to.

    The name holds what was asked, so that an evaluation with other options replaces nothing. What
    is measured on another task set stands apart: results of one table are of one task set.
    """
    numbers = "-".join(map(str, shots))
    if len(numbers) > 40:
        numbers = f"{shots[0]}-to-{shots[-1]}-{zlib.crc32(numbers.encode()):08x}"
    folder = run.path / "evaluations"
    name = f"{split}-{seed}-shots-{numbers}-episodes-{episodes}"
    if task_set.hash != run.config.task_set_hash:
        return (folder / f"on-{task_set.id}-{task_set.hash}" / f"{name}{suffix}",)
    return folder / f"{name}{suffix}", folder / f"{split}-{seed}{suffix}"


def default_splits(available: Sequence[str]) -> list[str]:
    """Return `test_iid` and `test_held_out_damage` where available, or else all test splits."""
    usual = [split for split in ("test_iid", "test_held_out_damage") if split in available]
    return usual or [split for split in available if split.startswith("test")]


def _chosen_splits(task_set: TaskSet, splits: Sequence[str], healthy: bool = False) -> list[str]:
    """Return the splits to evaluate; an unknown one is refused before any is measured."""
    chosen = list(dict.fromkeys(splits or default_splits(task_set.splits)))
    if not chosen:
        raise FastadaptError(
            f"'{task_set.name}' has no test split: choose one with --split. Available: "
            f"{', '.join(task_set.splits)}."
        )
    for split in chosen:
        split_tasks(task_set, split)
    return list(dict.fromkeys([*chosen, HEALTHY])) if healthy else chosen


def _settings(run: Run, seed: int, task_set: TaskSet | None = None) -> dict[str, Any]:
    """Return the settings that determine the numbers of every evaluation."""
    judged = {}
    if task_set is not None:
        judged["success"] = None if task_set.success is None else str(task_set.success)
    return judged | {
        "task_set_hash": run.config.task_set_hash if task_set is None else task_set.hash,
        "evaluation_seed": seed,
        **run.measured(),
        "versions": versions(),
    }


class _Saved(Protocol):
    """Results that can be loaded from a folder."""

    @property
    def meta(self) -> dict[str, Any]: ...

    @staticmethod
    def load(folder: Path) -> Any: ...


S = TypeVar("S", bound=_Saved)


def _completed(
    kind: type[S], folder: Path, marker: str, run: Run, wanted: Mapping[str, Any]
) -> S | None:
    """Return the saved results if they were made with just these settings, else None."""
    if isinstance(run, ExternalRun) or not (folder / marker).is_file():
        return None
    try:
        result = kind.load(folder)
    except FastadaptError:  # damaged, or of a later format
        return None
    has = {"weights": wanted["weights"]} | result.meta  # earlier versions did not record them
    has["versions"] = result.meta.get("machine", {}).get("versions")
    return result if all(has.get(key) == value for key, value in wanted.items()) else None


def _counted(
    on_progress: Progress | None, agent: Any, split: str, total: int
) -> Callable[[], None]:
    """Return a callback that reports one more completed step."""
    if on_progress is None:
        return lambda: None
    title, count = f"{agent_name(agent)} on {split}", itertools.count(1)
    on_progress(title, 0, total)
    return lambda: on_progress(title, next(count), total)
