"""Sensors that drift and sensors with noise: each equal to a loop over plain MuJoCo."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch, nominal_task_set
from fastadapt.envs.rng import key_of, normals
from tests.envs.perturbations.test_signals import (
    DECLARED,
    SEED,
    STEPS,
    both_backends,
    by_hand,
    declared,
    ours,
)
from tests.support.by_hand import DT, assert_is_by_hand, channel
from tests.support.declared import constant, declare
from tests.support.hand_edits import perturbation
from tests.support.rolls import Recorder, random_actions, roll


@both_backends
@pytest.mark.parametrize("until", [STEPS, 12])
def test_a_drift_grows_from_its_onset_until_its_repair(backend, until):
    times = {"duration": constant(until * DT - 0.25)} if until < STEPS else {}
    task_set, task = declared("sensor-drift", **times)
    expected = by_hand(task_set)
    error, columns = 0.0, channel("rootz", "bthigh velocity", "bshin velocity", "bfoot velocity")
    for t in range(6, until + 1):
        error += 0.3 * DT
        expected.observations[t, columns] += error
    assert_is_by_hand(ours(task_set, task, backend), 0, expected)


def test_a_drift_begins_anew_with_every_episode():
    task_set, task = declared("sensor-drift", onset=None)
    recorder = Recorder(make_batch(task_set, 1, 1))
    recorder.batch.set_tasks(task)
    actions = random_actions(task_set, STEPS, 1)
    recorder.reset([SEED]).step(actions).reset([SEED]).step(actions)
    seen = recorder.roll().observations[:, 0]
    np.testing.assert_array_equal(seen[: STEPS + 1], seen[STEPS + 1 :])


def test_a_partial_reset_lets_the_drift_of_others_go_on():
    task_set, task = declared("sensor-drift", onset=None)
    actions = random_actions(task_set, STEPS, 2)
    recorder = Recorder(make_batch(task_set, 2, 1))
    recorder.batch.set_tasks(task)
    recorder.reset([SEED, SEED + 1]).step(actions[:7])
    recorder.reset(None, np.array([True, False])).step(actions[7:])
    seen = np.delete(recorder.roll().observations[:, 1], 8, axis=0)  # seen twice: at the reset
    alone = roll(task_set, task, actions[:, 1:], seed=[SEED + 1]).observations[:, 0]
    np.testing.assert_array_equal(seen, alone)


@both_backends
def test_noise_is_normal_as_the_keyed_draws_say(backend):
    task_set, task = declared("sensor-noise")
    expected = by_hand(task_set)
    names = ("fthigh", "fshin", "ffoot")
    columns = channel("rootz", *names, *(f"{name} velocity" for name in names))
    key = np.uint64(SEED) ^ np.uint64(key_of("sensor-noise"))
    draws = normals(key, np.arange(STEPS + 1, dtype=np.uint64), 17)[:, columns]
    expected.observations[:, columns] += 0.2 * draws
    assert_is_by_hand(ours(task_set, task, backend), 0, expected)


def test_noise_has_the_deviation_asked_for_and_variances_add_up():
    first = perturbation("sensor-noise", "rootz", std=constant(0.3))
    task_set = declare("cheetah", first, {**first, "name": "other", "std": constant(0.4)})
    plain = nominal_task_set(task_set.environment)
    actions, column = random_actions(task_set, 50, 40), channel("rootz")[0]
    noisy, true = (
        roll(some, task, actions).observations[..., column]
        for some, task in ((task_set, task_set.sample("train", 1)[0]), (plain, plain.nominal))
    )
    error = noisy - true
    assert error.std() == pytest.approx(0.5, rel=0.05)
    assert error.mean() == pytest.approx(0.0, abs=0.05)
    assert abs(np.corrcoef(error[1:].ravel(), error[:-1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize(("kind", "unit"), [("sensor-drift", "m/s"), ("sensor-noise", "m")])
def test_units_of_drift_and_noise_are_those_of_their_channels(kind, unit):
    task_set, _ = declared(kind)
    assert task_set.units[0] == unit
    with pytest.raises(FastadaptError, match="cannot share one"):
        declare("cheetah", {**DECLARED[kind], "targets": ["rootz", "b* velocity"], "shared": True})


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "sensor-offset", "targets": ["torso quaternion w"], "offset": constant(0.4)},
        {"kind": "sensor-drift", "targets": ["torso quaternion x"], "rate": constant(2.0)},
        {"kind": "sensor-noise", "targets": ["torso quaternion *"], "std": constant(0.3)},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_false_quaternion_is_of_unit_length(fault):
    task_set = declare("ant", {"name": "it", **fault})
    actions = random_actions(task_set, STEPS, 2)
    tasks = [task_set.sample("train", 1)[0], task_set.nominal]
    seen = roll(task_set, tasks, actions, seed=[SEED, SEED]).observations
    names = [channel.name for channel in task_set.environment.observations]
    first = names.index("torso quaternion w")
    false, true = seen[5, 0, first : first + 4], seen[5, 1, first : first + 4]
    assert np.linalg.norm(seen[1:, 0, first : first + 4], axis=1) == pytest.approx(1.0)
    assert np.abs(false - true).max() > 0.02
