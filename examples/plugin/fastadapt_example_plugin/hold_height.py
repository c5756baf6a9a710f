"""An objective: hold the root of a robot at a height."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.objectives.objective import Positive
from fastadapt.envs.objectives.stay_upright import StayUpright


class HoldHeight(StayUpright):
    """Hold the root at `target_height`, upright and in place.

    Reward = that of `StayUpright` + exp(-((z - `target_height`) / `height_width`)^2), where z [m]
    is the height of the root.
    """

    settings = (*StayUpright.settings, "target_height", "height_width")

    target_height: ClassVar[Positive]
    """Height to hold [m]."""
    height_width: ClassVar[Positive] = 0.1
    """Distance at which the reward has fallen to 1/e [m]."""

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        """Return the reward `(N,)` and its terms."""
        reward, terms = super().reward(before, action)
        away = (self.body.read().position[:, 2] - self.target_height) / self.height_width
        held = np.exp(-np.square(away))
        return reward + held, terms | {"held": held}
