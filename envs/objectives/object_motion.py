"""Position, orientation and velocity of a free object."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.model.additions import free_name
from fastadapt.envs.model.names import names_of
from fastadapt.envs.model.rotations import rotation_matrices
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError, unknown_name


class ObjectMotion:
    """Reads and places one body with a free joint in N simulations."""

    def __init__(self, sim: Simulation, body: str) -> None:
        self._sim = sim
        model = sim.model
        index = _id(model, "body", body)
        joint = int(model.body_jntadr[index])
        if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
            raise FastadaptError(
                f"Body '{body}' cannot be brought to a goal: it has no free joint. Give it a "
                "<freejoint/> in the model, or name another body as the object."
            )
        self._q, self._v = int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])

    def place(self, ids: Ids, offset: Array, yaw: Array) -> Array:
        """Move the objects of `ids` by `(n, 2)` [m] and turn them about z by `(n,)` [rad].

        Returns:
            Their new positions, `(n, 3)` [m].
        """
        qpos = self._sim.data("qpos")
        rows = ids[:, None]
        qpos[rows, self._q + np.arange(2)] += offset
        columns = self._q + 3 + np.arange(4)
        w, x, y, z = qpos[rows, columns].T
        c, s = np.cos(yaw / 2), np.sin(yaw / 2)
        turned = [c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w]
        qpos[rows, columns] = np.stack(turned, axis=1)
        return qpos[rows, self._q + np.arange(3)]

    def position(self) -> Array:
        """Return the positions of the body's origin in the world, `(N, 3)` [m]."""
        return self._sim.data("qpos")[:, self._q : self._q + 3].copy()

    def axes(self) -> Array:
        """Return `axes[:, :, k]`, body axis k in the world, `(N, 3, 3)`."""
        return rotation_matrices(self._sim.data("qpos")[:, self._q + 3 : self._q + 7])

    def velocity(self) -> Array:
        """Return the velocities of the body's origin in the world, `(N, 3)` [m/s]."""
        return self._sim.data("qvel")[:, self._v : self._v + 3].copy()

    def spin(self) -> Array:
        """Return the angular velocities in body axes, `(N, 3)` [rad/s]."""
        return self._sim.data("qvel")[:, self._v + 3 : self._v + 6].copy()


def goal_body_of(model: mujoco.MjModel, body: str) -> str:
    """Return the name of the mocap body for the goal: `body`, unless another body has that name."""
    names = {model.body(i).name for i in range(model.nbody)}
    return body if body not in names or _shows_goals(model, body) else free_name(body, names)


def _shows_goals(model: mujoco.MjModel, body: str) -> bool:
    return int(model.body_mocapid[model.body(body).id]) >= 0


def mocap_of(model: mujoco.MjModel, body: str) -> int:
    """Return the number of a mocap body among the mocap bodies.

    Raises:
        FastadaptError: there is no body of that name, or it is not a mocap body.
    """
    mocap = int(model.body_mocapid[_id(model, "body", body)])
    if mocap < 0:
        raise FastadaptError(
            f"Body '{body}' cannot show the goal: it is not a mocap body. Add "
            '<body name="goal" mocap="true"> with a geom that does not collide to the world body.'
        )
    return mocap


def site_of(model: mujoco.MjModel, site: str) -> int:
    """Return the id of a site.

    Raises:
        FastadaptError: there is none of that name.
    """
    return _id(model, "site", site)


def _id(model: mujoco.MjModel, what: str, name: str) -> int:
    kind = {"body": mujoco.mjtObj.mjOBJ_BODY, "site": mujoco.mjtObj.mjOBJ_SITE}[what]
    index = mujoco.mj_name2id(model, kind, name)
    if index < 0:
        if what == "body":
            raise unknown_name("body", name, names_of(model, "body"))
        raise unknown_name("site", name, [model.site(i).name for i in range(model.nsite)])
    return index
