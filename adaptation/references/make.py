"""Making the references of a task set: train each baseline, measure it, collect the scores.

Finished steps are skipped: an interrupted job resumes, and several processes can share one plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.ceilings import check_ceiling
from fastadapt.adaptation.references.scores import References, checked_roles, references_from
from fastadapt.adaptation.runs.external import open_external
from fastadapt.adaptation.runs.files import RunInUseError, locked
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run, load_run
from fastadapt.adaptation.runs.zoo import PREFIX, zoo_runs
from fastadapt.adaptation.training import Report, train
from fastadapt.agents.interface import agent_context
from fastadapt.errors import FastadaptError

Algorithm = Literal["sac", "ppo", "sb3-ppo", "sb3-sac"]
BUDGETS = {"nominal": 40, "domain-randomised": 100, "oracle": 120}
"""Default iterations of training for each trained role; a role is the name of its PPO agent."""


class Step(NamedTuple):
    """One training of a plan."""

    role: str
    agent: str
    seed: int
    out: Path
    iterations: int


Watch = Callable[[Step], AbstractContextManager[Report | None]]
"""Called when a training begins or resumes; gives the callback that reports its progress."""


def _unwatched(_: Step) -> AbstractContextManager[Report | None]:
    return nullcontext()


def make_references(
    task_set: str | Path | None = None,
    runs: str | Path = "runs/references",
    *,
    given: Mapping[str, Sequence[str | Path | Run]] | None = None,
    iterations: Mapping[str, int] | None = None,
    algorithm: Algorithm = "sac",
    seeds: Sequence[int] = (0, 1, 2),
    episodes: int = 4,
    num_threads: int = 0,
    options: Mapping[str, Any] | None = None,
    rivals: Sequence[str | Path | Run] | None = None,
    watch: Watch = _unwatched,
) -> References:
    """Return the references of a task set, training and measuring the agents that are missing.

    They are refused where a rival beats the oracle: it would be no ceiling.

    Args:
        task_set: shipped name, or path to a TOML file; None uses only the given runs.
        runs: folder of the trainings.
        given: evaluated runs by role, which replace trainings of that role.
        iterations: of training by role, where they differ from `BUDGETS`.
        algorithm: that trains: our SAC or PPO, or those of Stable-Baselines3.
        seeds: of training.
        episodes: measured for each task.
        num_threads: threads that simulate; 0 means one per processor.
        options: settings of the trained agents that differ from the defaults.
        rivals: runs that the oracle has to match; those of the task set without an evaluation are
            measured (default: all shipped agents of the task set).
        watch: called at the beginning of each training for its progress callback.

    Raises:
        FastadaptError: an unknown role, an impossible plan, missing evaluations, or a rival above
            the oracle.
        Interrupted: Ctrl-C; everything was saved.
    """
    found = checked_roles(given or {})
    opened = {role: [open_run(one) for one in some] for role, some in found.items() if some}
    budgets = checked_roles(iterations or {})
    if task_set is None:
        results = {role: [load_results(run) for run in some] for role, some in opened.items()}
        made = references_from(results)
        check_ceiling(made, _measured(rivals, made, Path(runs), num_threads))
        return made
    wanted = {role: n for role, n in (BUDGETS | budgets).items() if role not in opened}
    plan = ReferencePlan(
        task_set, Path(runs), wanted, algorithm, tuple(seeds), episodes, num_threads, options or {}
    )
    made = collect_references(plan, train_references(plan, watch) | opened)
    check_ceiling(made, _measured(rivals, made, plan.runs, num_threads))
    return made


def _measured(
    rivals: Sequence[str | Path | Run] | None, made: References, home: Path, num_threads: int
) -> list[Result]:
    """Return results of the rivals on the splits of references, measured where there are none.

    Agents that observe the parameters of the task are no rivals of the oracle, but oracles.
    """
    if rivals is None:
        shipped = {name: load_run(path) for name, path in zoo_runs().items()}
        runs = [
            open_run(f"{PREFIX}{name}", home / made.task_set / name)
            for name, run in shipped.items()
            if run.config.task_set_hash == made.hash
        ]
    else:
        runs = [open_run(rival) for rival in rivals]
    results: list[Result] = []
    for run in runs:
        if agent_context(run.agent()) == "visible":
            continue
        if any((run.path / "evaluations").glob("*/results.csv")):
            results.append(load_results(run))
        else:
            results.append(evaluate_run(run, made.splits, num_threads=num_threads, healthy=False))
    return results


@dataclass(frozen=True)
class ReferencePlan:
    """Trainings and measurements of the references of one task set.

    Attributes:
        task_set: shipped name, or path to a TOML file.
        runs: folder of the run directories.
        iterations: of training by role; other roles are not trained.
        algorithm: that trains: our SAC or PPO, or those of Stable-Baselines3.
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
            if role not in BUDGETS:
                raise FastadaptError(f"'{role}' is not trained; these are: {', '.join(BUDGETS)}.")

    def agent(self, role: str) -> str:
        """Return the name of the agent of a role."""
        return role if self.algorithm == "ppo" else f"{role}-{self.algorithm}"


def train_references(
    plan: ReferencePlan, watch: Watch = _unwatched, wait: float = 5.0
) -> dict[str, list[Run]]:
    """Train and measure the missing agents of a plan; return the runs by role.

    Args:
        plan: trainings to run.
        watch: called at the beginning of each training for its progress callback.
        wait: seconds between attempts at trainings that another process is running.

    Raises:
        FastadaptError: a run directory holds another run.
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
                runs[step] = _train(plan, step, watch)
            except RunInUseError:
                continue  # another process runs it: take the next one
        if len(runs) == before:
            time.sleep(wait)
    found: dict[str, list[Run]] = {}
    for step in steps:
        found.setdefault(step.role, []).append(runs[step])
    return found


def collect_references(plan: ReferencePlan, runs: Mapping[str, Sequence[Run]]) -> References:
    """Return the references of trained runs; random actions are measured here.

    Args:
        plan: of the trainings.
        runs: by role.
    """
    roles = {role: [_evaluate(plan, run) for run in given] for role, given in runs.items()}
    if not roles.get("random"):
        roles["random"] = [_evaluate_random(plan, seed) for seed in plan.seeds]
    training = {
        role: [_provenance(run) for run in given] for role, given in runs.items() if role in BUDGETS
    }
    return references_from(roles, training)


def _steps(plan: ReferencePlan) -> list[Step]:
    """Return all trainings: every role with the first seed, then with the next."""
    from fastadapt.envs import load_task_set

    home = plan.runs / load_task_set(plan.task_set).id
    return [
        Step(role, plan.agent(role), seed, home / f"{plan.agent(role)}-{seed}", iterations)
        for seed in plan.seeds
        for role, iterations in plan.iterations.items()
    ]


def _train(plan: ReferencePlan, step: Step, watch: Watch) -> Run:
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
        _evaluate(plan, run)
    return run


def _evaluate(plan: ReferencePlan, run: Run, seed: int = 0) -> Result:
    return evaluate_run(
        run, _test_splits(run), (0,), plan.episodes, seed, healthy=False, num_threads=plan.threads
    )


def _evaluate_random(plan: ReferencePlan, seed: int) -> Result:
    """Measure random actions; each seed has its own starts, or all would be the same."""
    from fastadapt.envs import load_task_set

    task_set = load_task_set(plan.task_set)
    out = plan.runs / task_set.id / f"random-{seed}"
    return _evaluate(plan, open_external(out, "random", task_set, seed), seed)


def _test_splits(run: Run) -> tuple[str, ...]:
    splits = tuple(name for name in run.task_set.splits if name.startswith("test"))
    if not splits:
        raise FastadaptError(f"'{run.config.task_set}' has no test split to measure references on.")
    return splits


def _provenance(run: Run) -> dict[str, Any]:
    """Return command, settings and cost of a training, for the file of references."""
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
