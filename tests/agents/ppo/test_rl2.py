"""RL² as an agent: what it remembers, forgets and leaves alone."""

import numpy as np
import pytest
import torch

from fastadapt.agents import (
    AdaptiveAgent,
    Transition,
    make_agent,
)
from fastadapt.agents.registry import AGENTS
from tests.agents.conftest import SMALL


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


@pytest.mark.parametrize("name", ["rl2", "domain-randomised", "oracle"])
def test_every_agent_has_the_interface(name, reacher):
    assert name in AGENTS
    assert isinstance(make_agent(name, reacher, **SMALL), AdaptiveAgent)


def test_memory_survives_episodes_and_not_tasks(small_rl2, robots):
    small_rl2.begin(6)
    empty = small_rl2.snapshot()[0].hidden
    live(small_rl2, robots, 75)
    small_rl2.end_episode(np.ones(6, bool))
    lived = small_rl2.snapshot()[0]
    assert (lived.hidden != empty).any(dim=1).all()
    assert lived.start.all()
    small_rl2.begin(6)
    assert torch.equal(small_rl2.snapshot()[0].hidden, empty)
    assert (small_rl2.snapshot()[0].reward == 0).all()


def test_acting_equals_the_fused_pass_over_the_sequence(small_rl2, robots):
    torch.nn.init.normal_(small_rl2.network.actor[-1].weight)
    small_rl2.begin(6)
    observation, _ = robots.reset(seed=0)
    inputs, actions = [], []
    for _ in range(30):
        memory = small_rl2._memory
        inputs.append(small_rl2._encode(observation, memory.action, memory.reward, memory.start))
        action = small_rl2.act(observation, False)
        actions.append(action)
        following, reward, terminated, truncated, _ = robots.step(action)
        small_rl2.observe(Transition(observation, action, reward, following, terminated, truncated))
        observation = following
    with torch.no_grad():
        fused = small_rl2.network(torch.stack(inputs), small_rl2.network.initial(6)).mean
    np.testing.assert_allclose(np.stack(actions), np.clip(fused.numpy(), -1, 1), atol=1e-5)


def test_deterministic_actions_are_equal_twice_and_exploring_ones_differ(small_rl2, robots):
    small_rl2.begin(6)
    observation, _ = robots.reset(seed=0)
    snapshot = small_rl2.snapshot()
    actions = []
    for explore in (False, False, True):
        small_rl2.restore(snapshot)
        actions.append(small_rl2.act(observation, explore))
    assert np.array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])


def test_restore_leaves_no_trace(small_rl2, robots):
    small_rl2.begin(6)
    first = live(small_rl2, robots, 5, explore=True)
    snapshot = small_rl2.snapshot()
    once = live(small_rl2, robots, 5, explore=True)
    small_rl2.restore(snapshot)
    assert np.array_equal(once, live(small_rl2, robots, 5, explore=True))
    assert not np.array_equal(first, once)


def test_a_robot_that_has_ended_is_ignored_until_its_next_episode(small_rl2, reacher):
    small_rl2.begin(2)
    size = small_rl2._observations
    ones = np.ones(2)
    ended = np.array([True, False])

    def pass_by(observation):
        action = small_rl2.act(observation, False)
        small_rl2.observe(Transition(observation, action, ones, observation, ended, ended & False))

    pass_by(np.zeros((2, size)))
    before = small_rl2.snapshot()[0].hidden
    pass_by(np.full((2, size), 3.0))
    after = small_rl2.snapshot()[0].hidden
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
    small_rl2.end_episode(np.ones(2, bool))
    assert not small_rl2.snapshot()[0].ended.any()


def test_oracle_sees_the_context_and_the_others_do_not(reacher):
    names = ("rl2", "domain-randomised", "oracle")
    sizes = {n: make_agent(n, reacher, **SMALL)._observations for n in names}
    plain = len(reacher.environment.observations)
    assert sizes["rl2"] == sizes["domain-randomised"] == plain
    assert sizes["oracle"] == plain + len(reacher.names)


def test_normalisers_are_frozen_while_measuring(small_rl2, robots):
    small_rl2.meta_train(robots, robots.task_set, 0)
    before = small_rl2.state().model
    small_rl2.begin(6)
    live(small_rl2, robots, 20, explore=True)
    after = small_rl2.state().model
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_training_resumes_bit_for_bit(reacher, robots):
    straight = make_agent("rl2", reacher, seed=3, **SMALL)
    for iteration in range(4):
        straight.meta_train(robots, reacher, iteration)
    first = make_agent("rl2", reacher, seed=3, **SMALL)
    for iteration in range(2):
        first.meta_train(robots, reacher, iteration)
    second = make_agent("rl2", reacher, seed=3, **SMALL)
    second.load_state(first.state())
    for iteration in range(2, 4):
        second.meta_train(robots, reacher, iteration)
    expected, got = straight.state(), second.state()
    for name, array in expected.model.items():
        assert np.array_equal(array, got.model[name]), name
    for name, array in expected.optimizer.items():
        assert np.array_equal(array, got.optimizer[name]), name
