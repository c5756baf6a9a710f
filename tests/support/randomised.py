"""Untrained agents with random weights and normalisers, and parity of two agents on one trial."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from fastadapt.agents.interface import agent_context
from fastadapt.agents.registry import build_agent
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import make_batch

SMALL = {
    "rl2": {"width": 24},
    "recurrent": {"width": 24},
    "rl2-continuing": {"width": 24},
    "window": {"width": 24, "frames": 4},
    "rma": {"width": 24},
    "pearl": {"width": 24, "encoder_width": 24, "latent": 4},
    "maml": {"width": 24},
    "domain-randomised-sac": {"width": 24},
}


def randomised(name, task_set, **options):
    """Return an agent whose weights are large and whose normalisers matter."""
    agent = build_agent(name, task_set, 0, SMALL.get(name, {}) | options)
    rng = np.random.default_rng(0)
    state = agent.state()
    for key, values in state.model.items():
        if key.endswith("mean"):
            state.model[key] = rng.normal(0, 0.5, values.shape)
        elif key.endswith(("variance", "var")):
            state.model[key] = rng.uniform(0.1, 2.0, values.shape)
        elif key.endswith("count"):
            state.model[key] = np.full(values.shape, 1000.0)
        elif values.dtype.kind == "f":
            noise = rng.normal(0, 0.1 if values.ndim > 1 else 0.3, values.shape)
            state.model[key] = np.asarray(values + noise, values.dtype)
    agent.load_state(state)
    return agent


def run_of(task_set):
    """Return what an export needs of a run."""
    return SimpleNamespace(
        path=Path("runs/a"),
        task_set=task_set,
        origin=lambda: "fastadapt train",
        iterations_done=lambda: 0,
    )


def trial(agent, task_set, control_steps, others=(), robots=4, seed=0, horizon=None):
    """Let an agent live through episodes of one trial; others see all that it sees, and also act.

    Returns the largest difference between its actions and those of each other, and how many
    episodes ended by a failure.
    """
    everyone = [agent, *others]
    envs = make_batch(task_set, robots, 1, context=agent_context(agent), horizon=horizon)
    envs.set_tasks(task_set.tasks("test_iid")[:robots])
    for each in everyone:
        each.begin(robots)
    worst, failures, lived, ended = np.zeros(len(others)), 0, 0, np.zeros(robots, bool)

    def act(observation):
        nonlocal worst
        action = agent.act(observation, False)
        for i, other in enumerate(others):
            away = np.abs(other.act(observation, False) - action)[~ended]
            worst[i] = max(worst[i], away.max(initial=0.0))
        return action

    while lived < control_steps:
        ended[:] = False
        last = None
        for last in steps(envs, act, [seed + lived + i for i in range(robots)]):
            for each in everyone:
                each.observe(last.transition)
            ended |= last.transition.done
            lived += 1
        failures += int(last.transition.terminated.sum())
        for each in everyone:
            each.end_episode(last.transition.done)
    return worst, failures
