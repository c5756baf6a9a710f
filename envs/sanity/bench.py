"""A test bench: robots on given tasks that start from the same state, in endless episodes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, cast

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array
from fastadapt.envs.batched_env import BatchedEnv
from fastadapt.envs.environment import Environment
from fastadapt.envs.rng import uniforms
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

_LONGEST = 1_000_000
"""A horizon beyond any measurement [control steps]."""


class Bench:
    """Robots on given tasks, everything else equal.

    Attributes:
        batch: the robots.
        size: number of robots.
        model: the nominal model.
        step_time: duration of a control step [s].
    """

    def __init__(self, task_set: TaskSet, size: int, num_threads: int = 0) -> None:
        self.size = size
        endless = TaskSet(task_set.file, "", None, _endless(task_set.environment))
        self.batch = BatchedEnv(endless, size, num_threads=num_threads)
        self.model = task_set.environment.model()
        self.step_time = task_set.environment.control_step()

    @property
    def sim(self) -> Any:
        """The simulations."""
        return self.batch.sim

    def begin(self, tasks: Sequence[Task]) -> None:
        """Give each robot a task, and reset all of them to the same state."""
        self.batch.set_tasks(tasks)
        self.batch.reset(seed=[0] * self.size)

    def steps(self, seconds: float) -> int:
        """Return the number of control steps of a duration (at least one)."""
        return max(1, round(seconds / self.step_time))

    def idle(self) -> Array:
        """Return neutral actions, `(N, actions)`: 0, or the nearest allowed value."""
        space: Any = self.batch.single_action_space
        action = np.clip(np.zeros(space.shape), space.low, space.high)
        return np.tile(action, (self.size, 1))

    def random_actions(self, steps: int) -> Array:
        """Return actions uniform within the limits, the same for all robots, `(T, N, actions)`."""
        space: Any = self.batch.single_action_space
        low, high = (np.clip(edge, -10.0, 10.0).astype(float) for edge in (space.low, space.high))
        shares = uniforms(0, np.arange(steps), len(low))
        return np.repeat((low + shares * (high - low))[:, None], self.size, axis=1)

    def unpower(self) -> None:
        """Cut the power of all actuators of all robots, until `power`."""
        for field in ("actuator_gainprm", "actuator_biasprm"):
            self.sim.field(field)[:] = 0.0

    def power(self) -> None:
        """Restore the nominal power."""
        for field in ("actuator_gainprm", "actuator_biasprm"):
            self.sim.field(field)[:] = getattr(self.model, field)

    def lift(self, height: float = 3.0) -> None:
        """Raise free bodies and vertical slides, so that nothing touches the ground."""
        model, qpos = self.model, self.sim.data("qpos")
        for joint in range(model.njnt):
            address, kind = int(model.jnt_qposadr[joint]), int(model.jnt_type[joint])
            if kind == int(mujoco.mjtJoint.mjJNT_FREE):
                qpos[:, address + 2] += height
            elif kind == int(mujoco.mjtJoint.mjJNT_SLIDE) and _lifts(model, joint):
                qpos[:, address] += height / model.jnt_axis[joint, 2]

    def response(self, force: Array) -> Array:
        """Return the acceleration due to generalised forces `(N, nv)`, without contacts."""
        sim = self.sim
        found: list[Array] = []
        sim.data("qvel")[:] = 0.0
        for share in (0.0, 1.0):
            sim.data("qfrc_applied")[:] = share * force
            sim.data("qacc_smooth")
            sim.forward()
            found.append(sim.data("qacc_smooth").copy())
        sim.data("qfrc_applied")[:] = 0.0
        return found[1] - found[0]

    def nominal_data(self) -> mujoco.MjData:
        """Return an `MjData` in the state of robot 0, for Jacobians."""
        data = mujoco.MjData(self.model)
        data.qpos[:] = self.sim.data("qpos")[0]
        mujoco.mj_fwdPosition(self.model, data)
        return data


def _lifts(model: mujoco.MjModel, joint: int) -> bool:
    """Return whether a slide lifts a whole robot: vertical, passive, on a child of the world."""
    body = int(model.jnt_bodyid[joint])
    upward = abs(float(model.jnt_axis[joint, 2])) > 0.9
    driven = joint in model.actuator_trnid[:, 0]
    return upward and not driven and int(model.body_parentid[body]) == 0


@functools.cache
def _endless(environment: type[Environment]) -> type[Environment]:
    """Return the environment with endless episodes."""

    def terminated(self: Environment) -> NDArray[np.bool_]:
        return np.zeros(self.sim.num_sims, bool)

    content = {"horizon": _LONGEST, "terminated": terminated, "__module__": __name__}
    return cast("type[Environment]", type(environment.__name__, (environment,), content))
