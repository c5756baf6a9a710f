"""Online trials: one long episode in which damage begins unannounced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.trials.online_plan import OnlinePlan, striking
from fastadapt.adaptation.trials.runner import LEAST
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import (
    AdaptiveAgent,
    HoldsBelief,
    SwappableContext,
    agent_context,
    begin_trials,
)
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import BatchedEnv, Task, TaskSet, make_batch
from fastadapt.envs.arguments import MAX_STEPS, check_seed, whole_number
from fastadapt.envs.arrays import Array, Mask, Steps
from fastadapt.envs.rng import key_of, uniforms
from fastadapt.errors import FastadaptError

OnStep = Callable[[int, int], None]
"""Called with the number of completed steps and their total."""


@dataclass(frozen=True)
class Arm:
    """One long episode of N robots.

    Attributes:
        reward: `(T, N)`; 0 after a fall.
        ended: `(N,)` control step in which the robot failed; T if it did not.
        diverged: `(N,)` where the simulation broke down.
    """

    reward: Array
    ended: Steps
    diverged: Mask

    def part(self, chosen: slice) -> Arm:
        """Return some of the robots."""
        return Arm(self.reward[:, chosen], self.ended[chosen], self.diverged[chosen])

    @property
    def failed(self) -> Mask:
        """Where the episode did not run to its end, `(N,)`."""
        return (self.ended < len(self.reward)) | self.diverged


@dataclass(frozen=True)
class OnlineTrial:
    """Damaged robots, and robots with the same agent, seed and onset to compare them with.

    Attributes:
        plan: of the trial.
        step: duration of a control step [s].
        strike: `(N,)` control step before which the damage begins.
        changes: `(N,)` whether the task has any of the damage that begins.
        struck: robots that are damaged within the episode.
        healthy: the same without the damage.
        settled: the same with the damage from the start.
        uninformed: struck robots whose agent keeps the belief about the healthy robot; None where
            the agent holds no belief that could be kept.
    """

    plan: OnlinePlan
    step: float
    strike: Steps
    changes: Mask
    struck: Arm
    healthy: Arm
    settled: Arm
    uninformed: Arm | None = None

    def since_strike(self, before: float, after: float) -> tuple[Array, tuple[Array, ...]]:
        """Return seconds `(T',)` and the rewards `(T', N)` around the onset.

        The rewards are those of the struck, the healthy and the settled robots.

        Args:
            before: seconds shown before the onset, at most the earliest one.
            after: seconds after it, at most what the latest leaves.
        """
        total = len(self.struck.reward)
        back = min(round(before / self.step), int(self.strike.min()))
        ahead = min(round(after / self.step), total - int(self.strike.max()))
        offset = np.arange(-back, ahead)
        rows = self.strike[None] + offset[:, None]
        columns = np.arange(len(self.strike))[None]
        arms = (self.struck, self.healthy, self.settled)
        seconds = (offset * self.step).astype(np.float64)
        return seconds, tuple(arm.reward[rows, columns] for arm in arms)


def run_online(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    tasks: Sequence[Task],
    plan: OnlinePlan | None = None,
    seed: int = 0,
    *,
    num_threads: int = 0,
    on_step: OnStep | None = None,
) -> OnlineTrial:
    """Run one online trial on every task, with a healthy and a settled robot beside each.

    The agent acts deterministically and gets no sign of the onset: no reset, no `end_episode`.

    Args:
        agent: under test.
        task_set: of the tasks.
        tasks: the damage, one for each group of robots.
        plan: what begins, and when.
        seed: of starts, goals and onsets.
        num_threads: threads that simulate.
        on_step: called after each control step.

    Raises:
        FastadaptError: there is no task, or the plan names an unknown perturbation.
    """
    believes = isinstance(agent, HoldsBelief) and isinstance(agent, SwappableContext)
    course = _Course(task_set, tasks, plan or OnlinePlan(), seed)
    kinds = ["struck", "healthy", "settled", *(["uninformed"] if believes else [])]
    arms = _run(agent, course, kinds, num_threads, on_step)
    asked = slice(len(tasks))
    return OnlineTrial(
        course.plan,
        course.step,
        course.strike[asked],
        course.changes[asked],
        *(arm.part(asked) for arm in arms),
    )


def run_struck(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    tasks: Sequence[Task],
    plan: OnlinePlan | None = None,
    seed: int = 0,
    *,
    num_threads: int = 0,
    on_step: OnStep | None = None,
) -> Arm:
    """Return the struck robots alone, with the onsets and seeds of `run_online`: a comparison.

    An agent that observes the parameters observes the damage from its onset on.
    """
    course = _Course(task_set, tasks, plan or OnlinePlan(), seed)
    return _run(agent, course, ["struck"], num_threads, on_step)[0].part(slice(len(tasks)))


class _Course:
    """The tasks of an online trial over time; filled up to the smallest batch."""

    def __init__(
        self, task_set: TaskSet, tasks: Sequence[Task], plan: OnlinePlan, seed: int
    ) -> None:
        if not tasks:
            raise FastadaptError("An online trial needs at least one task.")
        seed = check_seed("seed", seed)
        self.task_set, self.plan = task_set, plan
        self.damage = striking(task_set, plan.strikes)
        self.tasks = [*tasks, *[tasks[-1]] * (LEAST - len(tasks))]
        self.before = [task_set.between(task, 0.0, self.damage) for task in self.tasks]
        self.changes = np.array(
            [a != b for a, b in zip(self.tasks, self.before, strict=True)], bool
        )
        self.step = task_set.environment.control_step()
        steps_of_it = round(plan.duration / self.step)
        self.total = whole_number("control steps of the trial", steps_of_it, 1, MAX_STEPS)
        self.keys = [key_of(seed, task.id, "online") for task in self.tasks]
        moment = plan.earliest + (plan.latest - plan.earliest) * uniforms(self.keys, 0, 1)[:, 0]
        self.strike = np.round(moment / self.step).astype(np.int64)
        self._applied = np.zeros(len(self.tasks))

    def advance(self, t: int) -> tuple[list[Task], Mask]:
        """Return the new tasks of the struck robots that change at a control step, and which."""
        level = self.plan.level(t - self.strike, self.step)
        changed = (level != self._applied) & self.changes
        self._applied = level
        return [self._at(i, float(level[i])) for i in np.flatnonzero(changed).tolist()], changed

    def _at(self, robot: int, level: float) -> Task:
        if level in (0.0, 1.0):
            return (self.before if level == 0 else self.tasks)[robot]
        return self.task_set.between(self.tasks[robot], level, self.damage)


def _run(
    agent: AdaptiveAgent,
    course: _Course,
    kinds: Sequence[str],
    num_threads: int,
    on_step: OnStep | None,
) -> list[Arm]:
    """Run the robots of all kinds as one batch."""
    num, total = len(course.tasks), course.total
    size = num * len(kinds)
    envs = make_batch(
        course.task_set, size, num_threads, context=agent_context(agent), horizon=total
    )
    starts = [course.tasks if kind == "settled" else course.before for kind in kinds]
    envs.set_tasks([task for tasks in starts for task in tasks])
    keys = course.keys * len(kinds)
    begin_trials(agent, np.array(keys, np.uint64))
    hit = np.repeat([kind in ("struck", "uninformed") for kind in kinds], num)
    believed = np.arange(size)
    if "uninformed" in kinds:
        start, healthy = (kinds.index(kind) * num for kind in ("uninformed", "healthy"))
        believed[start : start + num] = np.arange(healthy, healthy + num)

    def before_step(t: int) -> None:
        tasks, changed = course.advance(t)
        if tasks:
            new = tasks * (int(hit.sum()) // num)
            envs.set_tasks(new, hit & np.tile(changed, len(kinds)))
        if "uninformed" in kinds and isinstance(agent, SwappableContext):
            agent.swap_context(believed)
        if on_step:
            on_step(t + 1, total)

    with single_threaded():
        everyone = _run_episode(agent, envs, keys, total, before_step)
    return [everyone.part(slice(k * num, (k + 1) * num)) for k in range(len(kinds))]


def _run_episode(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    seeds: Sequence[int],
    total: int,
    before_step: Callable[[int], None],
) -> Arm:
    """Run one episode of every robot."""
    rewards = np.zeros((total, envs.num_envs))
    ended = np.full(envs.num_envs, total)
    diverged = np.zeros(envs.num_envs, bool)
    t = 0

    def act(observation: Array) -> Array:
        before_step(t)
        return agent.act(observation, False)

    for step in steps(envs, act, seeds):
        agent.observe(step.transition)
        rewards[t] = np.where(step.valid, step.transition.reward, 0.0)
        ended = np.where(step.transition.terminated & step.valid, t, ended)
        diverged |= step.diverged
        t += 1
    return Arm(rewards, ended, diverged)
