"""A centre of mass that is not where the drawing has it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import Array, Edit, Parameter, Perturbation
from fastadapt.envs.perturbations.inertia import move_inertial_frame
from fastadapt.envs.simulation import Ids

_FAR = 10.0


class ComShift(Perturbation):
    """A centre of mass that lies `x`, `y` and `z` metres off, in the frame of the body.

    Writes `body_ipos`; mass, inertia about the centre of mass and the shape stay (and
    `disableflags`, see `move_inertial_frame`). Unit: m in [-10, 10]. Derived constants go stale.
    Source: MuJoCo documentation, XML reference, inertial/pos.
    """

    kind: Literal["com-shift"]
    x: Law | None = None
    y: Law | None = None
    z: Law | None = None

    target_type: ClassVar = "body"
    parameters: ClassVar = (
        Parameter("x", "m", 0.0, -_FAR, _FAR, struck=0.0),
        Parameter("y", "m", 0.0, -_FAR, _FAR, struck=0.0),
        Parameter("z", "m", 0.0, -_FAR, _FAR, struck=0.0),
    )
    fields: ClassVar = ("body_ipos", "disableflags")
    stale: ClassVar = True

    @model_validator(mode="after")
    def _somewhere(self) -> ComShift:
        if self.x is None and self.y is None and self.z is None:
            raise ValueError("give a law for at least one of 'x', 'y' and 'z'")
        return self

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["body_ipos"][:, targets] += values
        move_inertial_frame(edit, values != 0)
