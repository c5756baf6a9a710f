"""Inputs of a recurrent policy in a trial, for Stable-Baselines3: the same as RL²'s."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper

from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs.arrays import Rows


class SB3TrialInputs(VecEnvWrapper):
    """Appends the previous action, the previous reward and a first-step flag to observations.

    Without `reward`, the reward is left out.

    At the first step of a trial action and reward are 0; at that of a later episode in it they are
    those of the last step, as the memory carries on.
    """

    def __init__(self, face: SB3VecEnv, reward: bool = True) -> None:
        space = face.observation_space
        assert isinstance(space, Box)
        self._reward = reward
        size = inputs(space.shape[0], int(np.prod(face.action_space.shape or ())), reward)
        super().__init__(face, Box(-np.inf, np.inf, (size,), np.float32))
        self._face = face

    def reset(self) -> Rows:
        """Begin new trials of all robots."""
        shown = self._face.reset()
        actions = np.zeros((self.num_envs, *(self.action_space.shape or ())))
        return self._join(shown, actions, np.zeros(self.num_envs), self._face.starts)

    def step_async(self, actions: NDArray) -> None:
        self._actions = np.array(actions)
        self._face.step_async(actions)

    def step_wait(self) -> tuple[NDArray, NDArray, NDArray, list[dict[str, Any]]]:
        shown, reward, done, infos = self._face.step_wait()
        for i in np.flatnonzero(done):
            last = infos[i]["terminal_observation"][None]
            infos[i]["terminal_observation"] = self._join(
                last, self._actions[i : i + 1], reward[i : i + 1], np.zeros(1, bool)
            )[0]
        actions = np.where(done[:, None], 0.0, self._actions)
        rows = self._join(shown, actions, np.where(done, 0.0, reward), self._face.starts)
        return rows, reward, done, infos

    def _join(self, shown: NDArray, action: NDArray, reward: NDArray, start: NDArray) -> Rows:
        return join(shown, action, reward if self._reward else None, start)


def inputs(observations: int, actions: int, reward: bool = True) -> int:
    """Return how many numbers such a policy sees, with or without the reward."""
    return observations + actions + reward + 1


def join(observation: NDArray, action: NDArray, reward: NDArray | None, start: NDArray) -> Rows:
    """Return rows `(N, inputs)`; None leaves the reward out."""
    rewards = [] if reward is None else [reward[:, None]]
    parts = [observation, action, *rewards, start[:, None]]
    return np.concatenate(parts, axis=1).astype(np.float32)
