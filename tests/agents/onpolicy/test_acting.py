"""Agents in use: what they remember, forget and leave alone."""

import numpy as np
import pytest
import torch

from fastadapt.agents import AdaptiveAgent, Transition, make_agent
from fastadapt.envs import make_batch
from tests.agents.onpolicy.conftest import SMALL
from tests.agents.onpolicy.test_rollout import rolled, speaking

NAMES = [
    "nominal-continuing",
    "domain-randomised-continuing",
    "informed",
    "oracle-continuing",
    "rl2-continuing",
    "window",
    "rma",
]


def small(name, task_set):
    if name == "rma":
        return make_agent(name, task_set, seed=3, num_envs=6, width=16)
    return make_agent(name, task_set, seed=3, **SMALL)


def live(agent, envs, steps, explore=False):
    observation, _ = envs.reset(seed=0)
    actions = []
    for _ in range(steps):
        action = agent.act(observation, explore)
        following, reward, terminated, truncated, _ = envs.step(action)
        agent.observe(Transition(observation, action, reward, following, terminated, truncated))
        observation = following
        actions.append(action)
    return np.stack(actions)


@pytest.mark.parametrize("name", NAMES)
def test_every_agent_acts_within_the_limits_and_the_same_after_a_restore(name, hopper):
    agent = speaking(small(name, hopper))
    assert isinstance(agent, AdaptiveAgent)
    envs = make_batch(hopper, 6, 1, context=agent.context)
    agent.begin(6)
    first = live(agent, envs, 4, explore=True)
    snapshot = agent.snapshot()
    once = live(agent, envs, 4, explore=True)
    agent.restore(snapshot)
    np.testing.assert_array_equal(once, live(agent, envs, 4, explore=True))
    assert not np.array_equal(first, once)
    assert np.abs(first).max() <= 1.0


@pytest.mark.parametrize("name", ["rl2-continuing", "window", "rma"])
def test_what_was_lived_matters_over_episodes_and_not_over_tasks(name, hopper, hoppers):
    agent = speaking(small(name, hopper))
    agent.begin(6)
    observation = np.zeros((6, agent.observations))
    new = agent.act(observation, False)
    agent.begin(6)
    live(agent, hoppers, 5)
    agent.end_episode(np.ones(6, bool))
    assert (agent.act(observation, False) != new).any(axis=1).all()
    agent.begin(6)
    np.testing.assert_array_equal(agent.act(observation, False), new)


def test_training_and_use_see_the_same_inputs(hopper, hoppers):
    agent = speaking(small("window", hopper))
    (rollout,) = rolled(agent, hoppers, 1, steps=8)
    agent.begin(6)
    for t in range(8):
        seen = agent.scales.inputs(rollout.observations[t], agent._memory.history, agent.sees)
        torch.testing.assert_close(seen, rollout.inputs[t])
        action = np.clip(rollout.actions[t].numpy(), *agent.limits).astype(np.float64)
        ones = np.ones(6)
        none = np.zeros(6, bool)
        observed = rollout.observations[t]
        agent.observe(Transition(observed, action, ones, observed, none, none))


def test_a_robot_that_has_ended_is_ignored_until_its_next_episode(rl2):
    speaking(rl2)
    rl2.begin(2)
    ended = np.array([True, False])

    def pass_by(observation):
        action = rl2.act(observation, False)
        rl2.observe(Transition(observation, action, np.ones(2), observation, ended, ended & False))

    pass_by(np.zeros((2, rl2.observations)))
    before = rl2.snapshot()[0]
    pass_by(np.full((2, rl2.observations), 3.0))
    after = rl2.snapshot()[0]
    assert torch.equal(before.hidden[0], after.hidden[0])
    assert not torch.equal(before.hidden[1], after.hidden[1])
    np.testing.assert_array_equal(before.history.action[0], after.history.action[0])
    rl2.end_episode(np.ones(2, bool))
    assert not rl2.snapshot()[0].ended.any()
    assert rl2.snapshot()[0].history.start.all()


def test_an_exchanged_memory_is_that_of_the_other_robot(rl2, hoppers):
    speaking(rl2)
    rl2.begin(6)
    live(rl2, hoppers, 5)
    observation = np.zeros((6, rl2.observations))
    snapshot = rl2.snapshot()
    own = rl2.act(observation, False)
    rl2.restore(snapshot)
    rl2.swap_context(np.roll(np.arange(6), 1))
    np.testing.assert_array_equal(rl2.act(observation, False), np.roll(own, 1, axis=0))
