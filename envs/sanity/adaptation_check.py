"""How much of what is hidden a policy could read at the start of an episode, without adapting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.batched_env import make_batch
from fastadapt.envs.rng import key_of
from fastadapt.envs.sanity.adaptation_check_regression import Explained, explained
from fastadapt.envs.tasks.task_set import TaskSet

TASKS = 600
"""Tasks that the regression sees."""
WINDOWS = (0.0, 0.2, 1.0)
"""Lengths of what it sees of an episode [s]; 0: the first observation alone."""
GIVEN_AWAY = 0.1
"""Share of a parameter's variance in the first observation from which on it is given away."""
_MOMENTS = 8
"""Observations of a window that are seen one by one."""

Act = Callable[[Array], Array]
"""Actions `(N, actions)` for observations `(N, observations)`, called once every control step."""
See = Callable[[Array, Array, Array, Array, Mask, Mask], None]
"""Takes observation, action, reward, next observation, terminated and truncated of a step."""


@dataclass(frozen=True)
class Reading:
    """What can be read of one hidden parameter.

    Attributes:
        parameter: its name in the task set.
        windows: what the regression explains of it after each of `WINDOWS`.
    """

    parameter: str
    windows: tuple[Explained, ...]

    @property
    def given_away(self) -> bool:
        """Whether the first observation gives it away, beyond its interval."""
        first = self.windows[0]
        return first.share > GIVEN_AWAY and first.low > 0


@dataclass(frozen=True)
class Beginnings:
    """The first second of an episode on many tasks.

    Attributes:
        vectors: the tasks, `(N, P)`.
        observations: before each control step and after the last, `(steps + 1, N, observations)`.
        actions: `(steps, N, actions)`.
        ends: episodes of robots ended after this many steps, or `steps`, `(N,)`.
    """

    vectors: Array
    observations: Array
    actions: Array
    ends: Array


def measure_readings(
    task_set: TaskSet,
    act: Act | None = None,
    see: See | None = None,
    *,
    tasks: int = TASKS,
    seed: int = 0,
    num_threads: int = 0,
) -> list[Reading]:
    """Return what a regression reads of every parameter that varies over the training tasks.

    The parameters are those of the task, whether they are in force yet or not: where damage begins
    after the start, the first observation must not tell which it will be.

    Args:
        task_set: of the tasks, drawn anew from the laws of training.
        act: the policy that moves the robots (default: uniformly random actions, each held for
            four control steps).
        see: told of every control step, for policies that adapt.
        tasks: how many.
        seed: of tasks, starts, actions and folds.
        num_threads: threads that simulate; 0 means one per processor.
    """
    lived = live(task_set, act, see, tasks=tasks, seed=seed, num_threads=num_threads)
    return readings_of(task_set, lived, seed)


def live(
    task_set: TaskSet,
    act: Act | None,
    see: See | None = None,
    *,
    tasks: int,
    seed: int,
    num_threads: int,
) -> Beginnings:
    """Run the first second of an episode on new tasks; see `measure_readings`."""
    steps = steps_in(task_set, WINDOWS[-1])
    drawn = task_set.sample("train", tasks, f"readings-{seed}")
    batch = make_batch(task_set, tasks, num_threads)
    batch.set_tasks(drawn)
    observation, _ = batch.reset(seed=[key_of(seed, "readings", i) for i in range(tasks)])
    act = act or _restless(batch.action_space.shape or (), batch.single_action_space, seed)
    seen, done, ends = [observation], [], np.full(tasks, steps)
    for step in range(steps):
        done.append(np.asarray(act(observation), float))
        before = observation
        observation, reward, terminated, truncated, _ = batch.step(done[-1])
        if see is not None:
            see(before, done[-1], reward, observation, terminated, truncated)
        ends = np.where((terminated | truncated) & (ends == steps), step + 1, ends)
        seen.append(observation)
    return Beginnings(task_set.vectors(drawn), np.array(seen), np.array(done), ends)


def readings_of(task_set: TaskSet, lived: Beginnings, seed: int = 0) -> list[Reading]:
    """Return what a regression reads of every parameter that varies, from given episodes."""
    logarithms = np.isin(task_set.names, task_set.logarithmic)
    targets = np.where(logarithms, np.log(np.where(logarithms, lived.vectors, 1.0)), lived.vectors)
    varies = np.flatnonzero(targets.std(axis=0) > 0)
    views: list[Array] = []
    columns: list[list[Explained]] = []
    for window in WINDOWS:  # longer ones may leave out what follows: it can be worth nothing
        views.append(features(lived, steps_in(task_set, window)))
        columns.append(explained(views, targets[:, varies], seed))
    rows = zip(*columns, strict=True)
    return [Reading(task_set.names[p], row) for p, row in zip(varies, rows, strict=True)]


def features(lived: Beginnings, steps: int) -> Array:
    """Return what the regression sees of the first control steps, `(N, features)`.

    The first observation; with steps, also some of those that follow, the mean and spread of all,
    and the products of each action with the change that followed, on average: how a motor answers.
    """
    first = lived.observations[0]
    if steps == 0:
        return first
    seen, acted = lived.observations[: steps + 1], lived.actions[:steps]
    change = np.diff(seen, axis=0)
    picked = np.unique(np.linspace(1, steps, min(_MOMENTS, steps)).round().astype(int))
    answer = np.einsum("tna,tno->nao", acted - acted.mean(axis=0), change) / steps
    parts: Sequence[Array] = (first, *seen[picked], seen.mean(axis=0), seen.std(axis=0),
                              acted.mean(axis=0), answer.reshape(len(first), -1),
                              np.minimum(lived.ends, steps)[:, None].astype(float))  # fmt: skip
    return np.concatenate(parts, axis=1)


def steps_in(task_set: TaskSet, seconds: float) -> int:
    """Return the number of control steps in a time, at least one where it is not 0."""
    if seconds == 0:
        return 0
    return max(1, round(seconds / task_set.environment.control_step()))


def _restless(shape: tuple[int, ...], space: object, seed: int) -> Act:
    """Return uniformly random actions, each held for four control steps."""
    rng, step, held = np.random.default_rng(seed), 0, np.zeros(shape)
    low, high = (np.nan_to_num(getattr(space, end), neginf=-1, posinf=1) for end in ("low", "high"))

    def act(_: Array) -> Array:
        nonlocal step, held
        if step % 4 == 0:
            held = rng.uniform(low, high, shape)
        step += 1
        return held

    return act
