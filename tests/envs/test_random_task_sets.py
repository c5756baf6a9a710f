"""Task sets put together at random: both backends agree, and every robot is alone in its batch."""

import numpy as np
from declared import declare
from eventful import EVERYTHING
from hypothesis import given, settings
from hypothesis import strategies as st
from rolls import Recorder, assert_same, random_actions, roll

from fastadapt.envs import make_batch

N, STEPS = 3, 10
ACTIONS = np.random.default_rng(0).uniform(-1.2, 1.2, (STEPS, N, 6))
TIMES = st.floats(0.01, 0.3).map(lambda t: {"law": "uniform", "low": t, "high": 2 * t})
SUDDEN = {"locked-joint", "intermittent-actuator", "sensor-stuck", "action-delay"}


@st.composite
def task_sets(draw):
    """Draw some of the perturbations, each with times of its own."""
    chosen = draw(st.lists(st.sampled_from(EVERYTHING), unique_by=lambda e: e["name"], max_size=4))
    perturbations = []
    for entry in chosen:
        content = {k: v for k, v in entry.items() if k not in ("onset", "ramp", "repair")}
        content.pop("duration", None)
        content |= {key: draw(TIMES) for key in ("onset", "duration") if draw(st.booleans())}
        if content["kind"] not in SUDDEN and draw(st.booleans()):
            content["ramp"] = draw(TIMES)
        if draw(st.booleans()):
            content["event"] = "touch-down"
        perturbations.append(content)
    return declare("cheetah-velocity", *perturbations)


@settings(max_examples=25)
@given(task_set=task_sets(), seed=st.integers(0, 99), threads=st.integers(1, 3))
def test_backends_agree_and_robots_are_alone(task_set, seed, threads):
    tasks = task_set.sample("train", N, seed)
    one, other = (
        roll(task_set, tasks, ACTIONS, seed=seed, backend=backend, num_threads=threads)
        for backend in ("mjbatch", "reference")
    )
    assert_same(one, other)
    order = [2, 0]
    fewer = roll(
        task_set, [tasks[i] for i in order], ACTIONS[:, order], seed=[seed + i for i in order]
    )
    assert_same(fewer, one.of(order))


@settings(max_examples=15)
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
