"""Collected trials: a replay must reproduce the rollout."""

import numpy as np
import torch

from fastadapt.agents.nn.actor_critic import log_prob
from fastadapt.agents.ppo import update as ppo
from fastadapt.agents.rollout.trials import collect


def collected(agent, envs, episodes=2, across=True):
    generator = torch.Generator().manual_seed(0)
    seeds, horizon = list(range(envs.num_envs)), agent.spec.horizon
    return collect(envs, agent.network, agent._encode, episodes, horizon, seeds, generator, across)


def test_replayed_log_probs_equal_those_of_the_rollout(small_rl2, robots):
    torch.nn.init.normal_(small_rl2.network.actor[-1].weight)  # a policy with something to say
    trials = collected(small_rl2, robots)
    for length in (40, 75, 1000):  # whole trials too
        pieces = ppo.cut(trials, torch.zeros_like(trials.values), length, memory=True)
        with torch.no_grad():
            output = small_rl2.network(pieces.inputs, pieces.hidden)
        replayed = log_prob(output.mean, small_rl2.network.log_std, pieces.actions)
        difference = (replayed - pieces.log_probs)[pieces.valid]
        assert len(difference) == trials.valid.sum()
        assert difference.abs().max() < 1e-4


def test_the_memory_lives_on_over_episodes_and_is_empty_at_the_start(small_rl2, robots):
    trials = collected(small_rl2, robots)
    assert (trials.hidden[0] == 0).all()
    border = int(np.flatnonzero(trials.starts[:, 0])[1])
    assert border == robots.environment.horizon
    with torch.no_grad():
        after = small_rl2.network(trials.inputs[border - 1][None], trials.hidden[border - 1])
    torch.testing.assert_close(trials.hidden[border], after.hidden)


def test_inputs_carry_the_last_action_the_last_reward_and_the_flag(small_rl2, robots):
    trials = collected(small_rl2, robots)
    size = trials.observations.shape[-1]
    action, reward, flag = np.split(trials.inputs[..., size:].numpy(), [4, 5], axis=-1)
    assert (action[0] == 0).all()
    assert (reward[0] == 0).all()
    np.testing.assert_allclose(action[1:], np.clip(trials.actions[:-1].numpy(), -1, 1))
    np.testing.assert_allclose(
        reward[1:, :, 0], small_rl2._reward_scale(trials.rewards[:-1]), atol=1e-5
    )
    np.testing.assert_array_equal(flag[..., 0] == 1, trials.starts)


def test_returns_are_the_sums_of_rewards_of_each_episode(small_rl2, robots):
    trials = collected(small_rl2, robots)
    np.testing.assert_allclose(
        trials.returns, trials.rewards.reshape(2, -1, robots.num_envs).sum(axis=1).T
    )


def test_time_limits_bootstrap_and_borders_carry_only_through_trials(small_rl2, robots):
    horizon = robots.environment.horizon
    through = collected(small_rl2, robots, across=True)
    assert (through.carry[horizon - 1] == 1).all()
    torch.testing.assert_close(through.next_values[horizon - 1], through.values[horizon])
    apart = collected(small_rl2, robots, across=False)
    assert (apart.carry[horizon - 1] == 0).all()
    assert (apart.next_values[horizon - 1] != apart.values[horizon]).all()
    assert (apart.next_values[-1] != 0).all()  # out of time is no failure


def test_a_diverged_robot_goes_on_with_its_next_episode(small_rl2, robots):
    step = robots.step
    count = 0

    def blow_up(actions):
        nonlocal count
        count += 1
        if count == 10:
            robots.sim.data("qpos")[2, 1] = np.nan
        return step(actions)

    robots.step = blow_up
    trials = collected(small_rl2, robots)
    assert trials.diverged == 1
    assert np.flatnonzero(trials.starts[:, 2]).tolist() == [0, 10]
    assert trials.valid[:, 2].sum() == 10 + robots.environment.horizon
    assert trials.valid[:, 3].all()
    assert np.isfinite(trials.observations).all()
    assert (trials.carry[~torch.from_numpy(trials.valid)] == 0).all()
