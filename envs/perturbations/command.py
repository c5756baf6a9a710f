"""Perturbations of commands: delayed actions, and hidden goals."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.names import matching
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment

MAX_DELAY = 10
"""Longest delay of an action [control steps]."""

_LARGEST = 1e6
"""Largest value of a goal, in its unit."""


class ActionDelay(Perturbation):
    """A delay of `steps` control steps between a command and its effect.

    Writes the signal `action_delay`; unit: whole control steps, in [0, 10]. Derived constants stay
    valid. Until the first command arrives, the action is the neutral 0; rewards refer to the action
    that was commanded. Source: Dulac-Arnold et al. 2021,
    "Challenges of real-world reinforcement learning", section 3.2.
    """

    kind: Literal["action-delay"]
    steps: Law
    targets: tuple[str, ...] = ("world",)

    target_type: ClassVar = "world"
    parameters: ClassVar = (Parameter("steps", "steps", 0.0, 0.0, float(MAX_DELAY), whole=True),)
    fields: ClassVar = ()
    signals: ClassVar = ("action_delay",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        delay = edit.signal("action_delay")
        delay[:] = np.minimum(delay + values[:, 0, 0], MAX_DELAY)


class Goal(Perturbation):
    """Another `value` of the hidden goals of an environment, such as a speed to run at.

    Writes the signal `goal`, which only the reward reads; unit: that of the goal. Derived constants
    stay valid. Several goals are drawn independently; as any parameter, a goal may also change
    within an episode. Source: Finn et al. 2017, section 5.3, "Model-
    agnostic meta-learning for fast adaptation of deep networks".
    """

    kind: Literal["goal"]
    value: Law

    target_type: ClassVar = "goal"
    parameters: ClassVar = (Parameter("value", "-", 0.0, -_LARGEST, _LARGEST),)
    fields: ClassVar = ()
    signals: ClassVar = ("goal",)

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        names = [goal.name for goal in environment.goals]
        if not names:
            raise FastadaptError(
                f"Perturbation '{self.name}': environment '{environment.name}' has no goals that a "
                "task could set."
            )
        found = matching(names, "goal", self.targets, self.name)
        if self.shared and len({self.parameters_of(environment, name) for name in found}) > 1:
            raise FastadaptError(
                f"Perturbation '{self.name}': {', '.join(found)} differ in unit or nominal value "
                "and cannot share one. Leave 'shared' out."
            )
        return found

    def ids_in(self, environment: type[Environment], targets: tuple[str, ...]) -> Ids:
        names = [goal.name for goal in environment.goals]
        return np.array([names.index(target) for target in targets], np.intp)

    def parameters_of(self, environment: type[Environment], target: str) -> tuple[Parameter, ...]:
        goal = next(goal for goal in environment.goals if goal.name == target)
        return (dataclasses.replace(self.parameters[0], unit=goal.unit, nominal=goal.nominal),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        goal, value = edit.signal("goal"), values[..., 0]
        nominal = edit.nominal_signal("goal")[targets]
        # Of two alternatives, the one that is not active leaves the goal to the other.
        goal[:, targets] = np.where(value == nominal, goal[:, targets], value)
