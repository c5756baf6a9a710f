"""Constant-context control: an agent with one and the same inference about every task."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents.controls.wrapper import Wrapper
from fastadapt.agents.interface import SettableContext, agent_name, needs_shots
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError


class ConstantContext(Wrapper):
    """Acts as its agent does on one inference about all tasks: a policy without adaptation.

    Before any shot an agent may act worse than it ever did in training, and gain from any shot.
    Gains over this control are gains over no information instead. It needs no shots.

    Args:
        agent: the agent, with its own trials.
        inferred: `(C,)`, e.g. the mean over training tasks of what the agent inferred.

    Raises:
        FastadaptError: what the agent infers cannot be set.
    """

    def __init__(self, agent: Any, inferred: Array) -> None:
        check_settable(agent)
        super().__init__(agent, "constant-context")
        self._inferred = np.asarray(inferred, float)
        self.needs_shots = False

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N tasks."""
        super().begin(num_tasks)
        self._count = num_tasks

    def act(self, observation: Array, explore: bool) -> Array:
        """Return the agent's actions given the one inference."""
        self._agent.hold(np.tile(self._inferred, (self._count, 1)))
        return super().act(observation, explore)


def check_settable(agent: Any) -> None:
    """Refuse an agent whose inference about tasks cannot be set.

    Raises:
        FastadaptError: it is one.
    """
    if not (needs_shots(agent) and isinstance(agent, SettableContext)):
        raise FastadaptError(
            f"Agent '{agent_name(agent)}' infers nothing about its tasks that could be held "
            "constant. Leave out --ablate constant-context, or evaluate an agent that adapts, such "
            "as rl2, pearl or maml."
        )
