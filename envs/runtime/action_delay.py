"""Delays actions before they reach the actuators."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.perturbations.command import MAX_DELAY
from fastadapt.envs.perturbations.signals import Signals


class ActionDelayLine:
    """A ring buffer of actions; each of N robots has its own `action_delay` in control steps.

    Before the first action of an episode arrives, the neutral action 0 is delivered. When a delay
    changes within an episode, the action of that many steps ago is delivered from then on.
    """

    def __init__(self, signals: Signals, num_robots: int, num_actions: int) -> None:
        self._delay = signals["action_delay"]
        self._past = np.zeros((MAX_DELAY + 1, num_robots, num_actions))
        self._robots = np.arange(num_robots)
        self._now = 0

    def reset(self, ids: Ids) -> None:
        """Clear the buffers of some robots."""
        self._past[:, ids] = 0.0

    def deliver(self, commanded: Array) -> Array:
        """Store the actions of this control step and return the delayed ones, `(N, actions)`."""
        self._now = (self._now + 1) % len(self._past)
        self._past[self._now] = commanded
        delay = np.rint(self._delay).astype(np.intp)
        return self._past[(self._now - delay) % len(self._past), self._robots]
