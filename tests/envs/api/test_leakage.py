"""A hidden task shows in the robot's behaviour and nowhere else."""

import numpy as np
import pytest

from fastadapt.envs import make_batch
from tests.support.declared import with_values

# Two tasks each that leave the reset state alone (a lock at an angle does not: it is a pose).
PAIRS = {
    "cheetah-damage": [
        {"torso_mass__scale__torso": 0.5, "ground_friction__scale": 2.0},
        {"torso_mass__scale__torso": 2.0, "weak__strength__bshin": 0.3},
        {"dead__dead__ffoot": 1},
        {"locked__locked__fthigh": 1},  # where it is
    ],
    "reacher-damage": [
        {"object__mass__object": 1.0, "friction__torque__joint2": 1.0},
        {"object__mass__object": 0.1, "weak__strength__joint1": 0.3},
        {"dead__dead__joint3": 1},
    ],
}


def tasks_of(task_set):
    return [task_set.nominal, *(with_values(task_set, **v) for v in PAIRS[task_set.name])]


def first_sight(task_set, context="hidden"):
    """Return observations and info of robots that differ in their tasks alone."""
    tasks = tasks_of(task_set)
    batch = make_batch(task_set, len(tasks), 1, context=context)
    batch.set_tasks(tasks)
    return batch.reset(seed=[0] * len(tasks))


def test_nothing_tells_the_task_at_reset(task_set):
    observation, info = first_sight(task_set)
    locked = [i for i, task in enumerate(tasks_of(task_set)) if "locked" in str(task)]
    free = np.delete(observation, locked, axis=0)
    np.testing.assert_array_equal(free, np.repeat(free[:1], len(free), axis=0))
    assert info == {}
    channels = [channel.name for channel in task_set.environment.observations]
    for i in locked:  # a joint that is stuck stands still: that can be seen, and nothing more
        seen = np.flatnonzero(observation[i] != observation[0])
        assert [channels[c] for c in seen] == ["fthigh velocity"]


def test_steps_do_tell_it_through_the_motion_alone(task_set):
    tasks = tasks_of(task_set)
    batch = make_batch(task_set, len(tasks), 1)
    batch.set_tasks(tasks)
    batch.reset(seed=[0] * len(tasks))
    action = np.ones((len(tasks), len(task_set.environment.actions())))
    observation, *_, info = batch.step(action)
    assert len(np.unique(observation, axis=0)) == len(tasks)
    words = {"task", "param", "context", "damage", "mass", "friction", "strength", "split", "id"}
    assert not {word for name in info for word in words if word in name}
    for name, value in info.items():  # numbers for each robot, none of them a parameter
        assert value.shape == (len(tasks),), name


def test_no_shape_depends_on_the_task(task_set):
    space = make_batch(task_set, 1, 1).single_observation_space
    for split in task_set.splits:
        batch = make_batch(task_set, 4, 1)
        batch.set_tasks(task_set.sample(split, 4))
        assert batch.reset(seed=0)[0].shape == (4, *space.shape)
        assert batch.single_observation_space == space


@pytest.mark.parametrize("context", ["hidden", "visible"])
def test_the_declared_context_is_what_is_appended(task_set, context):
    observation, info = first_sight(task_set, context)
    plain, _ = first_sight(task_set)
    width = plain.shape[1]
    np.testing.assert_array_equal(observation[:, :width], plain)
    extra = observation[:, width:]
    if context == "hidden":
        assert extra.shape[1] == 0
    else:
        np.testing.assert_array_equal(extra, task_set.context(tasks_of(task_set)))
    assert info == {}


def test_the_visible_context_of_training_lies_in_the_unit_cube(task_set):
    batch = make_batch(task_set, 100, 1, context="visible")
    batch.set_tasks(task_set.tasks("train"))
    width = len(task_set.names)
    for observation in (batch.reset(seed=0)[0], batch.step(np.zeros(batch.action_space.shape))[0]):
        extra = observation[:, -width:]
        assert np.abs(extra).max() <= 1 + 1e-12
        assert (np.ptp(extra, axis=0) > 0).any()


def test_the_context_follows_a_change_within_an_episode(task_set):
    batch = make_batch(task_set, 2, 1, context="visible")
    batch.reset(seed=0)
    task = task_set.tasks("test_compound")[0]
    batch.set_tasks(task, mask=[True, False])
    observation, *_ = batch.step(np.zeros(batch.action_space.shape))
    expected = task_set.context([task, task_set.nominal])
    told = observation[:, -len(task_set.names) :]
    held = np.array(["locked.fraction" in name for name in task_set.names])
    np.testing.assert_array_equal(told[:, ~held], expected[:, ~held])
    # A lock that begins within an episode holds where the joint is, not at the fraction drawn.
    assert (told[0] != expected[0])[held].sum() == 1
