"""Trial runner: shots and measured episodes on many tasks at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import (
    AdaptiveAgent,
    Transition,
    agent_name,
    begin_trials,
    gradient_steps,
    needs_shots,
)
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import BatchedEnv, Task
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of
from fastadapt.errors import FastadaptError

OnStep = Callable[[BatchedEnv], None]
_MOST = 100_000
"""Largest number of shots, and of measured episodes."""
LEAST = 4
"""Smallest batch of robots: matrix products of fewer rows round differently, so that the actions on
a task would depend on the number of tasks beside it."""


@dataclass(frozen=True)
class Episodes:
    """One episode of each of N robots; every field is `(N,)`.

    Attributes:
        returns: sum of rewards.
        distance: the environment's distance at the end of the episode [m].
        energy: work of the actuators, positive and negative counted alike: the sum over control
            steps of the power at their ends times their duration [J].
        length: control steps.
        fell: where it ended by failure.
        diverged: where the simulation broke down.
        success: 1 where it was a success, 0 where not, -1 where the environment has no criterion.
    """

    returns: Array
    distance: Array
    energy: Array
    length: NDArray[np.int64]
    fell: NDArray[np.bool_]
    diverged: NDArray[np.bool_]
    success: NDArray[np.int8]


@dataclass(frozen=True)
class Ledger:
    """Cost of adaptation so far.

    Attributes:
        env_steps: control steps taken in shots, `(N,)`.
        gradient_steps: gradient steps taken since `begin`, for each task.
        seconds: wall time of the shots (simulation and agent) divided by N.
    """

    env_steps: NDArray[np.int64]
    gradient_steps: int
    seconds: float


@dataclass(frozen=True)
class Measurement:
    """One measured episode of every task after some shots."""

    shot: int
    episode: int
    episodes: Episodes
    ledger: Ledger


def run_episode(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    seeds: Sequence[int],
    explore: bool,
    on_step: OnStep | None = None,
    seen: list[Transition] | None = None,
) -> Episodes:
    """Run one episode of every robot, until the last one has ended.

    Args:
        agent: acts and observes.
        envs: the robots, already on their tasks.
        seeds: of the resets, `(N,)`.
        explore: whether this is a shot.
        on_step: called after the reset and after every control step (for replays).
        seen: takes all transitions, if given.
    """
    num = envs.num_envs
    returns, work, length = np.zeros(num), np.zeros(num), np.zeros(num, np.int64)
    control_step = envs.task_set.environment.control_step()
    terminated = done = np.zeros(num, bool)
    info: dict[str, Any] = {"distance": np.zeros(num), "diverged": done}

    def act(observation: Array) -> Array:
        if on_step:
            on_step(envs)
        return agent.act(observation, explore)

    for step in steps(envs, act, seeds):
        if seen is not None:
            given, action = step.transition.observation, step.transition.action
            seen.append(replace(step.transition, observation=given.copy(), action=np.array(action)))
        agent.observe(step.transition)
        info, terminated, done = step.info, step.transition.terminated, step.transition.done
        returns += step.transition.reward
        running = step.valid & ~step.diverged
        work += np.where(running, control_step * envs.power(), 0.0)
        length += step.valid
    if on_step:
        on_step(envs)
    agent.end_episode(done)
    success = np.asarray(info.get("success", np.full(num, -1))).astype(np.int8)
    ends = (info["distance"], work, length, terminated, info["diverged"], success)
    return Episodes(returns, *ends)


def measure(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
    seen: list[Transition] | None = None,
) -> Episodes:
    """Run one episode with deterministic actions and undo everything that it did to the agent.

    Args:
        agent: see `run_episode`.
        envs: see `run_episode`.
        seeds: see `run_episode`.
        on_step: see `run_episode`.
        seen: takes the transitions, for `check_unchanged`.

    Raises:
        FastadaptError: it was not undone: the first observation no longer leads to the same action.
    """
    snapshot, age = agent.snapshot(), envs.age
    seen = [] if seen is None else seen
    episodes = run_episode(agent, envs, seeds, False, on_step, seen)
    agent.restore(snapshot)
    envs.age = age  # the world of the trial has not grown older either
    check_unchanged(agent, seen[:1])
    return episodes


def check_unchanged(agent: AdaptiveAgent, seen: Sequence[Transition]) -> None:
    """Let an agent live through the beginning of an episode again; its actions must be the same.

    Args:
        agent: as it was when the episode began; it is left so.
        seen: the first transitions of the episode, or all of them.

    Raises:
        FastadaptError: measured episodes taught it something.
    """
    snapshot = agent.snapshot()  # the swapped-context control swaps here
    for transition in seen:
        again = np.asarray(agent.act(transition.observation.copy(), False))
        if not np.array_equal(transition.action, again, equal_nan=True):
            raise FastadaptError(
                f"Agent '{agent_name(agent)}' learns from measured episodes: after one, the same "
                "observation leads to another action. snapshot() must return everything learned "
                "since begin(), and restore() must bring all of it back."
            )
        agent.observe(transition)
    agent.restore(snapshot)


def run_trials(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    tasks: Sequence[Task],
    shots: Sequence[int],
    episodes: int,
    seed: int,
    *,
    on_measure: Callable[[Measurement], None] | None = None,
    record: Callable[[], OnStep] | None = None,
    keys: Sequence[str] | None = None,
) -> list[Measurement]:
    """Run one trial on every task and measure after the given numbers of shots.

    A measured episode starts from a snapshot, acts deterministically, and is undone after: it
    neither teaches the agent nor counts as its data. The same robots, starts and goals are
    measured after every number of shots (seeds keyed by task and episode): differences are paired.
    An agent that needs no shots is measured once, which stands for every number of shots.

    Args:
        agent: under test.
        envs: as many robots as tasks.
        tasks: one for each robot.
        shots: numbers of shots after which to measure, e.g. (0, 1, 2, 5).
        episodes: measured episodes each time.
        seed: of all resets, and of keyed exploration.
        on_measure: called after every measured episode.
        record: called before every measured episode for its `on_step`.
        keys: of the seeds of each robot, in place of the id of its task.

    Returns:
        The measurements in order of shots and episodes.

    Raises:
        FastadaptError: a number is out of range.
    """
    _check(shots, episodes)
    envs.set_tasks(tasks)
    keys = keys or [task.id for task in tasks]
    begin_trials(agent, np.array(episode_seeds(seed, keys, "explore", 0), np.uint64))
    ledger = Ledger(np.zeros(len(tasks), np.int64), 0, 0.0)
    wanted, measurements = sorted(set(shots)), list[Measurement]()

    def keep(shot: int, episode: int, measured: Episodes) -> None:
        measurements.append(Measurement(shot, episode, measured, ledger))
        if on_measure:
            on_measure(measurements[-1])

    lasting = not needs_shots(agent)  # one measurement stands for all numbers of shots
    for shot in range(1 if lasting else wanted[-1] + 1):
        here = wanted if lasting else [shot] if shot in wanted else []
        if here:
            seeds = [episode_seeds(seed, keys, "measure", episode) for episode in range(episodes)]
            for episode, measured in enumerate(_measured(agent, envs, seeds, record, measurements)):
                for number in here:
                    keep(number, episode, measured)
        if not lasting and shot < wanted[-1]:
            ledger = _run_shot(agent, envs, episode_seeds(seed, keys, "shot", shot), ledger)
    return sorted(measurements, key=lambda each: (each.shot, each.episode))


def _measured(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    seeds: Sequence[Sequence[int]],
    record: Callable[[], OnStep] | None,
    before: Sequence[Measurement],
) -> Iterator[Episodes]:
    """Yield a measured episode for each list of seeds.

    The first episode of the trial is lived through once more, after the others.
    """
    seen: list[Transition] = []
    first = not before
    for number, some in enumerate(seeds):
        whole = seen if first and number == 0 else None
        yield measure(agent, envs, some, record() if record else None, whole)
    check_unchanged(agent, seen)


def _run_shot(
    agent: AdaptiveAgent, envs: BatchedEnv, seeds: Sequence[int], spent: Ledger
) -> Ledger:
    """Run one shot and return the ledger after it."""
    started, before = time.perf_counter(), gradient_steps(agent)
    shot = run_episode(agent, envs, seeds, True)
    return Ledger(
        spent.env_steps + shot.length,
        spent.gradient_steps + gradient_steps(agent) - before,
        spent.seconds + (time.perf_counter() - started) / len(seeds),
    )


def _check(shots: Sequence[int], episodes: int) -> None:
    if len(shots) == 0 or min(shots) < 0:
        raise FastadaptError(f"shots = {tuple(shots)}; give at least one number, none negative.")
    if max(shots) > _MOST:
        raise FastadaptError(f"shots = {max(shots):.4g}; it must be at most {_MOST}.")
    if not 1 <= episodes <= _MOST:
        raise FastadaptError(f"episodes = {episodes:.4g}; measure 1 to {_MOST}.")


def episode_seeds(seed: int, keys: Sequence[str], what: str, number: int) -> list[int]:
    """Return the seeds of the resets of an episode, one for each key, or of their exploration.

    Args:
        seed: of everything.
        keys: of the robots, e.g. the ids of their tasks.
        what: `explore`, `measure` or `shot`.
        number: of the episode.
    """
    return [key_of(seed, key, what, number) for key in keys]
