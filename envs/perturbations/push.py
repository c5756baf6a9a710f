"""Something pushes the robot."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation

_MOST = 1e5


class Push(Perturbation):
    """A force (`x`, `y`, `z`) on the centre of mass of a body, along the axes of the world.

    Writes `xfrc_applied` of the data, anew after every reset (which empties it); unit: N, in
    [-100000, 100000]. Derived constants stay valid. Give an `onset` and a `duration` for a shove;
    without them it is a steady wind. Source: MuJoCo documentation, Computation, "Applied forces".
    """

    kind: Literal["push"]
    x: Law | None = None
    y: Law | None = None
    z: Law | None = None

    target_type: ClassVar = "body"
    parameters: ClassVar = tuple(Parameter(axis, "N", 0.0, -_MOST, _MOST, 0.0) for axis in "xyz")
    fields: ClassVar = ()
    signals: ClassVar = ("xfrc_applied",)
    stale: ClassVar = False

    @model_validator(mode="after")
    def _some_direction(self) -> Push:
        if self.x is None and self.y is None and self.z is None:
            raise ValueError("a push needs a law for 'x', 'y' or 'z'")
        return self

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit.signal("xfrc_applied")[:, targets, :3] += values
