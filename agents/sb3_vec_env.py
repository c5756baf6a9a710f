"""`BatchedEnv` behind the vector interface of Stable-Baselines3, for any of its algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from fastadapt.envs import BatchedEnv, FastadaptError, Task

Array = NDArray[np.float64]


class SB3VecEnv(VecEnv):
    """N robots for Stable-Baselines3: an episode that ends is reset within the same step.

    The true last observation is in `infos[i]["terminal_observation"]`, a time limit (or a
    simulation that diverged) is marked by `infos[i]["TimeLimit.truncated"]`, and the sums of an
    episode are in `infos[i]["episode"]`. Every robot gets a new task of `split` at each reset: the
    one with number (episode, robot) of the stream of `seed`, whatever the others do.

    Args:
        envs: the robots.
        split: where tasks come from; None leaves the robots on the tasks that they have.
        seed: of tasks and episodes.
        measures: per-step entries of info that `infos[i]["episode"]` reports as of the last step.
    """

    def __init__(
        self,
        envs: BatchedEnv,
        split: str | None = None,
        seed: int = 0,
        measures: Sequence[str] = ("distance",),
    ) -> None:
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self.envs = envs
        self._split = split
        self._seed = seed
        self._measures = tuple(measures)
        self._episode = np.zeros(self.num_envs, np.int64)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._actions = np.empty(0)
        self._begun = False

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes of all robots."""
        return self._begin(np.ones(self.num_envs, bool))

    def step_async(self, actions: NDArray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[NDArray, NDArray, NDArray, list[dict[str, Any]]]:
        observation, reward, terminated, truncated, info = self.envs.step(self._actions)
        self._returns += reward
        self._lengths += 1
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        shown = observation.astype(np.float32)
        for i in np.flatnonzero(done):
            ended = {"r": float(self._returns[i]), "l": int(self._lengths[i])}
            ended |= {name: float(info[name][i]) for name in self._measures}
            infos[i] = {
                "terminal_observation": shown[i].copy(),
                "TimeLimit.truncated": bool(truncated[i]),
                "episode": ended,
            }
        if done.any():
            shown = self._begin(done)
        return shown, reward.astype(np.float32), done, infos

    def _begin(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        ids = np.flatnonzero(mask)
        if self._split is not None:
            self.envs.set_tasks([self._task(int(i)) for i in ids], mask)
        seed = None if self._begun else self._seed
        self._begun = True
        observation, _ = self.envs.reset(seed=seed, options={"reset_mask": mask})
        self._episode[ids] += 1
        self._returns[ids] = 0.0
        self._lengths[ids] = 0
        return observation.astype(np.float32)

    def _task(self, robot: int) -> Task:
        number = int(self._episode[robot]) * self.num_envs + robot
        return self.envs.task_set.sample(str(self._split), 1, self._seed, start=number)[0]

    def close(self) -> None:
        """Nothing to close: the simulations are freed with the robots."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        if attr_name == "render_mode":
            return [None] * self.num_envs
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise FastadaptError(
            f"'{attr_name}' cannot be set: robots of one batch share their attributes. Set it on "
            "the `BatchedEnv` itself."
        )

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        raise FastadaptError(
            f"'{method_name}' cannot be called for one robot: a batch has no methods of single "
            "robots. Call those of the `BatchedEnv` itself."
        )

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))
