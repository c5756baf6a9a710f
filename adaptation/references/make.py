"""Making the references of a task set from nothing: train each arm, measure it, write the scores.

Every step is left as it is where it is done already, so that a run that was killed goes on, and two
processes with the same plan share its trainings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References, make_references
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.training import (
    Report,
    RunInUseError,
    locked,
    train,
)
from fastadapt.errors import FastadaptError

Algorithm = Literal["sac", "ppo", "sb3-ppo", "sb3-sac"]
ARMS = {"floor": "nominal", "domain-randomised": "domain-randomised", "oracle": "oracle"}
"""Agent that is trained for each role."""


@dataclass(frozen=True)
class ReferencePlan:
    """What to make.

    Attributes:
        task_set: shipped name, or path to a TOML file.
        runs: folder of the run directories.
        iterations: of training, by role; roles that it lacks are not trained.
        algorithm: what trains: our own SAC or PPO, or those of Stable-Baselines3.
        seeds: of training.
        episodes: measured for each task.
        threads: that simulate (0: one per processor).
        options: settings of the trained agents that differ from the defaults.
    """

    task_set: str | Path
    runs: Path
    iterations: Mapping[str, int]
    algorithm: Algorithm = "sac"
    seeds: tuple[int, ...] = (0, 1, 2)
    episodes: int = 4
    threads: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds:
            raise FastadaptError("No seed given: references need at least one training each.")
        for role in self.iterations:
            if role not in ARMS:
                raise FastadaptError(f"'{role}' is not trained; these are: {', '.join(ARMS)}.")

    def agent(self, role: str) -> str:
        """Return the name of the agent that plays a role."""
        return ARMS[role] if self.algorithm == "ppo" else f"{ARMS[role]}-{self.algorithm}"


class Step(NamedTuple):
    """One training of a plan."""

    role: str
    agent: str
    seed: int
    out: Path
    iterations: int


Watch = Callable[[Step], AbstractContextManager[Report | None]]
"""Called when a training is begun or gone on with; gives what follows it."""


def make_reference_runs(
    plan: ReferencePlan, watch: Watch = lambda _: nullcontext(), wait: float = 5.0
) -> dict[str, list[Run]]:
    """Train and measure what is missing; return the runs by role.

    Args:
        plan: what to make.
        watch: follows the trainings.
        wait: seconds between looks at trainings that another process is busy with.

    Raises:
        FastadaptError: a run directory holds something else.
        Interrupted: Ctrl-C; everything was saved.
    """
    steps = _steps(plan)
    runs: dict[Step, Run] = {}
    while len(runs) < len(steps):
        before = len(runs)
        for step in steps:
            if step in runs:
                continue
            try:
                runs[step] = _make(plan, step, watch)
            except RunInUseError:
                continue  # another process is at it: take the next one
        if len(runs) == before:
            time.sleep(wait)
    found: dict[str, list[Run]] = {}
    for step in steps:
        found.setdefault(step.role, []).append(runs[step])
    return found


def collect_references(plan: ReferencePlan, runs: Mapping[str, Sequence[Run]]) -> References:
    """Return the references of a plan whose runs are trained; random actions are measured here.

    Args:
        plan: what was made.
        runs: by role.
    """
    roles = {role: [_measure(plan, run) for run in given] for role, given in runs.items()}
    if not roles.get("random"):
        roles["random"] = [_measure_random(plan, seed) for seed in plan.seeds]
    training = {
        role: [_facts(run) for run in given] for role, given in runs.items() if role in ARMS
    }
    return make_references(roles, training)


def _steps(plan: ReferencePlan) -> list[Step]:
    """Return all trainings, every role with the first seed before any with the next."""
    from fastadapt.envs import load_task_set

    home = plan.runs / load_task_set(plan.task_set).id
    return [
        Step(role, plan.agent(role), seed, home / f"{plan.agent(role)}-{seed}", iterations)
        for seed in plan.seeds
        for role, iterations in plan.iterations.items()
    ]


def _make(plan: ReferencePlan, step: Step, watch: Watch) -> Run:
    with watch(step) as report:
        run = train(
            step.agent,
            plan.task_set,
            step.out,
            step.seed,
            step.iterations,
            num_threads=plan.threads,
            torch_threads=1,
            report=report,
            **plan.options,
        )
    with locked(run.path):  # or two processes would both measure it
        _measure(plan, run)
    return run


def _measure(plan: ReferencePlan, run: Run) -> Result:
    from fastadapt.adaptation.cli.evaluate import Evaluate, measure

    splits = _test_splits(run)
    return measure(
        Evaluate(run.path, splits, (0,), plan.episodes, threads=plan.threads, report=False)
    )


def _measure_random(plan: ReferencePlan, seed: int) -> Result:
    """Measure random actions; another seed also means other starts, or all would be the same."""
    from fastadapt.adaptation.cli.evaluate import Evaluate, measure
    from fastadapt.adaptation.runs.external import open_guest
    from fastadapt.envs import load_task_set

    task_set = load_task_set(plan.task_set)
    out = plan.runs / task_set.id / f"random-{seed}"
    guest = open_guest(out, "random", task_set, seed)
    return measure(
        Evaluate(
            out,
            _test_splits(guest),
            (0,),
            plan.episodes,
            seed,
            plan.threads,
            report=False,
            agent="random",
            task_set=str(plan.task_set),
            agent_seed=seed,
        )
    )


def _test_splits(run: Run) -> tuple[str, ...]:
    splits = tuple(name for name in run.task_set.splits if name.startswith("test"))
    if not splits:
        raise FastadaptError(f"'{run.config.task_set}' has no test split to measure references on.")
    return splits


def _facts(run: Run) -> dict[str, Any]:
    """Return what a training was: for the file, so that it can be made again."""
    rows = run.metrics()
    config = run.config
    return {
        "command": run.origin(),
        "options": config.options,
        "seed": config.seed,
        "iterations": len(rows),
        "env_steps": int(rows[-1]["env_steps"]),
        "seconds": round(rows[-1]["seconds"]),
    }
