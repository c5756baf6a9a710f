"""What follows from the model of an own robot: its root, its joints, its nominal pose."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array
from fastadapt.envs.custom import mjcf
from fastadapt.envs.custom.files import ModelFiles
from fastadapt.envs.custom.kinematics import Anatomy
from fastadapt.envs.custom.mjcf import NOMINAL
from fastadapt.envs.custom.schema import BringObjectTable, MovingTable, RobotTable
from fastadapt.envs.environment import Environment
from fastadapt.envs.objectives.posed_robot import PosedRobot, is_servo
from fastadapt.errors import FastadaptError, unknown_name

_DROP = 0.002
"""A robot that is moved onto its floor by more than this is worth a word [m]."""
_HINGE_SPEED, _SLIDE_SPEED = 1.0, 0.1
"""How fast an action of 1 moves the target of a servo, by default [rad/s, m/s]."""


class Blueprint:
    """A robot as a task-set file declares it, compiled once to find out what it consists of."""

    def __init__(self, table: RobotTable, files: ModelFiles) -> None:
        """Compile the model.

        Raises:
            FastadaptError: the model is not valid, or the table does not fit it.
        """
        self._table = table
        self._files = files
        spec = self._bare()
        try:
            self.draft = spec.compile()
        except ValueError as error:
            raise FastadaptError(
                f"MuJoCo cannot compile '{files.model}': {mjcf.one_line(error)}"
            ) from None
        if self.draft.nu == 0 or self.draft.nv == 0:
            what = "actuators" if self.draft.nv else "joints"
            raise FastadaptError(
                f"'{files.model.name}' has no {what}, so an agent could do nothing. Add them to "
                'the model, or put servos = [{ joints = ["*"], kp = 50.0, kd = 1.0 }] into '
                "[environment]."
            )
        self.anatomy = Anatomy(self.draft, table)
        self.dropped = 0.0
        self.qpos, self.ctrl = self._nominal()

    @property
    def timestep(self) -> float:
        """The physics time step [s]."""
        return float(self.draft.opt.timestep)

    def spec(self) -> mujoco.MjSpec:
        """Return the robot, ready to be compiled."""
        spec = self._bare()
        mjcf.add_keyframe(spec, self.qpos, self.ctrl)
        extent = float(self.draft.stat.extent)
        mjcf.add_camera(spec, self.anatomy.carrier, min(extent, 2.0))
        return spec

    def _bare(self) -> mujoco.MjSpec:
        """Return the robot with its names and servos, and with a floor if it needs one."""
        table = self._table
        spec = mjcf.load_spec(self._files)
        mjcf.remove(spec, table.remove)
        mjcf.add_servos(spec, table.servos)
        if table.timestep is not None:
            spec.option.timestep = table.timestep
        if table.integrator is not None:
            spec.option.integrator = mjcf.INTEGRATORS[table.integrator]
        moves = isinstance(table, MovingTable) and any(
            joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in spec.joints
        )
        wanted = moves and not mjcf.has_ground(spec)
        self._floor = wanted if table.floor is None else table.floor
        if self._floor:
            mjcf.add_floor(spec)
        return spec

    def notes(self) -> list[str]:
        """Return what was added to the model, and what of it no observation tells."""
        model = self.draft
        found: list[str] = []
        if self._floor:
            found.append("The model has no ground: a floor at height 0 was added, as geom 'floor'.")
        if abs(self.dropped) > _DROP:
            way = "lowered" if self.dropped > 0 else "raised"
            found.append(
                f"The nominal pose was {way} by {1e3 * abs(self.dropped):.0f} mm: the robot stands "
                "on its floor."
            )
        balls = np.flatnonzero(model.jnt_type == int(mujoco.mjtJoint.mjJNT_BALL))
        free = np.flatnonzero(model.jnt_type == int(mujoco.mjtJoint.mjJNT_FREE))
        known = {self.anatomy.carrier, getattr(self._table, "object", None)}
        unseen = [model.body(int(model.jnt_bodyid[j])).name for j in [*balls, *free]]
        unseen = [name for name in dict.fromkeys(unseen) if name not in known]
        if unseen:
            found.append(
                f"No observation tells how these bodies are turned or where they are: "
                f"{', '.join(unseen)}."
            )
        return found

    def attributes(self, objective: type[Environment]) -> dict[str, Any]:
        """Return the class attributes of the objective that follow from the model."""
        table = self._table
        found: dict[str, Any] = {}
        if table.weights:
            weights = getattr(objective, "weights", {})
            for name in table.weights:
                if name not in weights:
                    raise unknown_name("weight (environment.weights) called", name, weights)
            found["weights"] = {**weights, **table.weights}
        if issubclass(objective, PosedRobot):
            found |= {"keyframe": NOMINAL, "felt": self.anatomy.felt}
        if isinstance(table, MovingTable):
            found |= self._moving(table)
        if isinstance(table, BringObjectTable):
            found |= self._bringing(table)
        return found

    def _moving(self, table: MovingTable) -> dict[str, Any]:
        model = self.draft
        data = mujoco.MjData(model)
        data.qpos[:] = self.qpos
        mujoco.mj_kinematics(model, data)
        body = model.body(self.anatomy.root).id
        if table.objective != "stay-upright" and not self.anatomy.can_leave():
            raise FastadaptError(
                f"The robot cannot leave its place: no free joint and no slide moves body "
                f"'{self.anatomy.root}', so it cannot {table.objective}. Choose another objective, "
                "or another root."
            )
        height = float(data.xpos[body, 2])
        lowest = 0.4 * height if height > 0.02 else -np.inf
        return {
            "root": self.anatomy.root,
            "healthy_height": table.healthy_height or (lowest, np.inf),
            "healthy_tilt": table.healthy_tilt or 1.0,
        }

    def _bringing(self, table: BringObjectTable) -> dict[str, Any]:
        found = {"keyframe": NOMINAL, "joints": self.anatomy.felt, "object_body": table.object}
        found["tip"] = table.site
        return found | {"increments": self._increments(table)}

    def _increments(self, table: BringObjectTable) -> tuple[float, ...]:
        """Return how far an action of 1 moves each target; empty where there are no servos."""
        model = self.draft
        servos = [is_servo(model, i) for i in range(model.nu)]
        if not any(servos):
            return ()
        if not all(servos):
            odd = model.actuator(servos.index(False)).name
            raise FastadaptError(
                f"Actuator '{odd}' is no position servo, but others are; bring-object needs all of "
                "one kind. Replace it with servos = [{ joints = [...], kp = ... }]."
            )
        names = [model.actuator(i).name for i in range(model.nu)]
        if isinstance(table.increments, float | int):
            return (table.increments,) * model.nu
        if table.increments is not None:
            return tuple(mjcf.by_pattern("increments", table.increments, n) for n in names)
        hinge = int(mujoco.mjtJoint.mjJNT_HINGE)
        types = model.jnt_type[model.actuator_trnid[:, 0]]
        speeds = [_HINGE_SPEED if kind == hinge else _SLIDE_SPEED for kind in types]
        return tuple(speed * table.control_step for speed in speeds)

    def _nominal(self) -> tuple[NDArray[np.float64], Array]:
        """Return the nominal `qpos` and `ctrl`; a robot on a free joint stands on its floor."""
        table, model = self._table, self.draft
        qpos, ctrl = mjcf.nominal_pose(model, table.keyframe, table.pose)
        if isinstance(table, MovingTable):
            joint = int(model.body_jntadr[model.body(self.anatomy.carrier).id])
            free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
            gap = mjcf.lowest_gap(model, qpos)
            posed = {model.joint(joint).name, self.anatomy.carrier} & set(table.pose)
            if free and gap is not None and not posed:
                qpos[int(model.jnt_qposadr[joint]) + 2] -= gap
                self.dropped = gap
        if table.servos or table.pose or not ctrl.any():
            for i in range(model.nu):
                if is_servo(model, i):
                    address = int(model.jnt_qposadr[model.actuator_trnid[i, 0]])
                    ctrl[i] = model.actuator_gear[i, 0] * qpos[address]
        return qpos, ctrl
