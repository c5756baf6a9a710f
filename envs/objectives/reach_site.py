"""Objective: move a site of the robot to a goal."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.model.additions import add_goal
from fastadapt.envs.objectives.object_motion import goal_body_of, mocap_of, site_of
from fastadapt.envs.objectives.objective import Positive, RobotModel
from fastadapt.envs.objectives.posed_robot import PosedRobot
from fastadapt.envs.rng import uniforms
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.success import Success

_CANDIDATES = 2048
"""Poses that are sampled to find the places that the site can reach."""


Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Two opposite corners."""


class ReachSite(PosedRobot):
    """Bring a site to a visible goal and hold it there.

    Reward = `near` exp(-(d / near)^2) + `there` exp(-(d / there)^2) - `distance` d - `ctrl`
    |action|^2, where d [m] is the distance from the site to the goal after the control step.

    A goal is drawn at each reset: uniform in the box `goal_region`, or, where there is none, one of
    the places that the site reaches with the joints up to `goal_reach` away from the nominal pose.
    Never terminates; `info["at_goal"]` is 1 where d is below `there`. A success: d below `there`
    for the last half second of the episode.

    Observation: joint angles from nominal; joint velocities; previous action; position of the site
    in the world; goal minus site.
    """

    settings = (
        *PosedRobot.settings, "site", "goal_region", "goal_reach", "lowest_goal", "near", "there"
    )  # fmt: skip

    site: ClassVar[str]
    """Name of the site that is to reach the goal."""
    goal_region: ClassVar[Box | None] = None
    """Lowest and highest corner of the box of goals, in the world [m] (default: the places that the
    site can reach)."""
    goal_reach: ClassVar[Positive] = 1.0
    """Largest distance of the joints from the nominal pose at a goal [rad or m]."""
    lowest_goal: ClassVar[float] = 0.02
    """Lowest height of a goal [m], where there is no `goal_region`."""
    goal_body: ClassVar[str] = "goal"
    """Mocap body at the goal; one is added where the model has none."""
    near: ClassVar[Positive] = 0.1
    """Distance at which the `near` term of the reward falls to 1/e [m]."""
    there: ClassVar[Positive] = 0.02
    """Distance at which the `there` term falls to 1/e, and that counts as success [m]."""
    action_scale = 1.0
    weights: ClassVar[Mapping[str, float]] = {
        "near": 0.5,
        "there": 0.5,
        "distance": 0.5,
        "ctrl": 0.01,
    }
    """Weight of each term of the reward."""

    needs_forward: ClassVar = True
    extra_draws: ClassVar = 3
    distance_name: ClassVar = "metres from site to goal at the end"
    success: ClassVar = from_model(lambda cls: Success(at_most=cls.there, held=0.5))
    observations: ClassVar[tuple[Channel, ...]] = from_model(lambda cls: cls.channels())
    _goals: ClassVar[Array] = from_model(lambda cls: cls.reachable())

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        self._site = site_of(sim.model, self.site)
        self._mocap = mocap_of(sim.model, self.goal_body)
        self._places = sim.data("site_xpos")

    @classmethod
    def prepare(cls, spec: mujoco.MjSpec) -> None:
        super().prepare(spec)
        add_goal(spec, cls.goal_body, cls.there)

    @classmethod
    def fit(cls, table: Any, robot: RobotModel) -> Mapping[str, Any]:
        goal = goal_body_of(robot.model, cls.goal_body)
        return {**super().fit(table, robot), "goal_body": goal}

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        """Return the channels of the observation."""
        places = [
            Channel(f"{what} {axis}", "m") for what in ("site", "goal - site") for axis in "xyz"
        ]
        return (*cls.joint_channels(), *cls.action_channels(), *places)

    @classmethod
    def reachable(cls) -> Array:
        """Return places that the site reaches without contacts, `(n, 3)` [m]."""
        model = cls.model()
        joints, qpos, _ = cls.joints()
        pose, _, _ = cls.nominal()
        limited = model.jnt_limited[joints].astype(bool)
        low, high = np.where(limited, model.jnt_range[joints].T, [[-np.inf], [np.inf]])
        low = np.maximum(low, pose[qpos] - cls.goal_reach)
        high = np.minimum(high, pose[qpos] + cls.goal_reach)
        shares = uniforms(0, np.arange(_CANDIDATES), max(len(joints), 1))[:, : len(joints)]
        data = mujoco.MjData(model)
        site, found, free = site_of(model, cls.site), [], []
        for share in shares:
            data.qpos[:] = pose
            data.qpos[qpos] = low + share * (high - low)
            mujoco.mj_fwdPosition(model, data)
            if data.site_xpos[site, 2] >= cls.lowest_goal:
                found.append(data.site_xpos[site].copy())
                free.append(data.ncon == 0)
        if not found:
            return np.tile(_site_at(model, data, pose, site), (1, 1))
        return np.array(found)[free] if any(free) else np.array(found)

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near the nominal pose and draw a goal."""
        super().reset(ids, draws)
        share = draws[:, -3:]
        if self.goal_region is not None:
            low, high = np.array(self.goal_region)
            goals = low + share * (high - low)
        else:
            goals = self._goals[(share[:, 0] * len(self._goals)).astype(int)]
        self.sim.data("mocap_pos")[ids, self._mocap] = goals

    def _to_goal(self) -> Array:
        return self.sim.data("mocap_pos")[:, self._mocap] - self._places[:, self._site]

    def observation(self) -> Array:
        parts = [self.joint_state(), self.previous_action()]
        parts += [self._places[:, self._site], self._to_goal()]
        return np.concatenate(parts, axis=1)

    def before_step(self) -> Array:
        return np.empty(0)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        distance, weight = self.distance(), self.weights
        terms = {
            "reward_near": weight["near"] * np.exp(-np.square(distance / self.near)),
            "reward_there": weight["there"] * np.exp(-np.square(distance / self.there)),
            "reward_distance": -weight["distance"] * distance,
            "reward_ctrl": -weight["ctrl"] * np.square(action).sum(axis=1),
        }
        at_goal = (distance < self.there).astype(float)
        return functools.reduce(np.add, terms.values()), terms | {"at_goal": at_goal}

    def distance(self) -> Array:
        return np.linalg.norm(self._to_goal(), axis=1)


def _site_at(model: mujoco.MjModel, data: mujoco.MjData, pose: Array, site: int) -> Array:
    data.qpos[:] = pose
    mujoco.mj_fwdPosition(model, data)
    return data.site_xpos[site].copy()
