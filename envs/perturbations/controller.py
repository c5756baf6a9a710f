"""Perturbations of the controllers of servos: other gains than the ones that were tuned."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
from pydantic import model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.actuators import is_servo
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_AFFINE = int(mujoco.mjtBias.mjBIAS_AFFINE)


class ControllerGains(Perturbation):
    """Position servos whose gains are `kp` and `kd` times the nominal ones.

    Writes `actuator_gainprm` and `actuator_biasprm`: stiffness is the gain and the position term of
    the bias (both, so that a servo keeps its set point), damping its velocity term. The largest
    force stays. Units: multiples of the nominal values, in [0, 100]. Derived constants stay valid.
    Source: Peng et al. 2018, "Sim-to-real transfer of robotic control with dynamics
    randomization", table 1.
    """

    kind: Literal["controller-gains"]
    kp: Law | None = None
    kd: Law | None = None

    target_type: ClassVar = "actuator"
    parameters: ClassVar = (
        Parameter("kp", "x", 1.0, 0.0, 100.0, default=1.0),
        Parameter("kd", "x", 1.0, 0.0, 100.0, default=1.0),
    )
    fields: ClassVar = ("actuator_gainprm", "actuator_biasprm")
    probe: ClassVar = "drive"

    @model_validator(mode="after")
    def _some_change(self) -> ControllerGains:
        if self.kp is None and self.kd is None:
            raise ValueError("give a distribution for at least one of 'kp' and 'kd'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators, which must be position servos.

        Raises:
            FastadaptError: one is none, or has no velocity gain to scale.
        """
        names = super().resolve(model)
        for name in names:
            servo = model.actuator(name).id
            if not (is_servo(model, servo) and int(model.actuator_biastype[servo]) == _AFFINE):
                raise FastadaptError(
                    f"Perturbation '{self.name}': actuator '{name}' is no position servo and has "
                    "no gains. Leave it out of the targets; the kind 'motor-strength' is for "
                    "motors."
                )
            if self.kd is not None and not model.actuator_biasprm[servo, 2]:
                raise FastadaptError(
                    f"Perturbation '{self.name}': servo '{name}' has no velocity gain (kv) that "
                    "could be scaled. Leave 'kd' out, or use the kind 'joint-damping'."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        gain, bias = edit["actuator_gainprm"], edit["actuator_biasprm"]
        gain[:, targets, 0] *= values[..., 0]
        bias[:, targets, 1] *= values[..., 0]
        bias[:, targets, 2] *= values[..., 1]
