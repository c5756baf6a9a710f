"""When perturbations begin, rise and end: as in a plain model edited by hand at the right step."""

import mujoco
import numpy as np
import pytest
from pydantic import ValidationError

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.tasks.schema import parse_task_file
from tests.support.backends import BACKENDS
from tests.support.by_hand import DT, assert_is_by_hand, cheetah_by_hand, set_const
from tests.support.declared import constant, declare, with_values
from tests.support.hand_edits import lock, perturbation
from tests.support.rolls import assert_same, differ, random_actions, roll

STEPS = 24
SEED = 4
both_backends = pytest.mark.parametrize("backend", BACKENDS)
MASS = perturbation("mass", "torso", scale=constant(1.7))
WEAK = perturbation("weak-actuator", "bshin", strength=constant(0.2))
FRICTION = perturbation("joint-friction", "bshin", torque=constant(6.0))


def seconds(**times):
    return {name: constant(time) for name, time in times.items()}


def ours(task_set, task=None, backend="auto", actions=None):
    actions = random_actions(task_set, STEPS, 1) if actions is None else actions
    task = task_set.sample("train", 1) if task is None else task
    return roll(task_set, task, actions, seed=[SEED], backend=backend)


def by_hand(task_set, before, **how):
    actions = random_actions(task_set, STEPS, 1)[:, 0]
    return cheetah_by_hand(task_set, SEED, actions, before=before, **how)


def scaled_torso(level_at):
    """Return an edit: the torso's mass and inertia times 1.7 to the power of a level."""

    def before(t, model, data):
        nominal, body = Cheetah.model(), model.body("torso").id
        level = level_at(t)
        factor = {0.0: 1.0, 1.0: 1.7}.get(level, 1.0 * (1.7 / 1.0) ** np.float64(level))
        model.body_mass[body] = nominal.body_mass[body] * factor
        model.body_inertia[body] = nominal.body_inertia[body] * factor
        set_const(model)

    return before


@both_backends
def test_onset_and_repair(backend):
    task_set = declare("cheetah", {**MASS, **seconds(onset=0.3, repair=0.75)})
    hand = by_hand(task_set, scaled_torso(lambda t: float(6 <= t < 15)))
    assert_is_by_hand(ours(task_set, backend=backend), 0, hand)


@both_backends
def test_a_repair_without_an_onset(backend):
    task_set = declare("cheetah", {**MASS, **seconds(repair=0.5)})
    hand = by_hand(task_set, scaled_torso(lambda t: float(t < 10)))
    assert_is_by_hand(ours(task_set, backend=backend), 0, hand)


def test_a_duration_counts_from_the_onset():
    task_set = declare("cheetah", {**MASS, **seconds(onset=0.3, duration=0.45)})
    same = declare("cheetah", {**MASS, **seconds(onset=0.3, repair=0.75)})
    assert_same(ours(task_set), ours(same))


@both_backends
def test_a_multiple_rises_in_the_logarithm(backend):
    task_set = declare("cheetah", {**MASS, **seconds(onset=0.2, ramp=0.4)})

    def level(t):
        return min(max((t * DT - 0.2) / 0.4, 0.0), 1.0) if t != 4 else 0.0

    hand = by_hand(task_set, scaled_torso(level))
    assert_is_by_hand(ours(task_set, backend=backend), 0, hand)


def test_others_rise_in_proportion_and_fall_at_once():
    task_set = declare("cheetah", {**FRICTION, **seconds(ramp=0.5, repair=0.9)})

    def before(t, model, data):
        level = 0.0 if t >= 18 else min(t * DT / 0.5, 1.0)
        model.dof_frictionloss[model.joint("bshin").dofadr[0]] = level * 6.0

    assert_is_by_hand(ours(task_set), 0, by_hand(task_set, before))


def test_a_ramp_as_long_as_the_episode_is_a_drift():
    horizon = Cheetah.horizon * DT
    task_set = declare("cheetah", {**WEAK, **seconds(ramp=horizon)})
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    gains = []
    for _ in range(Cheetah.horizon):
        batch.step(np.zeros((1, 6)))
        gains.append(batch.sim.field("actuator_gainprm")[0, 1, 0])
    np.testing.assert_allclose(gains, 1 - 0.8 * np.arange(Cheetah.horizon) / Cheetah.horizon)


def test_a_ramp_is_nominal_at_its_start_and_all_there_at_its_end():
    task_set = declare("cheetah", {**FRICTION, **seconds(onset=0.2, ramp=0.2)})
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    dof = Cheetah.model().joint("bshin").dofadr[0]
    seen = []
    for _ in range(10):
        batch.step(np.zeros((1, 6)))
        seen.append(batch.sim.field("dof_frictionloss")[0, dof])
    np.testing.assert_allclose(seen, [0, 0, 0, 0, 0, 1.5, 3, 4.5, 6, 6], atol=1e-12)
    assert seen[4] == 0
    assert seen[8] == 6


@both_backends
def test_a_lock_within_an_episode(backend):
    task_set = declare("cheetah", {**perturbation("locked-joint", "bthigh"), **seconds(onset=0.4)})

    def before(t, model, data):
        if t == 8:
            here = data.qpos.copy(), data.qvel.copy()
            lock(model, data, "bthigh")
            data.qpos[:], data.qvel[:] = here  # within an episode nothing jumps
            set_const(model)

    assert_is_by_hand(ours(task_set, backend=backend), 0, by_hand(task_set, before))


def test_what_begins_later_does_not_move_an_earlier_lock():
    """A joint that is stuck where it was stays there when something else happens."""
    locked = perturbation("locked-joint", "bthigh")
    later = {**WEAK, "name": "later", **seconds(onset=0.4)}
    task_set = declare("cheetah", locked, later)

    def before(t, model, data):
        if t == 0:
            lock(model, data, "bthigh")
            set_const(model)
            mujoco.mj_forward(model, data)
        if t == 8:
            model.actuator_gainprm[model.actuator("bshin").id, 0] = 0.2

    hand = by_hand(task_set, before)
    seen = ours(task_set)
    np.testing.assert_array_equal(seen.qpos[1:, 0], hand.qpos[1:])
    np.testing.assert_array_equal(seen.qvel[1:, 0], hand.qvel[1:])


# Robots of one batch


def test_each_robot_has_its_own_clock_and_its_neighbours_do_not_notice():
    content = {**MASS, "event": None, **seconds(onset=1.0, ramp=0.1, repair=1.2)}
    task_set = declare("cheetah", content)
    times = [(0.0, 0.0, 0.0), (0.2, 0.3, 0.9), (0.4, 0.0, 0.6), (0.1, 1.0, 0.0)]
    tasks = [
        with_values(task_set, it__scale__torso=2, it__onset=onset, it__ramp=ramp, it__repair=repair)
        for onset, ramp, repair in times
    ]
    tasks.insert(2, task_set.nominal)
    actions = random_actions(task_set, STEPS, 5)
    together = roll(task_set, tasks, actions, seed=0, num_threads=2)
    for robot, task in enumerate(tasks):
        alone = roll(task_set, task, actions[:, [robot]], seed=[robot])
        assert_same(together.of([robot]), alone)
    healthy = roll(task_set, task_set.nominal, actions, seed=0)
    assert_same(together.of([2]), healthy.of([2]))
    assert all(differ(together.of([i]), healthy.of([i])) for i in (0, 1, 3, 4))


def test_a_partial_reset_restarts_the_clock_of_that_robot():
    task_set = declare("cheetah", {**WEAK, **seconds(onset=0.2, duration=0.2)})
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks(task_set.sample("train", 2))
    batch.reset(seed=0)
    gain = batch.sim.field("actuator_gainprm")[:, 1, 0]
    weak = []
    for t in range(14):
        if t == 6:
            batch.reset(options={"reset_mask": np.array([True, False])})
        batch.step(np.zeros((2, 6)))
        weak.append(gain == 0.2)
    weak = np.array(weak)
    np.testing.assert_array_equal(np.flatnonzero(weak[:, 0]), [4, 5, 10, 11, 12, 13])
    np.testing.assert_array_equal(np.flatnonzero(weak[:, 1]), [4, 5, 6, 7])


def test_a_new_task_within_an_episode_counts_from_its_start():
    """An onset is a time of the episode: one that has passed holds at once."""
    task_set = declare("cheetah", {**WEAK, **seconds(onset=0.2)})
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    for _ in range(6):
        batch.step(np.zeros((2, 6)))
    early = with_values(task_set, it__strength__bshin=0.2, it__onset=0.2)
    late = with_values(task_set, it__strength__bshin=0.2, it__onset=0.4)
    batch.set_tasks([early, late])
    weak = []
    for _ in range(4):
        batch.step(np.zeros((2, 6)))
        weak.append((batch.sim.field("actuator_gainprm")[:, 1, 0] == 0.2).tolist())
    assert weak == [[True, False], [True, False], [True, True], [True, True]]


def test_a_time_of_zero_means_at_once_and_for_ever():
    task_set = declare("cheetah", {**MASS, **seconds(onset=1.0, ramp=0.1, repair=1.2)})
    plain = declare("cheetah", MASS)
    struck = with_values(task_set, it__scale__torso=1.7)
    expected = roll(plain, plain.sample("train", 1), random_actions(plain, STEPS, 1), seed=[SEED])
    assert_same(ours(task_set, struck), expected)


# What is declared


def test_times_are_parameters_of_the_task():
    law = {"law": "uniform", "low": 1.0, "high": 2.0}
    later = {"law": "uniform", "low": 3.0, "high": 4.0}
    task_set = declare("cheetah", {**MASS, "onset": law, "ramp": law, "repair": later}, WEAK | {
        "name": "other", "duration": law})  # fmt: skip
    assert task_set.names == (
        "it.scale[torso]", "it.onset", "it.ramp", "it.repair", "other.strength[bshin]",
        "other.duration",
    )  # fmt: skip
    assert task_set.units == ("x", "s", "s", "s", "-", "s")
    assert task_set.nominal.values == (1, 0, 0, 0, 1, 0)
    vectors = task_set.vectors(task_set.sample("train", 200))
    assert len(np.unique(vectors[:, 1:4])) == 600
    for column, (low, high) in zip([1, 2, 3, 5], [(1, 2), (1, 2), (3, 4), (1, 2)], strict=True):
        assert low <= vectors[:, column].min() < low + 0.1
        assert high - 0.1 < vectors[:, column].max() <= high
    context = task_set.context(task_set.sample("train", 200))
    assert np.abs(context).max() <= 1


def test_an_unused_key_is_in_no_hash():
    before = declare("cheetah", MASS)
    unset = dict.fromkeys(("onset", "event", "ramp", "repair", "duration"))
    after = declare("cheetah", {**MASS, **unset})
    assert (before.hash, before.nominal.id) == (after.hash, after.nominal.id)
    for key, value in {"event": "touch-down", **seconds(ramp=1, repair=1)}.items():
        other = declare("cheetah", {**MASS, key: value})
        assert other.hash != before.hash
        assert other.nominal.layout != before.nominal.layout


REFUSED = {
    "ramp of a switch": ({**perturbation("dead-actuator", "*"), **seconds(ramp=1)}, "'dead' is a"),
    "ramp of a lock": ({**perturbation("locked-joint", "*"), **seconds(ramp=1)}, "'locked' is a"),
    "ramp of steps": (
        {**perturbation("action-delay"), "targets": ["world"], "steps": constant(1),
         **seconds(ramp=1)}, "'steps' is a whole number"),
    "ramp of a flicker": (
        {**perturbation("intermittent-actuator", "*"), "off_fraction": constant(0.1),
         "mean_off": constant(1), **seconds(ramp=1)}, "an intermittent fault has no ramp"),
    "repaired twice": ({**MASS, **seconds(repair=1, duration=1)}, "leave one of them out"),
    "event": ({**MASS, "event": "landing"}, "touch-down"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_times_are_refused(name):
    content, complaint = REFUSED[name]
    with pytest.raises(ValidationError, match=complaint):
        declare("cheetah", content)


FILE = """\
name = "mine"
version = 0
environment = "cheetah"
[[perturbations]]
name = "torso"
kind = "mass"
targets = ["torso"]
scale = { law = "uniform", low = 1.5, high = 2.0 }
KEYS
[splits.train]
count = 1
[splits.other]
count = 1
"""
BAD_KEYS = {
    'ramp = { law = "constant", value = -1 }': "ramp must not be negative",
    'repair = { law = "constant", value = 0 }': "repair must be later than 0 s",
    'duration = { law = "uniform", low = 0, high = 1 }': "duration must be later than 0 s",
    'onset = { law = "uniform", low = 1, high = 3 }\n'
    'repair = { law = "uniform", low = 2, high = 4 }': "repair at 2 s or later can come before",
    'event = "touchdown"': "torso': event must be 'touch-down', not 'touchdown'",
}


@pytest.mark.parametrize("keys", BAD_KEYS)
def test_bad_times_get_a_sentence(keys):
    with pytest.raises(FastadaptError, match=BAD_KEYS[keys]):
        parse_task_file(FILE.replace("KEYS", keys), "mine.toml")


def test_a_split_changes_the_times_that_are_declared():
    text = FILE.replace("KEYS", 'repair = { law = "constant", value = 2 }')
    change = '[splits.other.perturbations]\ntorso.KEY = { law = "constant", value = 3 }\n'
    file = parse_task_file(text + change.replace("KEY", "repair"), "mine.toml")
    assert file.of_split("other")[0][0].repair.support() == (3, 3)
    with pytest.raises(FastadaptError, match="'ramp'"):
        parse_task_file(text + change.replace("KEY", "ramp"), "mine.toml")
