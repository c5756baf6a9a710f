"""Constant-context control: an agent whose belief about every task is held at one mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents.interface import (
    KeyedExploration,
    SettableBelief,
    Transition,
    agent_name,
    agent_seed,
)
from fastadapt.envs.arrays import Array, Keys, Mask
from fastadapt.errors import FastadaptError


class ConstantContext:
    """Acts as its agent does on one belief about all tasks: a policy without adaptation.

    At the prior an agent may act worse than it ever did in training, and gain from any shot. Gains
    over this control are gains over no information instead.

    Args:
        agent: the agent, with its own trials.
        belief: `(latent,)`, e.g. the mean of the agent's beliefs about training tasks.

    Raises:
        FastadaptError: the agent holds no belief that can be set.
    """

    def __init__(self, agent: Any, belief: Array) -> None:
        check_settable(agent)
        self._agent = agent
        self._belief = np.asarray(belief, float)
        self.name = f"{agent_name(agent)}-constant-context"

    @property
    def seed(self) -> int:
        """The seed that the agent was trained with."""
        return agent_seed(self._agent)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N tasks with the one belief."""
        self._agent.begin(num_tasks)
        self._count = num_tasks
        self._hold()

    def key_exploration(self, keys: Keys) -> None:
        """Seed the exploration of each trial by its key `(N,)`, if the agent takes keys."""
        if isinstance(self._agent, KeyedExploration):
            self._agent.key_exploration(keys)
            self._hold()

    def act(self, observation: Array, explore: bool) -> Array:
        """Return the agent's actions."""
        return self._agent.act(observation, explore)

    def observe(self, transition: Transition) -> None:
        """Pass a transition on to the agent."""
        self._agent.observe(transition)

    def end_episode(self, done: Mask) -> None:
        """Pass the end of episodes on to the agent, and restore the one belief."""
        self._agent.end_episode(done)
        self._hold()

    def snapshot(self) -> Any:
        """Return the agent's snapshot."""
        return self._agent.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._agent.restore(snapshot)

    def _hold(self) -> None:
        self._agent.set_belief(np.tile(self._belief, (self._count, 1)))


def check_settable(agent: Any) -> None:
    """Refuse an agent without a belief that can be set.

    Raises:
        FastadaptError: it is one.
    """
    if not isinstance(agent, SettableBelief):
        raise FastadaptError(
            f"Agent '{agent_name(agent)}' holds no belief that could be held constant. Leave out "
            "--ablate constant-context, or evaluate an agent that has one, such as pearl."
        )
