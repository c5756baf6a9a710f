"""The cheetah with a hidden goal: the velocity or the direction that the reward asks for.

Source: Finn et al. 2017, "Model-Agnostic Meta-Learning", section 5.3, and the code of Rakelly et
al. 2019 (PEARL), on Gymnasium's HalfCheetah-v5.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fastadapt.envs.cheetah import Cheetah
from fastadapt.envs.environment import Array, Goal

_COST = 0.05


class CheetahVelocity(Cheetah):
    """Run at a hidden speed: reward = -|v - velocity| - 0.05 |action|^2, every 50 ms.

    v [m/s] is the mean velocity of the root along x over the control step, `velocity` the goal.
    Observation, action and horizon (200 control steps) are the cheetah's; nothing tells the goal
    but the reward. Never terminates. Source: Finn et al. 2017, section 5.3 (goals uniform in
    [0, 2] m/s); Rakelly et al. 2019 draw them from [0, 3] m/s.

    Versions: v0, first release.
    """

    name = "cheetah-velocity"
    version = 0
    summary = "planar cheetah, run at a hidden velocity (Finn et al. 2017)"
    goals: ClassVar = (Goal("velocity", "m/s", 1.5),)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        _, terms = super().reward(before, action)
        error = -np.abs(terms["x_velocity"] - self.goal[:, 0])
        cost = _COST * np.square(action).sum(axis=1)
        return error - cost, terms | {"reward_forward": error, "reward_ctrl": -cost}


class CheetahDirection(Cheetah):
    """Run in a hidden direction: reward = direction v - 0.05 |action|^2, every 50 ms.

    v [m/s] is the mean velocity of the root along x over the control step; the goal `direction` is
    +1 (forward) or -1 (backward). Observation, action and horizon (200 control steps) are the
    cheetah's; nothing tells the goal but the reward. Never terminates. Source: Finn et al. 2017,
    section 5.3.

    Versions: v0, first release.
    """

    name = "cheetah-direction"
    version = 0
    summary = "planar cheetah, run forward or backward, which is hidden (Finn et al. 2017)"
    goals: ClassVar = (Goal("direction", "-", 1.0),)
    distance_name = "metres run in the direction asked for"
    travels = True

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        _, terms = super().reward(before, action)
        forward = self.goal[:, 0] * terms["x_velocity"]
        cost = _COST * np.square(action).sum(axis=1)
        return forward - cost, terms | {"reward_forward": forward, "reward_ctrl": -cost}

    def distance(self) -> Array:
        return self.goal[:, 0] * super().distance()
