"""Rollouts: what is replayed in the update is what was lived, and borders are where they belong."""

import numpy as np
import pytest
import torch

from fastadapt.agents import make_agent
from fastadapt.agents.nn.actor_critic import log_prob
from fastadapt.agents.onpolicy.rollout import Borders, Collector
from tests.agents.onpolicy.conftest import SMALL


def speaking(agent):
    """Give the policy something to say: its last layer begins near zero."""
    torch.nn.init.normal_(agent.policy.head[-1].weight)
    return agent


def rolled(agent, envs, count=3, burn_in=0, borders=None, steps=None):
    """Return consecutive rollouts, without learning in between."""
    borders = borders or Borders(through=False, falls=True)
    parts = (agent.policy, agent.critic, agent.scales, agent.sees, agent.limits)
    collector = Collector(*parts, borders)
    agent._stream._limit = np.arange(9, 15)  # first episodes are cut short: time limits
    agent._stream.attach(envs, envs.task_set)
    rollouts = []
    for i in range(count):
        generator = torch.Generator().manual_seed(i)
        start = rollouts[-1].end if rollouts else agent._carried
        steps_now = steps or agent.config.steps
        rollouts.append(collector.collect(agent._stream, start, steps_now, burn_in, generator))
    return rollouts


@pytest.mark.parametrize("burn_in", [0, 8])
def test_the_update_sees_the_probabilities_of_the_rollout(rl2, hoppers, burn_in):
    rollouts = rolled(speaking(rl2), hoppers, 4, burn_in)
    assert sum(int(r.fresh[1:].sum()) for r in rollouts) > 0  # trials began within a rollout
    everyone = torch.arange(6)
    for rollout in rollouts:
        hidden = rollout.start.refreshed(rl2.policy, everyone)
        with torch.no_grad():
            output = rl2.policy.run(rollout.inputs, hidden, rollout.fresh)
        replayed = log_prob(output.mean, rl2.policy.log_std, rollout.actions)
        torch.testing.assert_close(replayed, rollout.log_probs, atol=1e-4, rtol=1e-4)


def test_memory_crosses_falls_and_rollouts_but_no_trial(rl2, hoppers):
    speaking(rl2)
    rollouts = rolled(rl2, hoppers, 4)
    inputs, fresh = (torch.cat([getattr(r, n) for r in rollouts]) for n in ("inputs", "fresh"))
    flags = inputs[..., -1] == 1
    crossed = flags & ~fresh
    assert crossed.any()
    assert (flags | ~fresh).all()
    assert fresh[1:].any()
    hidden = rl2.policy.initial(6)
    for t in range(len(inputs)):
        at_border = t % rl2.config.steps == 0
        if at_border:
            kept = rollouts[t // rl2.config.steps].start.hidden
            torch.testing.assert_close(kept, hidden)
        hidden = torch.where(fresh[t][:, None], torch.zeros_like(hidden), hidden)
        with torch.no_grad():
            hidden = rl2.policy(inputs[t][None], hidden).hidden


def test_inputs_of_a_new_trial_know_nothing_of_the_last(rl2, hoppers):
    rollouts = rolled(speaking(rl2), hoppers, 4)
    inputs, fresh = (torch.cat([getattr(r, n) for r in rollouts]) for n in ("inputs", "fresh"))
    size = rl2.observations
    past = inputs[..., size:-1]  # previous action and reward
    assert (past[fresh] == 0).all()
    inner = (inputs[..., -1] == 1) & ~fresh
    assert (past[inner] != 0).any(dim=1).all()


def test_falls_are_worth_nothing_and_limits_are_bootstrapped(rl2, hoppers, monkeypatch):
    ended = []
    advance = rl2._stream.advance

    def watched(action):
        ended.append(advance(action))
        return ended[-1]

    monkeypatch.setattr(rl2._stream, "advance", watched)
    (rollout,) = rolled(rl2, hoppers, 1, steps=120)
    lost = np.stack([step.lost & step.ended for step in ended])
    border = np.stack([step.ended for step in ended])
    cut = border & ~lost
    assert lost.any()
    assert cut.any()
    assert (rollout.next_values.numpy()[lost] == 0).all()
    assert (rollout.next_values.numpy()[cut] != 0).all()
    np.testing.assert_array_equal(rollout.carry.numpy() == 0, border)
    runs_on = ~border[:-1]
    np.testing.assert_array_equal(
        rollout.next_values.numpy()[:-1][runs_on], rollout.values.numpy()[1:][runs_on]
    )


@pytest.mark.parametrize("falls", [True, False])
def test_returns_of_a_trial_run_through_its_episodes(rl2, hoppers, monkeypatch, falls):
    steps = []
    advance = rl2._stream.advance

    def watched(action):
        steps.append(advance(action))
        return steps[-1]

    monkeypatch.setattr(rl2._stream, "advance", watched)
    (rollout,) = rolled(rl2, hoppers, 1, borders=Borders(through=True, falls=falls), steps=120)
    over, lost = (np.stack([getattr(s, n) for s in steps]) for n in ("over", "lost"))
    ended = np.stack([s.ended for s in steps])
    cut = over | (lost & ended & falls)
    inner = ended & ~cut
    assert over.any()
    assert inner.any()
    np.testing.assert_array_equal(rollout.carry.numpy() == 0, cut)
    np.testing.assert_array_equal(
        rollout.next_values.numpy()[:-1][inner[:-1]], rollout.values.numpy()[1:][inner[:-1]]
    )


def test_a_final_value_is_that_of_the_last_state_and_not_of_the_next_start(hopper, hoppers):
    agent = make_agent("domain-randomised-continuing", hopper, seed=3, **SMALL)
    steps = []
    advance = agent._stream.advance
    agent._stream.advance = lambda action: steps.append(advance(action)) or steps[-1]
    (rollout,) = rolled(agent, hoppers, 1, steps=60)
    cut = [(t, i) for t, s in enumerate(steps) for i in np.flatnonzero(s.ended & ~s.lost)]
    assert cut
    for t, i in cut:
        known = agent.scales.known(steps[t].observation[[i]], steps[t].context[[i]])
        with torch.no_grad():
            worth = agent.critic(known, torch.zeros(1, 0))
        torch.testing.assert_close(rollout.next_values[t, i], worth[0])


def test_what_is_known_in_training_is_the_task_of_the_robot(rl2, hoppers, hopper):
    rollouts = rolled(rl2, hoppers, 4)
    seen = torch.cat([r.context for r in rollouts])
    fresh = torch.cat([r.fresh for r in rollouts])
    changes = (seen[1:] != seen[:-1]).any(dim=2)
    assert changes.any()
    assert (changes <= fresh[1:]).all()  # a task changes with a trial alone
    wanted = hopper.context(hopper.sample("train", 6, 3))
    np.testing.assert_allclose(seen[0].numpy(), wanted.astype(np.float32))
