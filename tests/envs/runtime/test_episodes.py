"""Episodes of a batch: limits, frozen robots, partial resets, seeds, bad input."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.batched_env import BatchedEnv
from fastadapt.envs.robots.cheetah import Cheetah
from tests.support.rolls import random_actions

N = 4


def mask_of(*robots):
    return np.isin(np.arange(N), robots)


@pytest.fixture
def batch(task_set):
    batch = make_batch(task_set, N, 1)
    batch.reset(seed=0)
    return batch


def step(batch, count=1):
    for action in random_actions(batch.task_set, count, batch.num_envs):
        out = batch.step(action)
    return out


def test_the_time_limit_truncates_and_does_not_terminate(batch):
    *_, terminated, truncated, info = step(batch, batch.environment.horizon - 1)
    assert not terminated.any()
    assert not truncated.any()
    *_, terminated, truncated, info = step(batch)
    assert not terminated.any()
    assert truncated.all()
    assert not info["diverged"].any()


def test_a_robot_whose_episode_has_ended_is_frozen(batch):
    step(batch, batch.environment.horizon // 2)
    batch.reset(options={"reset_mask": mask_of(1, 2)})
    last, *_ = step(batch, batch.environment.horizon - batch.environment.horizon // 2)
    states = batch.sim.states()
    observation, reward, terminated, truncated, _ = step(batch, 3)
    np.testing.assert_array_equal(truncated, mask_of(0, 3))
    assert not terminated.any()
    np.testing.assert_array_equal(observation[[0, 3]], last[[0, 3]])
    np.testing.assert_array_equal(batch.sim.states()[[0, 3]], states[[0, 3]])
    assert not reward[[0, 3]].any()
    assert reward[[1, 2]].all()
    assert (observation[[1, 2]] != last[[1, 2]]).any(axis=1).all()


def test_failing_terminates_and_does_not_truncate(cheetah, monkeypatch):
    falls = mask_of(2)
    monkeypatch.setattr(Cheetah, "terminated", lambda self: falls)
    batch = make_batch(cheetah, N, 1)
    batch.reset(seed=0)
    _, reward, terminated, truncated, _ = step(batch)
    np.testing.assert_array_equal(terminated, falls)
    assert not truncated.any()
    assert reward[2] != 0  # the step in which it fell counts
    _, reward, terminated, truncated, _ = step(batch, Cheetah.horizon)
    np.testing.assert_array_equal(terminated, falls)
    np.testing.assert_array_equal(truncated, ~falls)
    assert reward[2] == 0


def test_failing_in_the_last_step_is_no_truncation(cheetah, monkeypatch):
    batch = make_batch(cheetah, N, 1)
    batch.reset(seed=0)
    step(batch, Cheetah.horizon - 1)
    monkeypatch.setattr(Cheetah, "terminated", lambda self: mask_of(0))
    *_, terminated, truncated, _ = step(batch)
    np.testing.assert_array_equal(terminated, mask_of(0))
    np.testing.assert_array_equal(truncated, ~mask_of(0))


def test_a_reset_mask_resets_those_robots_only(batch):
    before, *_ = step(batch, 5)
    states = batch.sim.states()
    after, _ = batch.reset(options={"reset_mask": mask_of(1, 3)})
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(batch.sim.states()[[0, 2]], states[[0, 2]])
    assert (after[[1, 3]] != before[[1, 3]]).any(axis=1).all()
    np.testing.assert_array_equal(batch.reset(options={"reset_mask": mask_of()})[0], after)


def test_each_robot_has_a_time_limit_of_its_own(batch):
    step(batch, 10)
    batch.reset(options={"reset_mask": mask_of(0)})
    *_, truncated, _ = step(batch, batch.environment.horizon - 10)
    np.testing.assert_array_equal(truncated, ~mask_of(0))
    *_, truncated, _ = step(batch, 10)
    assert truncated.all()


def test_nothing_runs_before_the_first_reset(task_set):
    batch = make_batch(task_set, N, 1)
    _, reward, terminated, truncated, _ = step(batch)
    assert truncated.all()
    assert not terminated.any()
    assert not reward.any()


def test_what_is_returned_does_not_change_later(batch):
    first = step(batch)
    flat = [*first[:4], *first[4].values()]
    copies = [array.copy() for array in flat]
    step(batch, 3)
    batch.reset(seed=5)
    for array, copy in zip(flat, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_same_seed_same_episodes_and_the_next_ones_differ(batch):
    first, second = batch.reset(seed=3)[0], batch.reset()[0]
    assert (first != second).any(axis=1).all()
    np.testing.assert_array_equal(batch.reset(seed=3)[0], first)
    np.testing.assert_array_equal(batch.reset()[0], second)
    assert len(np.unique(first, axis=0)) == N
    assert (batch.reset(seed=4)[0] != first).any(axis=1).all()


def test_any_integer_is_a_seed(batch):
    first, _ = batch.reset(seed=3)
    np.testing.assert_array_equal(batch.reset(seed=np.int64(3))[0], first)
    np.testing.assert_array_equal(batch.reset(seed=np.arange(3, 7))[0], first)
    assert np.isfinite(batch.reset(seed=-1)[0]).all()
    assert np.isfinite(batch.reset(seed=2**80)[0]).all()


def test_seeds_can_be_given_one_by_one(batch):
    first, _ = batch.reset(seed=3)
    second, _ = batch.reset()
    batch.reset(seed=3)
    mixed, _ = batch.reset(seed=[None, 4, None, 3])
    np.testing.assert_array_equal(mixed[[0, 2]], second[[0, 2]])
    np.testing.assert_array_equal(mixed[[1, 3]], first[[1, 0]])


def test_without_a_seed_every_batch_is_another(task_set):
    for seed in (None, [None, None]):
        one, other = (make_batch(task_set, 2, 1).reset(seed=seed)[0] for _ in range(2))
        assert len(np.unique(np.concatenate([one, other]), axis=0)) == 4
    batch = make_batch(task_set, N, 1)
    batch.reset(seed=0, options={"reset_mask": mask_of(0)})
    rest, _ = batch.reset(options={"reset_mask": ~mask_of(0)})
    again, _ = make_batch(task_set, N, 1).reset(seed=0)
    np.testing.assert_array_equal(rest[0], again[0])
    assert (rest[1:] != again[1:]).any(axis=1).all()


def test_tasks_are_assigned_one_for_all_or_one_each(task_set):
    tasks = task_set.sample("train", N)
    batch = make_batch(task_set, N, 1)
    vectors = task_set.vectors(tasks)
    batch.set_tasks(tasks)
    np.testing.assert_array_equal(batch._vectors, vectors)
    batch.set_tasks(tasks[1], mask=mask_of(0))
    batch.set_tasks(tasks[:2], mask=mask_of(2, 3))
    np.testing.assert_array_equal(batch._vectors, vectors[[1, 1, 0, 1]])
    batch.set_tasks(tasks, mask=mask_of(3))  # N tasks: each masked robot takes its own
    np.testing.assert_array_equal(batch._vectors, vectors[[1, 1, 0, 3]])
    batch.set_tasks([], mask=mask_of())
    np.testing.assert_array_equal(batch._vectors, vectors[[1, 1, 0, 3]])


BAD_CALLS = {
    "no robots": (lambda b: make_batch(b.task_set, 0), "num_envs = 0; at least 1"),
    "context": (lambda b: make_batch(b.task_set, 1, context="shown"), "no context mode 'shown'"),
    "backend": (lambda b: make_batch(b.task_set, 1, backend="mjx"), "no simulation backend 'mjx'"),
    "action shape": (lambda b: b.step(np.zeros((N, 99))), r"shape \(4, 99\); they must have"),
    "one action": (lambda b: b.step(np.zeros(6)), r"must have \(4, "),
    "tasks": (lambda b: b.set_tasks([b.task_set.nominal] * 3), "got 3 tasks for 4 robots"),
    "mask of ids": (lambda b: b.set_tasks(b.task_set.nominal, mask=[1, 2]), "must be 4 booleans"),
    "reset mask": (lambda b: b.reset(options={"reset_mask": np.ones(3, bool)}), "reset_mask must"),
    "seeds": (lambda b: b.reset(seed=[1, 2]), "Got 2 seeds for 4 robots"),
    "name for a set": (lambda b: make_batch("cheetah-damage", 1), "made of a TaskSet, not of 'che"),
    "half a robot": (lambda b: make_batch(b.task_set, 1.5), "num_envs = 1.5; at least 1 robot"),
    "threads": (lambda b: make_batch(b.task_set, 1, -1), "num_threads = -1; at least 0"),
    "texts for tasks": (lambda b: b.set_tasks(["a"] * N), "'a' is not a Task. Use tasks from"),
    "number for tasks": (lambda b: b.set_tasks(3), "tasks must be a Task or a list of them; got 3"),
    "text for tasks": (lambda b: b.set_tasks("train"), "must be a Task or a list of them; got 'tr"),
    "broken seed": (lambda b: b.reset(seed=1.5), "A seed is a whole number, .* got 1.5"),
    "text for a seed": (lambda b: b.reset(seed="a"), "A seed is a whole number, .* got 'a'"),
    "broken seeds": (lambda b: b.reset(seed=[1, 2, 3, 0.5]), "must be whole numbers; got 0.5"),
    "option": (lambda b: b.reset(options={"mask": 0}), "no option of reset called 'mask'.*reset_m"),
    "options": (lambda b: b.reset(options=[1]), r"options must be a dictionary .*; got \[1\]"),
    "ragged actions": (lambda b: b.step([[1], [1, 2]]), "Actions must be numbers; got"),
    "text for actions": (lambda b: b.step("left"), "Actions must be numbers; got 'left'"),
    "state shape": (lambda b: b.set_state(np.zeros(2), np.zeros(2)), r"qpos has shape \(2,\); 4 "),
    "text for a state": (lambda b: b.set_state("a", "b"), "qpos must be numbers; got 'a'"),
    "no split": (lambda b: b.task_set.tasks(3), "no split of task set '.*' called '3'"),
    "count": (lambda b: b.task_set.sample("train", 1.5), "Cannot sample 1.5 tasks"),
    "context of": (lambda b: b.task_set.context(["a"]), "'a' is not a Task"),
    "no context": (lambda b: make_batch(b.task_set, 1, context=None), "'None'.*hidden, visible"),
    "no backend": (
        lambda b: make_batch(b.task_set, 1, backend=None),
        "'None'.*auto, mjbatch",
    ),
    "start": (lambda b: b.task_set.sample("train", 1, 0, start=-1), "start = -1; tasks have whole"),
    "half a start": (lambda b: b.task_set.sample("train", 1, 0, start=0.5), "start = 0.5; tasks"),
    "seed of a draw": (lambda b: b.task_set.sample("train", 1, 1.0), "seed = 1.0; it must be a"),
    "yes for a seed": (lambda b: b.task_set.sample("train", 1, True), "seed = True; it must be a"),
    "None for a seed": (lambda b: b.task_set.sample("train", 1, None), "seed = None; it must be a"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_get_a_sentence(batch, name):
    call, complaint = BAD_CALLS[name]
    with pytest.raises(FastadaptError, match=complaint):
        call(batch)


def test_numbers_of_numpy_draw_the_same(task_set):
    plain = task_set.sample("train", 2, 1, start=3)
    assert task_set.sample("train", np.int32(2), np.int64(1), np.uint8(3)) == plain
    assert task_set.sample("train", 2, "1", start=3) != plain


def test_no_tasks_have_no_context(task_set):
    assert task_set.context([]).shape == (0, len(task_set.names))
    assert task_set.vectors([]).shape == (0, len(task_set.names))
    assert task_set.context(task_set.sample("train", 2)).shape == (2, len(task_set.names))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_named(batch, bad):
    actions = random_actions(batch.task_set, 1, N)[0]
    actions[2, 1] = bad
    with pytest.raises(FastadaptError, match="action of robot 2 is not finite"):
        batch.step(actions)


def test_a_task_of_another_set_is_refused(cheetah, reacher):
    with pytest.raises(
        FastadaptError, match=r"\(reacher-v0\) does not belong.*'cheetah-damage-v0'"
    ):
        make_batch(cheetah, 1).set_tasks(reacher.nominal)


def test_autoreset_is_disabled_and_spaces_fit(task_set):
    batch = make_batch(task_set, N, 1, context="visible")
    assert BatchedEnv.metadata["autoreset_mode"].name == "DISABLED"
    observation, _ = batch.reset(seed=0)
    assert batch.observation_space.contains(observation)
    assert observation.shape == (N, *batch.single_observation_space.shape)
    assert batch.action_space.shape == (N, len(task_set.environment.actions()))
    assert batch.observation_space.contains(step(batch)[0])
