"""Scales: what is told of the task is not scaled again."""

import numpy as np

from fastadapt.agents import make_agent
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.envs import make_batch
from tests.agents.onpolicy.conftest import SMALL


def test_a_parameter_that_rarely_changes_is_no_outlier():
    rng = np.random.default_rng(0)
    scales = Scales(3, 0.99, parameters=1)
    seen = np.concatenate([rng.normal(5.0, 2.0, (50, 8, 2)), np.full((50, 8, 1), -1.0)], axis=2)
    seen[0, 0, 2] = 1.0
    for _ in range(2):
        scales.update(seen, np.zeros((50, 8)), np.zeros((50, 8), bool))
    scaled = scales.observations(seen)
    np.testing.assert_allclose(scaled[..., 2], seen[..., 2], rtol=1e-6)
    assert abs(scaled[..., :2].mean()) < 0.01
    assert abs(scaled[..., :2].std() - 1.0) < 0.01


def test_an_informed_policy_sees_the_parameters_as_the_environment_shows_them(hopper):
    agent = make_agent("informed", hopper, seed=3, **SMALL)
    envs = make_batch(hopper, 6, 1, context="visible")
    for iteration in range(2):
        agent.meta_train(envs, hopper, iteration)
    told = agent._stream.context
    inputs = agent.scales.inputs(agent._stream.observation, agent._stream.history, agent.sees)
    np.testing.assert_allclose(inputs[:, -told.shape[1] :].numpy(), told, atol=1e-5)


def test_the_scale_of_rewards_runs_on_over_iterations():
    """Rewards of 1 and a discount of 0.5: the return tends to 2, however long a rollout is."""
    scales = Scales(1, 0.5)
    for _ in range(400):
        scales.update(np.zeros((2, 1, 1)), np.ones((2, 1)), np.zeros((2, 1), bool))
    assert abs(scales._returns.mean[0] - 2.0) < 0.01
