"""A kind of perturbation: a limb that is mounted at another angle."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations import Edit, Parameter, Perturbation


class BentLimb(Perturbation):
    """A body turned by `angle` degrees about an axis of its own frame, with everything it carries.

    Writes `body_quat`; unit: degrees, in [-90, 90]. Derived constants go stale. Source: MuJoCo
    documentation, XML reference, body/quat.
    """

    kind: Literal["bent-limb"]
    angle: Law
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    """Axis of the rotation, in the frame of the body; its length does not matter."""

    target_type: ClassVar = "body"
    parameters: ClassVar = (Parameter("angle", "deg", 0.0, -90.0, 90.0),)
    fields: ClassVar = ("body_quat",)
    stale: ClassVar = frozenset(fields)
    probe: ClassVar = "push"

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        """Multiply the orientations of the targets by the rotation, `(n, k)` angles."""
        half = np.radians(values[..., 0]) / 2
        axis = np.asarray(self.axis) / np.linalg.norm(self.axis)
        turn = np.concatenate([np.cos(half)[..., None], np.sin(half)[..., None] * axis], axis=-1)
        bent = product(edit["body_quat"][:, targets], turn)
        edit["body_quat"][:, targets] = np.where(values != 0, bent, edit["body_quat"][:, targets])


def product(a: Array, b: Array) -> Array:
    """Return the Hamilton products of quaternions, `(..., 4)`, the real part first."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    parts = [
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ]
    return np.stack(parts, axis=-1)
