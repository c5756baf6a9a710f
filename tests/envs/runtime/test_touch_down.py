"""Perturbations that begin when a foot touches the ground."""

import copy

import mujoco
import numpy as np
import pytest

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    list_environments,
    make_batch,
)
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.runtime.touch_down import TouchDown, model_with_touch
from tests.support.backends import BACKENDS
from tests.support.by_hand import DT, touches
from tests.support.declared import constant, declare
from tests.support.hand_edits import perturbation
from tests.support.rolls import Recorder, assert_same, random_actions, roll

STEPS = 24
both_backends = pytest.mark.parametrize("backend", BACKENDS)
WEAK = perturbation("weak-actuator", "bshin", strength=constant(0.2))


def seconds(**times):
    return {name: constant(time) for name, time in times.items()}


def falling(height):
    """Return a start state for cheetahs of different heights: `(N, nq)`, `(N, nv)`."""
    qpos = np.zeros((len(height), 9))
    qpos[:, 1] = height
    return qpos, np.zeros_like(qpos)


WITH_FEET = [name for name in list_environments() if find_environment(name).feet]


@pytest.mark.parametrize("name", WITH_FEET)
def test_contact_sensors_leave_trajectories_as_they_are(name):
    """With every integrator that the robots use."""
    environment = find_environment(name)
    target = environment.model().actuator(0).name
    dead = perturbation("dead-actuator", target)
    task_set = declare(name, {**dead, "event": "touch-down", **seconds(onset=100.0)})
    plain = declare(name, dead)
    feet = len(environment.feet)
    assert model_with_touch(environment).nsensor == environment.model().nsensor + feet
    actions = random_actions(plain, 30, 3)
    watched = roll(task_set, task_set.sample("train", 3), actions, seed=0)
    assert_same(watched, roll(plain, plain.nominal, actions, seed=0))


@pytest.mark.parametrize("name", WITH_FEET)
def test_the_sensors_see_what_the_list_of_contacts_says(name):
    environment = find_environment(name)
    content = {**perturbation("dead-actuator", "*"), "event": "touch-down"}
    task_set = declare(name, content)
    batch = make_batch(task_set, 3, 1, "reference")
    batch.reset(seed=0)
    touch, seen, expected = TouchDown(batch.sim), [], []
    model = batch.sim.model
    feet = {model.geom(foot).id for foot in environment.feet}
    lift = np.array([0.0, 0.1, 0.4])  # some of them have to fall first
    free = model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE
    batch.sim.data("qpos")[:, 2 if free else 1] += lift
    batch.sim.forward()
    for action in random_actions(task_set, 25, 3):
        seen.append(touch.touching(np.arange(3)))
        expected.append([standing(model, data, feet) for data in batch.sim._datas])
        batch.step(action)
    np.testing.assert_array_equal(seen, expected)
    assert np.any(expected)
    assert not np.all(expected)


def standing(model, data, feet):
    """Return whether a foot is in contact with something that belongs to the world."""
    pairs = [tuple(map(int, contact.geom)) for contact in data.contact]
    return any(
        (a in feet and model.geom_bodyid[b] == 0) or (b in feet and model.geom_bodyid[a] == 0)
        for a, b in pairs
    )


def event_by_hand(task_set, height, actions, onset):
    """Return qpos of a cheetah dropped from a height; weak from the step after it has landed."""
    model = copy.copy(Cheetah.model())
    data = mujoco.MjData(model)
    data.qpos[1] = height
    begun, first, qpos = False, None, []
    for t, action in enumerate(actions):
        mujoco.mj_forward(model, data)
        begun = begun or (t * DT >= onset - 1e-9 and touches(model, data))
        if begun and first is None:
            first = t
        model.actuator_gainprm[1, 0] = 0.2 if begun else 1.0
        data.ctrl[:] = action
        for _ in range(5):
            mujoco.mj_step(model, data)
            watched = t * DT >= onset - 1e-9
            probe = copy.copy(data)
            mujoco.mj_forward(model, probe)
            begun = begun or (watched and touches(model, probe))
        qpos.append(data.qpos.copy())
    return np.array(qpos), first


@both_backends
@pytest.mark.parametrize("onset", [0.0, 0.6])
def test_touch_down_begins_with_the_step_after_the_first_contact(backend, onset):
    task_set = declare("cheetah", {**WEAK, "event": "touch-down", **seconds(onset=onset)})
    heights = [0.1, 0.6, 1.5]
    batch = make_batch(task_set, 3, 2, backend)
    batch.set_tasks(task_set.sample("train", 3))
    batch.reset(seed=0)
    batch.set_state(*falling(heights))
    actions = random_actions(task_set, STEPS, 3)
    seen = Recorder(batch).step(actions).roll()
    begun = []
    for robot, height in enumerate(heights):
        qpos, first = event_by_hand(task_set, height, actions[:, robot], onset)
        begun.append(first)
        np.testing.assert_array_equal(seen.qpos[:, robot], qpos)
    assert min(begun) >= round(onset / DT)
    assert len(set(begun)) >= 2


def test_each_episode_waits_for_a_landing_of_its_own():
    task_set = declare("cheetah", {**WEAK, "event": "touch-down"})
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks(task_set.sample("train", 2))
    gain = batch.sim.field("actuator_gainprm")[:, 1, 0]
    batch.reset(seed=0)
    batch.set_state(*falling([0.3, 3.0]))
    for _ in range(10):
        batch.step(np.zeros((2, 6)))
    np.testing.assert_array_equal(gain, [0.2, 1.0])
    batch.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(gain, [1.0, 1.0])
    batch.set_state(*falling([3.0]), mask=[True, False])
    batch.step(np.zeros((2, 6)))
    np.testing.assert_array_equal(gain, [1.0, 1.0])


def test_a_duration_counts_from_the_landing():
    task_set = declare("cheetah", {**WEAK, "event": "touch-down", **seconds(duration=0.2)})
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    batch.set_state(*falling([0.8]))
    weak = []
    for _ in range(30):
        batch.step(np.zeros((1, 6)))
        weak.append(batch.sim.field("actuator_gainprm")[0, 1, 0] == 0.2)
    assert sum(weak) == 4
    assert not weak[0]


def test_an_environment_without_feet_has_no_touch_down():
    content = {**perturbation("dead-actuator", "*"), "event": "touch-down"}
    with pytest.raises(FastadaptError, match="'reacher' names no feet"):
        declare("reacher", content)
