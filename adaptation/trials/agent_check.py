"""Whether an agent keeps the rules of a trial, found out by living through short ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastadapt.adaptation.trials.runner import measure, run_episode
from fastadapt.agents.interface import AdaptiveAgent, Transition, agent_name
from fastadapt.envs import (
    BatchedEnv,
    FastadaptError,
    Task,
    TaskSet,
    make_batch,
)
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of

_STEPS = 12
"""Control steps of the short episodes."""
_CLOSE = 1e-4
"""By how much an action may depend on the batch size: matrix products round differently."""


def check_agent(agent: AdaptiveAgent, task_set: TaskSet) -> None:
    """Check that an agent can be trusted in a trial; it is left as after a `begin`.

    It must act within shape and finite; do the same in the same trial again; learn nothing from
    measured episodes (`restore` undoes them); forget everything at `begin`; and not let one task
    depend on those beside it.

    Raises:
        FastadaptError: it breaks a rule; the message says which.
    """
    tasks = task_set.sample("train", 4, "agent-check")
    _check_actions(agent, task_set)
    first = _life(agent, task_set, tasks[:2])
    if not _same(first, _life(agent, task_set, tasks[:2])):
        raise FastadaptError(
            f"{_name(agent)} does not do the same in the same trial again: either it remembers "
            "earlier tasks (begin must forget everything), or it draws random numbers that begin "
            "does not start anew (seed them there, or in key_exploration)."
        )
    _life(agent, task_set, tasks[2:])
    if not _same(first, _life(agent, task_set, tasks[:2])):
        raise FastadaptError(
            f"{_name(agent)} remembers tasks of earlier trials: begin must forget everything."
        )
    if not _same(first, _life(agent, task_set, tasks[:2], measured=3)):
        raise FastadaptError(
            f"{_name(agent)} learns from measured episodes: snapshot must hold all that it has "
            "learned since begin, and restore must bring all of it back."
        )
    alone = _life(agent, task_set, tasks[:1])
    if not np.allclose(first[:, :1], alone, atol=_CLOSE):
        raise FastadaptError(
            f"What {_name(agent)} does on a task depends on the tasks beside it: compute each row "
            "of a batch from that row alone, and key exploration by key_exploration."
        )
    agent.begin(1)


def _name(agent: AdaptiveAgent) -> str:
    return f"Agent '{agent_name(agent)}'"


def _check_actions(agent: AdaptiveAgent, task_set: TaskSet) -> None:
    wanted = (3, len(task_set.environment.actions()))
    agent.begin(3)
    envs = _robots(agent, task_set, [task_set.nominal] * 3)
    observation, _ = envs.reset(seed=0)
    for explore in (False, True):
        action = np.asarray(agent.act(observation, explore))
        if action.shape != wanted or not np.issubdtype(action.dtype, np.number):
            raise FastadaptError(
                f"{_name(agent)} returned actions of shape {action.shape}, {action.dtype}; they "
                f"must be numbers of shape {wanted}."
            )
        if not np.isfinite(action).all():
            raise FastadaptError(f"{_name(agent)} returned actions that are not finite.")


def _robots(agent: AdaptiveAgent, task_set: TaskSet, tasks: Sequence[Task]) -> BatchedEnv:
    context: Any = getattr(agent, "context", "hidden")
    envs = make_batch(task_set, len(tasks), 1, context=context, horizon=_STEPS)
    envs.set_tasks(list(tasks))
    return envs


def _life(
    agent: AdaptiveAgent, task_set: TaskSet, tasks: Sequence[Task], measured: int = 0
) -> Array:
    """Return what an agent does after a shot in a short trial, `(steps, N, actions)`."""
    envs = _robots(agent, task_set, tasks)
    agent.begin(len(tasks))
    key_exploration = getattr(agent, "key_exploration", None)
    if key_exploration is not None:
        keys = [key_of("agent-check", task.id) for task in tasks]
        key_exploration(np.array(keys, np.uint64))
    run_episode(agent, envs, [key_of(task.id, "shot") for task in tasks], True)
    for number in range(measured):
        measure(agent, envs, [key_of(task.id, "measure", number) for task in tasks])
    actions: list[Array] = []
    observation, _ = envs.reset(seed=[key_of(task.id, "probe") for task in tasks])
    for _ in range(_STEPS):
        action = np.asarray(agent.act(observation, False), float)
        actions.append(action)
        following, reward, terminated, truncated, _ = envs.step(action)
        agent.observe(Transition(observation, action, reward, following, terminated, truncated))
        observation = following
    return np.array(actions)


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other)
