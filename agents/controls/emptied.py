"""Emptied-memory control: a recurrent agent that forgets every few control steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents.controls.wrapper import Wrapper
from fastadapt.agents.interface import EmptiesMemory, Transition, agent_name, needs_shots
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError


class EmptiedMemory(Wrapper):
    """Acts as its agent does, with a memory that is emptied every few control steps.

    The inputs of a control step (observation, last action, last reward, first-step flag) stay as
    they are, so that nothing but the memory is missing. What the agent scores with a memory of k
    steps tells how far back the information lies that it uses.

    Args:
        agent: the agent, with its own trials.
        every: control steps between two emptyings; 1 leaves no memory at all.

    Raises:
        FastadaptError: the agent has no memory of control steps, or `every` is not positive.
    """

    def __init__(self, agent: Any, every: int) -> None:
        if not (needs_shots(agent) and isinstance(agent, EmptiesMemory)):
            raise FastadaptError(
                f"Agent '{agent_name(agent)}' has no memory of control steps that could be "
                "emptied. Leave out --ablate memory; for an agent that infers its task after "
                "shots, such as pearl or maml, use --ablate constant-context."
            )
        if every < 1:
            raise FastadaptError(f"--every {every}: give a number of control steps from 1.")
        super().__init__(agent, f"memory-{every}")
        self._every = every

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks."""
        super().begin(num_tasks)
        self._lived = np.zeros(num_tasks, np.int64)
        self._ended = np.zeros(num_tasks, bool)

    def act(self, observation: Array, explore: bool) -> Array:
        """Empty the memory of the robots whose time it is, and return the agent's actions."""
        self._agent.empty_memory((self._lived % self._every == 0) & ~self._ended)
        return super().act(observation, explore)

    def observe(self, transition: Transition) -> None:
        """Count the control steps of the robots whose episodes run."""
        super().observe(transition)
        self._lived = self._lived + ~self._ended
        self._ended = self._ended | transition.done

    def end_episode(self, done: Mask) -> None:
        """Pass the end of episodes on; the count of control steps goes on."""
        super().end_episode(done)
        self._ended = self._ended & ~done

    def snapshot(self) -> Any:
        """Return the agent's snapshot and the counts."""
        return super().snapshot(), self._lived, self._ended

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        kept, self._lived, self._ended = snapshot
        super().restore(kept)
