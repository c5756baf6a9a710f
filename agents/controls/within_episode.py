"""Inference within an episode, with a declared way to forget: for worlds that change in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents.controls.wrapper import Wrapper
from fastadapt.agents.interface import HoldsBelief, InfersAnytime, Transition, agent_name
from fastadapt.envs.arrays import Array, Ids
from fastadapt.errors import FastadaptError


class WithinEpisode(Wrapper):
    """Acts as its agent does, and infers its task anew every few control steps.

    An agent that infers its task at the end of an episode never notices a change within one. One
    that counts all that it has seen alike needs as long to unlearn the world before a change as it
    lived in it; a window forgets what lies further back.

    Args:
        agent: the agent, with its own trials.
        every: control steps between two inferences.
        window: control steps that count; 0 means all of the trial.

    Raises:
        FastadaptError: the agent cannot infer at any time, or a number is not possible.
    """

    def __init__(self, agent: Any, every: int, window: int = 0) -> None:
        if not (isinstance(agent, InfersAnytime) and isinstance(agent, HoldsBelief)):
            raise FastadaptError(
                f"Agent '{agent_name(agent)}' cannot infer its task within an episode at a rate of "
                "choice. Leave out --infer-every; it is for pearl."
            )
        if every < 1 or window < 0:
            raise FastadaptError(
                f"--infer-every {every} --window {window}: give control steps, --infer-every from "
                "1 and --window from 0 (all of the trial)."
            )
        super().__init__(agent, f"every-{every}{f'-window-{window}' if window else ''}")
        self._every, self._window = every, window

    @property
    def belief(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the belief about each task, `(N, latent)` each."""
        return self._agent.belief

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks."""
        super().begin(num_tasks)
        self._lived = 0

    def observe(self, transition: Transition) -> None:
        """Pass a transition on; infer where it is time."""
        super().observe(transition)
        self._lived += 1
        if self._lived % self._every == 0:
            self._agent.infer_now(self._window)

    def end_episode(self, done: Any) -> None:
        """Pass the end of episodes on; the count begins anew where all have ended."""
        super().end_episode(done)
        self._lived = 0 if np.all(done) else self._lived

    def swap_context(self, order: Ids) -> None:
        """Give robot i the belief of robot `order[i]`."""
        self._agent.swap_context(order)

    def snapshot(self) -> Any:
        """Return the agent's snapshot and the count."""
        return super().snapshot(), self._lived

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        kept, self._lived = snapshot
        super().restore(kept)
