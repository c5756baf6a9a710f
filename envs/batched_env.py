"""Gymnasium's vector environment of N differently perturbed robots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.arguments import (
    check_options,
    check_process,
    check_size,
    check_task_set,
    checked_actions,
    chosen_tasks,
    masked_ids,
    numbers,
)
from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws
from fastadapt.envs.runtime.action_delay import ActionDelayLine
from fastadapt.envs.runtime.gears import Gears
from fastadapt.envs.runtime.physics_steps import take_physics_steps
from fastadapt.envs.runtime.schedule import PerturbationSchedule
from fastadapt.envs.runtime.sensors import SensorModel
from fastadapt.envs.runtime.touch_down import model_with_touch
from fastadapt.envs.simulation.factory import make_simulation
from fastadapt.envs.simulation.interface import Backend
from fastadapt.envs.success import SuccessMeter
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name

Context = Literal["hidden", "visible"]


class BatchedEnv(VectorEnv[Array, Array, Any]):
    """N robots, each on a task of its own; autoreset is DISABLED.

    After its episode has ended, a robot is not simulated until it is reset: its reward is 0 and its
    flags stay set. The random draws of robot i depend on its own seed and the number of its episode
    only. A simulation that diverges ends its episode as truncated, with `info["diverged"]` set, a
    reward of 0 and the observation of the model's initial pose.

    Attributes:
        task_set: the task set that all tasks come from.
        environment: the objective, bound to the simulations.
        sim: the simulations.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        task_set: TaskSet,
        num_envs: int,
        *,
        num_threads: int = 0,
        backend: Backend = "auto",
        context: Context = "hidden",
        horizon: int | None = None,
    ) -> None:
        check_task_set(task_set)
        check_size("num_envs", num_envs, 1)
        check_size("num_threads", num_threads, 0)
        check_size("horizon", horizon if horizon is not None else 1, 1)
        if context not in ("hidden", "visible"):
            raise unknown_name("context mode", str(context), ["hidden", "visible"])
        cls = task_set.environment
        self.task_set = task_set
        self.num_envs = num_envs
        self._horizon = cls.horizon if horizon is None else horizon
        events = any(block.perturbation.event for block in task_set.blocks)
        self.sim = make_simulation(
            model_with_touch(cls) if events else cls.model(),
            num_envs,
            num_threads=num_threads,
            forward=cls.needs_forward,
            backend=backend,
        )
        self.environment = cls(self.sim)
        # Bind now: binding a derived field later would trigger an extra mj_forward.
        self._force = self.sim.data("actuator_force")
        self._speed = self.sim.data("actuator_velocity")
        self._visible = context == "visible"
        self.single_observation_space, self.single_action_space = _spaces(task_set, self._visible)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._draws = EpisodeDraws(num_envs)
        signals = Signals(self.environment)
        written = {name for block in task_set.blocks for name in block.perturbation.signals}
        self._delay_line = self._sensors = None
        if "action_delay" in written:
            self._delay_line = ActionDelayLine(signals, num_envs, len(cls.actions()))
        if any(name.startswith("sensor_") for name in written):
            self._sensors = SensorModel(signals, cls.observations, self._draws, cls.control_step())
        self._success = SuccessMeter.of(task_set.success, num_envs, cls.control_step())
        self._gears = Gears(self.sim, signals) if "backlash" in written else None
        self._schedule = PerturbationSchedule(task_set, self.environment, signals, self._draws)
        self._vectors = self._schedule.vectors
        self._elapsed = np.zeros(num_envs, np.int64)
        self._terminated = np.zeros(num_envs, bool)
        self._truncated = np.ones(num_envs, bool)  # no robot runs before the first reset
        self._diverged = np.zeros(num_envs, bool)
        self._tasks = np.full(num_envs, task_set.nominal, object)
        self._process = os.getpid()

    @property
    def tasks(self) -> list[Task]:
        """The task of each robot, for whoever measures: no observation and no `info` holds it."""
        return list(self._tasks)

    @property
    def told(self) -> Array:
        """The scaled parameters that an oracle is told, `(N, P)`.

        Those in force: what has not begun, or is repaired, is nominal, and what the task set leaves
        `untold` is 0.
        """
        return self._schedule.context

    @property
    def age(self) -> NDArray[np.int64]:
        """Control steps since the start of each robot's trial, its last assignment of a task.

        `(N,)`. With `clock = "episode"` in the task set, since the start of its episode. Set it to
        say where in their trials the next episodes begin.
        """
        return self._schedule.past + self._elapsed

    @age.setter
    def age(self, steps: NDArray[np.int64]) -> None:
        self._schedule.past = steps - self._elapsed

    def set_tasks(self, tasks: Sequence[Task] | Task, mask: ArrayLike | None = None) -> None:
        """Assign tasks, which are applied at the next step or reset; the state is not changed.

        Args:
            tasks: one task for all, one for each of the N robots, or one for each masked robot.
            mask: `(N,)` booleans, which robots; default all.

        Raises:
            FastadaptError: the number of tasks is wrong, or a task is of another task set.
        """
        ids = masked_ids(mask, self.num_envs, "mask")
        chosen = chosen_tasks(tasks, ids, self.num_envs)
        if len(ids):
            self._schedule.assign(ids, self.task_set.vectors(chosen), self._elapsed)
            self._tasks[ids] = chosen

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode of all robots, or of those in `options["reset_mask"]`.

        Args:
            seed: robot i gets `seed + i`, or entry i of a sequence; None keeps its seed and begins
                the next episode of it.
            options: `{"reset_mask": (N,) booleans}`.

        Returns:
            Observations `(N, observations)` of all robots, and an empty info.
        """
        check_process(self._process)
        mask = check_options(options, ("reset_mask",)).get("reset_mask")
        ids = masked_ids(mask, self.num_envs, "reset_mask")
        self._draws.begin(ids, seed)
        if len(ids) == 0:
            return self._observe(), {}
        self.sim.reset(ids)
        self.environment.reset(ids, self._draws.uniforms(ids, self.environment.reset_draws))
        self._schedule.end_episode(ids, self._elapsed)
        self._elapsed[ids] = 0
        self._terminated[ids] = self._truncated[ids] = self._diverged[ids] = False
        for part in (self._delay_line, self._sensors, self._gears, self._success):
            if part is not None:
                part.reset(ids)
        self._schedule.reset(ids, self._elapsed)
        self.sim.forward(ids)
        return self._observe(), {}

    def step(self, actions: ArrayLike) -> tuple[Array, Array, Mask, Mask, dict[str, Any]]:
        """Take one control step of every robot whose episode has not ended.

        Args:
            actions: `(N, actions)`; MuJoCo clips the resulting controls to their limits.

        Returns:
            Observations `(N, observations)`, rewards `(N,)`, terminated `(N,)`, truncated `(N,)`,
            and info: terms of the reward, `distance`, `diverged` and `success`, each `(N,)`.
        """
        check_process(self._process)
        shape = (self.num_envs, *(self.single_action_space.shape or ()))
        actions = checked_actions(actions, shape)
        running = ~(self._terminated | self._truncated)
        ids = None if running.all() else np.flatnonzero(running)
        self._schedule.update(running, self._elapsed)
        delivered = actions if self._delay_line is None else self._delay_line.deliver(actions)
        controls = self.environment.controls(delivered)
        if ids is None:
            self.sim.data("ctrl")[:] = controls
        else:
            self.sim.data("ctrl")[ids] = controls[ids]
        before = self.environment.before_step()
        self.environment.remember(np.flatnonzero(running), actions)
        if ids is None or len(ids):
            self._step_physics(ids)
        self._elapsed += running
        diverged = self._end_diverged(running)
        observation = self._observe()
        with np.errstate(over="ignore", invalid="ignore"):
            reward, terms = self.environment.reward(before, actions)
        endless = running & ~np.isfinite(reward)  # finite but absurd actions, such as 1e300
        self._diverged |= endless
        diverged = diverged | endless
        if diverged.any():
            terms = {name: np.where(diverged, 0.0, value) for name, value in terms.items()}
        self._terminated |= self.environment.terminated() & running & ~diverged
        self._truncated |= (self._elapsed >= self._horizon) & ~self._terminated
        self._truncated |= diverged & ~self._terminated
        if ids is not None or diverged.any():
            reward = np.where(running & ~diverged, reward, 0.0)
        info = {**terms, "distance": self.environment.distance(), "diverged": diverged}
        ends = self._terminated.copy(), self._truncated.copy()
        if self._success is not None:
            info["success"] = self._success.judge(info, running, self._elapsed, *ends)
        return observation, reward, *ends, info

    def power(self) -> Array:
        """Return the mechanical power of the actuators at the end of the last step, `(N,)` [W].

        The sum over actuators of |force x velocity|: braking costs as much as driving.
        """
        return np.abs(self._force * self._speed).sum(axis=1)

    def set_state(self, qpos: ArrayLike, qvel: ArrayLike, mask: ArrayLike | None = None) -> None:
        """Set the state of robots, as Gymnasium's `MujocoEnv.set_state`.

        Args:
            qpos: `(nq,)` or `(n, nq)` positions.
            qvel: `(nv,)` or `(n, nv)` velocities.
            mask: `(N,)` booleans, which robots; default all.
        """
        ids = masked_ids(mask, self.num_envs, "mask")
        for name, given in (("qpos", qpos), ("qvel", qvel)):
            current, values = self.sim.data(name), numbers(given, name)
            if values.shape not in (current.shape[1:], (len(ids), *current.shape[1:])):
                raise FastadaptError(
                    f"{name} has shape {values.shape}; {len(ids)} robots take "
                    f"{current.shape[1:]} or {(len(ids), *current.shape[1:])}."
                )
            current[ids] = values
        self.sim.forward(ids)

    def _step_physics(self, ids: Ids | None) -> None:
        """Take the physics steps of one control step."""
        num_steps = self.environment.physics_steps
        waiting = self._schedule.waiting(ids, self._elapsed)
        parts = (self._schedule.touch_down, self._gears)
        touched = take_physics_steps(self.sim, num_steps, ids, waiting, *parts)
        if touched is not None:
            self._schedule.trigger(touched, self._elapsed)

    def _end_diverged(self, running: Mask) -> Mask:
        """Return which simulations diverged in this episode; new ones get the initial pose.

        MuJoCo resets a bad state only at the next physics step, so one that went bad in the last
        step would be observed.
        """
        new = self.sim.diverged() & running
        if new.any():
            self.sim.reset(np.flatnonzero(new))
            self._diverged |= new
        return self._diverged.copy()

    def _observe(self) -> Array:
        observation = self.environment.observation()
        if self._sensors is not None:
            observation = self._sensors.read(observation, self._elapsed)
        if self._visible:
            observation = np.concatenate([observation, self._schedule.context], axis=1)
        return observation


def _spaces(task_set: TaskSet, visible: bool) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Return the spaces of one robot's observations and actions."""
    cls = task_set.environment
    channels = [(channel.low, channel.high) for channel in cls.observations]
    channels += [(-np.inf, np.inf)] * (len(task_set.names) if visible else 0)
    low, high = np.array(channels, np.float64).T
    limits = np.array([(a.low, a.high) for a in cls.actions()], np.float32)
    actions = gym.spaces.Box(*limits.T, dtype=np.float32)
    return gym.spaces.Box(low, high, dtype=np.float64), actions


def make_batch(
    task_set: TaskSet,
    num_envs: int,
    num_threads: int = 0,
    backend: Backend = "auto",
    context: Context = "hidden",
    horizon: int | None = None,
) -> BatchedEnv:
    """Return N robots of a task set, all on the nominal task until `set_tasks`.

    Args:
        task_set: the task set of all tasks.
        num_envs: N.
        num_threads: simulation threads; 0 means one per logical processor.
        backend: `auto` (the fastest that works here), `mjbatch`, `threads` or `reference`.
        context: `hidden` (default), or `visible`: the scaled parameters are appended to the
            observation.
        horizon: control steps of an episode, in place of the environment's own.
    """
    return BatchedEnv(
        task_set,
        num_envs,
        num_threads=num_threads,
        backend=backend,
        context=context,
        horizon=horizon,
    )
