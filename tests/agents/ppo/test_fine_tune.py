"""Fine-tuning: ordinary PPO on each task alone, from shots alone, charged and undone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fastadapt.adaptation import evaluate
from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.agents import make_agent
from fastadapt.agents.config import PPOConfig
from fastadapt.agents.interface import Transition
from fastadapt.agents.nn.actor_critic import ActorCritic, log_prob
from fastadapt.agents.ppo.config import TuningConfig
from fastadapt.agents.ppo.tuning import (
    Shot,
    call,
    copies,
    tune,
)

SMALL = {"num_envs": 4, "width": 16, "episodes": 1}


def network(seed=0):
    torch.manual_seed(seed)
    return ActorCritic(3, 0, 2, 8, False, -0.5)


def lived(net, tasks=3, steps=7, seed=0):
    """Return a shot of random data; the episode of robot i lasts `steps - i` steps."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    inputs, following = draw(steps, tasks, 3), draw(steps, tasks, 3)
    mean = net(inputs, torch.zeros(tasks, 0)).mean.detach()
    actions = mean + net.log_std.exp().detach() * draw(*mean.shape)
    last = steps - 1 - torch.arange(tasks)
    t = torch.arange(steps)[:, None]
    over = t >= last
    failed = over & (torch.arange(tasks) == 1)
    log_probs = log_prob(mean, net.log_std.detach(), actions)
    return Shot(inputs, actions, log_probs, draw(steps, tasks), following, failed, over, t <= last)


def by_hand(net, shot, task, ppo, tuning):
    """Return the weights of one task after PPO, step by step and one number at a time."""
    steps = int(shot.used[:, task].sum())
    hidden = torch.zeros(0)
    with torch.no_grad():
        values = net(shot.inputs[:steps, task], hidden).value
        worth = net(shot.following[:steps, task], hidden).value
        advantages = torch.zeros(steps)
        trace = 0.0
        for t in reversed(range(steps)):
            follows = 0.0 if shot.failed[t, task] else worth[t]
            delta = shot.rewards[t, task] + ppo.gamma * follows - values[t]
            trace = delta + (0.0 if shot.over[t, task] else ppo.gamma * ppo.lam * trace)
            advantages[t] = trace
        targets = advantages + values
        spread = advantages.std(unbiased=False)
        advantages = (advantages - advantages.mean()) / (spread + 1e-8)
    optimizer = torch.optim.Adam(net.parameters(), lr=tuning.learning_rate, eps=1e-5)
    for _ in range(tuning.gradient_steps):
        output = net(shot.inputs[:steps, task], hidden)
        new = log_prob(output.mean, net.log_std, shot.actions[:steps, task])
        ratio = (new - shot.log_probs[:steps, task]).exp()
        clipped = ratio.clamp(1 - ppo.clip, 1 + ppo.clip)
        gained = torch.minimum(ratio * advantages, clipped * advantages).mean()
        missed = 0.5 * (output.value - targets).square().mean()
        optimizer.zero_grad()
        (ppo.value_weight * missed - gained).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), ppo.gradient_limit)
        optimizer.step()
    return dict(net.named_parameters())


def test_many_tasks_at_once_equal_ppo_on_each_of_them_alone():
    net, ppo, tuning = network(), PPOConfig(), TuningConfig(gradient_steps=4, learning_rate=0.02)
    shot = lived(net)
    found = tune(net, copies(net, 3), [shot], ppo, tuning)
    for task in range(3):
        expected = by_hand(network(), shot, task, ppo, tuning)
        for name, value in expected.items():
            torch.testing.assert_close(found[name][task], value, atol=2e-4, rtol=1e-3, msg=name)
        assert not torch.allclose(found["actor.0.weight"][task], net.actor[0].weight, atol=1e-2)


def test_the_networks_of_tasks_are_their_own():
    one, other = network(0), network(1)
    pair = zip(copies(one, 1).items(), copies(other, 1).values(), strict=True)
    both = {name: torch.cat([a, b]) for (name, a), b in pair}
    inputs = torch.randn(5, 2, 3)
    found = call(one, both, inputs)
    for task, net in enumerate((one, other)):
        expected = net(inputs[:, task], torch.zeros(0))
        torch.testing.assert_close(found.mean[:, task], expected.mean)
        torch.testing.assert_close(found.value[:, task], expected.value)


class Aim:
    """Tasks without dynamics: each rewards actions near a hidden point."""

    observations = ("nothing",)
    horizon = 20
    names = ()

    def __init__(self, num):
        self.environment = self
        self.aims = np.random.default_rng(0).uniform(-0.8, 0.8, (num, 2))

    @staticmethod
    def actions():
        from types import SimpleNamespace

        return [SimpleNamespace(low=-1.0, high=1.0)] * 2

    @staticmethod
    def control_step():
        return 0.1

    @staticmethod
    def tasks(split):
        return []

    def episode(self, agent, explore):
        """Return the mean reward of every task."""
        num, total = len(self.aims), 0.0
        for t in range(self.horizon):
            action = agent.act(np.ones((num, 1)), explore)
            reward = -np.abs(action - self.aims).sum(1)
            over = np.full(num, t == self.horizon - 1)
            seen = np.ones((num, 1))
            agent.observe(Transition(seen, action, reward, seen, ~over & over, over))
            total += reward
        agent.end_episode(np.ones(num, bool))
        return total / self.horizon


def test_shots_bring_a_policy_closer_to_what_its_task_pays_for():
    aim = Aim(12)
    agent = make_agent("fine-tune", aim, width=16, tuning={"learning_rate": 0.01})
    agent.begin(12)

    def measured():
        snapshot = agent.snapshot()
        reward = aim.episode(agent, False)
        agent.restore(snapshot)
        return reward

    before = measured()
    for _ in range(8):
        aim.episode(agent, True)
    after = measured()
    assert after.mean() > 0.75 * before.mean()  # rewards are negative
    assert (after > before).all()
    assert agent.adaptation_gradient_steps == 80
    agent.begin(12)
    np.testing.assert_array_equal(measured(), before)


def test_it_keeps_the_rules_of_a_trial_and_pays_for_its_steps(reacher):
    agent = make_agent("fine-tune", reacher, **SMALL, tuning={"learning_rate": 0.01})
    check_agent(agent, reacher)
    result = evaluate(agent, reacher, "validation", (0, 2), 1)
    rows = {shot: result.rows("fine-tune", "validation", shot) for shot in (0, 2)}
    assert set(rows[0]["adaptation_gradient_steps"]) == {0}
    assert set(rows[2]["adaptation_gradient_steps"]) == {20}
    assert set(rows[2]["adaptation_env_steps"]) == {150}
    rival = make_agent("domain-randomised", reacher, **SMALL)
    same = evaluate(rival, reacher, "validation", (0,), 1)
    np.testing.assert_array_equal(
        rows[0]["return"], same.rows("domain-randomised", "validation", 0)["return"]
    )
    assert not np.array_equal(rows[0]["return"], rows[2]["return"])


def test_it_learns_from_shots_alone():
    aim = Aim(3)
    agent = make_agent("fine-tune", aim, width=16)
    agent.begin(3)
    aim.episode(agent, False)  # nobody undoes it: still no shot
    assert agent.adaptation_gradient_steps == 0
    aim.episode(agent, True)
    assert agent.adaptation_gradient_steps == 10


def test_who_is_still_in_its_shot_does_not_learn_yet():
    aim = Aim(3)
    agent = make_agent("fine-tune", aim, width=16)
    agent.begin(3)
    seen, no = np.ones((3, 1)), np.zeros(3, bool)
    first = np.array([True, False, False])
    for over in (no, no, first):
        action = agent.act(seen, True)
        agent.observe(Transition(seen, action, -np.abs(action).sum(1), seen, over, no))
    start = copies(agent.network, 3)["actor.4.bias"]
    agent.end_episode(first)
    moved = (agent._weights["actor.4.bias"] != start).any(1)
    assert moved.tolist() == [True, False, False]
    action = agent.act(seen, True)
    agent.observe(Transition(seen, action, -np.abs(action).sum(1), seen, no, ~no))
    agent.end_episode(~first)
    moved = (agent._weights["actor.4.bias"] != start).any(1)
    assert moved.all()
    assert len(agent._steps) == 1  # the first robot is in its next shot
    assert sum(int(shot.used.sum()) for shot in agent._shots) == 3 + 4 + 4


@pytest.mark.parametrize("bad", [{"gradient_steps": 0}, {"learning_rate": -1.0}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match="must be greater"):
        replace(TuningConfig(), **bad)
