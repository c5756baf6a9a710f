"""Collecting under many policies at once, the baseline, and what advantages are made of."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from fastadapt.agents import make_agent
from fastadapt.agents.checkpoint_arrays import ModuleArrays, OptimizerArrays
from fastadapt.agents.maml.episodes import (
    AdvantageEstimator,
    Episodes,
    by_task,
    collect,
)
from fastadapt.agents.maml.inner import adapt
from fastadapt.agents.maml.learned_advantage import LearnedAdvantage
from fastadapt.agents.nn.baselines import LinearBaseline, TaskCritic, features_of
from fastadapt.agents.nn.gaussian_mlp import GaussianMLP, Linearised
from fastadapt.agents.nn.normaliser import Normaliser
from fastadapt.agents.optim import gae

KNOWN = 3
"""Numbers that the critic knows of a task."""


def a_policy(tasks, observations=16, actions=4, width=8, spread=0.5):
    policy = GaussianMLP(observations, actions, width)
    generator = torch.Generator().manual_seed(0)
    first = policy.initial(-0.5, generator)
    return policy, first + spread * torch.randn(tasks, policy.size, generator=generator)


def an_estimator(policy, gamma=0.9, lam=0.8, inner_lam=0.3, trust=5.0):
    size = policy.observations
    baseline, critic = LinearBaseline(size, trust), TaskCritic(size + KNOWN)
    return AdvantageEstimator(policy, Normaliser(size), baseline, gamma, lam, inner_lam, critic)


def random_episodes(num, steps=30, seed=0):
    rng = np.random.default_rng(seed)
    valid = np.arange(steps)[:, None] < rng.integers(10, steps, num)
    shape = (steps, num)
    return Episodes(
        rng.normal(size=(*shape, 16)),
        rng.normal(size=(*shape, 4)),
        rng.normal(size=shape),
        rng.normal(size=(*shape, 16)),
        valid,
    )


def test_the_batched_policy_equals_one_network_per_task():
    policy, parameters = a_policy(3)
    observations = torch.randn(3, 5, 16)
    found = policy(parameters, observations)
    for task in range(3):
        layers = policy.layers(parameters[task : task + 1])
        x = observations[task]
        for weight, bias in layers[:-1]:
            x = torch.tanh(torch.nn.functional.linear(x, weight[0].T, bias[0, 0]))
        mean = torch.nn.functional.linear(x, layers[-1][0][0].T, layers[-1][1][0, 0])
        torch.testing.assert_close(found.mean[task], mean)
        assert torch.equal(found.log_std[task, 0], parameters[task, -4:])
    actions = torch.randn(3, 5, 4)
    expected = Normal(found.mean, found.log_std.exp()).log_prob(actions).sum(-1)
    torch.testing.assert_close(found.log_prob(actions), expected)


def test_every_parameter_is_used_once():
    policy, parameters = a_policy(1)
    parts = [part for layer in policy.layers(parameters) for part in layer]
    used = torch.cat([part.flatten() for part in parts] + [policy.log_std(parameters).flatten()])
    assert torch.equal(used, parameters[0])


def test_the_linearised_policy_equals_its_derivatives():
    policy, parameters = a_policy(2)
    observations, shift = torch.randn(2, 5, 16), torch.randn(2, policy.size)
    linear = Linearised(policy, parameters, observations)

    def flat(p):
        found = policy(p, observations)
        return torch.cat([found.mean.flatten(), found.log_std.flatten()])

    _, pushed = torch.autograd.functional.jvp(flat, parameters, shift)
    mean, log_std = linear.push(shift)
    torch.testing.assert_close(torch.cat([mean.flatten(), log_std.flatten()]), pushed)
    mean, log_std = torch.randn_like(mean), torch.randn_like(log_std)
    cotangent = torch.cat([mean.flatten(), log_std.flatten()])
    _, pulled = torch.autograd.functional.vjp(flat, parameters, cotangent)
    torch.testing.assert_close(linear.pull(mean, log_std), pulled)


def test_robots_act_by_their_own_tasks_policy(robots):
    policy, parameters = a_policy(3, spread=0.1)
    scale = Normaliser(16)
    found = collect(robots, policy, parameters, scale, 1.0, range(6), torch.Generator())
    assert found.valid.all()
    generator = torch.Generator()
    noise = torch.stack([torch.randn(3, 2, 4, generator=generator) for _ in range(75)])
    noise = noise.view(75, 6, 4)
    for robot in range(6):
        mine = policy(
            parameters[robot // 2, None],
            torch.tensor(scale(found.observations[None, :, robot])).float(),
        )
        expected = mine.mean[0] + mine.log_std[0].exp() * noise[:, robot]
        np.testing.assert_allclose(found.actions[:, robot], expected.detach(), atol=1e-5)
    assert not np.allclose(found.actions[:, 0], found.actions[:, 2], atol=0.1)
    assert np.array_equal(found.next_observations[:-1], found.observations[1:])


def test_episodes_of_a_task_stand_in_one_row():
    array = np.arange(4)[:, None] + 10 * np.arange(6)[None]
    assert by_task(array, 3).tolist()[1] == [20, 21, 22, 23, 30, 31, 32, 33]


def test_advantages_are_gae_within_each_episode():
    policy, parameters = a_policy(3)
    judge, episodes = an_estimator(policy), random_episodes(6)
    features, returns, valid = judge._regression(episodes, 3, 30)
    weights = judge.baseline.fit(features, returns, valid)
    values = (features * weights[:, None]).sum(-1)
    lived = judge.experience(episodes, parameters, 30)
    for found, lam in ((lived.advantages, 0.8), (lived.signal, 0.3)):
        for task in range(3):
            parts = []
            for robot in (2 * task, 2 * task + 1):
                length = int(episodes.valid[:, robot].sum())
                start = 30 * (robot % 2)
                value = values[task, start : start + length, None]
                after = torch.cat([value[1:], torch.zeros(1, 1, dtype=value.dtype)])
                carry = torch.ones(length, 1)
                carry[-1] = 0
                rewards = torch.tensor(episodes.rewards[:length, robot, None])
                parts.append(gae.advantages(rewards, value, after, carry, 0.9, lam)[:, 0])
            whole = torch.cat(parts)
            expected = (whole - whole.mean()) / whole.std(correction=0)
            torch.testing.assert_close(
                found[task][valid[task]].double(), expected, atol=1e-5, rtol=1e-4
            )
            assert (found[task][~valid[task]] == 0).all()
    torch.testing.assert_close(lived.weights.sum(1), torch.ones(3))


def test_advantages_of_the_outer_loop_are_those_of_the_critic_over_all_tasks():
    policy, parameters = a_policy(3)
    judge, episodes = an_estimator(policy), random_episodes(3)
    known = torch.randn(3, KNOWN)
    lived = judge.experience(episodes, parameters, 30, known)
    plain = judge.experience(episodes, parameters, 30)
    torch.testing.assert_close(lived.signal, plain.signal)  # what the inner loop goes by stays
    parts = []
    for robot in range(3):
        length = int(episodes.valid[:, robot].sum())
        seen = torch.from_numpy(episodes.observations[:length, robot])[None]
        time = torch.arange(length)[None] / 30
        features = judge.critic.features(seen, time, known[robot : robot + 1])
        value = judge.critic.values(features).T
        after = torch.cat([value[1:], torch.zeros(1, 1, dtype=value.dtype)])
        carry = torch.ones(length, 1)
        carry[-1] = 0
        rewards = torch.tensor(episodes.rewards[:length, robot, None])
        parts.append(gae.advantages(rewards, value, after, carry, 0.9, 0.8)[:, 0])
    whole = torch.cat(parts)
    expected = (whole - whole.mean()) / whole.std(correction=0)
    valid = by_task(episodes.valid, 3)
    torch.testing.assert_close(lived.advantages[valid].double(), expected, atol=1e-4, rtol=1e-4)
    assert (lived.advantages[~valid] == 0).all()


def test_the_critic_learns_what_depends_on_the_task_and_comes_back():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4000, 5, generator=generator)
    returns = (7.0 + 3.0 * features[:, 0] * features[:, 4].sign()).double()
    critic = TaskCritic(4)
    missed = [critic.learn(features, returns, generator) for _ in range(20)]
    assert missed[0] > 0.8
    assert missed[-1] < 0.1
    values = critic.values(features)
    assert (values - returns).square().mean() < 0.1 * returns.var()
    other = TaskCritic(4)
    ModuleArrays(other).load_state(ModuleArrays(critic).state())
    OptimizerArrays(other.optimizer).load_state(OptimizerArrays(critic.optimizer).state())
    torch.testing.assert_close(other.values(features), values)
    twice = [c.learn(features, returns, torch.Generator().manual_seed(1)) for c in (critic, other)]
    assert twice[0] == twice[1]
    torch.testing.assert_close(other.values(features), critic.values(features), atol=0, rtol=0)


def test_the_baseline_is_ridge_regression_towards_that_of_all_tasks():
    observations, time = torch.randn(4, 50, 3), torch.rand(4, 50)
    features = features_of(observations, time)
    valid = torch.rand(4, 50) < 0.8
    truth = torch.randn(4, 10, dtype=torch.float64)
    returns = (features * truth[:, None]).sum(-1)
    loose = LinearBaseline(3, 0.0)
    values = (features * loose.fit(features, returns, valid)[:, None]).sum(-1)
    torch.testing.assert_close(values, returns, atol=0.01, rtol=0.01)
    tight = LinearBaseline(3, 1e9)
    tight.shared = torch.randn(10, dtype=torch.float64)
    torch.testing.assert_close(
        tight.fit(features, returns, valid), tight.shared.expand(4, -1), atol=1e-4, rtol=1e-4
    )
    one = LinearBaseline(3, 7.0)
    one.learn(features, returns, valid)
    kept = features[valid]
    square = kept.T @ kept + torch.eye(10, dtype=torch.float64)
    torch.testing.assert_close(
        one.shared, torch.linalg.solve(square, kept.T @ returns[valid]), atol=1e-8, rtol=1e-6
    )


@pytest.mark.parametrize("objective", ["likelihood-ratio", "log-likelihood"])
def test_an_inner_step_makes_better_actions_likelier(objective):
    policy, parameters = a_policy(3)
    episodes = random_episodes(3)
    lived = an_estimator(policy).experience(episodes, parameters, 30)
    rates = torch.full((policy.size,), 0.01)
    stage = adapt(policy, parameters, rates, [lived], objective, None).stages[-1]
    with torch.no_grad():
        change = policy(stage, lived.observations).log_prob(lived.actions) - lived.log_probs
    assert ((change * lived.signal * lived.weights).sum(1) > 0).all()


def test_a_learned_signal_begins_with_nothing_and_moves_the_mean_where_it_says():
    policy, parameters = a_policy(2)
    lived = an_estimator(policy).experience(random_episodes(2, 4000), parameters, 4000)
    noise = torch.randn(lived.actions.shape, generator=torch.Generator().manual_seed(0))
    actions = lived.policy.mean + lived.policy.log_std.exp() * noise
    lived = replace(lived, actions=actions, log_probs=lived.policy.log_prob(actions))
    signal = LearnedAdvantage(16, 4, 64)
    learned = signal.initial(torch.Generator().manual_seed(0))
    parts = lived.signal, lived.transitions, lived.noise()
    assert torch.equal(signal(learned, *parts), lived.signal)
    learned[-1] = 0.0
    learned[-6 + 1 + 2] = 3.0  # h for the third action, whatever was seen
    added = signal(learned, *parts)
    torch.testing.assert_close(added, 3 * noise[..., 2], atol=1e-4, rtol=1e-4)
    rates = torch.zeros(policy.size)
    rates[-8:-4] = 0.1  # only the biases of the means
    stage = adapt(
        policy, parameters, rates, [lived], "likelihood-ratio", None, lambda _: added
    ).stages[-1]
    moved = (stage - parameters)[:, -8:-4]
    expected = torch.tensor([0.0, 0.0, 0.3, 0.0]) / parameters[:, -4:].exp()
    torch.testing.assert_close(moved, expected.broadcast_to(2, 4), atol=0.03, rtol=0.05)


def test_equal_rewards_teach_nothing(reacher):
    agent = make_agent("maml", reacher, width=8)
    rewards = np.zeros((30, 2))
    episodes = random_episodes(2)
    still = replace(episodes, rewards=rewards)
    lived = agent._estimator.experience(still, agent._trial.parameters.expand(2, -1), 30)
    assert (lived.advantages == 0).all()
