"""Build a custom robot: its compiled model, nominal pose and what follows from them."""

from __future__ import annotations

from functools import cached_property

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.custom import mjcf
from fastadapt.envs.custom.files import ModelFiles, one_line
from fastadapt.envs.custom.kinematics import Kinematics
from fastadapt.envs.custom.mjcf import NOMINAL
from fastadapt.envs.custom.schema import RobotTable
from fastadapt.envs.objectives.objective import RobotModel
from fastadapt.envs.objectives.posed_robot import is_servo
from fastadapt.errors import FastadaptError

_SHIFT = 0.002
"""Vertical corrections of the nominal pose beyond this are reported [m]."""


class RobotBuilder:
    """A robot as a task-set file declares it, compiled once to analyse it.

    Attributes:
        draft: the compiled model, before the nominal pose and a camera are added.
        kinematics: its base body, observed and lockable joints, and feet.
        qpos: the nominal pose, `(nq,)`.
        ctrl: the nominal controls, `(nu,)`.
        lowered: how far the nominal pose was lowered onto the floor [m].
    """

    def __init__(self, table: RobotTable, files: ModelFiles, moves_about: bool) -> None:
        """Compile the model.

        Args:
            table: the declaration.
            files: the model's files.
            moves_about: whether the robot as a whole moves, see `Objective`.

        Raises:
            FastadaptError: the model is not valid, or the table does not fit it.
        """
        self._table = table
        self._files = files
        self._moves_about = moves_about
        spec = self._bare()
        try:
            self.draft = spec.compile()
        except ValueError as error:
            raise FastadaptError(
                f"MuJoCo cannot compile '{files.model}': {one_line(error)}"
            ) from None
        if self.draft.nu == 0 or self.draft.nv == 0:
            what = "actuators" if self.draft.nv else "joints"
            raise FastadaptError(
                f"'{files.model.name}' has no {what}, so an agent has nothing to control. Add them "
                'to the model, or put servos = [{ joints = ["*"], kp = 50.0, kd = 1.0 }] into '
                "[environment]."
            )
        self.kinematics = Kinematics(self.draft, table, moves_about)
        self.lowered = 0.0
        self.qpos, self.ctrl = self._nominal()

    @property
    def timestep(self) -> float:
        """The physics time step [s]."""
        return float(self.draft.opt.timestep)

    @cached_property
    def robot(self) -> RobotModel:
        """The robot as objectives see it."""
        return RobotModel(
            model=self.draft,
            qpos=self.qpos,
            keyframe=NOMINAL,
            root=self.kinematics.root,
            joints=self.kinematics.observed_joints,
            control_step=self._table.control_step,
        )

    def spec(self) -> mujoco.MjSpec:
        """Return the robot, ready to be compiled."""
        spec = self._bare()
        mjcf.add_keyframe(spec, self.qpos, self.ctrl)
        extent = float(self.draft.stat.extent)
        mjcf.add_camera(spec, self.kinematics.base, min(extent, 2.0))
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
        free = any(joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in spec.joints)
        wanted = self._moves_about and free and not mjcf.has_ground(spec)
        self._floor = wanted if table.floor is None else table.floor
        if self._floor:
            mjcf.add_floor(spec)
        return spec

    def notes(self) -> list[str]:
        """Return what was added to the model, and which of its bodies are not observed."""
        model = self.draft
        found: list[str] = []
        if self._floor:
            found.append("The model has no ground: a floor at height 0 was added, as geom 'floor'.")
        if abs(self.lowered) > _SHIFT:
            way = "lowered" if self.lowered > 0 else "raised"
            found.append(
                f"The nominal pose was {way} by {1e3 * abs(self.lowered):.0f} mm so that the robot "
                "touches its floor."
            )
        balls = np.flatnonzero(model.jnt_type == int(mujoco.mjtJoint.mjJNT_BALL))
        free = np.flatnonzero(model.jnt_type == int(mujoco.mjtJoint.mjJNT_FREE))
        observed = {self.kinematics.base, getattr(self._table, "object", None)}
        hidden = [model.body(int(model.jnt_bodyid[j])).name for j in [*balls, *free]]
        hidden = [name for name in dict.fromkeys(hidden) if name not in observed]
        if hidden:
            found.append(
                "The observation does not contain the position or orientation of these bodies: "
                f"{', '.join(hidden)}."
            )
        return found

    def _nominal(self) -> tuple[Array, Array]:
        """Return the nominal `qpos` and `ctrl`; a robot on a free joint is put on its floor."""
        table, model = self._table, self.draft
        qpos, ctrl = mjcf.nominal_pose(model, table.keyframe, table.pose)
        if self._moves_about:
            joint = int(model.body_jntadr[model.body(self.kinematics.base).id])
            free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
            gap = mjcf.lowest_gap(model, qpos)
            posed = {model.joint(joint).name, self.kinematics.base} & set(table.pose)
            if free and gap is not None and not posed:
                qpos[int(model.jnt_qposadr[joint]) + 2] -= gap
                self.lowered = gap
        if table.servos or table.pose or not ctrl.any():
            for i in range(model.nu):
                if is_servo(model, i):
                    address = int(model.jnt_qposadr[model.actuator_trnid[i, 0]])
                    ctrl[i] = model.actuator_gear[i, 0] * qpos[address]
        return qpos, ctrl
