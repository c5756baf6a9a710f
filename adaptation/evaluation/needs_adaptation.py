"""Whether a task set needs adaptation: what knowing the damage is worth, and what does without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastadapt.adaptation.evaluation.evaluate import evaluate
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.statistics.bootstrap import Interval, over_tasks
from fastadapt.adaptation.statistics.normalised import normalised_interval
from fastadapt.agents.interface import Transition, agent_context, begin_trials
from fastadapt.envs import TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of
from fastadapt.envs.sanity.adaptation_check import TASKS, Reading, measure_readings
from fastadapt.errors import FastadaptError

WORTH = 0.2
"""Share of the gap between floor and ceiling that knowing the damage should be worth."""


@dataclass(frozen=True)
class Rival:
    """A policy beside the ceiling.

    Attributes:
        name: of its run.
        returns: its mean return over tasks.
        share: of the gap between the floor (0) and the ceiling (1).
    """

    name: str
    returns: Interval
    share: Interval


@dataclass(frozen=True)
class Need:
    """What adaptation can be worth on a split of a task set.

    Attributes:
        split: its name.
        ceiling: mean return of the policy that is told everything.
        floor: mean return of the policy that knows nothing and does not adapt.
        untold: the ceiling's like that is not told the damage; None: not measured.
        rivals: policies that do not adapt, the best one first.
    """

    split: str
    ceiling: Interval
    floor: Interval
    untold: Rival | None
    rivals: tuple[Rival, ...]

    @property
    def worth(self) -> Interval | None:
        """Share of the gap that being told the damage is worth: told minus not told."""
        if self.untold is None:
            return None
        share = self.untold.share
        return Interval(1 - share.point, 1 - share.high, 1 - share.low, share.n, share.runs)

    def verdicts(self) -> list[str]:
        """Return one sentence for each question."""
        found = []
        if (worth := self.worth) is not None:
            words = f"Being told the damage is worth {worth} of the gap between floor and ceiling"
            if worth.point < WORTH or np.isnan(worth.low):
                found.append(f"{words}: less than {WORTH:g}, or not known; adaptation has little "
                             "to win here.")  # fmt: skip
            else:
                beyond = "" if worth.low >= WORTH else ", though its interval reaches below that"
                found.append(f"{words}: at least {WORTH:g}{beyond}; adaptation has something to "
                             "win here.")  # fmt: skip
        if self.rivals:
            best = self.rivals[0]
            words = (
                f"The best policy that does not adapt, '{best.name}', has {best.share} of the gap"
            )
            if best.share.point > 1 - WORTH:
                found.append(f"{words}: adaptation has little to add to it.")
            else:
                found.append(f"{words}: it leaves {1 - best.share.point:.2f} of it to adaptation.")
        return found


def measure_need(
    task_set: TaskSet,
    ceiling: str | Path | Run,
    floor: str | Path | Run,
    untold: str | Path | Run | None = None,
    rivals: Sequence[str | Path | Run] = (),
    *,
    split: str = "validation",
    episodes: int = 4,
    seed: int = 0,
    num_threads: int = 0,
) -> Need:
    """Measure policies without any shot on the same tasks and starts, and compare them.

    Shares are of the gap between floor and ceiling; their intervals resample tasks, jointly for
    all three policies (`normalised_interval`).

    Args:
        task_set: that all were trained on.
        ceiling: run of a policy that is told everything, e.g. `oracle`.
        floor: run of a policy that knows nothing and does not adapt, e.g. `nominal`.
        untold: run of the ceiling's like, trained with `--untold` for all that is damage.
        rivals: runs of policies that do not adapt, e.g. `domain-randomised`, `window`.
        split: whose frozen tasks are measured.
        episodes: measured on each task.
        seed: of the starts.
        num_threads: threads that simulate; 0 means one per processor.

    Raises:
        FastadaptError: a run of another task set, or the ceiling is not above the floor.
    """

    def returns(where: str | Path | Run) -> tuple[str, Array]:
        run = _opened(where, task_set)
        agent = run.agent()
        result = evaluate(
            agent, run.task_set, split, (0,), episodes, seed, num_threads=num_threads, name="it"
        )
        return run.path.name, result.scores("it", split, 0)[1]

    if untold is not None and not _opened(untold, task_set).task_set.file.untold:
        raise FastadaptError(
            f"'{untold}' was told everything. Train the run for --ceiling-untold with --untold and "
            f"the names of the damage, e.g. --untold {' '.join(_damage(task_set))}."
        )
    (_, top), (_, bottom) = returns(ceiling), returns(floor)

    def rival(where: str | Path | Run) -> Rival:
        name, own = returns(where)
        return Rival(name, over_tasks(own), normalised_interval(own, bottom, top))

    others = sorted(map(rival, rivals), key=lambda one: -one.share.point)
    told = None if untold is None else rival(untold)
    return Need(split, over_tasks(top), over_tasks(bottom), told, tuple(others))


def policy_readings(
    task_set: TaskSet,
    policy: str | Path | Run,
    *,
    tasks: int = TASKS,
    seed: int = 0,
    num_threads: int = 0,
) -> list[Reading]:
    """Return what can be read of hidden parameters while a trained policy moves the robots.

    Args:
        task_set: of the tasks.
        policy: a run of an agent that is told no parameters; it begins its trials, and explores.
        tasks: how many.
        seed: of tasks, starts and exploration.
        num_threads: threads that simulate; 0 means one per processor.

    Raises:
        FastadaptError: a run of another task set, or of an agent that sees the parameters.
    """
    agent = _opened(policy, task_set).agent()
    if agent_context(agent) == "visible":
        raise FastadaptError(
            f"The agent of '{policy}' is told the parameters, so that nothing is left to read. "
            "Give a run of one that is not."
        )
    keys = [key_of(seed, "policy-readings", i) for i in range(tasks)]
    begin_trials(agent, np.array(keys, np.uint64))

    def act(observation: Array) -> Array:
        return np.asarray(agent.act(observation, True), float)

    def see(
        before: Array, action: Array, reward: Array, after: Array, terminated: Mask, truncated: Mask
    ) -> None:
        agent.observe(Transition(before, action, reward, after, terminated, truncated))

    return measure_readings(task_set, act, see, tasks=tasks, seed=seed, num_threads=num_threads)


def _damage(task_set: TaskSet) -> list[str]:
    """Return the names of the perturbations that are damage."""
    return [p.name for p in task_set.file.perturbations if p.is_damage()]


def _opened(where: str | Path | Run, task_set: TaskSet) -> Run:
    """Open a run of the task set.

    Raises:
        FastadaptError: it is one of another task set.
    """
    run = open_run(where)
    if run.task_set.hash != task_set.hash:
        raise FastadaptError(
            f"'{where}' was trained on {run.task_set.id} ({run.task_set.hash}), not on "
            f"{task_set.id} ({task_set.hash}). Give runs of the task set that is checked."
        )
    return run
