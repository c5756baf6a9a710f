"""The update: gradients, clipping, metrics."""

import pytest
import torch

from fastadapt.agents import make_agent
from fastadapt.agents.config import PPOConfig
from fastadapt.agents.ppo import update as ppo
from fastadapt.envs import FastadaptError
from tests.agents.rollout.test_trials import collected


def improve(agent, trials, advantages):
    shuffling = torch.Generator().manual_seed(0)
    ppo.update(agent.network, agent._optimizer, trials, advantages, PPOConfig(), shuffling)


def test_the_ratio_is_one_before_the_first_update(small_rl2, robots):
    trials = collected(small_rl2, robots)
    pieces = ppo.cut(trials, torch.randn_like(trials.values), 40, memory=True)
    _, metrics = ppo._loss(
        small_rl2.network, pieces, torch.arange(pieces.inputs.shape[1]), PPOConfig()
    )
    assert abs(metrics["approx_kl"]) < 1e-6
    assert metrics["clip_fraction"] == 0.0


def test_an_update_raises_the_probability_of_what_was_better(small_rl2, robots):
    trials = collected(small_rl2, robots)
    better = trials.actions[..., 0] > trials.actions[..., 0].median()
    before = small_rl2.network(trials.inputs, trials.hidden[0]).mean[..., 0].mean()
    advantages = torch.where(better, 1.0, -1.0)
    for _ in range(3):
        improve(small_rl2, trials, advantages)
    after = small_rl2.network(trials.inputs, trials.hidden[0]).mean[..., 0].mean()
    assert after > before


def test_steps_that_were_not_lived_teach_nothing(small_rl2, robots):
    trials = collected(small_rl2, robots)
    trials.valid[50:, 1] = False
    pieces = ppo.cut(trials, torch.randn_like(trials.values), 40, memory=True)
    everything = torch.arange(pieces.inputs.shape[1])
    loss, _ = ppo._loss(small_rl2.network, pieces, everything, PPOConfig())
    pieces.advantages[~pieces.valid] = 1e6
    pieces.targets[~pieces.valid] = 1e6
    spoiled, _ = ppo._loss(small_rl2.network, pieces, everything, PPOConfig())
    assert loss == spoiled


def test_gradients_reach_the_memory_and_the_noise(small_rl2, robots):
    trials = collected(small_rl2, robots)
    pieces = ppo.cut(trials, torch.randn_like(trials.values), 40, memory=True)
    loss, _ = ppo._loss(
        small_rl2.network, pieces, torch.arange(pieces.inputs.shape[1]), PPOConfig()
    )
    loss.backward()
    for name, parameter in small_rl2.network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_diverged_update_is_reported(small_rl2, robots):
    trials = collected(small_rl2, robots)
    advantages = torch.full_like(trials.values, float("nan"))
    with pytest.raises(FastadaptError, match="diverged"):
        improve(small_rl2, trials, advantages)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"ppo": {"gamma": 1.5}}, "gamma"), ({"width": 0}, "width"), ({"widht": 8}, "width")],
)
def test_impossible_settings_are_named(reacher, options, named):
    with pytest.raises(FastadaptError, match=named):
        make_agent("rl2", reacher, **options)


def test_an_unknown_agent_is_named_with_the_nearest(reacher):
    with pytest.raises(FastadaptError, match="Did you mean 'rl2'"):
        make_agent("rl3", reacher)
