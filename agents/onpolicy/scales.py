"""Scales of what networks see: pooled over tasks, and fixed while a rollout is used."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.nn.normaliser import Entries, Normaliser
from fastadapt.agents.onpolicy.history import History
from fastadapt.envs.arrays import Array, Mask

SIGHTS = ("action", "reward", "start", "frames")
"""What a policy can see beside the observation."""


class Scales:
    """Turns raw observations, histories and rewards into the inputs of networks.

    Rewards are divided by the standard deviation of the discounted return, which runs on over
    iterations; their mean stays (as Gymnasium's `NormalizeReward`).

    Args:
        observations: size of an observation.
        gamma: discount of the return.
        parameters: how many entries at the end of an observation are parameters of the task.
    """

    def __init__(self, observations: int, gamma: float, parameters: int = 0) -> None:
        self.observations = Normaliser(observations, parameters=parameters)
        self._returns = Normaliser(1)
        self._gamma = gamma
        self._total = np.zeros(0)

    def inputs(self, observation: Array, history: History, sees: tuple[str, ...]) -> Tensor:
        """Return inputs `(N, inputs)`: the observation, then what of the history is seen."""
        parts = [self.observations(observation)]
        if "action" in sees:
            parts.append(history.action)
        if "reward" in sees:
            parts.append(self.rewards(history.reward)[:, None])
        if "start" in sees:
            parts.append(history.start[:, None].astype(np.float64))
        if "frames" in sees:
            parts.append(self._frames(history).reshape(len(observation), -1))
        return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))

    def entries(self) -> dict[str, Entries]:
        """Return the fixed statistics of `observation` and `reward`."""
        spread = np.sqrt(self._returns.variance + 1e-8)
        reward = Entries.of(np.zeros(1), spread, 10.0)
        return {"observation": self.observations.entries(), "reward": reward}

    def known(self, observation: Array, contexts: Array) -> Tensor:
        """Return what the critic sees, `(N, observations + parameters)`."""
        parts = [self.observations(observation), contexts]
        return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))

    def rewards(self, rewards: Array) -> Array:
        """Return scaled rewards, limited to +-10."""
        return np.clip(rewards / np.sqrt(self._returns.variance[0] + 1e-8), -10.0, 10.0)

    def update(self, observations: Array, rewards: Array, ended: Mask) -> None:
        """Add a rollout: `(T, N, observations)`, `(T, N)`, and where `(T, N)` episodes ended."""
        self.observations.update(observations.reshape(-1, observations.shape[-1]))
        if len(self._total) != rewards.shape[1]:
            self._total = np.zeros(rewards.shape[1])
        returns = np.empty_like(rewards)
        for t in range(len(rewards)):
            self._total = self._total * self._gamma + rewards[t]
            returns[t] = self._total
            self._total = np.where(ended[t], 0.0, self._total)
        self._returns.update(returns.reshape(-1, 1))

    def state(self) -> dict[str, NDArray]:
        """Return the statistics."""
        parts = {f"observation.{k}": v for k, v in self.observations.state().items()}
        parts |= {f"reward.{k}": v for k, v in self._returns.state().items()}
        return parts | {"reward.total": self._total}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to the statistics that `state` gave."""
        for name, scale in (("observation", self.observations), ("reward", self._returns)):
            scale.load_state({k: state[f"{name}.{k}"] for k in ("mean", "variance", "count")})
        self._total = state["reward.total"].copy()

    def _frames(self, history: History) -> Array:
        """Return the frames, observations scaled, 0 where there is none, and which there are."""
        size = len(self.observations.mean)
        seen = self.observations(history.frames[..., :size])
        there = history.filled[..., None].astype(np.float64)
        frames = np.concatenate([seen, history.frames[..., size:]], axis=-1)
        return np.concatenate([frames * there, there], axis=-1)
