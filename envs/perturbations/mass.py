"""Perturbations of the mass of bodies: density, payload, centre of mass."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import mujoco
import numpy as np
from pydantic import Field, model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.inertia import point_inertia, quaternion, rotation
from fastadapt.envs.model.marks import Mark, vector
from fastadapt.envs.model.names import match_suitable, names_of
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


class Mass(Perturbation):
    """A body of another density: its mass and its inertia times `scale`.

    Writes `body_mass` and `body_inertia` (both: at equal shape, inertia is proportional to mass),
    and `body_gravcomp`, so that gravity compensation carries what it did; unit: multiple of the
    nominal value, in [0.01, 100]. Derived constants go stale. Source: MuJoCo documentation,
    Simulation, "mjModel changes".
    """

    kind: Literal["mass"]
    scale: Law

    target_type: ClassVar = "body"
    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.01, 100.0),)
    fields: ClassVar = ("body_mass", "body_inertia", "body_gravcomp")
    stale: ClassVar = frozenset({"body_mass", "body_inertia"})
    probe: ClassVar = "push"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the targets, which must have a mass."""
        heavy = [name for name in names_of(model, "body") if model.body(name).mass[0] > 0]
        lack = "has no mass that could be scaled"
        return match_suitable(model, "body", self.targets, self.name, heavy, lack)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["body_mass"][:, targets] *= values[..., 0]
        edit["body_inertia"][:, targets] *= values[..., :1]
        if edit.model.body_gravcomp[targets].any():
            edit["body_gravcomp"][:, targets] /= values[..., 0]


class Payload(Perturbation):
    """A solid sphere of `mass` kilograms, welded to a body at `position`.

    Writes `body_mass`, `body_ipos`, `body_inertia` and `body_iquat`: the two inertias are moved to
    the common centre of mass by the parallel-axis theorem and the sum is diagonalised again (and
    `disableflags`, see `Edit.move_inertial_frame`), and `body_gravcomp`, so that gravity
    compensation does not carry the payload; that is possible only where its centre is the centre of
    mass of a compensated body. Unit: kg, in [0, 1000]. Derived constants go stale. Source:
    Featherstone 2008, "Rigid Body Dynamics Algorithms", section 2.13.
    """

    kind: Literal["payload"]
    mass: Law
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre of the sphere in the frame of the body [m]."""
    radius: Annotated[float, Field(ge=0)] = 0.05
    """Radius of the sphere [m]."""

    target_type: ClassVar = "body"
    parameters: ClassVar = (Parameter("mass", "kg", 0.0, 0.0, 1000.0),)
    fields: ClassVar = (
        "body_mass",
        "body_ipos",
        "body_inertia",
        "body_iquat",
        "body_gravcomp",
        "disableflags",
    )
    stale: ClassVar = frozenset({"body_mass", "body_ipos", "body_inertia", "body_iquat"})
    stage: ClassVar = 2
    probe: ClassVar = "push"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the bodies, whose gravity compensation must not carry the payload.

        Raises:
            FastadaptError: that of one would.
        """
        names = super().resolve(model)
        for name in names:
            body = model.body(name)
            if model.body_gravcomp[body.id] and not np.allclose(
                body.ipos, self.position, atol=1e-6
            ):
                centre = ", ".join(f"{x:.6g}" for x in body.ipos)
                raise FastadaptError(
                    f"Perturbation '{self.name}': body '{name}' has gravity compensation "
                    "(gravcomp), which acts on its centre of mass and would carry the payload too. "
                    f"Put the payload there (position = [{centre}]), or on a body without "
                    "gravcomp, such as one welded to it."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit.move_inertial_frame(values > 0)
        for column, body in enumerate(targets):
            added = values[:, column, 0]
            loaded = np.flatnonzero(added > 0)  # an empty payload leaves the numbers as they are
            if len(loaded):
                self._load(edit, loaded, int(body), added[loaded])

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return the sphere on each body, in its size (a point of mass is drawn 2 cm in size)."""
        radius = max(self.radius, 0.02)
        return [Mark("ball", int(body), self.position, radius) for body in targets]

    def _load(self, edit: Edit, rows: Ids, body: int, added: Array) -> None:
        mass, ipos = edit["body_mass"][rows, body], edit["body_ipos"][rows, body]
        total = mass + added
        centre = (mass[:, None] * ipos + added[:, None] * np.asarray(self.position)) / total[
            :, None
        ]
        frame = rotation(edit["body_iquat"][rows, body])
        inertia = frame @ (edit["body_inertia"][rows, body][:, :, None] * np.swapaxes(frame, 1, 2))
        inertia += point_inertia(mass, ipos - centre)
        inertia += point_inertia(added, np.asarray(self.position) - centre)
        inertia += (0.4 * added * self.radius**2)[:, None, None] * np.eye(3)
        moments, axes = np.linalg.eigh(inertia)
        axes[np.linalg.det(axes) < 0, :, 0] *= -1  # a frame is right-handed
        edit["body_mass"][rows, body] = total
        if edit.model.body_gravcomp[body]:
            edit["body_gravcomp"][rows, body] *= mass / total
        edit["body_ipos"][rows, body] = centre
        edit["body_inertia"][rows, body] = moments
        edit["body_iquat"][rows, body] = quaternion(axes)


_FAR = 10.0
"""Largest shift of a centre of mass along an axis [m]."""


class ComShift(Perturbation):
    """A centre of mass displaced by `x`, `y` and `z` metres, in the frame of the body.

    Writes `body_ipos`; mass, inertia about the centre of mass and the shape stay (and
    `disableflags`, see `Edit.move_inertial_frame`). Unit: m in [-10, 10]. Derived constants go
    stale. Source: MuJoCo documentation, XML reference, inertial/pos.
    """

    kind: Literal["com-shift"]
    x: Law | None = None
    y: Law | None = None
    z: Law | None = None

    target_type: ClassVar = "body"
    parameters: ClassVar = (
        Parameter("x", "m", 0.0, -_FAR, _FAR, default=0.0),
        Parameter("y", "m", 0.0, -_FAR, _FAR, default=0.0),
        Parameter("z", "m", 0.0, -_FAR, _FAR, default=0.0),
    )
    fields: ClassVar = ("body_ipos", "disableflags")
    stale: ClassVar = frozenset({"body_ipos"})
    probe: ClassVar = "spin"

    @model_validator(mode="after")
    def _some_direction(self) -> ComShift:
        if self.x is None and self.y is None and self.z is None:
            raise ValueError("give a law for at least one of 'x', 'y' and 'z'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the bodies, which must be without gravity compensation."""
        names = super().resolve(model)
        refuse_compensated(model, names, self.name)
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["body_ipos"][:, targets] += values
        edit.move_inertial_frame(values != 0)

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return a small ball at the displaced centre of mass of each body."""
        centres = model.body_ipos[targets] + values
        return [
            Mark("ball", int(b), vector(at), 0.02) for b, at in zip(targets, centres, strict=True)
        ]


def refuse_compensated(model: mujoco.MjModel, names: tuple[str, ...], owner: str) -> None:
    """Refuse bodies whose gravity compensation would follow their centre of mass.

    Raises:
        FastadaptError: one of them has `gravcomp`.
    """
    for name in names:
        if model.body_gravcomp[model.body(name).id]:
            raise FastadaptError(
                f"Perturbation '{owner}': body '{name}' has gravity compensation (gravcomp), which "
                "would follow its centre of mass. Leave it out of the targets, or take gravcomp "
                "out of the model."
            )
