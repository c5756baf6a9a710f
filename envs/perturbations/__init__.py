"""Everything that can go wrong with a robot: one small typed class for each kind."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from fastadapt.envs.perturbations.action_delay import ActionDelay
from fastadapt.envs.perturbations.actuator import DeadActuator, MotorStrength, WeakActuator
from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.goal import Goal
from fastadapt.envs.perturbations.gravity import Gravity, Slope
from fastadapt.envs.perturbations.intermittent import IntermittentActuator
from fastadapt.envs.perturbations.joint import JointArmature, JointDamping, JointFriction
from fastadapt.envs.perturbations.lock import LockedJoint
from fastadapt.envs.perturbations.mass import ComShift, Mass, Payload
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.perturbations.push import Push
from fastadapt.envs.perturbations.range_cut import RangeCut
from fastadapt.envs.perturbations.sensor import SensorDropped, SensorOffset, SensorStuck
from fastadapt.envs.perturbations.severed_limb import SeveredLimb
from fastadapt.envs.perturbations.shortened_limb import ShortenedLimb
from fastadapt.envs.perturbations.stuck_torque import StuckTorque

AnyPerturbation = Annotated[
    Mass
    | Payload
    | ComShift
    | ContactFriction
    | JointFriction
    | JointDamping
    | JointArmature
    | MotorStrength
    | Gravity
    | Slope
    | WeakActuator
    | DeadActuator
    | StuckTorque
    | LockedJoint
    | RangeCut
    | SeveredLimb
    | ShortenedLimb
    | Push
    | IntermittentActuator
    | SensorOffset
    | SensorStuck
    | SensorDropped
    | ActionDelay
    | Goal,
    Field(discriminator="kind"),
]

__all__ = [
    "ActionDelay",
    "AnyPerturbation",
    "ComShift",
    "ContactFriction",
    "DeadActuator",
    "Edit",
    "Goal",
    "Gravity",
    "IntermittentActuator",
    "JointArmature",
    "JointDamping",
    "JointFriction",
    "LockedJoint",
    "Mass",
    "MotorStrength",
    "Parameter",
    "Payload",
    "Perturbation",
    "Push",
    "RangeCut",
    "SensorDropped",
    "SensorOffset",
    "SensorStuck",
    "SeveredLimb",
    "ShortenedLimb",
    "Slope",
    "StuckTorque",
    "WeakActuator",
    "perturbation_kinds",
]


def perturbation_kinds() -> dict[str, type[Perturbation]]:
    """Return every kind of perturbation by its name in task files."""
    classes = get_args(get_args(AnyPerturbation)[0])
    return {get_args(cls.model_fields["kind"].annotation)[0]: cls for cls in classes}
