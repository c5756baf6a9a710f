"""Build a custom robot: its compiled model, nominal pose and what follows from them."""

from __future__ import annotations

from functools import cached_property

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.custom import mjcf, pose
from fastadapt.envs.custom.files import ModelFiles, one_line
from fastadapt.envs.custom.kinematics import Kinematics
from fastadapt.envs.custom.mjcf import NOMINAL
from fastadapt.envs.custom.removal import remove
from fastadapt.envs.custom.schema import RobotTable
from fastadapt.envs.model.actuators import activations, is_servo
from fastadapt.envs.objectives.objective import RobotModel
from fastadapt.errors import FastadaptError

_SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
_NUMBERS = (
    "timestep", "gravity", "wind", "magnetic", "density", "viscosity", "impratio", "tolerance",
    "o_margin", "o_solref", "o_solimp", "o_friction",
)  # fmt: skip
"""Options of a model that are numbers."""
_SHIFT = 0.002
"""Vertical corrections of the nominal pose beyond this are reported [m]."""
_FIELDS = (
    "qpos0", "body_pos", "body_quat", "body_ipos", "body_mass", "body_inertia", "geom_pos",
    "geom_size", "geom_friction", "jnt_pos", "jnt_axis", "jnt_range", "jnt_stiffness",
    "dof_damping", "dof_armature", "dof_frictionloss", "actuator_gear", "actuator_gainprm",
    "actuator_biasprm", "actuator_ctrlrange", "actuator_forcerange", "site_pos",
)  # fmt: skip
"""Fields of `MjModel` that a file may fill with NaN, which MuJoCo compiles."""


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
        self._keyframe: pose.Keyframe | None = None
        self._floor: str | None = None
        if table.remove or table.servos:
            self._keyframe = self._recorded()
        self.draft = self._compiled(self._bare())
        check_model(self.draft, files.model.name)
        self.kinematics = Kinematics(self.draft, table, moves_about)
        self.lowered = 0.0
        self.nominal = self._nominal()
        self.qpos, self.ctrl = self.nominal.qpos, self.nominal.ctrl

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
        mjcf.add_nominal(spec, self.nominal)
        extent = float(self.draft.stat.extent)
        mjcf.add_camera_of(spec, self.kinematics.base, min(extent, 2.0))
        return spec

    def _recorded(self) -> pose.Keyframe | None:
        """Return the keyframe of the nominal pose before parts of the model change."""
        spec = mjcf.load_spec(self._files)
        if not spec.keys and self._table.keyframe is None:
            return None
        return pose.keyframe_of(self._compiled(spec), self._table.keyframe)

    def _compiled(self, spec: mujoco.MjSpec) -> mujoco.MjModel:
        try:
            return spec.compile()
        except (ValueError, mujoco.FatalError) as error:
            raise FastadaptError(
                f"MuJoCo cannot compile '{self._files.model}': {one_line(error)}"
            ) from None

    def _bare(self) -> mujoco.MjSpec:
        """Return the robot with its names and servos, and with a floor if it needs one."""
        table = self._table
        spec = mjcf.load_spec(self._files)
        if table.remove or table.servos:
            for key in list(spec.keys):  # their sizes would not fit any more
                spec.delete(key)
        remove(spec, table.remove)
        mjcf.add_servos(spec, table.servos)
        if table.timestep is not None:
            spec.option.timestep = table.timestep
        if table.integrator is not None:
            spec.option.integrator = mjcf.INTEGRATORS[table.integrator]
        self._sleeps = bool(spec.option.enableflags & _SLEEP)
        spec.option.enableflags &= ~_SLEEP
        free = any(joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in spec.joints)
        wanted = self._moves_about and free and not mjcf.has_ground(spec)
        if wanted if table.floor is None else table.floor:
            self._floor = mjcf.add_floor(spec)
        return spec

    def notes(self) -> list[str]:
        """Return what was added to the model, and which of its bodies are not observed."""
        model = self.draft
        found: list[str] = []
        if self._floor:
            found.append(
                f"The model has no ground: a floor at height 0 was added, as geom '{self._floor}'."
            )
            if not mjcf.has_ground(self._bare()):
                found.append("No geom of the robot collides (contype, conaffinity): it falls.")
        if self._sleeps:
            found.append("Bodies do not sleep: the flag 'sleep' of the model is switched off.")
        if self._clipped:
            found.append(
                "The nominal pose is outside of the range of these joints, which begin at its end: "
                f"{', '.join(self._clipped[:20])}."
            )
        found += self._unheld()
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

    def _unheld(self) -> list[str]:
        """Return the servos whose control range leaves the nominal pose out."""
        model, found = self.draft, []
        for i in range(model.nu):
            low, high = model.actuator_ctrlrange[i]
            wanted = self.ctrl[i]
            limited = model.actuator_ctrllimited[i] and is_servo(model, i)
            if limited and not low - 1e-6 <= wanted <= high + 1e-6:
                found.append(
                    f"Action 0 does not hold the nominal pose: actuator "
                    f"'{model.actuator(i).name}' needs the control {wanted:.3g}, which is "
                    f"outside of its ctrlrange from {low:.3g} to {high:.3g}."
                )
        return found

    def _nominal(self) -> pose.Pose:
        """Return the nominal pose; a robot on a free joint is put on its floor."""
        table, model = self._table, self.draft
        keyframe = self._keyframe or pose.keyframe_of(model, table.keyframe)
        found = keyframe.of(model)
        posed = pose.declare(model, found.qpos, table.pose)
        self._clipped = pose.clip(model, found.qpos)
        if self._moves_about:
            self._put_down(found.qpos, posed)
        if table.servos or table.pose or not found.ctrl.any():
            for i in range(model.nu):
                if is_servo(model, i):
                    address = int(model.jnt_qposadr[model.actuator_trnid[i, 0]])
                    found.ctrl[i] = model.actuator_gear[i, 0] * found.qpos[address]
        found.act = activations(model, found.qpos, found.ctrl, found.act)
        return found

    def _put_down(self, qpos: Array, posed: set[int]) -> None:
        """Lower or raise the robot so that it touches its floor, unless its base is posed."""
        model = self.draft
        joint = int(model.body_jntadr[model.body(self.kinematics.base).id])
        free = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
        gap = pose.lowest_gap(model, qpos)
        if free and gap is not None and joint not in posed:
            qpos[int(model.jnt_qposadr[joint]) + 2] -= gap
            self.lowered = gap


def check_model(model: mujoco.MjModel, name: str) -> None:
    """Refuse a model that cannot be simulated or controlled.

    Args:
        model: the compiled model.
        name: of its file, for messages.

    Raises:
        FastadaptError: it has no joints or actuators, an actuator with several controls, or a
            number among its options or parts that is not one.
    """
    if model.nu == 0 or model.nv == 0:
        what = "actuators" if model.nv else "joints"
        raise FastadaptError(
            f"'{name}' has no {what}, so an agent has nothing to control. Add them "
            'to the model, or put servos = [{ joints = ["*"], kp = 50.0, kd = 1.0 }] into '
            "[environment]."
        )
    for i in range(model.nactuator):
        if (count := int(model.actuator_ctrlnum[i])) != 1:
            raise FastadaptError(
                f"Actuator '{model.actuator(i).name}' of '{name}' has {count} controls "
                'instead of one. Give a <pid> input="pos", or replace it by servos = [...].'
            )
    for option in _NUMBERS:
        if not np.isfinite(value := getattr(model.opt, option)).all():
            raise FastadaptError(
                f"'{name}': option {option} = {value} is not finite. Correct it in <option>."
            )
    for field in _FIELDS:
        if np.isnan(getattr(model, field)).any():
            raise FastadaptError(f"'{name}' has a NaN in {field}. Correct it in the model.")
    if not model.opt.timestep > 0:
        raise FastadaptError(
            f"'{name}': option timestep = {model.opt.timestep:g} s must be above 0."
        )
