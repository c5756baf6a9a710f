"""Base of the agents with networks: limits of actions, exploration noise, checkpoints by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from fastadapt.agents.checkpoint_arrays import Part, gather, scatter
from fastadapt.agents.interface import AgentState, MetaLearner
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs.arrays import Array, Keys


class NetworkAgent(MetaLearner):
    """An agent whose checkpoint consists of named parts, and that explores by keyed noise.

    Args:
        spec: of the robots.
        seed: of the weights, of training and of exploration.
        config: its settings.
        extra_noise: standard normal draws per robot and control step beyond one for each action.
    """

    def __init__(self, spec: AgentSpec, seed: int, config: Any, extra_noise: int = 0) -> None:
        super().__init__(spec, seed, config)
        self._low, self._high = spec.action_low, spec.action_high
        self._middle, self._half = (self._high + self._low) / 2, (self._high - self._low) / 2
        self._noise = ExplorationNoise(seed, len(self._low) + extra_noise)

    def key_exploration(self, keys: Keys) -> None:
        """Make the exploration noise of each trial a function of its key `(N,)`."""
        self._noise.key(keys)

    def _clipped(self, action: Array) -> Array:
        """Return actions within the limits of the robot."""
        return np.clip(action, self._low, self._high)

    def _from_unit(self, action: Array) -> Array:
        """Return actions in [-1, 1] scaled to the limits of the robot."""
        return self._middle + self._half * action

    def _to_unit(self, action: Array) -> Array:
        """Return actions of the robot scaled to [-1, 1]."""
        return (action - self._middle) / self._half

    @abstractmethod
    def _model_parts(self) -> dict[str, Part]:
        """Return what acting needs, by the names in a checkpoint."""

    @abstractmethod
    def _training_parts(self) -> dict[str, Part]:
        """Return what only further training needs, by the names in a checkpoint."""

    def state(self) -> AgentState:
        """Return weights, normalisers and the state of the optimisers."""
        return AgentState(gather(self._model_parts()), gather(self._training_parts()), {})

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another agent.
        """
        scatter(self._model_parts(), state.model)
        if state.optimizer:
            scatter(self._training_parts(), state.optimizer)
