"""Robots whose episodes and trials go on from one iteration of training to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.agents.checkpoint_arrays import under
from fastadapt.agents.onpolicy.acting import PolicyAgent
from fastadapt.agents.onpolicy.finished import Finished
from fastadapt.agents.onpolicy.history import History
from fastadapt.envs import BatchedEnv, Task, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of

Draw = Callable[[int, int], list[Task]]
"""Returns tasks `start` to `start + count`, called with (count, start)."""

_BLOCK = 64
"""Tasks that are drawn together: drawing one takes as long as drawing this many."""


class NumberedTasks:
    """Training tasks by number; which one a number means does not depend on earlier calls.

    Args:
        draw: returns a stretch of them.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._blocks: dict[int, list[Task]] = {}

    def __getitem__(self, number: int) -> Task:
        block, place = divmod(number, _BLOCK)
        if block not in self._blocks:
            if len(self._blocks) > 8:  # those of trials that ended long ago
                del self._blocks[min(self._blocks)]
            self._blocks[block] = self._draw(_BLOCK, block * _BLOCK)
        return self._blocks[block][place]


@dataclass
class Step:
    """Outcome of one control step of N robots.

    Attributes:
        observation: after it, before any reset, `(N, observations)`.
        history: seen beside that observation.
        reward: raw, `(N,)`.
        terminated: where robots failed, `(N,)`.
        ended: where episodes ended, `(N,)`.
        lost: where nothing follows: failures, and simulations that diverged, `(N,)`.
        over: where trials ended, `(N,)`.
        context: parameters of the tasks that the step was made on, `(N, P)`.
    """

    observation: Array
    history: History
    reward: Array
    terminated: Mask
    ended: Mask
    lost: Mask
    over: Mask
    context: Array


class Stream:
    """N robots, each on trial after trial; an episode that ends is followed by the next at once.

    A trial ends with the first episode that ends after `budget` control steps; a new task follows.
    First episodes are cut at different lengths, and first trials begin at different ages, so that
    robots are not in step. Each start is keyed by (seed, robot, episode), each task is a number: a
    stream that is loaded makes its robots live through their present episodes again, command by
    command, and goes on bit for bit.

    Args:
        agent: whose training tasks, seed and view of the robots it has.
        robots: N.
        trial: its length, in episodes that last to the time limit.

    Attributes:
        observation: `(N, observations)`.
        history: seen beside it.
        fresh: `(N,)`, where the next step is the first of a trial.
        context: scaled parameters of the tasks, as `BatchedEnv.told`, `(N, P)`.
        finished: figures of the last episodes.
        seconds: spent in the simulation.
    """

    def __init__(self, agent: PolicyAgent, robots: int, trial: float) -> None:
        horizon, count, seed = agent.spec.horizon, agent.actions, agent.seed
        self._agent, self._seed = agent, seed
        self._budget = max(1, round(trial * horizon))
        self._shown = agent.context == "visible"
        self.seconds = 0.0
        self.finished = Finished(robots)
        self.history = History.empty(robots, agent.observations, count, agent.window)
        self.observation = np.zeros((robots, agent.observations))
        self.fresh = np.ones(robots, bool)
        self.context = np.zeros((robots, len(agent.spec.parameters)))
        self._numbers = np.arange(robots)
        self._next = robots
        self._episodes = np.zeros(robots, np.int64)
        self._elapsed = np.zeros(robots, np.int64)
        self._limit = horizon * np.arange(1, robots + 1) // robots
        rng = np.random.default_rng(key_of(seed, "ages"))
        self._age = rng.integers(0, self._budget, robots)
        self._commands = np.zeros((horizon, robots, count), np.float32)
        self._envs: BatchedEnv | None = None

    def attach(self, envs: BatchedEnv, task_set: TaskSet) -> None:
        """Go on in these robots: nothing to do in the same ones, else their episodes are redone.

        Args:
            envs: N robots.
            task_set: where the tasks come from.
        """
        if envs is self._envs:
            return
        self._envs, self._task_set = envs, task_set
        self._tasks = NumberedTasks(
            lambda count, start: self._agent.numbered_tasks(task_set, count, start)
        )
        tasks = [self._tasks[int(number)] for number in self._numbers]
        envs.set_tasks(tasks)
        began = self._age - self._elapsed
        envs.age = began
        everyone = np.arange(len(self.fresh))
        seen, _ = envs.reset(seed=self._seeds(everyone))
        self.context = envs.told
        self.observation = self._view(seen)
        for past in range(int(self._elapsed.max()), 0, -1):
            begins = self._elapsed == past
            if begins.any():
                seeds = self._seeds(np.flatnonzero(begins))
                envs.age = np.where(begins, began, envs.age)
                envs.reset(seed=seeds, options={"reset_mask": begins})
            number = np.maximum(self._elapsed - past, 0)
            self.observation = self._view(envs.step(self._commands[number, everyone])[0])
        waiting = self._elapsed == 0
        if waiting.any() and not waiting.all():
            seeds = self._seeds(np.flatnonzero(waiting))
            envs.age = np.where(waiting, began, envs.age)
            seen, _ = envs.reset(seed=seeds, options={"reset_mask": waiting})
            self.observation = self._view(seen)
        self.context = envs.told

    def advance(self, action: Array) -> Step:
        """Take one control step of every robot, and begin what follows where episodes end.

        Args:
            action: commands, `(N, actions)`.
        """
        assert self._envs is not None
        everyone = np.arange(len(self.fresh))
        self._commands[self._elapsed, everyone] = action
        action = self._commands[self._elapsed, everyone].astype(np.float64)
        before, context = self.observation, self.context
        started = time.perf_counter()
        observation, reward, terminated, truncated, info = self._envs.step(action)
        self.seconds += time.perf_counter() - started
        self.context = self._envs.told
        observation = self._view(observation)
        self._elapsed += 1
        self._age += 1
        ended = terminated | truncated | (self._elapsed == self._limit)
        over = ended & (self._age >= self._budget)
        self.finished.add(reward, terminated, ended, over, self._limit < 0, info)
        self.history.add(before, action, reward, np.ones(len(ended), bool))
        self.fresh = over
        self.observation = observation
        seen = self.history.copy()
        if ended.any():
            self._begin(ended, over)
        lost = terminated | info["diverged"]
        return Step(observation, seen, reward, terminated, ended, lost, over, context)

    def _begin(self, ended: Mask, over: Mask) -> None:
        """Begin the next episodes, on new tasks where trials are over."""
        assert self._envs is not None
        self._elapsed[ended] = 0
        self._episodes[ended] += 1
        self._limit[ended] = -1
        self._age[over] = 0
        self.history.begin_episode(ended)
        if over.any():
            count = int(over.sum())
            self._numbers[over] = np.arange(self._next, self._next + count)
            self._next += count
            tasks = [self._tasks[int(number)] for number in self._numbers[over]]
            self._envs.set_tasks(tasks, mask=over)
            self.history.forget(over)
        started = time.perf_counter()
        seeds = self._seeds(np.flatnonzero(ended))
        seen, _ = self._envs.reset(seed=seeds, options={"reset_mask": ended})
        self.seconds += time.perf_counter() - started
        self.context = self._envs.told
        self.observation = self._view(seen)

    def _view(self, observation: Array) -> Array:
        """Return observations with the parameters of the tasks where the agent sees them."""
        if not self._shown or observation.shape[1] == self.observation.shape[1]:
            return observation
        return np.concatenate([observation, self.context], axis=1)

    def _seeds(self, ids: NDArray[np.intp]) -> list[int | None]:
        """Return the seeds of the present episodes of some robots, None for the others."""
        seeds: list[int | None] = [None] * len(self.fresh)
        for i in ids:
            seeds[i] = key_of(self._seed, "episode", int(i), int(self._episodes[i]))
        return seeds

    def state(self) -> dict[str, NDArray]:
        """Return all that going on needs, by name."""
        own = {name: getattr(self, f"_{name}").copy() for name in _KEPT}
        own |= {"fresh": self.fresh, "next": np.array([self._next])}
        own |= {f"history.{name}": value for name, value in self.history.state().items()}
        own |= {f"finished.{name}": value for name, value in self.finished.state().items()}
        count = np.arange(self._elapsed.max(initial=0))
        lived = count[:, None, None] < self._elapsed[:, None]
        return own | {"commands": np.where(lived, self._commands[: len(count)], np.float32(0))}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to what `state` gave; the robots follow when they are attached."""
        for name in _KEPT:
            setattr(self, f"_{name}", state[name].copy())
        self.fresh, self._next = state["fresh"].copy(), int(state["next"][0])
        self.history = History(**under("history", state))
        self.finished.load_state(under("finished", state))
        self._commands[: len(state["commands"])] = state["commands"]
        self._envs = None


_KEPT = ("numbers", "episodes", "elapsed", "limit", "age")
