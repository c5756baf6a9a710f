"""The four-legged ant, as Gymnasium's Ant-v5 without contact forces."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, Environment, HiddenGoal
from fastadapt.envs.model.sources import gymnasium_spec
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.success import Success

_JOINTS = tuple(f"{part}_{leg}" for leg in (1, 2, 3, 4) for part in ("hip", "ankle"))
_LOW, _HIGH = 0.2, 1.0


def _channels() -> tuple[Channel, ...]:
    position = [Channel("torso z", "m"), *(Channel(f"torso quaternion {c}", "-") for c in "wxyz")]
    position += [Channel(joint, "rad") for joint in _JOINTS]
    velocity = [Channel(f"torso velocity {axis}", "m/s") for axis in "xyz"]
    velocity += [Channel(f"torso angular velocity {axis}", "rad/s") for axis in "xyz"]
    velocity += [Channel(f"{joint} velocity", "rad/s") for joint in _JOINTS]
    return tuple(position + velocity)


class Ant(Environment):
    """Run forward: reward = velocity along x [m/s] + 1 while healthy - 0.5 |action|^2, every 50 ms.

    Observation (27): height, quaternion and joint angles, then velocities (angular ones of the
    torso in its own frame), in the order of the model's joints without the position in the plane.
    Action (8): torques as a share of each gear (150 N m), in [-1, 1], in Gymnasium's order, which
    begins with leg 4. Terminates when the torso leaves heights from 0.2 to 1 m; an episode lasts at
    most 10 s (200 control steps; Gymnasium's lasts 50 s). A success: no fall, and at least 23.2 m,
    half the distance of a trained healthy robot.

    Same numbers as Gymnasium's Ant-v5 with `include_cfrc_ext_in_observation=False` and
    `contact_cost_weight=0`, for the same states and actions when nothing is perturbed. Contact
    forces are left out because they cannot be exact here: Gymnasium's are those of the last stage
    of a Runge-Kutta step, which a batched simulation does not expose, and differ from the forces at
    the state itself in more than half of the steps.

    Legs are numbered as in the names of the joints: 1 front left, 2 front right, 3 back left, 4
    back right. Gymnasium's names are kept; the unnamed last body of each leg is `shin_1` to
    `shin_4`, and actuators are named after their joints.

    Versions: v0, first release.
    """

    name = "ant"
    version = 0
    summary = "four-legged ant, run forward (Gymnasium's Ant-v5 without contact forces)"
    lockable = _JOINTS
    physics_steps = 5
    horizon = 200
    observations: ClassVar = _channels()
    reset_draws = 29
    distance_name = "metres run forward"
    success: ClassVar = Success(at_least=23.2)  # half of plain PPO, docs/results/learnable.md
    travels = True
    feet = ("left_ankle_geom", "right_ankle_geom", "third_ankle_geom", "fourth_ankle_geom")
    control_cost: ClassVar[float] = 0.5

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        self._torso = sim.model.body("torso").id
        self._xpos = sim.data("xpos")  # bind now: binding it later would change the warm start

    @staticmethod
    def spec() -> mujoco.MjSpec:
        spec = gymnasium_spec("ant.xml")
        for leg in (1, 2, 3, 4):
            spec.joint(f"ankle_{leg}").parent.name = f"shin_{leg}"
        return spec

    def reset(self, ids: Ids, draws: Array) -> None:
        """Draw positions uniform within 0.1 of nominal and normal velocities of std 0.1."""
        self.sim.data("qpos")[ids] = self.sim.model.qpos0 + 0.2 * draws[:, :15] - 0.1
        self.sim.data("qvel")[ids] = 0.1 * ndtri(draws[:, 15:])

    def observation(self) -> Array:
        return np.concatenate([self.sim.data("qpos")[:, 2:], self.sim.data("qvel")], axis=1)

    def position(self) -> Array:
        """Return the position of the torso in the plane as in Gymnasium, `(N, 2)` [m].

        It is the position at the last stage of a Runge-Kutta step, up to a few millimetres from
        `qpos`.
        """
        return self._xpos[:, self._torso, :2].copy()

    def before_step(self) -> Array:
        return self.position()

    def healthy(self) -> NDArray[np.bool_]:
        """Return which torsos are at a healthy height, `(N,)`, from the true state."""
        z = self.sim.data("qpos")[:, 2]
        return (z >= _LOW) & (z <= _HIGH)

    def speed(self, velocity: Array) -> Array:
        """Return the rewarded component `(N,)` of the velocity in the plane `(N, 2)` [m/s]."""
        return velocity[:, 0]

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        velocity = (self.position() - before) / self.control_step()
        forward = self.speed(velocity)
        healthy = self.healthy().astype(float)
        cost = self.control_cost * np.square(action).sum(axis=1)
        terms = {"reward_forward": forward, "reward_ctrl": -cost, "reward_survive": healthy}
        return forward + healthy - cost, terms | self._measures(velocity)

    def _measures(self, velocity: Array) -> dict[str, Array]:
        x, y = self.sim.data("qpos")[:, :2].T.copy()
        vx, vy = velocity.T.copy()
        measures = {"x_position": x, "y_position": y, "x_velocity": vx, "y_velocity": vy}
        return measures | {"overturned": self.overturned().astype(float)}

    def overturned(self) -> NDArray[np.bool_]:
        """Return which torsos point downward, `(N,)`."""
        quaternion = self.sim.data("qpos")[:, 3:7]
        upward = np.array([1.0, -1.0, -1.0, 1.0])  # z component of the torso's z axis
        return np.square(quaternion) @ upward < 0

    def terminated(self) -> NDArray[np.bool_]:
        return ~self.healthy()

    def distance(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()


class AntDirection(Ant):
    """Run in a hidden direction: reward = v . d + 1 while healthy - 0.5 |action|^2, every 50 ms.

    v [m/s] is the velocity in the plane, d = (cos direction, sin direction) with the goal
    `direction` [rad]. Observation, action, termination and horizon (200 control steps) are the
    ant's; only the reward depends on the goal. Source: Rakelly et al. 2019, directions uniform
    over the circle (Finn et al. 2017: forward or backward); their contact cost is left out.

    Versions: v0, first release.
    """

    name = "ant-direction"
    version = 0
    summary = "four-legged ant, run in a hidden direction (PEARL)"
    goals: ClassVar = (HiddenGoal("direction", "rad", 0.0),)
    distance_name = "metres run in the direction asked for"

    def _along(self, vectors: Array) -> Array:
        angle = self.goal[:, 0]
        return vectors[:, 0] * np.cos(angle) + vectors[:, 1] * np.sin(angle)

    def speed(self, velocity: Array) -> Array:
        return self._along(velocity)

    def distance(self) -> Array:
        return self._along(self.sim.data("qpos")[:, :2])


class AntGoal(Ant):
    """Go to a hidden goal: reward = -|x - goal x| - |y - goal y| - 0.1 |action|^2, every 50 ms.

    The goal is in polar form: `direction` [rad] and `squared_distance` [m^2] from the start, so
    that uniform distributions of both are uniform over a disc. Observation (29): x and y of the
    torso [m], without which its position is unknown, then the ant's (27). Action and horizon (200
    control steps) are the ant's; only the reward depends on the goal. Never terminates. A success:
    within 0.5 m of the goal for the last half second. Source: Rothfuss et al. 2019 and Rakelly et
    al. 2019, goals uniform over a disc of 3 m; their contact cost is left out.

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
    goals: ClassVar = (
        HiddenGoal("direction", "rad", 0.0),
        HiddenGoal("squared_distance", "m^2", 4.0),
    )
    distance_name = "metres from the goal at the end"
    success: ClassVar = Success(at_most=0.5, held=0.5)
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
