"""Damage that is timed over the episodes of a trial, and what an oracle is told of it."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.tasks.schema import TaskSetFile
from fastadapt.envs.tasks.task_set import TaskSet
from tests.support.declared import constant

STEP = 0.05
"""Control step of the cheetah [s]."""
DEAD = {"name": "it", "kind": "dead-actuator", "targets": ["bthigh"]}


def struck(clock="trial", **times):
    """Return a task set of the cheetah whose motor dies; one episode here is 10 control steps."""
    dead = DEAD | {key: constant(steps * STEP) for key, steps in times.items()}
    content = {"name": "it", "version": 0, "environment": "cheetah", "clock": clock,
               "perturbations": [dead], "splits": {"train": {"count": 1}}}  # fmt: skip
    return TaskSet(TaskSetFile.model_validate(content), "", None)


def batch_of(task_set, robots=2):
    batch = make_batch(task_set, robots, 1, horizon=10)
    batch.set_tasks(task_set.sample("train", 1) * robots)
    batch.reset(seed=0)
    return batch


def deaths(batch, steps):
    """Return of each step whether the motor was dead, `(steps, robots)`."""
    found = []
    for _ in range(steps):
        batch.step(np.zeros(batch.action_space.shape))
        found.append(batch.sim.field("actuator_gainprm")[:, 0, 0] == 0)
    return np.array(found)


def test_a_strike_in_the_second_episode_of_a_trial_and_its_repair_in_the_third():
    batch = batch_of(struck(onset=14, duration=12))
    seen = []
    for _ in range(4):
        seen.append(deaths(batch, 10)[:, 0])
        batch.reset()
    expected = [14 <= step < 26 for step in range(40)]
    np.testing.assert_array_equal(np.concatenate(seen), expected)


def test_with_the_clock_of_the_episode_it_strikes_in_each():
    batch = batch_of(struck("episode", onset=4, duration=2))
    for _ in range(2):
        np.testing.assert_array_equal(
            deaths(batch, 10)[:, 0], [step in (4, 5) for step in range(10)]
        )
        batch.reset()
        np.testing.assert_array_equal(batch.age, 0)


def test_new_tasks_begin_a_new_trial_also_in_the_middle_of_an_episode():
    task_set = struck(onset=14)
    batch = batch_of(task_set)
    deaths(batch, 10)
    batch.reset()
    assert deaths(batch, 6)[-1].all()
    batch.set_tasks(task_set.sample("train", 1), mask=[True, False])
    np.testing.assert_array_equal(batch.age, [0, 16])
    np.testing.assert_array_equal(deaths(batch, 4)[-1], [False, True])
    batch.reset()
    np.testing.assert_array_equal(batch.age, [4, 20])
    np.testing.assert_array_equal(deaths(batch, 10)[:, 0], [False] * 10)
    batch.reset()
    assert deaths(batch, 1).all()


def test_robots_are_reset_one_by_one_with_clocks_of_their_own():
    batch = batch_of(struck(onset=14))
    deaths(batch, 6)
    batch.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(batch.age, 6)
    np.testing.assert_array_equal(deaths(batch, 4).any(axis=0), [False, False])
    batch.reset(options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(deaths(batch, 4), False)
    np.testing.assert_array_equal(deaths(batch, 1), True)


def test_an_episode_can_begin_in_the_middle_of_a_trial():
    batch = batch_of(struck(onset=14))
    batch.age = np.array([12, 14])
    batch.reset()
    np.testing.assert_array_equal(deaths(batch, 3), [[False, True], [False, True], [True, True]])
    with_clock_of_episodes = batch_of(struck("episode", onset=4))
    with_clock_of_episodes.age = np.array([12, 14])
    with_clock_of_episodes.reset()
    np.testing.assert_array_equal(with_clock_of_episodes.age, 0)


def test_an_oracle_is_told_at_the_onset_and_at_the_repair():
    batch = batch_of(struck(onset=14, duration=12))
    healthy = batch.told.copy()
    told = []
    for _ in range(3):
        for _ in range(10):
            deaths(batch, 1)
            told.append((batch.told != healthy).any())
        batch.reset()
    np.testing.assert_array_equal(told, [14 <= step < 26 for step in range(30)])


def test_what_is_untold_is_missing_from_the_context_and_changes_no_task():
    told = load_task_set("cheetah-damage-v1")
    untold = load_task_set("cheetah-damage-v1", ["damage", "encoder"])
    assert untold.hash == told.hash
    tasks = told.tasks("test_iid")
    assert [task.id for task in untold.tasks("test_iid")] == [task.id for task in tasks]
    left = [name.split(".")[0] in ("weak", "dead", "locked", "encoder") for name in told.names]
    assert 0 < sum(left) < len(left)
    assert not untold.context(tasks)[:, left].any()
    assert told.context(tasks)[:, left].any()
    kept = ~np.array(left)
    np.testing.assert_array_equal(untold.context(tasks)[:, kept], told.context(tasks)[:, kept])
    again = TaskSet(untold.file, untold.source, None)
    assert again.file.untold == ("damage", "encoder")


def test_an_unknown_name_is_refused():
    with pytest.raises(FastadaptError, match="Did you mean 'damage'"):
        load_task_set("cheetah-damage-v1", ["damages"])


def test_the_clock_is_part_of_the_hash_where_it_is_not_that_of_episodes():
    assert struck().hash != struck("episode").hash
    plain = struck("episode").file.model_dump(mode="json", exclude={"clock"})
    assert TaskSet(TaskSetFile.model_validate(plain), "", None).hash == struck("episode").hash
