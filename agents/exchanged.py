"""A control of adaptation: agents that act on what was found out about another task."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition
from fastadapt.envs import FastadaptError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@runtime_checkable
class Exchanging(AdaptiveAgent, Protocol):
    """An agent of which what it has found out in its trials can be exchanged between them."""

    name: str

    def exchange(self, order: NDArray[np.int64]) -> None:
        """Let trial i go on with what was found out in trial `order[i]`."""
        ...


class Exchanged:
    """Lives through shots as its agent does, but is measured on what another trial found out.

    An agent that acts better after any shot than before one (because training hardly knows what it
    does before) gains without having found out anything about its task. Its gain is adaptation only
    as far as it is also a gain over this agent. Trial i is measured with the findings of trial
    i + 1, the last one with those of the first.

    Args:
        agent: whose trials they are.

    Raises:
        FastadaptError: what it finds out cannot be exchanged.
    """

    def __init__(self, agent: Any) -> None:
        if not isinstance(agent, Exchanging):
            raise FastadaptError(
                f"'{getattr(agent, 'name', agent)}' finds nothing out that could be exchanged "
                "between tasks. Leave out --exchanged."
            )
        self._agent = agent
        self._num_tasks = 1
        self.name = f"{agent.name}-exchanged"

    def __getattr__(self, name: str) -> Any:
        """Everything else is as its agent has it."""
        return getattr(self._agent, name)

    def begin(self, num_tasks: int) -> None:
        """Face N new tasks.

        Raises:
            FastadaptError: there is only one, so nothing to exchange.
        """
        if num_tasks < 2:
            raise FastadaptError("Nothing can be exchanged on a single task: evaluate at least 2.")
        self._num_tasks = num_tasks
        self._agent.begin(num_tasks)

    def act(self, observation: Array, explore: bool) -> Array:
        return self._agent.act(observation, explore)

    def observe(self, transition: Transition) -> None:
        """Take note of what came of the last action."""
        self._agent.observe(transition)

    def end_episode(self, done: Mask) -> None:
        """Note where episodes ended."""
        self._agent.end_episode(done)

    def snapshot(self) -> Any:
        """Return the trials as they stand; a measurement follows, so exchange what they found."""
        kept = self._agent.snapshot()
        self._agent.exchange(np.roll(np.arange(self._num_tasks), -1))
        return kept

    def restore(self, snapshot: Any) -> None:
        """Return to the trials as they were lived through."""
        self._agent.restore(snapshot)
