"""Perturbations of the world around a robot: gravity, a slope, a push."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from pydantic import Field, model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.marks import Mark, vector
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


class _OfGravity(Perturbation):
    """Base of the kinds that change the gravity vector."""

    targets: tuple[str, ...] = Field(default=("world",), min_length=1)

    target_type: ClassVar = "world"
    fields: ClassVar = ("gravity",)

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one target, "world", whose gravity must not be zero."""
        if not model.opt.gravity.any():
            raise FastadaptError(
                f"Perturbation '{self.name}': the model has no gravity that could change. Leave "
                "it out, or set <option gravity=.../> in the model."
            )
        return super().resolve(model)


class Gravity(_OfGravity):
    """Gravity times `scale`: the Moon has 0.165, Mars 0.378.

    Writes `gravity`; unit: multiple of the nominal value, in [0, 10]. Derived constants stay valid.
    Source: MuJoCo documentation, XML reference, option/gravity.
    """

    kind: Literal["gravity"]
    scale: Law

    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 10.0),)
    probe: ClassVar = "fall"

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["gravity"][:] *= values[:, 0]

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return an arrow along gravity, 1 m long where it is nominal."""
        pull = model.opt.gravity / np.linalg.norm(model.opt.gravity)
        return [Mark("arrow", direction=vector(pull * values[0, 0]))]


class Slope(_OfGravity):
    """Ground that rises by `angle` degrees along `direction`; negative goes downhill.

    Writes `gravity`, turned the other way: on flat ground without walls the physics is that of an
    incline in the frame of the incline, so that positions along the ground, heights above it and
    the model of the ground are unchanged. Unit: degrees in [-90, 90]. Derived constants stay valid.
    Two slopes, along x and along y, are applied in the order of the file. Source: MuJoCo
    documentation, XML reference, option/gravity.
    """

    kind: Literal["slope"]
    angle: Law
    direction: Literal["x", "y"] = "x"
    """Axis of the world along which the ground rises."""

    parameters: ClassVar = (Parameter("angle", "deg", 0.0, -90.0, 90.0),)
    probe: ClassVar = "downhill"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one target, "world", in which something must be able to move that way.

        Raises:
            FastadaptError: the robot is planar, and the slope lies across its plane.
        """
        names = super().resolve(model)
        if not _moves_along(model, "xy".index(self.direction)):
            other = "y" if self.direction == "x" else "x"
            raise FastadaptError(
                f"Perturbation '{self.name}': nothing in the model can move along "
                f"{self.direction}, so that a slope would only weaken gravity. Give direction = "
                f"\"{other}\", or use the kind 'gravity'."
            )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        gravity, axis = edit["gravity"], "xy".index(self.direction)
        angle = np.deg2rad(values[:, 0, 0])
        cos, sin = np.cos(angle), np.sin(angle)
        along, up = gravity[:, axis].copy(), gravity[:, 2].copy()
        gravity[:, axis] = cos * along + sin * up
        gravity[:, 2] = cos * up - sin * along

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return an arrow along gravity in the frame of the incline, 1 m long."""
        angle, axis = np.deg2rad(values[0, 0]), "xy".index(self.direction)
        pull = np.array([0.0, 0.0, -np.cos(angle)])
        pull[axis] = -np.sin(angle)
        return [Mark("arrow", direction=vector(pull))]


def _moves_along(model: mujoco.MjModel, axis: int) -> bool:
    """Return whether any body with a mass can move along an axis of the world."""
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    place = np.zeros((3, model.nv))
    for _ in range(3):  # poses at random: in some, all the levers may be zero
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        for body in np.flatnonzero(model.body_mass):
            mujoco.mj_jacBodyCom(model, data, place, None, int(body))
            if np.abs(place[axis]).max(initial=0.0) > 1e-9:
                return True
        mujoco.mj_integratePos(model, data.qpos, rng.uniform(-1, 1, model.nv), 1.0)
    return False


_STRONGEST = 1e5
"""Largest force of a push along an axis [N]."""


class Push(Perturbation):
    """A force (`x`, `y`, `z`) on the centre of mass of a body, along the axes of the world.

    Writes `xfrc_applied` of the data, again after every reset (which clears it); unit: N, in
    [-100000, 100000]. Derived constants stay valid. With an `onset` and a `duration` it is a shove,
    without them a steady wind. Source: MuJoCo documentation, Computation, "Applied forces".
    """

    kind: Literal["push"]
    x: Law | None = None
    y: Law | None = None
    z: Law | None = None

    target_type: ClassVar = "body"
    parameters: ClassVar = tuple(
        Parameter(axis, "N", 0.0, -_STRONGEST, _STRONGEST, 0.0) for axis in "xyz"
    )
    fields: ClassVar = ()
    signals: ClassVar = ("xfrc_applied",)

    @model_validator(mode="after")
    def _some_direction(self) -> Push:
        if self.x is None and self.y is None and self.z is None:
            raise ValueError("a push needs a law for 'x', 'y' or 'z'")
        return self

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit.signal("xfrc_applied")[:, targets, :3] += values

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return an arrow along each force, 1 m long where it is as large as the weight."""
        weight = float(np.linalg.norm(model.opt.gravity)) * float(model.body_subtreemass[0])
        scaled = values / (weight or 1.0)
        return [
            Mark("arrow", int(b), direction=vector(f)) for b, f in zip(targets, scaled, strict=True)
        ]
