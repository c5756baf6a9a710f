"""Task sets put together at random: both backends agree, and every robot is alone in its batch."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import find_environment, make_batch
from tests.support.any_kind import ROBOTS, entries, sudden
from tests.support.backends import BACKENDS
from tests.support.declared import declare
from tests.support.rolls import Recorder, assert_same, random_actions, roll

N, STEPS = 3, 8
TIMES = st.floats(0.01, 0.2).map(lambda t: {"law": "uniform", "low": t, "high": 2 * t})


@st.composite
def task_sets(draw):
    """Draw a robot and some of what can happen to it, each with times of its own."""
    robot = draw(st.sampled_from(ROBOTS))
    kinds = st.lists(st.sampled_from(entries(robot)), unique_by=lambda e: e["name"], max_size=5)
    perturbations = []
    for content in draw(kinds):
        times = {key: draw(TIMES) for key in ("onset", "duration") if draw(st.booleans())}
        if not sudden(content["kind"]) and draw(st.booleans()):
            times["ramp"] = draw(TIMES)
        if find_environment(robot).feet and draw(st.booleans()):
            times["event"] = "touch-down"
        perturbations.append(content | times)
    return declare(robot, *perturbations)


def test_every_kind_is_among_them_for_most_robots():
    for robot in ROBOTS:
        assert len(entries(robot)) >= 20, robot


@settings(max_examples=40)
@given(task_set=task_sets(), seed=st.integers(0, 99), threads=st.integers(1, 3))
def test_backends_agree_and_robots_are_alone(task_set, seed, threads):
    tasks = task_set.sample("train", N, seed)
    actions = random_actions(task_set, STEPS, N, seed)
    one, *others = (
        roll(task_set, tasks, actions, seed=seed, backend=backend, num_threads=threads)
        for backend in BACKENDS
    )
    for other in others:
        assert_same(one, other)
    order = [2, 0]
    fewer = roll(
        task_set, [tasks[i] for i in order], actions[:, order], seed=[seed + i for i in order]
    )
    assert_same(fewer, one.of(order))


@settings(max_examples=25)
@given(task_set=task_sets(), seed=st.integers(0, 99))
def test_nothing_remains_of_another_task(task_set, seed):
    first, second = task_set.sample("train", 2, seed)
    used, fresh = (Recorder(make_batch(task_set, 1, 1)) for _ in range(2))
    actions = random_actions(task_set, STEPS, 1, seed)
    used.batch.set_tasks(first)
    used.reset(0).step(actions)
    for recorder in (used, fresh):
        recorder.batch.set_tasks(second)
        recorder.reset(seed).step(actions)
    ours, expected = used.roll(), fresh.roll()
    for name in ("observations", "qpos", "qvel"):
        np.testing.assert_array_equal(
            getattr(ours, name)[-STEPS - 1 :], getattr(expected, name), err_msg=name
        )
    np.testing.assert_array_equal(ours.rewards[-STEPS:], expected.rewards)
