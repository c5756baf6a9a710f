"""All backends agree bit for bit, whatever is done to the robots."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare
from tests.support.rolls import Recorder, assert_same, differ, random_actions

N = 6


def recorders_of(task_set):
    return [Recorder(make_batch(task_set, N, 2, backend)) for backend in BACKENDS]


def assert_equal(recorders):
    *batched, plain = recorders
    for ours in batched:
        assert_same(ours.roll(), plain.roll())
        np.testing.assert_array_equal(ours.batch.sim.states(), plain.batch.sim.states())


@pytest.mark.parametrize(
    ("split", "seed"),
    [
        ("train", 0),
        ("test_compound", 1),
        ("test_extrapolation_far", 2),
        ("test_held_out_damage", 3),
    ],
)
def test_random_tasks_through_resets_and_changes(task_set, split, seed):
    tasks = task_set.sample(split, 2 * N, seed)
    actions = random_actions(task_set, 30, N, seed)
    some = np.array([True, False, False, True, True, False])
    recorders = recorders_of(task_set)
    for recorder in recorders:
        recorder.batch.set_tasks(tasks[:N])
        recorder.reset(seed).step(actions[:10])
        recorder.reset(None, some).step(actions[10:15])
        recorder.batch.set_tasks(tasks[N:], mask=~some)  # the state goes on
        recorder.step(actions[15:25])
        recorder.batch.set_tasks(task_set.nominal, mask=some)
        recorder.reset(None, ~some).step(actions[25:])
    assert_equal(recorders)


def test_onset_within_an_episode(task_set):
    joint = task_set.environment.lockable[1]
    declared = declare(
        task_set.environment.name,
        {"name": "load", "kind": "mass", "targets": ["*"], "scale": constant(1.5),
         "onset": {"law": "uniform", "low": 0.05, "high": 0.3}},
        {"name": "lock", "kind": "locked-joint", "targets": [joint], "onset": constant(0.2)},
    )  # fmt: skip
    recorders = recorders_of(declared)
    for recorder in recorders:
        recorder.batch.set_tasks(declared.sample("train", N))
        recorder.reset(0).step(random_actions(declared, 15, N))
    assert_equal(recorders)


def test_the_test_can_tell_two_tasks_apart(task_set):
    one, other = recorders_of(task_set)[:2]
    actions = random_actions(task_set, 5, N)
    one.batch.set_tasks(task_set.sample("train", N, 0))
    other.batch.set_tasks(task_set.sample("train", N, 1))
    assert differ(one.reset(0).step(actions).roll(), other.reset(0).step(actions).roll())


@pytest.mark.parametrize("backend", BACKENDS)
def test_states_can_be_put_back(task_set, backend):
    recorder = Recorder(make_batch(task_set, N, 1, backend))
    recorder.batch.set_tasks(task_set.sample("test_compound", N))
    actions = random_actions(task_set, 16, N)
    sim = recorder.reset(0).step(actions[:8]).batch.sim
    saved = sim.states()
    first = recorder.step(actions[8:]).roll()
    sim.set_states(saved, np.arange(N))
    again = recorder.step(actions[8:]).roll()
    for name in ("qpos", "qvel"):
        np.testing.assert_array_equal(getattr(first, name)[-8:], getattr(again, name)[-8:])


@pytest.mark.parametrize("backend", BACKENDS)
def test_set_const_does_not_move_the_state(task_set, backend):
    batch = make_batch(task_set, 2, 1, backend)
    batch.reset(seed=0)
    batch.step(random_actions(task_set, 1, 2)[0])
    before = batch.sim.states()
    batch.sim.field("body_mass")[0] *= 1.5
    batch.sim.set_const(np.array([0]))
    np.testing.assert_array_equal(batch.sim.states(), before)


def test_the_nominal_model_is_never_written(task_set):
    model = task_set.environment.model()
    before = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, before)
    for recorder in recorders_of(task_set):
        recorder.batch.set_tasks(task_set.sample("test_compound", N))
        recorder.reset(0).step(random_actions(task_set, 2, N))
    after = np.empty_like(before)
    mujoco.mj_saveModel(model, None, after)
    np.testing.assert_array_equal(after, before)


def test_unknown_backend(task_set):
    with pytest.raises(FastadaptError, match=r"no simulation backend 'mjbach'.*'mjbatch'"):
        make_simulation(task_set.environment.model(), 1, backend="mjbach")
