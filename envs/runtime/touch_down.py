"""Touch-down events: contact sensors at the feet."""

from __future__ import annotations

import functools

import mujoco
import numpy as np

from fastadapt.envs.arrays import Ids, Mask
from fastadapt.envs.environment import Environment
from fastadapt.envs.simulation.interface import Simulation

_PREFIX = "touch-down:"


@functools.cache
def model_with_touch(environment: type[Environment]) -> mujoco.MjModel:
    """Return the nominal model with a contact sensor at each foot; never write to it.

    Sensors do not act on the physics: trajectories are bitwise those of the model without them.
    """
    spec = environment.complete_spec()
    for foot in environment.feet:
        sensor = spec.add_sensor()
        sensor.name = _PREFIX + foot
        sensor.type = mujoco.mjtSensor.mjSENS_CONTACT
        sensor.objtype, sensor.objname = mujoco.mjtObj.mjOBJ_GEOM, foot
        sensor.reftype, sensor.refname = mujoco.mjtObj.mjOBJ_BODY, "world"
        sensor.intprm[:3] = [1 << int(mujoco.mjtConDataField.mjCONDATA_FOUND), 0, 1]
    return spec.compile()


class TouchDown:
    """Detects when the feet of N robots touch the ground.

    Attributes:
        sim: simulations of a `model_with_touch`.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        model = sim.model
        sensors = [model.sensor(i) for i in range(model.nsensor)]
        mine = [sensor.adr[0] for sensor in sensors if sensor.name.startswith(_PREFIX)]
        self._columns = np.array(mine, np.intp)
        self._readings = sim.data("sensordata")

    def touching(self, ids: Ids) -> Mask:
        """Return which robots have a foot on the ground in their current state, `(n,)`."""
        self.sim.forward(ids)
        return self._read(ids)

    def step(self, num_steps: int, ids: Ids | None, waiting: Ids) -> Mask:
        """Step robots as `Simulation.step` does, and the waiting ones step by step.

        Args:
            num_steps: physics steps.
            ids: which robots take them (default: all).
            waiting: those of them that wait for a touch-down.

        Returns:
            `(N,)` booleans: which of the waiting ones touched the ground after any step.
        """
        touched = np.zeros(self.sim.num_sims, bool)
        others = np.arange(self.sim.num_sims) if ids is None else ids
        others = np.setdiff1d(others, waiting)
        if len(others):
            self.sim.step(num_steps, others)
        for _ in range(num_steps):
            self.sim.step(1, waiting)
            touched[waiting] |= self._read(waiting)
        return touched

    def _read(self, ids: Ids) -> Mask:
        return np.logical_or.reduce(self._readings[np.ix_(ids, self._columns)] > 0, axis=1)
