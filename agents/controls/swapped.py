"""Swapped-context control: agents that are measured with the context of another task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastadapt.agents.controls.wrapper import Wrapper
from fastadapt.agents.interface import AdaptiveAgent, SwappableContext, agent_name
from fastadapt.envs.arrays import Ids
from fastadapt.errors import FastadaptError


def swap_order(tasks: Sequence[str]) -> Ids:
    """Return for each trial the next one (after the last, the first) on another task: `(N,)`.

    Args:
        tasks: their ids; where a split holds a task several times, ids repeat.

    Raises:
        FastadaptError: all are the same.
    """
    if len(set(tasks)) < 2:
        raise FastadaptError(
            "The context of a single task cannot be swapped: evaluate at least 2 tasks, or leave "
            "out --ablate swapped-context."
        )
    order: list[int] = []
    for place, task in enumerate(tasks):
        others = (k % len(tasks) for k in range(place + 1, place + len(tasks)))
        order.append(next(k for k in others if tasks[k] != task))
    return np.array(order)


class SwappedContext(Wrapper):
    """Adapts as its agent does, but is measured with what the agent inferred about another task.

    An agent may score higher after any shot than before one, merely because training rarely visits
    the state before. Its gain is adaptation only as far as it exceeds the gain of this control.
    Which task's context a trial receives: `swap_order`.

    Args:
        agent: the agent, with its own trials.

    Raises:
        FastadaptError: its context cannot be swapped.
    """

    def __init__(self, agent: Any) -> None:
        if not (isinstance(agent, AdaptiveAgent) and isinstance(agent, SwappableContext)):
            raise FastadaptError(
                f"Agent '{agent_name(agent)}' holds no context that could be swapped between "
                "tasks. Leave out --ablate swapped-context."
            )
        super().__init__(agent, "exchanged")
        self._tasks: list[str] = []

    def set_tasks(self, tasks: Sequence[str]) -> None:
        """Declare the ids of the tasks of the next trials; by default, all of them differ."""
        self._tasks = list(tasks)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks.

        Raises:
            FastadaptError: there is only one task.
        """
        self._order = swap_order(self._tasks or [str(i) for i in range(num_tasks)])
        super().begin(num_tasks)

    def snapshot(self) -> Any:
        """Return the agent's snapshot, then swap its contexts for the measurement that follows."""
        kept = self._agent.snapshot()
        self._agent.swap_context(self._order)
        return kept
