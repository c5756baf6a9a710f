"""`BatchedEnv` behind the vector interface of Stable-Baselines3, for any of its algorithms."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from fastadapt.agents.training_tasks import draw_tasks
from fastadapt.envs import BatchedEnv, FastadaptError, Task
from fastadapt.envs.arrays import Mask


class SB3VecEnv(VecEnv):
    """N robots for Stable-Baselines3: an episode that ends is reset within the same step.

    The true last observation is in `infos[i]["terminal_observation"]`, a time limit is marked by
    `infos[i]["TimeLimit.truncated"]`, and the sums of an episode are in `infos[i]["episode"]`. A
    simulation that diverged (`infos[i]["diverged"]`) is no time limit: the return after it is
    0. Every robot gets a new task at each reset: the one with number (episode, robot) of the
    stream of `seed`, whatever the others do.

    With `episodes` above 1, what Stable-Baselines3 takes for an episode is a trial: so many
    episodes on one task, whose borders are not reported as ends.

    Attributes:
        envs: the robots.
        starts: `(N,)`, whose last observation was the first of an episode.
        finished: returns of the episodes that ended since `seed` was called or this was made.
        seconds: time spent in the simulation since then.

    Args:
        envs: the robots.
        splits: whose laws tasks are drawn from, in turn; none leaves the robots on the tasks that
            they have.
        seed: of tasks and episodes.
        measures: per-step entries of info that `infos[i]["episode"]` reports as of the last step.
        episodes: of the robots in one of Stable-Baselines3.
    """

    def __init__(
        self,
        envs: BatchedEnv,
        splits: str | Sequence[str] = (),
        seed: int = 0,
        measures: Sequence[str] = ("distance",),
        episodes: int = 1,
    ) -> None:
        space = envs.single_observation_space
        assert isinstance(space, Box)
        shown = Box(space.low.astype(np.float32), space.high.astype(np.float32))
        super().__init__(envs.num_envs, shown, envs.single_action_space)
        self.envs = envs
        self._splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self._measures = tuple(measures)
        self._episodes = episodes
        self._actions = np.empty(0)
        self.seed(seed)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Begin the streams of tasks and episodes of a seed at the next `reset`."""
        self._seed = 0 if seed is None else seed
        self._begun = False
        self._trial = np.full(self.num_envs, -1)
        self._tasks: dict[int, list[Task]] = {}
        self._lived = np.zeros(self.num_envs, np.int64)
        self._returns = np.zeros(self.num_envs)
        self._trial_returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self.starts = np.ones(self.num_envs, bool)
        self.finished: list[float] = []
        self.seconds = 0.0
        return [self._seed] * self.num_envs

    def reset(self) -> NDArray[np.float32]:
        """Begin new episodes of all robots."""
        return self._begin_trials(np.ones(self.num_envs, bool))

    def step_async(self, actions: NDArray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[NDArray, NDArray, NDArray, list[dict[str, Any]]]:
        before = time.perf_counter()
        observation, reward, terminated, truncated, info = self.envs.step(self._actions)
        self.seconds += time.perf_counter() - before
        self._returns += reward
        self._trial_returns += reward
        self._lengths += 1
        self.starts = np.zeros(self.num_envs, bool)
        ended = terminated | truncated
        self.finished += self._returns[ended].tolist()
        self._returns[ended] = 0.0
        self._lived += ended
        done = ended & (self._lived == self._episodes)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        shown = observation.astype(np.float32)
        for i in np.flatnonzero(done):
            sums = {"r": float(self._trial_returns[i]), "l": int(self._lengths[i])}
            sums |= {name: float(info[name][i]) for name in self._measures}
            infos[i] = {
                "terminal_observation": shown[i].copy(),
                "TimeLimit.truncated": bool(truncated[i] and not info["diverged"][i]),
                "diverged": bool(info["diverged"][i]),
                "episode": sums,
            }
        if (ended & ~done).any():
            shown = self._begin_episodes(ended & ~done)
        if done.any():
            shown = self._begin_trials(done)
        return shown, reward.astype(np.float32), done, infos

    def _begin_trials(self, mask: Mask) -> NDArray[np.float32]:
        ids = np.flatnonzero(mask)
        self._trial[ids] += 1
        if self._splits:
            self.envs.set_tasks([self._task(int(i)) for i in ids], mask)
        self._lived[ids] = 0
        self._trial_returns[ids] = 0.0
        self._lengths[ids] = 0
        return self._begin_episodes(mask)

    def _begin_episodes(self, mask: Mask) -> NDArray[np.float32]:
        seed = None if self._begun else self._seed
        self._begun = True
        observation, _ = self.envs.reset(seed=seed, options={"reset_mask": mask})
        self._returns[mask] = 0.0
        self.starts = self.starts | mask
        return observation.astype(np.float32)

    def _task(self, robot: int) -> Task:
        """Return a robot's next task; drawn for all robots at once, which is far cheaper."""
        trial = int(self._trial[robot])
        if trial not in self._tasks:
            first = int(self._trial.min())
            self._tasks = {t: tasks for t, tasks in self._tasks.items() if t >= first}
            self._tasks[trial] = draw_tasks(
                self.envs.task_set,
                self._splits,
                self.num_envs,
                self._seed,
                start=trial * self.num_envs,
            )
        return self._tasks[trial][robot]

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
