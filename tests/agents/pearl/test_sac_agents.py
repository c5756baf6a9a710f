"""Soft actor-critic without a belief: what its policy and what its critics see."""

import numpy as np
import pytest
import torch

from fastadapt.agents.pearl.update import PEARLUpdate
from fastadapt.agents.registry import make_agent
from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.envs import load_task_set, make_batch

SMALL = {"width": 8, "num_envs": 4, "num_tasks": 4, "sac": {"gradient_steps": 3, "tasks": 3}}


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def inputs(network):
    return network[0].in_features


@pytest.mark.parametrize(
    ("name", "seen", "judged"),
    [("nominal-sac", 0, 0), ("domain-randomised-sac", 0, 1), ("oracle-sac", 1, 1), ("pearl", 0, 0)],
)
def test_who_sees_the_parameters(reacher, name, seen, judged):
    """Domain randomisation: the critics alone. Oracle: both. Nominal: neither."""
    agent = make_agent(name, reacher, **SMALL)
    shown = len(reacher.environment.observations) + agent.config.latent
    parameters, actions = len(reacher.names), len(reacher.environment.actions())
    assert inputs(agent.networks.policy.body) == shown + seen * parameters
    for critic in (agent.networks.critic.first, agent.networks.target.second):
        assert inputs(critic) == shown + judged * parameters + actions


def test_critics_are_told_the_task_of_each_transition(reacher, monkeypatch):
    agent = make_agent("domain-randomised-sac", reacher, **SMALL)
    tasks = agent.training_tasks(reacher)
    vectors = reacher.context(tasks)
    asked, told = [], []
    sample, step = TaskReplay.sample, PEARLUpdate.step

    def sampling(self, chosen, count, rng):
        asked.append(chosen)
        return sample(self, chosen, count, rng)

    def stepping(self, batch, context, generator, privileged=None):
        told.append(privileged.numpy())
        return step(self, batch, context, generator, privileged)

    monkeypatch.setattr(TaskReplay, "sample", sampling)
    monkeypatch.setattr(PEARLUpdate, "step", stepping)
    agent.meta_train(make_batch(reacher, agent.num_envs, 1), reacher, 0)
    assert len(told) == 3
    spread = vectors.std(0)
    varied = spread > 0
    expected = np.zeros_like(vectors)
    expected[:, varied] = (vectors - vectors.mean(0))[:, varied] / spread[varied]
    for chosen, given in zip(asked, told, strict=True):
        np.testing.assert_allclose(given, expected[chosen], rtol=1e-4, atol=1e-5)


def test_a_parameter_that_never_varies_says_nothing(reacher):
    from fastadapt.agents.pearl.agent import _standardised

    found = _standardised(np.array([[0.1, 2.0], [0.1, 4.0], [0.1, 6.0]]))
    assert torch.equal(found[:, 0], torch.zeros(3))
    np.testing.assert_allclose(found[:, 1], [-1.2247449, 0, 1.2247449], rtol=1e-6)
