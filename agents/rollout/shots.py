"""Living through shots on training tasks, as at test time, and keeping them in a replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition
from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.agents.rollout.trials import limits
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Rows

Pack = Callable[[Transition], Rows]
"""Makes rows `(N, width)` of a transition."""


@dataclass(frozen=True)
class Shots:
    """What came of trials of shots on N tasks.

    Attributes:
        rows: `(env_steps, width)`, all that was lived through.
        returns: `(N, episodes)`.
        diverged: number of episodes that ended because the simulation diverged.
        seconds: time spent in the simulation.
    """

    rows: Rows
    returns: Array
    diverged: int
    seconds: float


def live_through_shots(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    tasks: NDArray[np.int64],
    replay: TaskReplay,
    episodes: int,
    seeds: Sequence[int],
    pack: Pack,
    random: np.random.Generator | None = None,
) -> Shots:
    """Live through one trial of shots with every robot, all of them at once.

    Args:
        agent: at the beginning of a trial.
        envs: the robots, already on their tasks.
        tasks: number of each robot's task in the replay, `(N,)`, all different.
        replay: where transitions go; those of a simulation that broke down do not.
        episodes: shots in a trial.
        seeds: of the resets, `(N,)`.
        pack: makes the rows.
        random: for uniform actions in place of the agent's.
    """
    num = envs.num_envs
    low, high = limits(envs)
    returns, diverged, seconds = np.zeros((num, episodes)), 0, 0.0
    kept: list[Rows] = []
    replay.begin_trial(tasks)
    for episode in range(episodes):
        observation, _ = envs.reset(seed=seeds if episode == 0 else None)
        done = np.zeros(num, bool)
        while not done.all():
            action = agent.act(observation, True)
            if random is not None:
                action = random.uniform(low, high, (num, len(low)))
            before = time.perf_counter()
            following, reward, terminated, truncated, info = envs.step(action)
            seconds += time.perf_counter() - before
            transition = Transition(observation, action, reward, following, terminated, truncated)
            agent.observe(transition)
            good = ~done & ~info["diverged"]
            rows = pack(transition)[good]
            replay.add(tasks[good], rows)
            kept.append(rows)
            returns[:, episode] += reward
            diverged += int((info["diverged"] & ~done).sum())
            done, observation = terminated | truncated, following
        agent.end_episode(done)
    return Shots(np.concatenate(kept), returns, diverged, seconds)
