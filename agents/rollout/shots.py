"""Collection of shots on training tasks, as at test time, into a replay buffer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition
from fastadapt.agents.rollout.steps import action_limits, steps
from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Rows

Pack = Callable[[Transition], Rows]
"""Makes rows `(N, width)` of a transition."""


@dataclass(frozen=True)
class Shots:
    """Results of one trial of shots on each of N tasks.

    Attributes:
        rows: `(env_steps, width)`, all transitions that were collected.
        returns: `(N, episodes)`.
        diverged: number of episodes that ended because the simulation diverged.
        seconds: time spent in the simulation.
    """

    rows: Rows
    returns: Array
    diverged: int
    seconds: float


def collect_shots(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    tasks: NDArray[np.int64],
    replay: TaskReplay,
    episodes: int,
    seeds: Sequence[int],
    pack: Pack,
    random: np.random.Generator | None = None,
) -> Shots:
    """Collect one trial of shots from every robot, all of them at once.

    Args:
        agent: at the beginning of a trial.
        envs: the robots, already on their tasks.
        tasks: number of each robot's task in the replay, `(N,)`, all different.
        replay: receives the transitions, except those of a simulation that diverged.
        episodes: shots in a trial.
        seeds: of the resets, `(N,)`.
        pack: makes the rows.
        random: draws uniform actions in place of the agent's.
    """
    low, high = action_limits(envs)
    returns, diverged, seconds = np.zeros((envs.num_envs, episodes)), 0, 0.0
    kept: list[Rows] = []

    def act(observation: Array) -> Array:
        action = agent.act(observation, True)
        return action if random is None else random.uniform(low, high, (len(action), len(low)))

    replay.begin_trial(tasks)
    for episode in range(episodes):
        done = np.zeros(envs.num_envs, bool)
        for step in steps(envs, act, seeds if episode == 0 else None):
            agent.observe(step.transition)
            kept_now = step.valid & ~step.diverged
            rows = pack(step.transition)[kept_now]
            replay.add(tasks[kept_now], rows)
            kept.append(rows)
            returns[:, episode] += step.transition.reward
            diverged += int(step.diverged.sum())
            seconds += step.seconds
            done = step.transition.done
        agent.end_episode(done)
    return Shots(np.concatenate(kept), returns, diverged, seconds)
