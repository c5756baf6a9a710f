"""One perturbed robot behind Gymnasium's plain interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.arguments import check_options, numbers
from fastadapt.envs.arrays import Array
from fastadapt.envs.batched_env import Context, make_batch
from fastadapt.envs.rng import key_of
from fastadapt.envs.tasks.catalogue import _shipped, load_task_set
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name


class GymnasiumEnv(gym.Env[Array, Array]):
    """A single robot of a task set, as `gymnasium.make("fastadapt/<task-set>-v<version>")`.

    `reset(options={"task": task})` puts it on that task, and there it stays over later resets. As
    long as no task was given, every reset draws a new one from `split`, keyed by the seed.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        task_set: str | Path | TaskSet = "cheetah-damage",
        split: str = "train",
        context: Context = "hidden",
        render_mode: str | None = None,
    ) -> None:
        self.task_set = task_set if isinstance(task_set, TaskSet) else load_task_set(task_set)
        if split not in self.task_set.splits:
            name = f"split of task set '{self.task_set.name}' called"
            raise unknown_name(name, str(split), self.task_set.splits)
        self.split = split
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
            self._key, self._resets = key_of(seed if seed is not None else drawn, "gymnasium"), 0
            self._key >>= 1
        task = options.get("task", self._given)
        if task is not None and not isinstance(task, Task):
            raise FastadaptError(
                f"options['task'] is a {type(task).__name__}; give a Task, from `TaskSet.tasks` or "
                "`TaskSet.sample`."
            )
        self._given = task
        self._task = task or self.task_set.sample(self.split, 1, self._key, start=self._resets)[0]
        self.batch.set_tasks(self._task)
        observation, info = self.batch.reset(seed=[self._key ^ self._resets])
        self._resets += 1
        return observation[0], info

    def step(self, action: ArrayLike) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Take one control step."""
        actions = numbers(action, "An action")[None]
        observation, reward, terminated, truncated, info = self.batch.step(actions)
        scalars = {name: value[0] for name, value in info.items()}
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), scalars

    def set_state(self, qpos: ArrayLike, qvel: ArrayLike) -> None:
        """Put the robot into a state, as Gymnasium's `MujocoEnv.set_state`."""
        self.batch.set_state(qpos, qvel)

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture `(480, 640, 3)` if `render_mode` is `rgb_array`."""
        if self.render_mode is None:
            return None
        from fastadapt.envs.rendering import PoseRenderer
        from fastadapt.envs.runtime.task_model import task_model

        if self._renderer is None:
            self._renderer = PoseRenderer(self.task_set.environment)
            self._drawn = self.task_set.nominal
        if self._task is not self._drawn:  # severed limbs are not there, shortened ones shorter
            self._renderer.draw_as(task_model(self.task_set, self._task))
            self._drawn = self._task
        sim = self.batch.sim
        mocap = sim.data("mocap_pos")[0] if sim.model.nmocap else None
        return self._renderer.picture(sim.data("qpos")[0], mocap)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def register() -> None:
    """Register `fastadapt/<task-set>-v<version>` for every shipped task set (once).

    Gymnasium called this through the entry point `gymnasium.envs` until its version 1.0; since then
    `import fastadapt.envs` calls it, as does `gymnasium.make("fastadapt.envs:<id>")`.
    """
    import tomllib

    for name, file in _shipped().items():
        version = tomllib.loads(file.read_text(encoding="utf-8"))["version"]
        gym_id = f"fastadapt/{name}-v{version}"
        if gym_id not in gym.registry:
            gym.register(
                id=gym_id,
                entry_point="fastadapt.envs.gymnasium_env:GymnasiumEnv",
                kwargs={"task_set": name},
            )
