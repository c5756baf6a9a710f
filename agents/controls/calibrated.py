"""Calibrated baseline: a policy that takes the first reading of its position sensors as zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents.controls.wrapper import Wrapper
from fastadapt.agents.interface import Transition, needs_shots
from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.errors import FastadaptError


class Calibrated(Wrapper):
    """A memoryless policy that zeroes its sensors at the start of every episode.

    It subtracts the first reading of an episode, less what a healthy robot reads at its start, from
    all later readings of the episode. Where starts hardly vary, that removes the offset of a sensor
    without any learning; so it is the rival of adaptation to slipped sensors.

    Args:
        agent: a policy without a memory.
        channels: numbers of the observation's entries that are zeroed, `(S,)`.
        reading: what a healthy robot reads there at its start, `(S,)`.

    Raises:
        FastadaptError: the agent adapts by itself.
    """

    def __init__(self, agent: Any, channels: Ids, reading: Array) -> None:
        super().__init__(agent, "calibrated")
        if needs_shots(agent):
            raise FastadaptError(
                f"'{self.name}' would be no baseline: its agent has a memory or adapts. Calibrate "
                "a run of a memoryless agent, such as nominal or domain-randomised."
            )
        self._channels = np.asarray(channels, np.int64)
        self._reading = np.asarray(reading, float)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N tasks with sensors that are not zeroed yet."""
        super().begin(num_tasks)
        self._offset = np.zeros((num_tasks, len(self._channels)))
        self._fresh = np.ones(num_tasks, bool)

    def act(self, observation: Array, explore: bool) -> Array:
        """Zero the sensors of robots at the start of an episode; act on the corrected reading."""
        seen = observation[:, self._channels] - self._reading
        self._offset = np.where(self._fresh[:, None], seen, self._offset)
        self._fresh = np.zeros(len(observation), bool)
        return super().act(self._corrected(observation), explore)

    def observe(self, transition: Transition) -> None:
        """Pass a transition on to the agent, with corrected readings."""
        super().observe(
            Transition(
                self._corrected(transition.observation),
                transition.action,
                transition.reward,
                self._corrected(transition.next_observation),
                transition.terminated,
                transition.truncated,
            )
        )

    def end_episode(self, done: Mask) -> None:
        """Pass the end of episodes on; their sensors are zeroed anew."""
        super().end_episode(done)
        self._fresh = self._fresh | done

    def snapshot(self) -> Any:
        """Return the agent's snapshot and the zeros."""
        return super().snapshot(), self._offset, self._fresh

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        kept, self._offset, self._fresh = snapshot
        super().restore(kept)

    def _corrected(self, observation: Array) -> Array:
        corrected = observation.copy()
        corrected[:, self._channels] -= self._offset
        return corrected
