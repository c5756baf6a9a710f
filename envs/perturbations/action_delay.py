"""A slow line to the actuators."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation

MAX_DELAY = 10
"""The longest delay, in control steps."""


class ActionDelay(Perturbation):
    """Every command takes effect `steps` control steps late; before the first, the neutral 0 holds.

    Writes the signal `action_delay`; unit: whole control steps, in [0, 10]. Derived constants stay
    valid. Rewards are still about the action that was commanded. Source: Dulac-Arnold et al. 2021,
    "Challenges of real-world reinforcement learning", section 3.2.
    """

    kind: Literal["action-delay"]
    steps: Law
    targets: tuple[str, ...] = ("world",)

    target_type: ClassVar = "world"
    parameters: ClassVar = (Parameter("steps", "steps", 0.0, 0.0, float(MAX_DELAY), whole=True),)
    fields: ClassVar = ()
    signals: ClassVar = ("action_delay",)
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        delay = edit.signal("action_delay")
        delay[:] = np.minimum(delay + values[:, 0, 0], MAX_DELAY)
