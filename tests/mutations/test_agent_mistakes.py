"""Known mistakes of RL² implementations, injected: the tests beside this one must catch each."""

import numpy as np
import pytest
import torch

from fastadapt.agents.nn import normaliser
from fastadapt.agents.nn.actor_critic import ActorCritic
from fastadapt.agents.ppo import agent as ppo_agent
from fastadapt.agents.ppo.agent import PPOAgent
from fastadapt.agents.rollout import trials
from tests.agents.ppo import test_ppo, test_rl2
from tests.agents.rollout import test_trials


def fails(test, *arguments):
    with pytest.raises(AssertionError):
        test(*arguments)


def test_memory_reset_at_every_episode_is_caught_in_acting(small_rl2, robots, monkeypatch):
    def forget(self, done):
        self.begin(len(done))

    monkeypatch.setattr(PPOAgent, "end_episode", forget)
    fails(test_rl2.test_memory_survives_episodes_and_not_tasks, small_rl2, robots)


def test_memory_kept_between_tasks_is_caught(small_rl2, robots, monkeypatch):
    begin = PPOAgent.begin

    def keep(self, num_tasks):
        hidden = self._memory.hidden if hasattr(self, "_memory") else None
        begin(self, num_tasks)
        if hidden is not None and len(hidden) == num_tasks:
            self._memory.hidden = hidden

    monkeypatch.setattr(PPOAgent, "begin", keep)
    fails(test_rl2.test_memory_survives_episodes_and_not_tasks, small_rl2, robots)


def test_memory_reset_at_every_episode_is_caught_in_training(small_rl2, robots, monkeypatch):
    forward = ActorCritic.forward

    def reset_on_first_steps(self, inputs, hidden):
        if len(inputs) == 1:
            hidden = torch.where(inputs[0, :, -1:] == 1, torch.zeros_like(hidden), hidden)
        return forward(self, inputs, hidden)

    monkeypatch.setattr(ActorCritic, "forward", reset_on_first_steps)
    fails(test_trials.test_replayed_log_probs_equal_those_of_the_rollout, small_rl2, robots)


def test_normalising_anew_before_the_update_is_caught(small_rl2, robots, monkeypatch):
    """The ratio must be 1 before the first update: what the network saw must not change."""
    collect = trials.collect

    def normalised_twice(*arguments, **options):
        found = collect(*arguments, **options)
        found.inputs = found.inputs * 1.1
        return found

    monkeypatch.setattr(test_trials, "collect", normalised_twice)
    torch.nn.init.normal_(small_rl2.network.actor[-1].weight)
    fails(test_ppo.test_the_ratio_is_one_before_the_first_update, small_rl2, robots)


def test_an_ignored_deterministic_flag_is_caught(small_rl2, robots, monkeypatch):
    act = PPOAgent.act
    monkeypatch.setattr(
        PPOAgent, "act", lambda self, observation, explore: act(self, observation, True)
    )
    snapshot = PPOAgent.snapshot
    monkeypatch.setattr(PPOAgent, "snapshot", lambda self: (snapshot(self)[0], None))
    monkeypatch.setattr(
        PPOAgent, "restore", lambda self, snapshot: setattr(self, "_memory", snapshot[0])
    )
    fails(
        test_rl2.test_deterministic_actions_are_equal_twice_and_exploring_ones_differ,
        small_rl2,
        robots,
    )


def test_a_time_limit_taken_for_a_failure_is_caught(small_rl2, robots, monkeypatch):
    step = robots.step

    def confused(actions):
        observation, reward, terminated, truncated, info = step(actions)
        return observation, reward, terminated | truncated, np.zeros_like(truncated), info

    monkeypatch.setattr(robots, "step", confused)
    fails(
        test_trials.test_time_limits_bootstrap_and_borders_carry_only_through_trials,
        small_rl2,
        robots,
    )


def test_normalisers_that_learn_while_measuring_are_caught(small_rl2, robots, monkeypatch):
    scale = normaliser.Normaliser.__call__

    def learning(self, values):
        self.update(np.atleast_2d(values))
        return scale(self, values)

    monkeypatch.setattr(normaliser.Normaliser, "__call__", learning)
    fails(test_rl2.test_normalisers_are_frozen_while_measuring, small_rl2, robots)


def test_a_last_reward_or_action_that_is_not_fed_back_is_caught(small_rl2, robots, monkeypatch):
    encode = PPOAgent._encode

    def without_reward(self, observation, action, reward, start):
        return encode(self, observation, action, np.zeros_like(reward), start)

    monkeypatch.setattr(PPOAgent, "_encode", without_reward)
    fails(
        test_trials.test_inputs_carry_the_last_action_the_last_reward_and_the_flag,
        small_rl2,
        robots,
    )


def test_random_numbers_that_do_not_resume_are_caught(reacher, robots, monkeypatch):
    monkeypatch.setattr(
        ppo_agent, "key_of", lambda *_: int(np.random.default_rng().integers(2**62))
    )
    fails(test_rl2.test_training_resumes_bit_for_bit, reacher, robots)
