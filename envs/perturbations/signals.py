"""Signals: everything that tasks change outside `MjModel` (goals, readings, delays, forces)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Ids
from fastadapt.errors import unknown_name

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment


class Signals:
    """Arrays `(N, ...)`, one row for each robot, by name; allocated on first use.

    | name | shape | nominal | meaning |
    |---|---|---|---|
    | goal | (N, goals) | the environment's | the goals that the reward refers to |
    | sensor_offset | (N, observations) | 0 | added to a reading |
    | sensor_drift | (N, observations) | 0 | growth of the error of a reading per second |
    | sensor_noise | (N, observations) | 0 | standard deviation of the noise of a reading |
    | sensor_stuck | (N, observations) | 0 | 1: the reading stays constant |
    | sensor_dropped | (N, observations) | 0 | probability of a lost reading, in each step |
    | action_delay | (N,) | 0 | control steps from a command to its effect |
    | backlash | (N, nu) | 0 | gap between an actuator and its joint [rad, m for slides] |
    | xfrc_applied | (N, nbody, 6) | 0 | forces and torques on the bodies [N, N m] |
    | qfrc_applied | (N, nv) | 0 | generalised forces on the joints [N m, N for slides] |

    Attributes:
        revision: number of writes; values derived from signals are valid while it is the same.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._arrays: dict[str, NDArray] = {}
        self.revision = 0

    def __getitem__(self, name: str) -> NDArray:
        """Return the live `(N, ...)` array, not to be written to."""
        if name not in self._arrays:
            self._arrays[name] = self._make(name)
        return self._arrays[name]

    def write(self, name: str, ids: Ids, values: NDArray) -> None:
        """Set the rows `(n, ...)` of some robots."""
        self[name][ids] = values
        self.revision += 1

    def names(self) -> set[str]:
        """Return the names of the signals in use."""
        return set(self._arrays)

    def nominal(self, name: str) -> NDArray:
        """Return the nominal values of one robot."""
        if name == "goal":
            return np.array([goal.nominal for goal in self._environment.goals])
        return np.zeros_like(self[name][0])

    def _make(self, name: str) -> NDArray:
        environment = self._environment
        robots = environment.sim.num_sims
        if name == "goal":
            return environment.goal
        if name.startswith("sensor_") and name in SIGNALS:
            return np.zeros((robots, len(environment.observations)))
        if name == "backlash":
            return np.zeros((robots, environment.sim.model.nu))
        if name == "action_delay":
            return np.zeros(robots)
        if name in ("xfrc_applied", "qfrc_applied"):
            return environment.sim.data(name)
        raise unknown_name("signal", name, SIGNALS)


SIGNALS = (
    "goal",
    "sensor_offset",
    "sensor_drift",
    "sensor_noise",
    "sensor_stuck",
    "sensor_dropped",
    "action_delay",
    "backlash",
    "xfrc_applied",
    "qfrc_applied",
)
"""The names of all signals."""
