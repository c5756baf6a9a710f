"""Another gravity: stronger, weaker, or tilted as on a slope."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from pydantic import Field

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


class _OfTheWorld(Perturbation):
    """What changes the gravity of the world."""

    targets: tuple[str, ...] = Field(default=("world",), min_length=1)

    target_type: ClassVar = "world"
    fields: ClassVar = ("gravity",)
    stale: ClassVar = False

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one target, "world"; it must have a gravity."""
        if not model.opt.gravity.any():
            raise FastadaptError(
                f"Perturbation '{self.name}': the model has no gravity that could change. Leave "
                "it out, or set <option gravity=.../> in the model."
            )
        return super().resolve(model)


class Gravity(_OfTheWorld):
    """Gravity times `scale`: the Moon has 0.165, Mars 0.378.

    Writes `gravity`; unit: multiple of the nominal value, in [0, 10]. Derived constants stay valid.
    Source: MuJoCo documentation, XML reference, option/gravity.
    """

    kind: Literal["gravity"]
    scale: Law

    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 10.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["gravity"][:] *= values[:, 0]


class Slope(_OfTheWorld):
    """Ground that rises by `angle` degrees along `direction`; negative goes downhill.

    Writes `gravity`, turned the other way: on flat ground without walls the physics is that of an
    incline, seen from the incline, so that positions along the ground, heights above it and the
    model of the ground stay what they are. Unit: degrees in [-90, 90]. Derived constants stay
    valid. Two slopes, along x and along y, are turned in the order of the file. Source: MuJoCo
    documentation, XML reference, option/gravity.
    """

    kind: Literal["slope"]
    angle: Law
    direction: Literal["x", "y"] = "x"
    """Axis of the world along which the ground rises."""

    parameters: ClassVar = (Parameter("angle", "deg", 0.0, -90.0, 90.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        gravity, axis = edit["gravity"], "xy".index(self.direction)
        angle = np.deg2rad(values[:, 0, 0])
        cos, sin = np.cos(angle), np.sin(angle)
        along, up = gravity[:, axis].copy(), gravity[:, 2].copy()
        gravity[:, axis] = cos * along + sin * up
        gravity[:, 2] = cos * up - sin * along
