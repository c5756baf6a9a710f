"""Online trials: one long episode in which damage begins unannounced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.statistics import metrics
from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.adaptation.trials.runner import LEAST
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AdaptiveAgent, agent_context, begin_trials
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import BatchedEnv, Task, TaskSet, make_batch
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of, uniforms
from fastadapt.errors import FastadaptError


@dataclass(frozen=True)
class OnlinePlan:
    """Schedule of an online trial; all times in seconds of the episode."""

    duration: float = 40.0
    """Duration of the episode, beyond the horizon of the environment."""
    earliest: float = 10.0
    """Earliest onset of the damage; the onset is drawn, keyed by seed and task."""
    latest: float = 20.0
    """Latest onset."""
    ramp: float = 0.0
    """Time in which the damage grows to its full size."""
    heals_after: float | None = None
    """Time from the onset to the repair (default: never)."""

    def __post_init__(self) -> None:
        if not 0 <= self.earliest <= self.latest < self.duration:
            raise FastadaptError(
                f"The onset lies between {self.earliest:g} and {self.latest:g} s of "
                f"{self.duration:g} s; it must be 0 <= earliest <= latest < duration."
            )
        if self.ramp < 0 or (self.heals_after is not None and self.heals_after <= self.ramp):
            raise FastadaptError(
                f"ramp = {self.ramp:g} s, heals_after = {self.heals_after}; a ramp is not negative "
                "and damage heals after it is complete."
            )


@dataclass(frozen=True)
class OnlineTrial:
    """Damaged robots, beside healthy twins with the same seed and the same agent.

    Attributes:
        step: duration of a control step [s].
        strike: `(N,)` control step before which the damage began.
        reward: `(T, N)` of the damaged robots; 0 after a fall.
        twin: `(T, N)` of the twins.
        fell: `(N,)` where the damaged robot failed.
        twin_fell: `(N,)` where the twin did.
        diverged: `(N,)` where a simulation broke down.
    """

    step: float
    strike: NDArray[np.int64]
    reward: Array
    twin: Array
    fell: NDArray[np.bool_]
    twin_fell: NDArray[np.bool_]
    diverged: NDArray[np.bool_]

    def since_strike(self, before: float, after: float) -> tuple[Array, Array, Array]:
        """Return seconds `(T',)` and both rewards `(T', N)`, aligned at the onset.

        Args:
            before: seconds shown before the onset, at most the earliest one.
            after: seconds after it, at most what the latest leaves.
        """
        back = min(round(before / self.step), int(self.strike.min()))
        ahead = min(round(after / self.step), len(self.reward) - int(self.strike.max()))
        offset = np.arange(-back, ahead)
        rows = self.strike[None] + offset[:, None]
        columns = np.arange(len(self.strike))[None]
        seconds = (offset * self.step).astype(np.float64)
        return seconds, self.reward[rows, columns], self.twin[rows, columns]


@dataclass(frozen=True)
class Recovery:
    """Recovery from the damage, `(N,)` each; levels are rewards per control step.

    Attributes:
        before: mean level over the 2 s before the onset.
        dropped: lowest level of the moving average (1 s) within 5 s of the onset.
        after: mean level over the last 5 s.
        healthy: mean level of the twin over the last 5 s.
        time: until the level is back at 0.9 of the way from `dropped` to `healthy` and stays there
            for 2 s [s]; right-censored, and never for who falls.
        fell: where the damaged robot failed after the onset.
    """

    before: Array
    dropped: Array
    after: Array
    healthy: Array
    time: Times
    fell: NDArray[np.bool_]

    def fraction(self) -> Array:
        """Return how much of the loss was regained (see `metrics.recovered_fraction`)."""
        return metrics.recovered_fraction(self.healthy, self.dropped, self.after)


def run_online(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    tasks: Sequence[Task],
    plan: OnlinePlan | None = None,
    seed: int = 0,
    *,
    num_threads: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> OnlineTrial:
    """Run one online trial on every task, with a healthy twin beside each.

    The agent acts deterministically and gets no sign of the onset: no reset, no `end_episode`.

    Args:
        agent: under test.
        task_set: of the tasks.
        tasks: the damage, one for each pair of robots.
        plan: when.
        seed: of starts, goals and onsets.
        num_threads: threads that simulate.
        on_step: called with (steps done, steps in all).

    Raises:
        FastadaptError: there is no task.
    """
    if not tasks:
        raise FastadaptError("An online trial needs at least one task.")
    plan, asked = plan or OnlinePlan(), len(tasks)
    tasks = [*tasks, *[tasks[-1]] * (LEAST // 2 - asked)]  # each robot has a twin
    step, num = task_set.environment.control_step(), len(tasks)
    total = round(plan.duration / step)
    envs = make_batch(task_set, 2 * num, num_threads, context=agent_context(agent), horizon=total)
    keys = [key_of(seed, task.id, "online") for task in tasks]
    moment = plan.earliest + (plan.latest - plan.earliest) * uniforms(keys, 0, 1)[:, 0]
    strike = np.round(moment / step).astype(np.int64)
    envs.set_tasks(task_set.nominal)
    begin_trials(agent, np.array(keys * 2, np.uint64))

    def change(t: int) -> None:
        _change(envs.set_tasks, task_set, tasks, plan, t - strike, step)
        if on_step:
            on_step(t + 1, total)

    with single_threaded():
        rewards, failed, diverged = _run_episode(agent, envs, keys * 2, total, change)
    own, twin = slice(asked), slice(num, num + asked)
    return OnlineTrial(
        step,
        strike[own],
        rewards[:, own],
        rewards[:, twin],
        failed[own],
        failed[twin],
        diverged[own] | diverged[twin],
    )


def _run_episode(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    seeds: Sequence[int],
    total: int,
    before_step: Callable[[int], None],
) -> tuple[Array, Mask, Mask]:
    """Return the rewards `(total, N)` of one episode, and where it failed or diverged, `(N,)`."""
    rewards = np.zeros((total, envs.num_envs))
    failed, diverged = (np.zeros(envs.num_envs, bool) for _ in range(2))
    t = 0

    def act(observation: Array) -> Array:
        before_step(t)
        return agent.act(observation, False)

    for step in steps(envs, act, seeds):
        agent.observe(step.transition)
        rewards[t] = np.where(step.valid, step.transition.reward, 0.0)
        failed |= step.transition.terminated
        diverged |= step.diverged
        t += 1
    return rewards, failed, diverged


def _change(
    set_tasks: Callable[..., None],
    task_set: TaskSet,
    tasks: Sequence[Task],
    plan: OnlinePlan,
    since: NDArray[np.int64],
    step: float,
) -> None:
    """Set the tasks of the robots for which something changes now; twins stay healthy."""
    ramp = round(plan.ramp / step)
    heals = round(plan.heals_after / step) if plan.heals_after is not None else None
    healed = np.zeros(len(tasks), bool) if heals is None else since == heals
    growing = (since >= 0) & (since <= ramp) & ~healed
    if not (growing | healed).any():
        return
    chosen: list[Task] = []
    for i in np.flatnonzero(growing | healed).tolist():
        if healed[i]:
            chosen.append(task_set.nominal)
        elif since[i] == ramp:
            chosen.append(tasks[i])
        else:
            chosen.append(task_set.between(tasks[i], (since[i] + 1) / (ramp + 1)))
    set_tasks(chosen, np.r_[growing | healed, np.zeros(len(tasks), bool)])


def recovery(trial: OnlineTrial, window: float = 1.0, tail: float = 5.0) -> Recovery:
    """Return the recovery in an online trial.

    Args:
        trial: as `run_online` returned it.
        window: of the moving average [s].
        tail: over which the levels at the end are averaged, and within which the drop is looked
            for [s].
    """
    columns = range(len(trial.strike))
    width, last = max(1, round(window / trial.step)), max(1, round(tail / trial.step))
    back = max(1, round(2 * window / trial.step))
    before, dropped = np.zeros(len(columns)), np.zeros(len(columns))
    for i in columns:
        start = int(trial.strike[i])
        earlier = trial.reward[:start, i]
        before[i] = earlier[-back:].mean() if start else np.nan
        following = trial.reward[start : start + last + width, i]
        size = min(width, len(following))
        dropped[i] = np.convolve(following, np.full(size, 1 / size), "valid").min()
    after, healthy = trial.reward[-last:].mean(axis=0), trial.twin[-last:].mean(axis=0)
    threshold = dropped + 0.9 * np.maximum(healthy - dropped, 0.0)
    times = [
        metrics.time_to_recover(trial.reward[trial.strike[i] :, [i]], trial.step, threshold[i])
        for i in columns
    ]
    happened = np.array([bool(t.happened[0]) for t in times]) & ~trial.fell & ~trial.diverged
    record = np.array([(len(trial.reward) - s) * trial.step for s in trial.strike])
    time = np.where(happened, [t.time[0] for t in times], record)
    return Recovery(before, dropped, after, healthy, Times(time, happened), trial.fell)
