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
        return self.current(ids)

    def current(self, ids: Ids) -> Mask:
        """Return which robots had a foot on the ground in their last physics step, `(n,)`."""
        return np.logical_or.reduce(self._readings[np.ix_(ids, self._columns)] > 0, axis=1)
