"""The loop around `env.step`: acting, and the bookkeeping of where episodes end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.spaces import Box

from fastadapt.agents.interface import Transition
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Mask

Policy = Callable[[Array], Array]
"""Actions `(N, actions)` for observations `(N, observations)`."""


class Step(NamedTuple):
    """One control step of N robots.

    Attributes:
        transition: of all robots; that of a robot that is not `valid` means nothing.
        valid: `(N,)`, whose episode was running when the step began.
        ended: `(N,)`, whose episode ended with this step.
        info: as the environment returned it.
        seconds: time spent in the simulation.
    """

    transition: Transition
    valid: Mask
    ended: Mask
    info: dict[str, Any]
    seconds: float

    @property
    def diverged(self) -> Mask:
        """Where the simulation broke down in this step, `(N,)`."""
        return np.asarray(self.info["diverged"], bool) & self.valid


def steps(
    envs: BatchedEnv, act: Policy, seeds: Sequence[int] | None = None, episodes: int = 1
) -> Iterator[Step]:
    """Yield the control steps of `episodes` episodes of every robot, until the last one has ended.

    A robot begins its next episode as soon as the one before has ended; after its last one it waits
    for the others.

    Args:
        envs: N robots, already on their tasks.
        act: called once before each step.
        seeds: of the first resets, `(N,)`; None continues the robots' own streams.
        episodes: of each robot.
    """
    observation, _ = envs.reset(seed=seeds)
    running, finished = np.ones(envs.num_envs, bool), np.zeros(envs.num_envs, int)
    while running.any():
        action = act(observation)
        started = time.perf_counter()
        following, reward, terminated, truncated, info = envs.step(action)
        seconds = time.perf_counter() - started
        transition = Transition(observation, action, reward, following, terminated, truncated)
        valid, ended = running, transition.done & running
        finished = finished + ended
        running = running & (finished < episodes)
        yield Step(transition, valid, ended, info, seconds)
        observation = following
        if (ended & running).any():
            observation, _ = envs.reset(options={"reset_mask": ended & running})


def action_limits(envs: BatchedEnv) -> tuple[Array, Array]:
    """Return the smallest and the largest action, `(actions,)` each."""
    space = envs.single_action_space
    assert isinstance(space, Box)
    return space.low.astype(np.float64), space.high.astype(np.float64)
