"""Running statistics against numpy's, and the discounted return's scale."""

import numpy as np

from fastadapt.agents.nn.normaliser import Normaliser, RewardScale


def test_statistics_of_parts_equal_those_of_the_whole():
    data = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4))
    normaliser = Normaliser(4)
    for part in np.array_split(data, [10, 11, 500]):
        normaliser.update(part)
    np.testing.assert_allclose(normaliser.mean, data.mean(axis=0))
    np.testing.assert_allclose(normaliser.variance, data.var(axis=0))
    np.testing.assert_allclose(normaliser(data).std(axis=0), 1.0, rtol=1e-6)


def test_no_data_changes_nothing_and_outliers_are_limited():
    normaliser = Normaliser(1, limit=10.0)
    normaliser.update(np.empty((0, 1)))
    assert normaliser.count == 0.0
    assert normaliser(np.array([[1e9]]))[0, 0] == 10.0


def test_reward_scale_is_the_std_of_the_return_of_each_episode():
    scale = RewardScale(gamma=0.5)
    rewards = np.array([[1.0], [1.0], [1.0], [1.0]])
    starts = np.array([[True], [False], [True], [False]])
    scale.update(rewards, starts, np.ones((4, 1), bool))
    returns = np.array([1.0, 1.5, 1.0, 1.5])  # begun anew where the second episode starts
    np.testing.assert_allclose(scale(np.array([1.0])), 1.0 / returns.std(), rtol=1e-6)
