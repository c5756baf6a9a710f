"""A robot's numbers depend on its task, seed and actions; not on who is simulated beside it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import make_batch
from tests.support.rolls import assert_same, random_actions, roll
from tests.support.shipped import shipped

STEPS = 8
SETS = {name: shipped(name) for name in ("cheetah-damage", "reacher-damage")}
POOL = {name: some.sample("test_compound", 8) for name, some in SETS.items()}
ACTIONS = {name: random_actions(some, STEPS, 8) for name, some in SETS.items()}


@settings(max_examples=12)
@given(
    name=st.sampled_from(sorted(SETS)),
    robots=st.lists(st.integers(0, 7), min_size=1, max_size=7, unique=True),
    threads=st.integers(1, 3),
)
def test_any_batch_gives_what_each_robot_gives_alone(name, robots, threads):
    task_set, tasks = SETS[name], [POOL[name][i] for i in robots]
    together = roll(task_set, tasks, ACTIONS[name][:, robots], seed=robots, num_threads=threads)
    for column, i in enumerate(robots):
        alone = roll(task_set, POOL[name][i], ACTIONS[name][:, [i]], seed=[i])
        assert_same(together.of([column]), alone)


def test_an_integer_seed_gives_robot_i_the_seed_plus_i(task_set):
    actions = random_actions(task_set, 3, 3)
    together = roll(task_set, task_set.nominal, actions, seed=5)
    for i in range(3):
        alone = roll(task_set, task_set.nominal, actions[:, [i]], seed=5 + i)
        assert_same(together.of([i]), alone)


def test_resets_of_neighbours_leave_a_robot_alone(task_set):
    actions = random_actions(task_set, 10, 2)
    tasks = task_set.sample("train", 2)
    one, other = (make_batch(task_set, 2, 1) for _ in range(2))
    for batch in (one, other):
        batch.set_tasks(tasks)
        batch.reset(seed=0)
    for action in actions:
        expected, *_ = one.step(action)
        seen, *_ = other.step(action)
        np.testing.assert_array_equal(seen[1], expected[1])
        other.set_tasks(tasks[1], mask=[True, False])
        other.reset(options={"reset_mask": np.array([True, False])})


def test_draws_of_an_episode_do_not_depend_on_when_the_others_were_reset(task_set):
    batch, other = (make_batch(task_set, 3, 1) for _ in range(2))
    batch.reset(seed=0)
    other.reset(seed=0)
    both, _ = batch.reset()
    for robot in (2, 0, 1):
        mask = np.arange(3) == robot
        one, _ = other.reset(options={"reset_mask": mask})
        np.testing.assert_array_equal(one[robot], both[robot])


def test_no_trace_of_the_previous_task(task_set):
    """A robot that lived through other tasks is the one that did not."""
    actions = random_actions(task_set, STEPS, 4)
    task = task_set.sample("train", 4, 3)
    fresh = roll(task_set, task, actions, seed=9)
    used = make_batch(task_set, 4, 2)
    for split in ("test_compound", "test_extrapolation_far", "test_held_out_damage"):
        used.set_tasks(task_set.sample(split, 4))
        used.reset(seed=1)
        for action in actions:
            used.step(action)
    used.set_tasks(task)
    observation, _ = used.reset(seed=9)
    np.testing.assert_array_equal(observation, fresh.observations[0])
    for t, action in enumerate(actions):
        observation, reward, *_ = used.step(action)
        np.testing.assert_array_equal(observation, fresh.observations[t + 1])
        np.testing.assert_array_equal(reward, fresh.rewards[t])
