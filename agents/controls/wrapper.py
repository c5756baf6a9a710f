"""Base of the controls: an agent that passes everything on to another one."""

from __future__ import annotations

from typing import Any

from fastadapt.agents.interface import (
    KeyedExploration,
    Transition,
    agent_context,
    agent_name,
    agent_seed,
    gradient_steps,
    needs_shots,
)
from fastadapt.agents.spec import Context
from fastadapt.envs.arrays import Array, Keys, Mask


class Wrapper:
    """An agent that passes everything on to another one; subclasses change one thing.

    Args:
        agent: the agent, with its own trials.
        ending: of the name in tables, after that of the agent.
    """

    def __init__(self, agent: Any, ending: str) -> None:
        self._agent = agent
        self.name = f"{agent_name(agent)}-{ending}"
        self.needs_shots = needs_shots(agent)

    @property
    def seed(self) -> int:
        """The seed that the agent was trained with."""
        return agent_seed(self._agent)

    @property
    def context(self) -> Context:
        """Whether the agent's observations end with the task's context."""
        return agent_context(self._agent)

    @property
    def adaptation_gradient_steps(self) -> int:
        """Gradient steps for each task that the agent has taken in trials."""
        return gradient_steps(self._agent)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks."""
        self._agent.begin(num_tasks)

    def key_exploration(self, keys: Keys) -> None:
        """Seed the exploration of each trial by its key `(N,)`, if the agent takes keys."""
        if isinstance(self._agent, KeyedExploration):
            self._agent.key_exploration(keys)

    def act(self, observation: Array, explore: bool) -> Array:
        """Return the agent's actions."""
        return self._agent.act(observation, explore)

    def observe(self, transition: Transition) -> None:
        """Pass a transition on to the agent."""
        self._agent.observe(transition)

    def end_episode(self, done: Mask) -> None:
        """Pass the end of episodes on to the agent."""
        self._agent.end_episode(done)

    def snapshot(self) -> Any:
        """Return the agent's snapshot."""
        return self._agent.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._agent.restore(snapshot)
