"""N differently perturbed robots behind Gymnasium's vector interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.errors import FastadaptError, unknown_name
from fastadapt.envs.perturbations import Edit
from fastadapt.envs.perturbations.base import ids_of
from fastadapt.envs.perturbations.lock import pose_locked
from fastadapt.envs.simulation import Backend, Ids, make_simulation
from fastadapt.envs.task import Task
from fastadapt.envs.task_set import TaskSet

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Context = Literal["hidden", "visible"]


class BatchedEnv(VectorEnv[Array, Array, Any]):
    """N robots, each on a task of its own; autoreset is DISABLED.

    An episode that has ended stays where it is until it is reset: its robot is not simulated, its
    reward is 0 and its flags stay. Draws of robot i depend on its own seed and on the number of its
    episode alone. A simulation that diverges ends its episode as truncated, with
    `info["diverged"]` set, a reward of 0 and the observation of the model's initial pose.

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
        backend: Backend = "mjbatch",
        context: Context = "hidden",
    ) -> None:
        if num_envs < 1:
            raise FastadaptError(f"num_envs = {num_envs}; at least 1 robot is needed.")
        if context not in ("hidden", "visible"):
            raise unknown_name("context mode", context, ["hidden", "visible"])
        cls = task_set.environment
        self.task_set = task_set
        self.num_envs = num_envs
        self.sim = make_simulation(
            cls.model(),
            num_envs,
            num_threads=num_threads,
            forward=cls.needs_forward,
            backend=backend,
        )
        self.environment = cls(self.sim)
        self._visible = context == "visible"
        self._set_spaces()
        self._vectors = np.tile(task_set.nominal.vector(), (num_envs, 1))
        self._context = task_set.scale(self._vectors)
        self._stale_tasks = np.zeros(num_envs, bool)
        self._onsets = [block.onset for block in task_set.blocks]
        stale = [block.perturbation for block in task_set.blocks if block.perturbation.stale]
        self._stale_fields = {field for perturbation in stale for field in perturbation.fields}
        self._has_onsets = any(column is not None for column in self._onsets)
        self._begun = np.zeros((num_envs, len(task_set.blocks)), bool)
        self._lockable = ids_of(cls.model(), "joint", cls.lockable)
        self._draws = EpisodeDraws(num_envs)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._terminated = np.zeros(num_envs, bool)
        self._truncated = np.ones(num_envs, bool)  # nothing runs before the first reset
        self._diverged = np.zeros(num_envs, bool)

    def _set_spaces(self) -> None:
        cls = self.task_set.environment
        channels = [(channel.low, channel.high) for channel in cls.observations]
        channels += [(-np.inf, np.inf)] * (len(self.task_set.names) if self._visible else 0)
        low, high = np.array(channels, np.float64).T
        self.single_observation_space = gym.spaces.Box(low, high, dtype=np.float64)
        limits = np.array([(a.low, a.high) for a in cls.actions()], np.float32)
        self.single_action_space = gym.spaces.Box(*limits.T, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def set_tasks(self, tasks: Sequence[Task] | Task, mask: ArrayLike | None = None) -> None:
        """Assign tasks; their physics holds from the next step or reset on, the state goes on.

        Args:
            tasks: one task for all, one for each of the N robots, or one for each masked robot.
            mask: `(N,)` booleans, which robots; default all.

        Raises:
            FastadaptError: the number of tasks fits neither, or a task is of another task set.
        """
        ids = self._ids(mask, "mask")
        chosen = [tasks] * len(ids) if isinstance(tasks, Task) else list(tasks)
        if len(chosen) == self.num_envs and len(ids) != self.num_envs:
            chosen = [chosen[i] for i in ids]
        if len(chosen) != len(ids):
            raise FastadaptError(
                f"set_tasks got {len(chosen)} tasks for {len(ids)} robots; give one for each, one "
                f"for all {self.num_envs}, or a single one."
            )
        if len(ids):
            self._vectors[ids] = self.task_set.vectors(chosen)
            self._context[ids] = self.task_set.scale(self._vectors[ids])
            self._stale_tasks[ids] = True

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode of all robots, or of those in `options["reset_mask"]`.

        Args:
            seed: robot i gets `seed + i`, or the i-th of a sequence; None goes on to the next
                episode of the seed that it has.
            options: `{"reset_mask": (N,) booleans}`.

        Returns:
            Observations `(N, observations)` of all robots, and an empty info.
        """
        ids = self._ids((options or {}).get("reset_mask"), "reset_mask")
        self._draws.begin(ids, seed)
        if len(ids) == 0:
            return self._observe(), {}
        self.sim.reset(ids)
        self.environment.reset(ids, self._draws.uniforms(ids, self.environment.reset_draws))
        self._elapsed[ids] = 0
        self._terminated[ids] = self._truncated[ids] = self._diverged[ids] = False
        self._apply(ids)
        pose_locked(self.sim, ids, self._lockable)
        self.sim.forward(ids)
        return self._observe(), {}

    def step(self, actions: ArrayLike) -> tuple[Array, Array, Mask, Mask, dict[str, Any]]:
        """Take one control step of every robot whose episode has not ended.

        Args:
            actions: `(N, actions)`; commanded values, beyond the limits MuJoCo clips the controls.

        Returns:
            Observations `(N, observations)`, rewards `(N,)`, terminated `(N,)`, truncated `(N,)`,
            and info: terms of the reward, `distance` and `diverged`, each `(N,)`.
        """
        actions = self._checked(actions)
        self._begin_due()
        running = ~(self._terminated | self._truncated)
        ids = None if running.all() else np.flatnonzero(running)
        controls = self.environment.controls(actions)
        if ids is None:
            self.sim.data("ctrl")[:] = controls
        else:
            self.sim.data("ctrl")[ids] = controls[ids]
        before = self.environment.before_step()
        if ids is None or len(ids):
            self.sim.step(self.environment.physics_steps, ids)
        self._elapsed += running
        diverged = self._end_diverged(running)
        observation = self._observe()
        reward, terms = self.environment.reward(before, actions)
        if diverged.any():
            terms = {name: np.where(diverged, 0.0, value) for name, value in terms.items()}
        self._terminated |= self.environment.terminated() & running & ~diverged
        self._truncated |= (self._elapsed >= self.environment.horizon) & ~self._terminated
        self._truncated |= diverged & ~self._terminated
        if ids is not None or diverged.any():
            reward = np.where(running & ~diverged, reward, 0.0)
        info = {**terms, "distance": self.environment.distance(), "diverged": diverged}
        return observation, reward, self._terminated.copy(), self._truncated.copy(), info

    def set_state(self, qpos: ArrayLike, qvel: ArrayLike, mask: ArrayLike | None = None) -> None:
        """Put robots into a state, as Gymnasium's `MujocoEnv.set_state`.

        Args:
            qpos: `(nq,)` or `(n, nq)` positions.
            qvel: `(nv,)` or `(n, nv)` velocities.
            mask: `(N,)` booleans, which robots; default all.
        """
        ids = self._ids(mask, "mask")
        self.sim.data("qpos")[ids] = np.asarray(qpos)
        self.sim.data("qvel")[ids] = np.asarray(qvel)
        self.sim.forward(ids)

    def _checked(self, actions: ArrayLike) -> Array:
        array = np.asarray(actions, np.float64)
        shape = (self.num_envs, *(self.single_action_space.shape or ()))
        if array.shape != shape:
            raise FastadaptError(f"Actions have shape {array.shape}; they must have {shape}.")
        if not np.isfinite(array).all():
            robot = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise FastadaptError(
                f"The action of robot {robot} is not finite: {array[robot]}. The agent that chose "
                "it has diverged; look at its losses."
            )
        return array

    def _ids(self, mask: ArrayLike | None, what: str) -> Ids:
        if mask is None:
            return np.arange(self.num_envs)
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != bool:
            raise FastadaptError(
                f"{what} must be {self.num_envs} booleans; got {array.dtype}, shape {array.shape}."
            )
        return np.flatnonzero(array)

    def _end_diverged(self, running: Mask) -> Mask:
        """Return where this episode's simulation blew up; put those robots into the initial pose.

        MuJoCo resets a bad state when it takes the next physics step: one that turned bad in the
        last one would be observed.
        """
        new = self.sim.diverged() & running
        if new.any():
            self.sim.reset(np.flatnonzero(new))
            self._diverged |= new
        return self._diverged.copy()

    def _begin_due(self) -> None:
        """Apply new tasks, and the perturbations whose onset has come."""
        if not self._has_onsets and not self._stale_tasks.any():
            return
        due = self._stale_tasks
        if self._has_onsets:
            due = due | (self._in_force(np.arange(self.num_envs)) != self._begun).any(axis=1)
        if due.any():
            self._apply(np.flatnonzero(due))

    def _in_force(self, ids: Ids) -> Mask:
        """Return which perturbations hold by now, `(n, blocks)`."""
        time = self._elapsed[ids] * self.environment.control_step()
        force = np.ones((len(ids), len(self._onsets)), bool)
        for b, column in enumerate(self._onsets):
            if column is not None:
                force[:, b] = time + 1e-9 >= self._vectors[ids, column]
        return force

    def _apply(self, ids: Ids) -> None:
        """Make the physics of some robots that of their tasks, from the nominal values."""
        force = self._in_force(ids)
        edit = Edit(self.sim, ids)
        for b, block in enumerate(self.task_set.blocks):
            block.apply(edit, self._vectors[ids], force[:, b])
        edit.commit(self._stale_fields)
        self._begun[ids] = force
        self._stale_tasks[ids] = False

    def _observe(self) -> Array:
        observation = self.environment.observation()
        return (
            np.concatenate([observation, self._context], axis=1) if self._visible else observation
        )


def make_batch(
    task_set: TaskSet,
    num_envs: int,
    num_threads: int = 0,
    backend: Backend = "mjbatch",
    context: Context = "hidden",
) -> BatchedEnv:
    """Return N robots of a task set, all on the nominal task until `set_tasks`.

    Args:
        task_set: where the tasks come from.
        num_envs: N.
        num_threads: threads that simulate; 0 means one per logical processor.
        backend: `mjbatch` or `reference`.
        context: `hidden` (default), or `visible`: the scaled parameters end the observation.
    """
    return BatchedEnv(task_set, num_envs, num_threads=num_threads, backend=backend, context=context)
