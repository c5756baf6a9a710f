"""The ant with a hidden goal: the direction or the place that the reward asks for.

Source: Finn et al. 2017, "Model-Agnostic Meta-Learning", section 5.3, and the code of Rothfuss et
al. 2019 (ProMP) and Rakelly et al. 2019 (PEARL), on Gymnasium's Ant-v5 without contact forces.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.ant import Ant
from fastadapt.envs.environment import Array, Channel, Goal


class AntDirection(Ant):
    """Run in a hidden direction: reward = v . d + 1 while healthy - 0.5 |action|^2, every 50 ms.

    v [m/s] is the velocity in the plane, d = (cos direction, sin direction) with the goal
    `direction` [rad]. Observation, action, termination and horizon (200 control steps) are the
    ant's; nothing tells the goal but the reward. Source: Rakelly et al. 2019, directions uniform
    over the circle (Finn et al. 2017: forward or backward); their contact cost is left out.

    Versions: v0, first release.
    """

    name = "ant-direction"
    version = 0
    summary = "four-legged ant, run in a hidden direction (PEARL)"
    goals: ClassVar = (Goal("direction", "rad", 0.0),)
    distance_name = "metres run in the direction asked for"

    def _along(self, vectors: Array) -> Array:
        angle = self.goal[:, 0]
        return vectors[:, 0] * np.cos(angle) + vectors[:, 1] * np.sin(angle)

    def speed(self, velocity: Array) -> Array:
        return self._along(velocity)

    def distance(self) -> Array:
        return self._along(self.sim.data("qpos")[:, :2])


class AntGoal(Ant):
    """Go to a hidden place: reward = -|x - goal x| - |y - goal y| - 0.1 |action|^2, every 50 ms.

    The goal is in polar form: `direction` [rad] and `squared_distance` [m^2] from the start, so
    that uniform laws of both are uniform over a disc. Observation (29): x and y of the torso [m],
    without which there is no way to know where one is, then the ant's (27). Action and horizon (200
    control steps) are the ant's; nothing tells the goal but the reward. Never terminates. Source:
    Rothfuss et al. 2019 and Rakelly et al. 2019, goals uniform over a disc of 3 m; their contact
    cost is left out.

    Versions: v0, first release.
    """

    name = "ant-goal"
    version = 0
    summary = "four-legged ant, go to a hidden place (ProMP, PEARL)"
    observations: ClassVar = (
        Channel("torso x", "m"),
        Channel("torso y", "m"),
        *Ant.observations,
    )
    goals: ClassVar = (Goal("direction", "rad", 0.0), Goal("squared_distance", "m^2", 4.0))
    distance_name = "metres from the goal at the end"
    travels = False
    control_cost: ClassVar[float] = 0.1

    def observation(self) -> Array:
        return np.concatenate([self.sim.data("qpos"), self.sim.data("qvel")], axis=1)

    def _to_goal(self, position: Array) -> Array:
        angle, radius = self.goal[:, 0], np.sqrt(self.goal[:, 1])
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) - position

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        velocity = (self.position() - before) / self.control_step()
        closeness = -np.abs(self._to_goal(self.position())).sum(axis=1)
        cost = self.control_cost * np.square(action).sum(axis=1)
        terms = {"reward_goal": closeness, "reward_ctrl": -cost}
        return closeness - cost, terms | self._measures(velocity)

    def terminated(self) -> NDArray[np.bool_]:
        return np.zeros(self.sim.num_sims, bool)

    def distance(self) -> Array:
        return np.linalg.norm(self._to_goal(self.sim.data("qpos")[:, :2]), axis=1)
