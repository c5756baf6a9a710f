"""Kinematics of a custom robot: base body, observed and lockable joints, feet."""

from __future__ import annotations

from functools import cached_property

import mujoco
import numpy as np

from fastadapt.envs.custom.mjcf import SCALAR, matched
from fastadapt.envs.custom.schema import RobotTable
from fastadapt.envs.model.names import names_of
from fastadapt.errors import unknown_name


class Kinematics:
    """The bodies and joints of a compiled model, by the table `[environment]` or else inferred.

    Args:
        model: the compiled model.
        table: the declaration.
        moves_about: whether the robot as a whole moves, so that passive joints are observed.
    """

    def __init__(self, model: mujoco.MjModel, table: RobotTable, moves_about: bool) -> None:
        self._model = model
        self._table = table
        self._moves_about = moves_about

    @cached_property
    def base(self) -> str:
        """The base body: the first with a free joint, or else the first that moves."""
        model = self._model
        free = model.jnt_bodyid[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
        driven = self._trees_of_actuators()
        free = [int(body) for body in free if int(body) in driven]
        moving = np.flatnonzero(model.body_dofnum > 0)
        mine = [int(body) for body in moving if int(model.body_rootid[body]) in driven]
        return model.body([*free, *mine, *moving][0]).name

    @cached_property
    def root(self) -> str:
        """The body that the objective is about."""
        wanted = getattr(self._table, "root", None)
        if wanted is None:
            return self.base
        if wanted not in (known := names_of(self._model, "body")):
            raise unknown_name("body (environment.root) called", wanted, known)
        return wanted

    def _trees_of_actuators(self) -> set[int]:
        """Return the topmost bodies of the kinematic trees that actuators move."""
        model = self._model
        return {int(model.body_rootid[model.jnt_bodyid[j]]) for j in self._driven()} | {
            int(model.body_rootid[model.site_bodyid[model.actuator_trnid[i, 0]]])
            for i in range(model.nu)
            if model.actuator_trntype[i] == mujoco.mjtTrn.mjTRN_SITE
        }

    def _driven(self) -> set[int]:
        """Return the joints that actuators move, directly or by tendons."""
        model = self._model
        direct = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
        found: set[int] = set()
        for i in range(model.nu):
            target = int(model.actuator_trnid[i, 0])
            if int(model.actuator_trntype[i]) in direct:
                found.add(target)
            elif model.actuator_trntype[i] == mujoco.mjtTrn.mjTRN_TENDON:
                found |= self._moved_by_tendon(target)
        return found

    def _moved_by_tendon(self, tendon: int) -> set[int]:
        """Return the joints that a tendon moves in the nominal pose of the model."""
        model, data = self._model, mujoco.MjData(self._model)
        mujoco.mj_fwdPosition(model, data)
        first = int(model.ten_J_rowadr[tendon])
        dofs = model.ten_J_colind[first : first + int(model.ten_J_rownnz[tendon])]
        return {int(model.dof_jntid[dof]) for dof in dofs}

    @cached_property
    def observed_joints(self) -> tuple[str, ...]:
        """Names of the hinges and slides that are observed and start with noise."""
        model = self._model
        scalar = [j for j in range(model.njnt) if int(model.jnt_type[j]) in SCALAR]
        if self._table.joints is not None:
            known = [model.joint(j).name for j in scalar]
            what = "environment.joints: there is no hinge or slide"
            return tuple(matched(what, self._table.joints, known))
        driven = self._driven()
        passive = self._passive() if self._moves_about else set()
        return tuple(model.joint(j).name for j in scalar if j in driven | passive)

    def _passive(self) -> set[int]:
        """Return the joints without an actuator in the robot's tree that do not carry the root."""
        model = self._model
        carrying: set[int] = set()
        body = model.body(self.root).id
        tree = int(model.body_rootid[body])
        while body > 0:
            carrying.add(body)
            body = int(model.body_parentid[body])
        return {
            j
            for j in range(model.njnt)
            if model.body_rootid[model.jnt_bodyid[j]] == tree
            and int(model.jnt_bodyid[j]) not in carrying
        }

    def lockable(self) -> tuple[str, ...]:
        """Return the names of the joints that can be locked."""
        model, patterns = self._model, self._table.lockable
        if patterns is None:
            return self.observed_joints
        known = [model.joint(j).name for j in range(model.njnt) if int(model.jnt_type[j]) in SCALAR]
        what = "environment.lockable: there is no hinge or slide"
        return tuple(matched(what, patterns, known))

    def feet(self) -> tuple[str, ...]:
        """Return the names of the geoms that touch the ground first."""
        if not self._table.feet:
            return ()
        known = names_of(self._model, "geom")
        what = "environment.feet: there is no geom"
        return tuple(matched(what, self._table.feet, known))
