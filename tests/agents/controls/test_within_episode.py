"""Inference within an episode: when it happens, what it counts, and what it has forgotten."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.controls import Inference, ending
from fastadapt.agents import Transition, make_agent
from fastadapt.agents.controls.within_episode import WithinEpisode
from fastadapt.envs import FastadaptError

N, SEEN = 4, 16
FLAGS = np.zeros(N, bool)


@pytest.fixture
def pearl(reacher):
    return make_agent("pearl", reacher, seed=1, width=8, encoder_width=8, num_tasks=4)


def live(agent, steps, seed):
    """Live through some control steps; return the belief after each."""
    rng, beliefs = np.random.default_rng(seed), []
    for _ in range(steps):
        seen = rng.normal(size=(N, SEEN))
        agent.act(seen, False)
        action = rng.uniform(-1, 1, (N, 4))  # not its own, which depend on what it believes
        agent.observe(Transition(seen, action, rng.normal(size=N), seen, FLAGS, FLAGS))
        beliefs.append(agent.belief[0].copy())
    return beliefs


def begun(agent, *numbers):
    wrapped = WithinEpisode(agent, *numbers)
    wrapped.begin(N)
    return wrapped


def test_the_belief_moves_every_so_many_steps_and_else_not(pearl):
    before = begun(pearl, 3).belief[0].copy()
    after = live(begun(pearl, 3), 7, 0)
    for step, belief in enumerate(after, 1):
        same = after[step - 2] if step > 1 else before
        assert np.array_equal(belief, same) == (step % 3 != 0), step


def test_at_the_end_of_an_episode_all_of_it_counts_as_ever(pearl):
    agent = begun(pearl, 1)
    within = live(agent, 6, 0)[-1]
    agent.end_episode(np.ones(N, bool))
    np.testing.assert_allclose(agent.belief[0], within, rtol=1e-4, atol=1e-6)
    pearl.begin(N)
    live(pearl, 6, 0)
    pearl.end_episode(np.ones(N, bool))
    np.testing.assert_array_equal(pearl.belief[0], agent.belief[0])


def test_a_full_window_has_forgotten_what_lies_further_back(pearl):
    ends = {}
    for window in (0, 4):
        for past in (1, 2):
            agent = begun(pearl, 1, window)
            live(agent, 5, past)
            ends[window, past] = live(agent, 4, 7)[-1]
    np.testing.assert_array_equal(ends[4, 1], ends[4, 2])
    assert not np.allclose(ends[0, 1], ends[0, 2])
    fresh = live(begun(pearl, 1, 0), 4, 7)[-1]
    np.testing.assert_allclose(ends[4, 1], fresh, rtol=1e-4, atol=1e-6)


def test_earlier_episodes_count_until_the_window_is_full(pearl):
    agent = begun(pearl, 1, 4)
    live(agent, 5, 1)
    agent.end_episode(np.ones(N, bool))
    short = live(agent, 3, 7)[-1]
    assert not np.allclose(short, live(begun(pearl, 1, 0), 3, 7)[-1])
    full = live(agent, 4, 8)[-1]
    np.testing.assert_allclose(full, live(begun(pearl, 1, 0), 4, 8)[-1], rtol=1e-4, atol=1e-6)


def test_measuring_leaves_no_trace(pearl):
    agent = begun(pearl, 2, 4)
    live(agent, 3, 1)
    kept = agent.snapshot()
    once = live(agent, 5, 2)
    agent.restore(kept)
    np.testing.assert_array_equal(once, live(agent, 5, 2))


def test_kept_beliefs_are_those_of_the_other_robot(pearl):
    agent = begun(pearl, 1, 4)
    last = live(agent, 5, 1)[-1]
    agent.swap_context(np.array([1, 1, 2, 3]))
    np.testing.assert_array_equal(agent.belief[0], last[[1, 1, 2, 3]])


def test_names_and_folders_tell_the_choice_and_others_are_refused(pearl, reacher):
    assert WithinEpisode(pearl, 5, 40).name == "pearl-every-5-window-40"
    assert ending(None, 1, Inference(5, 40)) == "-every-5-window-40"
    for numbers in ((0, 4), (1, -1)):
        with pytest.raises(FastadaptError, match="give control steps"):
            WithinEpisode(pearl, *numbers)
    with pytest.raises(FastadaptError, match="it is for pearl"):
        WithinEpisode(make_agent("rl2", reacher, width=8), 5)
