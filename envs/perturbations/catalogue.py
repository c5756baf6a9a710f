"""The kinds of perturbations by their names in task files, shipped ones and plugins alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from fastadapt.envs.perturbations.perturbation import Perturbation
from fastadapt.errors import FastadaptError
from fastadapt.registry import Registry

_HERE = "fastadapt.envs.perturbations"
_SHIPPED = "fastadapt"

PERTURBATIONS: Registry[type[Perturbation]] = Registry(
    "kind",
    group="fastadapt.perturbations",
    shipped={
        "mass": f"{_HERE}.mass:Mass",
        "payload": f"{_HERE}.mass:Payload",
        "com-shift": f"{_HERE}.mass:ComShift",
        "contact-friction": f"{_HERE}.contact_friction:ContactFriction",
        "joint-friction": f"{_HERE}.joint:JointFriction",
        "joint-damping": f"{_HERE}.joint:JointDamping",
        "joint-armature": f"{_HERE}.joint:JointArmature",
        "tendon-friction": f"{_HERE}.joint:TendonFriction",
        "tendon-tension": f"{_HERE}.joint:TendonTension",
        "motor-strength": f"{_HERE}.actuator:MotorStrength",
        "controller-gains": f"{_HERE}.controller:ControllerGains",
        "gravity": f"{_HERE}.world:Gravity",
        "slope": f"{_HERE}.world:Slope",
        "weak-actuator": f"{_HERE}.actuator:WeakActuator",
        "dead-actuator": f"{_HERE}.actuator:DeadActuator",
        "stuck-torque": f"{_HERE}.actuator_fault:StuckTorque",
        "backlash": f"{_HERE}.backlash:Backlash",
        "locked-joint": f"{_HERE}.joint_damage:LockedJoint",
        "range-cut": f"{_HERE}.joint_damage:RangeCut",
        "severed-limb": f"{_HERE}.limb:SeveredLimb",
        "shortened-limb": f"{_HERE}.limb:ShortenedLimb",
        "push": f"{_HERE}.world:Push",
        "intermittent-actuator": f"{_HERE}.actuator_fault:IntermittentActuator",
        "sensor-offset": f"{_HERE}.sensor:SensorOffset",
        "sensor-drift": f"{_HERE}.sensor:SensorDrift",
        "sensor-noise": f"{_HERE}.sensor:SensorNoise",
        "sensor-stuck": f"{_HERE}.sensor:SensorStuck",
        "sensor-dropped": f"{_HERE}.sensor:SensorDropped",
        "action-delay": f"{_HERE}.command:ActionDelay",
        "goal": f"{_HERE}.command:Goal",
    },
)
"""Every kind of perturbation. Plugins add theirs by the entry-point group, code by `register`."""


def perturbation_kinds(plugins: bool = True) -> dict[str, type[Perturbation]]:
    """Return the kinds of perturbations by their names in task files, imported.

    Args:
        plugins: include the kinds that do not ship with fastadapt.
    """
    kinds = [k for k in PERTURBATIONS if plugins or PERTURBATIONS.source(k) == _SHIPPED]
    return {kind: find_kind(kind) for kind in kinds}


def find_kind(name: str) -> type[Perturbation]:
    """Return the class of a kind, or of a target `"module:Class"`.

    Raises:
        FastadaptError: there is no such kind, or what is registered is no perturbation of that
            kind.
    """
    found = PERTURBATIONS.find(name)
    if not (isinstance(found, type) and issubclass(found, Perturbation)):
        raise FastadaptError(
            f"The kind '{name}' stands for {found!r:.80}, which does not derive from Perturbation. "
            "Register a subclass of fastadapt.envs.perturbations.Perturbation."
        )
    if found.kind_name() != name and ":" not in name:
        raise FastadaptError(
            f"The perturbation registered as '{name}' declares the kind '{found.kind_name()}'. Use "
            f'one name for both: `kind: Literal["{name}"]`.'
        )
    return found


def _parse(content: Any) -> Perturbation:
    """Validate one entry of `[[perturbations]]`; only the class of its kind is imported."""
    if isinstance(content, Perturbation):
        return content
    if not isinstance(content, Mapping):
        raise PydanticCustomError("model_attributes_type", "must be a table")
    kind = content.get("kind")
    if kind is None:
        raise PydanticCustomError("union_tag_not_found", "does not say its kind")
    if not isinstance(kind, str) or (kind not in PERTURBATIONS and ":" not in kind):
        raise PydanticCustomError("union_tag_invalid", "has an unknown kind")
    cls = find_kind(kind)
    return cls.model_validate({**content, "kind": cls.kind_name()})


AnyPerturbation = Annotated[SerializeAsAny[Perturbation], PlainValidator(_parse)]
"""The type of an entry of `[[perturbations]]`: its key `kind` selects the class."""
