"""Runs whose agents are struck alike, to measure the regained share of another one against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastadapt.adaptation.evaluation.online_results import Rivals
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.runs.zoo import PREFIX, zoo_runs
from fastadapt.adaptation.trials.online import run_struck
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents.interface import agent_context
from fastadapt.envs import Task, TaskSet
from fastadapt.errors import FastadaptError


@dataclass(frozen=True)
class RivalRuns:
    """The runs of a baseline and of a ceiling, by role (`floor`, `best`), on one task set."""

    runs: dict[str, Run]
    task_set: TaskSet

    def identity(self) -> dict[str, Any]:
        """Return what determines their numbers, as JSON."""
        return {
            role: {
                "agent": run.config.agent,
                "task_set_hash": run.config.task_set_hash,
                "seed": run.config.seed,
                "iterations": run.iterations_done(),
                "command": run.config.command,
            }
            for role, run in self.runs.items()
        }

    def struck(
        self, tasks: Sequence[Task], plan: OnlinePlan, seed: int, num_threads: int
    ) -> Rivals:
        """Return the robots of the rivals, struck as `run_online` strikes those of the agent."""
        arms = {
            role: run_struck(run.agent(), self.task_set, tasks, plan, seed, num_threads=num_threads)
            for role, run in self.runs.items()
        }
        names = {
            role: f"{run.config.agent} of {run.config.task_set}" for role, run in self.runs.items()
        }
        return Rivals(arms.get("floor"), arms.get("best"), names)


def open_rivals(
    run: Run, baseline: str | Path | Run | None, ceiling: str | Path | Run | None
) -> RivalRuns:
    """Open a baseline and a ceiling and check that they can be measured beside a run.

    Args:
        run: under test.
        baseline: run of an agent that does not adapt, or None.
        ceiling: run of an agent that observes the damage, or None.

    Raises:
        FastadaptError: one was trained on another robot, or observes other parameters.
    """
    given = {"floor": baseline, "best": ceiling}
    opened = {role: _open(rival) for role, rival in given.items() if rival is not None}
    task_set = run.task_set
    for rival in opened.values():
        other = rival.task_set
        if other.environment.id() != task_set.environment.id():
            raise FastadaptError(
                f"'{rival.path}' was trained on {other.environment.id()}, and '{run.path}' on "
                f"{task_set.environment.id()}. Give a run of the same robot."
            )
        if agent_context(rival.agent()) == "visible" and other.hash != task_set.hash:
            raise FastadaptError(
                f"'{rival.path}' observes the parameters of '{other.id}', which are not those of "
                f"'{task_set.id}'. Give a run that was trained on '{task_set.id}'."
            )
    return RivalRuns(opened, task_set)


def _open(rival: str | Path | Run) -> Run:
    """Open a run where it is: a rival gathers no results, so that the zoo's need no copy."""
    name = str(rival).removeprefix(PREFIX)
    shipped = zoo_runs() if str(rival).startswith(PREFIX) else {}
    return open_run(shipped.get(name, rival))
