"""An actuator with a loose contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import mujoco

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.actuator import (
    DeadActuator,
    force_entries,
    refuse_nonlinear,
    scale_force,
)
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment


class IntermittentActuator(Perturbation):
    """An actuator that loses its power off and on: for `mean_off` seconds, `off_fraction` of time.

    Writes `actuator_gainprm`, `actuator_biasprm`, `actuator_forcerange` and `jnt_actfrcrange` as a
    dead actuator does (no force at all, of a servo too); unit: pure number in [0, 0.95] and s, at
    least one control step. Derived constants stay valid. Power is lost and back at the beginning of
    control steps, after a Markov chain of two states (see `Flicker`). Source: Gilbert 1960,
    "Capacity of a burst-noise channel".
    """

    kind: Literal["intermittent-actuator"]
    off_fraction: Law
    mean_off: Law

    target_type: ClassVar = "actuator"
    parameters: ClassVar = (
        Parameter("off_fraction", "-", 0.0, 0.0, 0.95),
        Parameter("mean_off", "s", 0.0, 0.0, 1e4),
    )
    fields: ClassVar = DeadActuator.fields
    stale: ClassVar = False
    flickers: ClassVar = True

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        """Return the names of the actuators; the chain must fit into whole control steps."""
        step = environment.control_step()
        length, fraction = self.mean_off.support()[0], self.off_fraction.support()[1]
        if length < step - 1e-9:
            raise FastadaptError(
                f"Perturbation '{self.name}': mean_off from {length:g} s is shorter than a control "
                f"step of '{environment.name}' ({step:g} s); begin at that."
            )
        most = length / (length + step)
        if fraction > most + 1e-9:
            raise FastadaptError(
                f"Perturbation '{self.name}': off_fraction up to {fraction:g} with mean_off from "
                f"{length:g} s leaves less than a control step with power; give at most {most:.3g}."
            )
        names = super().targets_in(environment)
        refuse_nonlinear(environment.model(), names, self.name)
        return names

    def decides(self, model: mujoco.MjModel, targets: Ids) -> dict[str, tuple[Ids, Ids]]:
        return force_entries(model, targets)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        # A target that is struck right now has its fraction, all others the nominal 0.
        scale_force(edit, targets, (values[..., 0] == 0).astype(float))
