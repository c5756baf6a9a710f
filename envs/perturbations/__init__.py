"""Everything that can go wrong with a robot: one small typed class for each kind."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from fastadapt.envs.perturbations.actuator import DeadActuator, WeakActuator
from fastadapt.envs.perturbations.base import Edit, Parameter, Perturbation
from fastadapt.envs.perturbations.friction import ContactFriction, JointDamping, JointFriction
from fastadapt.envs.perturbations.lock import LockedJoint
from fastadapt.envs.perturbations.mass import Mass, Payload

AnyPerturbation = Annotated[
    Mass
    | Payload
    | ContactFriction
    | JointFriction
    | JointDamping
    | WeakActuator
    | DeadActuator
    | LockedJoint,
    Field(discriminator="kind"),
]

__all__ = [
    "AnyPerturbation",
    "ContactFriction",
    "DeadActuator",
    "Edit",
    "JointDamping",
    "JointFriction",
    "LockedJoint",
    "Mass",
    "Parameter",
    "Payload",
    "Perturbation",
    "WeakActuator",
    "perturbation_kinds",
]


def perturbation_kinds() -> dict[str, type[Perturbation]]:
    """Return every kind of perturbation by its name in task files."""
    classes = get_args(get_args(AnyPerturbation)[0])
    return {get_args(cls.model_fields["kind"].annotation)[0]: cls for cls in classes}
