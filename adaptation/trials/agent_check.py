"""Checker of agents: short trials that an agent has to behave properly in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastadapt.adaptation.trials.runner import measure, run_episode
from fastadapt.agents.interface import (
    AdaptiveAgent,
    MetaLearner,
    agent_context,
    agent_name,
    begin_trials,
)
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import BatchedEnv, Task, TaskSet, make_batch
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of
from fastadapt.errors import FastadaptError

_STEPS = 12
"""Control steps of the short episodes."""
_CLOSE = 1e-4
"""Tolerance of actions between batch sizes: matrix products round differently."""


def check_agent(agent: AdaptiveAgent, task_set: TaskSet) -> None:
    """Check that an agent follows the protocol of a trial; it is left as after a `begin`.

    Its actions must have the right shape and be finite; a repeated trial must give the same
    actions; measured episodes must not teach it (`restore` undoes them); `begin` must reset all
    state; actions on a task must not depend on the tasks beside it; and a `MetaLearner` must act
    the same after `load_state(state())` on a new instance.

    Args:
        agent: trained or not.
        task_set: that it acts on.

    Raises:
        FastadaptError: it breaks a rule; the message states which.
    """
    tasks = task_set.sample("train", 4, "agent-check")
    _check_actions(agent, task_set)
    first = _actions(agent, task_set, tasks[:2])
    if not np.array_equal(first, _actions(agent, task_set, tasks[:2])):
        raise FastadaptError(
            f"{_name(agent)} is not reproducible: repeating a trial gave different actions. Reset "
            "all state in begin(), and seed exploration in begin() or key_exploration()."
        )
    _actions(agent, task_set, tasks[2:])
    if not np.array_equal(first, _actions(agent, task_set, tasks[:2])):
        raise FastadaptError(
            f"{_name(agent)} remembers tasks of earlier trials. Reset all state in begin()."
        )
    if not np.array_equal(first, _actions(agent, task_set, tasks[:2], measured=3)):
        raise FastadaptError(
            f"{_name(agent)} learns from measured episodes: snapshot() must return everything "
            "learned since begin(), and restore() must bring all of it back."
        )
    alone = _actions(agent, task_set, tasks[:1])
    if not np.allclose(first[:, :1], alone, atol=_CLOSE):
        raise FastadaptError(
            f"Actions of {_name(agent)} on a task depend on the tasks beside it: compute each row "
            "of a batch from that row alone, and seed exploration in key_exploration()."
        )
    if isinstance(agent, MetaLearner):
        copy = type(agent)(agent.spec, agent.seed + 1, agent.config)
        copy.load_state(agent.state())
        own, loaded = (_actions(one, task_set, tasks[:2], shots=0) for one in (agent, copy))
        if not np.array_equal(own, loaded):
            raise FastadaptError(
                f"{_name(agent)} acts differently after load_state(state()): state() must return "
                "everything that acting needs."
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
    envs = make_batch(task_set, len(tasks), 1, context=agent_context(agent), horizon=_STEPS)
    envs.set_tasks(list(tasks))
    return envs


def _actions(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    tasks: Sequence[Task],
    shots: int = 1,
    measured: int = 0,
) -> Array:
    """Return the actions of an agent after shots in a short trial, `(steps, N, actions)`.

    They are 0 where the episode of a robot has ended.
    """
    envs = _robots(agent, task_set, tasks)
    begin_trials(agent, np.array([key_of("agent-check", t.id) for t in tasks], np.uint64))
    for _ in range(shots):
        run_episode(agent, envs, [key_of(task.id, "shot") for task in tasks], True)
    for number in range(measured):
        measure(agent, envs, [key_of(task.id, "measure", number) for task in tasks])
    actions = np.zeros((_STEPS, len(tasks), len(task_set.environment.actions())))
    seeds = [key_of(task.id, "probe") for task in tasks]
    probe = steps(envs, lambda seen: np.asarray(agent.act(seen, False), float), seeds)
    for t, step in enumerate(probe):
        actions[t, step.valid] = step.transition.action[step.valid]
        agent.observe(step.transition)
    return actions
