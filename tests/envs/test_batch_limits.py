"""A batch in a forked child, and actions beyond reason, end in a sentence or a flag."""

import multiprocessing
import warnings

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch


def _step(batch, answers):
    try:
        batch.step(np.zeros(batch.action_space.shape))
        answers.put("stepped")
    except FastadaptError as error:
        answers.put(str(error))


def test_a_batch_in_a_forked_child_says_so():
    batch = make_batch(load_task_set("reacher-damage"), 4, 2)
    batch.reset(seed=0)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: the point
        child = context.Process(target=_step, args=(batch, answers))
        child.start()
    child.join(60)
    alive = child.is_alive()
    child.kill()
    assert not alive
    assert "made in another process" in answers.get()


@pytest.mark.parametrize("size", [1e300, -1e300])
def test_absurd_actions_are_marked_as_diverged(size):
    batch = make_batch(load_task_set("cheetah-damage"), 2, 1)
    batch.reset(seed=0)
    actions = np.zeros(batch.action_space.shape)
    actions[0] = size
    _, reward, terminated, truncated, info = batch.step(actions)
    assert info["diverged"].tolist() == [True, False]
    assert truncated.tolist() == [True, False]
    assert not terminated.any()
    assert np.isfinite(reward).all()
