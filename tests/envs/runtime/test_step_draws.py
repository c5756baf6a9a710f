"""Draws made ahead are the draws of each single step, whatever happens in between."""

import numpy as np

from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of, uniforms

STREAM = key_of("some", "stream")


def expected(seed, episode, step, slots):
    key = np.uint64(seed) ^ np.uint64(STREAM)
    return uniforms(key, (np.uint64(episode) << np.uint64(32)) + np.uint64(step), slots)[0]


def test_draws_made_ahead_are_those_of_each_step():
    draws = EpisodeDraws(3)
    ahead = StepDraws(draws, STREAM, 5)
    episode, step = np.zeros(3, np.int64), np.zeros(3, np.int64)
    draws.begin(np.arange(3), 7)
    rng = np.random.default_rng(0)
    for _ in range(150):
        ids = np.flatnonzero(rng.random(3) < 0.7)
        for row, i in zip(ahead.at(ids, step[ids]), ids, strict=True):
            np.testing.assert_array_equal(row, expected(7 + i, episode[i], step[i], 5))
        step[ids] += 1
        ended = ids[rng.random(len(ids)) < 0.05]
        draws.begin(ended, None)
        episode[ended] += 1
        step[ended] = 0
    assert episode.min() > 0


def test_another_seed_has_other_draws():
    draws = EpisodeDraws(2)
    ahead = StepDraws(draws, STREAM, 4)
    everyone, first = np.arange(2), np.zeros(2, np.int64)
    for seeds in ([1, 2], [2, 1], [1, 2]):
        draws.begin(everyone, seeds)
        for row, seed in zip(ahead.at(everyone, first), seeds, strict=True):
            np.testing.assert_array_equal(row, expected(seed, 0, 0, 4))


def test_a_refused_seed_begins_no_episode():
    draws = EpisodeDraws(2)
    draws.begin(np.arange(2), 0)
    for wrong in ([0], ["a", "b"], 0.5):
        try:
            draws.begin(np.arange(2), wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)
    assert draws.episodes.tolist() == [0, 0]
