"""The planar cheetah that has to stay on its feet."""

from __future__ import annotations

import functools
from typing import ClassVar

import mujoco
import numpy as np
from scipy.special import ndtri

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.simulation.interface import Simulation

_SPREAD = 0.8
"""Share of its range over which a joint's initial angle is drawn."""
_CLEARANCE = 0.01
"""Height of the lowest point of the robot above the ground at a reset [m]."""


class UprightCheetah(Cheetah):
    """Run forward on its feet: reward = upright (v [m/s] + 0.6) - 0.1 |action|^2, every 50 ms.

    v is the velocity of the root along x over the control step. Upright is 1 while the torso's
    pitch is within 90 degrees of level, else 0; an overturned robot pays for going backward, but
    earns nothing. 0.6 is the largest cost of an action, so that no effort is worth a fall. An
    episode terminates once the robot has been overturned for 1 s (20 control steps) at a stretch,
    else lasts 10 s (200 control steps). `info["overturned"]` is 1 where the robot is overturned.

    Starts are drawn widely, so that the first observation tells little of what is wrong with the
    robot's sensors: joint angles uniform over 80 % of each range, the pitch within 0.2 rad, all
    velocities normal with a standard deviation of 0.1; the lowest point of the (nominal) robot is
    1 cm above the ground. Observation and action are those of `cheetah-v0`.

    On its back the cheetah has a gait of its own, a local optimum in which learners of `cheetah-v0`
    end by chance.

    Versions: v1; v0 is Gymnasium's HalfCheetah-v5 (`Cheetah`).
    """

    version = 1
    summary = "planar cheetah, run forward on its feet, from widely drawn poses"
    patience: ClassVar[float] = 1.0
    """Time overturned, at a stretch, that ends the episode [s]."""
    healthy: ClassVar[float] = 0.6
    """Reward of a control step upright."""

    @classmethod
    def prepare(cls, spec: mujoco.MjSpec) -> None:
        spec.nuserdata = max(spec.nuserdata, 1)

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        self._overturned_for = sim.data("userdata")

    def reset(self, ids: Ids, draws: Array) -> None:
        """Draw a pose over most of the joints' ranges, and put its lowest point on the ground."""
        model = self.sim.model
        low, high = model.jnt_range[3:].T
        middle, half = (low + high) / 2, _SPREAD * (high - low) / 2
        qpos = np.zeros((len(ids), model.nq))
        qpos[:, 0] = 0.2 * draws[:, 0] - 0.1
        qpos[:, 2] = 0.4 * draws[:, 2] - 0.2
        qpos[:, 3:] = middle + half * (2 * draws[:, 3:9] - 1)
        qpos[:, 1] = _CLEARANCE - lowest_point(model, qpos)
        self.sim.data("qpos")[ids] = qpos
        self.sim.data("qvel")[ids] = 0.1 * ndtri(draws[:, 9:])

    def remember(self, ids: Ids, action: Array) -> None:
        turned = self.overturned()[ids]
        self._overturned_for[ids, 0] = np.where(turned, self._overturned_for[ids, 0] + 1, 0.0)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        _, terms = super().reward(before, action)
        turned = terms["overturned"] > 0
        velocity = terms["x_velocity"]
        forward = np.where(turned, np.minimum(velocity, 0.0), velocity)
        healthy = np.where(turned, 0.0, self.healthy)
        terms |= {"reward_forward": forward, "reward_healthy": healthy}
        return forward + healthy + terms["reward_ctrl"], terms

    def terminated(self) -> Mask:
        steps = round(self.patience / self.control_step())
        return self.overturned() & (self._overturned_for[:, 0] >= steps)


def lowest_point(model: mujoco.MjModel, qpos: Array) -> Array:
    """Return the height of the lowest point of planar robots made of capsules, `(n,)` [m].

    Args:
        model: a model in the plane of x and z: a root on two slides and a hinge about y, and one
            hinge about y for each further body.
        qpos: the poses, `(n, nq)`.
    """
    place = np.zeros((model.nbody, 2, len(qpos)))
    pitch = np.zeros((model.nbody, len(qpos)))
    for body in range(1, model.nbody):
        parent, first = int(model.body_parentid[body]), int(model.body_jntadr[body])
        x, _, z = model.body_pos[body]
        place[body] = place[parent] + _turned(x, z, pitch[parent])
        if parent == 0:
            place[body] += qpos[:, first : first + 2].T
            first += 2
        pitch[body] = pitch[parent] + qpos[:, first]
    ends = [
        place[body, 1] + _turned(x, z, pitch[body])[1] - radius
        for body, x, z, radius in _capsule_ends(model)
    ]
    return functools.reduce(np.minimum, ends)


def _turned(x: float, z: float, pitch: Array) -> Array:
    """Return a vector in the plane after a rotation about y, `(2, n)`."""
    return np.array([np.cos(pitch) * x + np.sin(pitch) * z, np.cos(pitch) * z - np.sin(pitch) * x])


def _capsule_ends(model: mujoco.MjModel) -> list[tuple[int, float, float, float]]:
    """Return the centres of the capsules' caps: body, x, z in its frame, and radius [m]."""
    found: list[tuple[int, float, float, float]] = []
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_CAPSULE:
            continue
        axis = np.zeros(3)
        mujoco.mju_rotVecQuat(axis, np.array([0.0, 0.0, 1.0]), model.geom_quat[geom])
        radius, half = model.geom_size[geom, :2]
        for end in (-half, half):
            x, _, z = model.geom_pos[geom] + end * axis
            found.append((int(model.geom_bodyid[geom]), float(x), float(z), float(radius)))
    return found
