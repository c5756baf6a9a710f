"""Faults that come and go in a batch: each robot for itself, repeatable, undone without a trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import make_batch
from fastadapt.envs.perturbations import perturbation_kinds
from tests.support.backends import BACKENDS
from tests.support.declared import declare
from tests.support.eventful import EVERYTHING, eventful
from tests.support.rolls import Recorder, assert_same, differ, random_actions, roll

STEPS = 20
N = 6
SET = eventful()
TASKS = SET.sample("train", N)
ACTIONS = random_actions(SET, STEPS, N)
both_backends = pytest.mark.parametrize("backend", BACKENDS)


def test_everything_that_is_no_model_field_is_in_the_set():
    kinds = perturbation_kinds(plugins=False).items()
    special = {name for name, cls in kinds if cls.signals or cls.intermittent}
    assert special <= {entry["kind"] for entry in EVERYTHING}
    tasks = roll(SET, TASKS, ACTIONS)
    nominal = roll(SET, SET.nominal, ACTIONS)
    assert all(differ(tasks.of([i]), nominal.of([i])) for i in range(N))


def test_backends_agree():
    recorders = [Recorder(make_batch(SET, N, 2, backend)) for backend in BACKENDS]
    some = np.arange(N) % 2 == 0
    for recorder in recorders:
        recorder.batch.set_tasks(TASKS)
        recorder.reset(0).step(ACTIONS[:12])
        recorder.reset(None, some).step(ACTIONS[12:])
        recorder.batch.set_tasks(TASKS[::-1], mask=some)
        recorder.step(ACTIONS[:8])
    *batched, plain = recorders
    for ours in batched:
        assert_same(ours.roll(), plain.roll())
        np.testing.assert_array_equal(ours.batch.sim.states(), plain.batch.sim.states())


@settings(max_examples=15)
@given(
    robots=st.lists(st.integers(0, N - 1), min_size=1, max_size=N, unique=True),
    threads=st.integers(1, 3),
)
def test_any_batch_in_any_order_gives_what_each_robot_gives_alone(robots, threads):
    tasks = [TASKS[i] for i in robots]
    together = roll(SET, tasks, ACTIONS[:, robots], seed=robots, num_threads=threads)
    for column, i in enumerate(robots):
        alone = roll(SET, TASKS[i], ACTIONS[:, [i]], seed=[i])
        assert_same(together.of([column]), alone)


def test_a_healthy_neighbour_is_the_healthy_robot_bit_for_bit():
    struck = roll(SET, [TASKS[0], SET.nominal, TASKS[1]], ACTIONS[:, :3], seed=0)
    healthy = roll(SET, SET.nominal, ACTIONS[:, :3], seed=0)
    assert_same(struck.of([1]), healthy.of([1]))
    assert differ(struck.of([0]), healthy.of([0]))


def test_resets_and_tasks_of_neighbours_leave_a_robot_alone():
    one, other = (Recorder(make_batch(SET, 2, 1)) for _ in range(2))
    for recorder in (one, other):
        recorder.batch.set_tasks(TASKS[:2])
        recorder.reset(0)
    first = np.array([True, False])
    for t, action in enumerate(ACTIONS[:, :2]):
        one.step([action])
        other.step([action])
        np.testing.assert_array_equal(one.roll().observations[-1, 1], last(other)[1])
        other.batch.set_tasks(TASKS[t % N], mask=first)
        observation, _ = other.batch.reset(options={"reset_mask": first})
        np.testing.assert_array_equal(observation[1], last(one)[1])


def last(recorder):
    return recorder.roll().observations[-1]


def test_same_seed_same_faults_and_the_next_episode_has_others():
    batch = make_batch(SET, N, 2)
    batch.set_tasks(TASKS)
    first, second = (Recorder(batch).reset(seed).step(ACTIONS).roll() for seed in (3, None))
    again, later = (Recorder(batch).reset(seed).step(ACTIONS).roll() for seed in (3, None))
    assert_same(first, again)
    assert_same(second, later)
    dropped = first.observations == 0, second.observations == 0
    assert not np.array_equal(*dropped)


@both_backends
def test_a_b_a_is_a_bit_for_bit(backend):
    batch = make_batch(SET, 2, 1, backend)

    def seen(tasks):
        batch.set_tasks(tasks)
        out = Recorder(batch).reset(seed=5).step(ACTIONS[:, :2]).roll()
        signals = batch._schedule._writer._signals
        arrays = {name: signals[name].copy() for name in sorted(signals.names())}
        return out, arrays

    (a, signals), _, (again, signals_again) = (seen(TASKS[i : i + 2]) for i in (0, 2, 0))
    assert_same(a, again)
    assert len(signals) == 9
    for name, values in signals.items():
        np.testing.assert_array_equal(signals_again[name], values, err_msg=name)


def test_the_nominal_task_is_restored_within_an_episode():
    """After it, the robot and its sensors are nominal ones in the same state."""
    batch, healthy = (make_batch(SET, 2, 1) for _ in range(2))
    batch.set_tasks(TASKS[:2])
    batch.reset(seed=0)
    healthy.reset(seed=0)
    for action in ACTIONS[:12, :2]:
        batch.step(action)
        healthy.step(action)
    batch.set_tasks(SET.nominal)
    batch.step(ACTIONS[12, :2])
    for _ in range(2):
        states = batch.sim.states()
        healthy.sim.set_states(states, np.arange(2))
        for action in ACTIONS[13:, :2]:
            ours, expected = batch.step(action), healthy.step(action)
            for a, b in zip(ours[:4], expected[:4], strict=True):
                np.testing.assert_array_equal(a, b)


@both_backends
def test_a_snapshot_of_the_states_goes_on_as_the_original(backend):
    """Forces, locks and warm starts are in the state; the clocks are the batch's."""
    batch, other = (make_batch(SET, N, 2, backend) for _ in range(2))
    for one in (batch, other):
        one.set_tasks(TASKS)
        one.reset(seed=0)
        for action in ACTIONS[:9]:
            one.step(action)
    saved = batch.sim.states()
    np.testing.assert_array_equal(other.sim.states(), saved)
    other.sim.data("qpos")[:] += 0.1
    other.sim.data("qvel")[:] -= 0.1
    other.sim.forward()
    other.sim.set_states(saved, np.arange(N))
    for action in ACTIONS[9:]:
        ours, expected = other.step(action), batch.step(action)
        for a, b in zip(ours[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(other.sim.states(), batch.sim.states())


def test_an_ended_episode_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(SET.environment, "horizon", 8)
    batch = make_batch(SET, N, 2)
    batch.set_tasks(TASKS)
    batch.reset(seed=0)
    for action in ACTIONS[:8]:
        final, *_, truncated, _ = batch.step(action)
    assert truncated.all()
    states = batch.sim.states()
    for action in ACTIONS[8:]:
        observation, reward, *_ = batch.step(action)
        np.testing.assert_array_equal(observation, final)
        assert not reward.any()
    np.testing.assert_array_equal(batch.sim.states(), states)


def test_a_robot_that_diverges_is_alone_with_it():
    batch, healthy = (make_batch(SET, N, 2) for _ in range(2))
    for one in (batch, healthy):
        one.set_tasks(TASKS)
        one.reset(seed=0)
    others = np.arange(N) != 2
    for t, action in enumerate(ACTIONS):
        if t == 6:
            batch.sim.data("qvel")[2, 0] = np.nan
        ours, expected = batch.step(action), healthy.step(action)
        for a, b in zip(ours[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(a[others], b[others])
        assert np.isfinite(ours[0]).all()
        assert ours[4]["diverged"][2] == (t >= 6)


# Nothing tells


def test_info_says_the_same_whatever_happens():
    struck, healthy = (make_batch(SET, N, 1) for _ in range(2))
    struck.set_tasks(TASKS)
    infos = []
    for one in (struck, healthy):
        _, info = one.reset(seed=0)
        assert info == {}
        infos.append([one.step(action)[4] for action in ACTIONS])
    words = ("onset", "repair", "ramp", "goal", "fault", "push", "delay", "sensor", "task", "stuck")
    for a, b in zip(*infos, strict=True):
        assert set(a) == set(b)
        assert not [name for name in a for word in words if word in name]
        assert all(value.shape == (N,) for value in a.values())


def test_before_anything_begins_nothing_tells_what_will():
    """Robots that differ in what is to come are equal until the first of it has come."""
    names = [name for name in SET.names if name.endswith(".onset")]
    quiet = [e for e in EVERYTHING if "onset" in e]
    later = [{**e, "onset": {"law": "uniform", "low": 0.3, "high": 0.4}} for e in quiet]
    task_set = declare("cheetah-velocity", *later)
    assert len(names) == len(quiet) == 11
    tasks = [task_set.nominal, *task_set.sample("train", 3)]
    batch = make_batch(task_set, 4, 1)
    batch.set_tasks(tasks)
    action = np.repeat(ACTIONS[:, :1], 4, axis=1)
    seen, _ = batch.reset(seed=[0] * 4)
    for t in range(10):
        same = [np.array_equal(row, seen[0]) for row in seen]
        assert all(same) == (t < 8), t  # the first step to begin after 0.3 s is number 7
        seen, reward, _, _, info = batch.step(action[t])
        if t < 7:
            for values in (reward, *info.values()):
                np.testing.assert_array_equal(values, values[:1].repeat(4))


@pytest.mark.parametrize("context", ["hidden", "visible"])
def test_the_observation_has_the_same_shape_and_the_context_is_not_faulty(context):
    batch = make_batch(SET, N, 1, context=context)
    batch.set_tasks(TASKS)
    observation, _ = batch.reset(seed=0)
    plain = len(SET.environment.observations)
    extra = len(SET.names) if context == "visible" else 0
    assert observation.shape == (N, plain + extra)
    for action in ACTIONS:
        observation, *_ = batch.step(action)
    if context == "visible":
        np.testing.assert_array_equal(observation[:, plain:], batch.told)
        late = SET.at_levels(SET.vectors(TASKS), np.ones((N, len(SET.blocks))))
        assert (SET.scale(late) != batch.told).any()  # some are yet to begin, or are over
        assert (SET.scale(SET.vectors([SET.nominal])) != batch.told).any(axis=1).all()
