"""Gymnasium's environments of perturbed robots, single and vectorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.arguments import check_options, masked_ids, numbers
from fastadapt.envs.arrays import Array
from fastadapt.envs.batched_env import BatchedEnv, Context, make_batch
from fastadapt.envs.rendering import PoseRenderer, PoseWindow
from fastadapt.envs.rng import key_of, robot_seeds
from fastadapt.envs.runtime.task_model import task_model
from fastadapt.envs.simulation.interface import Backend
from fastadapt.envs.tasks.catalogue import load_task_set
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name


class GymnasiumEnv(gym.Env[Array, Array]):
    """A single robot of a task set, as `gymnasium.make("fastadapt/<task-set>-v<version>")`.

    `reset(options={"task": task})` sets a task, given as such or by the names of its values
    (`{"payload.mass[trunk]": 3.0}`, see `TaskSet.task`), which later resets keep. As long as no
    task was given, every reset draws a new one from `split`, keyed by the seed. With
    `render_mode="human"` a window shows the robot in real time.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        task_set: str | Path | TaskSet = "cheetah-damage",
        split: str = "train",
        context: Context = "hidden",
        render_mode: str | None = None,
    ) -> None:
        self.task_set = _task_set_with(split, task_set)
        self.split = split
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render mode", str(render_mode), self.metadata["render_modes"])
        self.render_mode = render_mode
        self.batch = make_batch(self.task_set, 1, num_threads=1, context=context)
        self.observation_space = self.batch.single_observation_space
        self.action_space = self.batch.single_action_space
        self.metadata = self.metadata | {
            "render_fps": round(1 / self.batch.environment.control_step())
        }
        self._given: Task | None = None
        self._task = self._drawn = self.task_set.nominal
        self._key = 0
        self._resets = 0
        self._renderer: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode; see the class for `options["task"]`."""
        options = check_options(options, ("task",))
        if seed is not None:
            if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
                raise FastadaptError(f"seed must be a whole number from 0 on; got {seed!r}.")
            seed = int(seed)  # Gymnasium takes no other
        super().reset(seed=seed)
        if seed is not None or self._resets == 0:
            drawn = int(self.np_random.integers(2**62))
            self._key, self._resets = _key(seed if seed is not None else drawn), 0
        task = options.get("task", self._given)
        if isinstance(task, Mapping):
            task = self.task_set.task(task)
        if task is not None and not isinstance(task, Task):
            raise FastadaptError(
                f"options['task'] is a {type(task).__name__}; give a Task, from `TaskSet.tasks` or "
                "`TaskSet.sample`, or its values by name."
            )
        self._given = task
        self._task = task or self.task_set.sample(self.split, 1, self._key, start=self._resets)[0]
        self.batch.set_tasks(self._task)
        observation, info = self.batch.reset(seed=[self._key ^ self._resets])
        self._resets += 1
        self._show()
        return observation[0], info

    def step(self, action: ArrayLike) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Take one control step."""
        actions = numbers(action, "An action")[None]
        observation, reward, terminated, truncated, info = self.batch.step(actions)
        scalars = {name: value[0] for name, value in info.items()}
        self._show()
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), scalars

    @property
    def task(self) -> Task:
        """The current task: for whoever measures, never for an agent; no `info` holds it."""
        return self._task

    def set_state(self, qpos: ArrayLike, qvel: ArrayLike) -> None:
        """Set the state of the robot, as Gymnasium's `MujocoEnv.set_state`."""
        self.batch.set_state(qpos, qvel)

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture `(480, 640, 3)` if `render_mode` is `rgb_array`."""
        if self.render_mode != "rgb_array":
            return None
        if self._renderer is None:
            self._renderer = PoseRenderer(self.task_set.environment)
        return self._renderer.picture(*self._pose())

    def _show(self) -> None:
        """Show the present pose in the window, if there is to be one."""
        if self.render_mode != "human":
            return
        if self._renderer is None:
            self._renderer = PoseWindow(self.task_set.environment)
        self._renderer.show(*self._pose(), self.batch.environment.control_step())

    def _pose(self) -> tuple[Array, Array | None]:
        """Return positions and mocap positions; the renderer draws the robot of the task."""
        if self._task is not self._drawn:  # to show severed and shortened limbs
            self._renderer.draw_as(task_model(self.task_set, self._task))
            self._drawn = self._task
        sim = self.batch.sim
        return sim.data("qpos")[0], sim.data("mocap_pos")[0] if sim.model.nmocap else None

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer, self._drawn = None, self.task_set.nominal


class GymnasiumVectorEnv(BatchedEnv):
    """N robots of a task set, as `gymnasium.make_vec("fastadapt/<task-set>-v<version>", N)`.

    Robot i does what a `GymnasiumEnv` with seed + i does: `set_tasks` sets tasks, which later
    resets keep; as long as none was given, every reset draws a new one from `split`. Autoreset is
    disabled: reset robots with `options={"reset_mask": ...}`.
    """

    def __init__(
        self,
        num_envs: int,
        task_set: str | Path | TaskSet = "cheetah-damage",
        split: str = "train",
        context: Context = "hidden",
        num_threads: int = 0,
        backend: Backend = "auto",
    ) -> None:
        super().__init__(
            _task_set_with(split, task_set),
            num_envs,
            num_threads=num_threads,
            backend=backend,
            context=context,
        )
        self.split = split
        entropy = np.random.SeedSequence().generate_state(num_envs, np.uint64)
        self._keys = [_key(int(drawn)) for drawn in entropy]
        self._resets = np.zeros(num_envs, np.int64)
        self._given = np.zeros(num_envs, bool)

    def set_tasks(self, tasks: Sequence[Task] | Task, mask: ArrayLike | None = None) -> None:
        """Assign tasks as `BatchedEnv.set_tasks` does; resets keep them from then on."""
        super().set_tasks(tasks, mask)
        self._given[masked_ids(mask, self.num_envs, "mask")] = True

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode of all robots, or of those in `options["reset_mask"]`.

        Args:
            seed: robot i gets `seed + i`, or entry i of a sequence; None goes on to the next task.
            options: `{"reset_mask": (N,) booleans}`.
        """
        mask = check_options(options, ("reset_mask",)).get("reset_mask")
        ids = masked_ids(mask, self.num_envs, "reset_mask")
        seeds = robot_seeds(seed, self.num_envs)
        episodes: list[int | None] = [None] * self.num_envs
        for i in ids:
            if (given := seeds[i]) is not None:
                self._keys[i], self._resets[i] = _key(int(given)), 0
            episodes[i] = self._keys[i] ^ int(self._resets[i])
            if not self._given[i]:
                only = np.arange(self.num_envs) == i
                task = self.task_set.sample(self.split, 1, self._keys[i], int(self._resets[i]))
                super().set_tasks(task, only)
        self._resets[ids] += 1
        return super().reset(seed=episodes, options=options)


def _key(seed: int) -> int:
    """Return the key of the tasks and episodes of one robot."""
    return key_of(seed, "gymnasium") >> 1


def _task_set_with(split: str, task_set: str | Path | TaskSet) -> TaskSet:
    """Return a task set, loaded if need be.

    Raises:
        FastadaptError: there is no such task set or split.
    """
    found = task_set if isinstance(task_set, TaskSet) else load_task_set(task_set)
    if split not in found.splits:
        raise unknown_name(f"split of task set '{found.name}' called", str(split), found.splits)
    return found
