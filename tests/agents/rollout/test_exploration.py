"""Exploration noise: keyed by trial and control step, by nothing else."""

import numpy as np

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents import make_agent
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.envs import make_batch
from tests.agents.conftest import SMALL

KEYS = np.array([11, 22, 33], np.uint64)


def test_noise_is_a_function_of_key_and_step():
    noise, other = ExplorationNoise(0, 4), ExplorationNoise(9, 4)
    noise.key(KEYS)
    other.key(KEYS[[2, 0]])
    for _ in range(3):
        assert np.array_equal(noise.draw()[[2, 0]], other.draw())
        assert np.array_equal(noise.draw(), noise.draw())
        noise.advance(np.ones(3, bool))
        other.advance(np.ones(2, bool))


def test_steps_count_where_they_were_lived():
    noise = ExplorationNoise(0, 4)
    noise.key(KEYS)
    first = noise.draw()
    noise.advance(np.array([True, False, True]))
    second = noise.draw()
    assert np.array_equal(first[1], second[1])
    assert (first[[0, 2]] != second[[0, 2]]).all()
    snapshot = noise.snapshot()
    noise.advance(np.ones(3, bool))
    noise.restore(snapshot)
    assert np.array_equal(noise.draw(), second)


def test_noise_is_standard_normal_and_seeds_differ():
    draws = []
    for seed in (0, 1):
        noise = ExplorationNoise(seed, 50)
        noise.begin(400)
        draws.append(noise.draw())
    assert abs(draws[0].mean()) < 0.03
    assert abs(draws[0].std() - 1) < 0.03
    assert abs(np.corrcoef(draws[0].ravel(), draws[1].ravel())[0, 1]) < 0.03


def test_a_trial_is_the_same_alone_and_in_company(reacher):
    agent = make_agent("rl2", reacher, **SMALL)
    tasks = reacher.tasks("test_iid")[:4]
    returns = []
    for chosen in (tasks, tasks[2:3]):
        envs = make_batch(reacher, len(chosen), 1)
        (found,) = run_trials(agent, envs, chosen, (1,), 1, 0)
        returns.append(found.episodes.returns)
    assert abs(returns[0][2] - returns[1][0]) < 1e-5  # matrix products round by batch size
