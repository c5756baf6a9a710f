"""Perturbations of the actuators: weak and dead ones."""

from __future__ import annotations

from typing import ClassVar, Literal

from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import Array, Edit, Parameter, Perturbation
from fastadapt.envs.simulation import Ids

_FIELDS = ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange")


def _scale_force(edit: Edit, actuators: Ids, strength: Array) -> None:
    """Scale the force `gain(ctrl) + bias` of actuators by `strength`, `(n, k)`.

    Gain and bias together: scaling the command of a position servo would move its set point. The
    limits of the force as well: a saturated actuator is as weak as any other.
    """
    for field in _FIELDS:
        edit[field][:, actuators] *= strength[..., None]


class WeakActuator(Perturbation):
    """An actuator that gives `strength` times the force that it should.

    Writes `actuator_gainprm` and `actuator_biasprm` (both, so that a servo keeps its set point) and
    `actuator_forcerange`; unit: pure number in [0, 10]. Derived constants stay valid. Source:
    MuJoCo documentation, Computation, "Actuation model".
    """

    kind: Literal["weak-actuator"]
    strength: Law

    target_type: ClassVar = "actuator"
    parameters: ClassVar = (Parameter("strength", "-", 1.0, 0.0, 10.0),)
    fields: ClassVar = _FIELDS
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        _scale_force(edit, targets, values[..., 0])


class DeadActuator(Perturbation):
    """An actuator without power: no force at all, the joint swings freely.

    Writes `actuator_gainprm`, `actuator_biasprm` and `actuator_forcerange`; unit: a switch, 0 or 1.
    Derived constants stay valid. A joint that is stuck is something else: see `LockedJoint`.
    """

    kind: Literal["dead-actuator"]

    target_type: ClassVar = "actuator"
    parameters: ClassVar = (Parameter("dead", "-", 0.0, 0.0, 1.0, struck=1.0),)
    fields: ClassVar = _FIELDS
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        _scale_force(edit, targets, (values[..., 0] < 0.5).astype(float))
