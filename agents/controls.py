"""A control of adaptation: agents that act on what was found out about another task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.interface import AdaptiveAgent, Transition, agent_name
from fastadapt.envs import FastadaptError
from fastadapt.envs.arrays import Array, Mask


@runtime_checkable
class Exchanging(AdaptiveAgent, Protocol):
    """An agent of which what it has found out in its trials can be exchanged between them."""

    name: str

    def exchange(self, order: NDArray[np.int64]) -> None:
        """Let trial i go on with what was found out in trial `order[i]`."""
        ...


def exchange_order(tasks: Sequence[str]) -> NDArray[np.int64]:
    """Return for each trial the next one (after the last, the first) on another task: `(N,)`.

    Args:
        tasks: their ids; where a split holds a task several times, ids repeat.

    Raises:
        FastadaptError: all are the same.
    """
    if len(set(tasks)) < 2:
        raise FastadaptError(
            "Nothing can be exchanged on a single task: evaluate at least 2, or leave out "
            "--exchanged."
        )
    order: list[int] = []
    for place, task in enumerate(tasks):
        others = (k % len(tasks) for k in range(place + 1, place + len(tasks)))
        order.append(next(k for k in others if tasks[k] != task))
    return np.array(order)


class Exchanged:
    """Lives through shots as its agent does, but is measured on what another trial found out.

    An agent that acts better after any shot than before one (because training hardly knows what it
    does before) gains without having found out anything about its task. Its gain is adaptation only
    as far as it is also a gain over this agent. Who gets whose findings: `exchange_order`.

    Args:
        agent: whose trials they are.

    Raises:
        FastadaptError: what it finds out cannot be exchanged.
    """

    def __init__(self, agent: Any) -> None:
        if not isinstance(agent, Exchanging):
            raise FastadaptError(
                f"'{agent_name(agent)}' finds nothing out that could be exchanged "
                "between tasks. Leave out --exchanged."
            )
        self._agent = agent
        self._tasks: list[str] = []
        self.name = f"{agent_name(agent)}-exchanged"

    def __getattr__(self, name: str) -> Any:
        """Everything else is as its agent has it."""
        return getattr(self._agent, name)

    def among(self, tasks: Sequence[str]) -> None:
        """Say by their ids which tasks the next trials are on; unsaid, each is another one."""
        self._tasks = list(tasks)

    def begin(self, num_tasks: int) -> None:
        """Face N new tasks.

        Raises:
            FastadaptError: they are one and the same, so there is nothing to exchange.
        """
        self._order = exchange_order(self._tasks or [str(i) for i in range(num_tasks)])
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
        self._agent.exchange(self._order)
        return kept

    def restore(self, snapshot: Any) -> None:
        """Return to the trials as they were lived through."""
        self._agent.restore(snapshot)
