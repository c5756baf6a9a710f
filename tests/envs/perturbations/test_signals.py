"""Faults of sensors and lines, pushes and goals: each equal to a loop over plain MuJoCo."""

import numpy as np
import pytest

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    make_batch,
    nominal_task_set,
)
from fastadapt.envs.perturbations import perturbation_kinds
from fastadapt.envs.rng import key_of, uniforms
from tests.support.backends import BACKENDS
from tests.support.by_hand import DT, assert_is_by_hand, channel, cheetah_by_hand
from tests.support.declared import constant, declare, with_values
from tests.support.hand_edits import perturbation
from tests.support.rolls import Recorder, assert_same, differ, random_actions, roll
from tests.support.scenes import simulate

STEPS = 20
SEED = 4
both_backends = pytest.mark.parametrize("backend", BACKENDS)
CHOICE = {"law": "choice", "values": [0, 1, 2, 5, 10]}

# One of each kind; the loops by hand are below.
DECLARED = {
    "sensor-offset": perturbation("sensor-offset", "rootz", "b* velocity", offset=constant(0.3)),
    "sensor-drift": perturbation(
        "sensor-drift", "rootz", "b* velocity", rate=constant(0.3), onset=constant(0.25)
    ),
    "sensor-noise": perturbation("sensor-noise", "rootz", "f*", std=constant(0.2)),
    "sensor-stuck": perturbation("sensor-stuck", "rootz", "rooty velocity", onset=constant(0.25)),
    "sensor-dropped": perturbation("sensor-dropped", "f*", probability=constant(0.4)),
    "action-delay": perturbation("action-delay", steps=constant(3)),
    "intermittent-actuator": perturbation(
        "intermittent-actuator", "b*", off_fraction=constant(0.4), mean_off=constant(0.15)
    ),
    "push": perturbation(
        "push", "torso", x=constant(-90.0), z=constant(20.0), onset=constant(0.2),
        duration=constant(0.3),
    ),
    "backlash": perturbation("backlash", "b*", "fshin", gap=constant(8.0)),
    "goal": perturbation("goal", "velocity", value=constant(0.4)),
}  # fmt: skip


def declared(kind, **changes):
    content = {**DECLARED[kind], **changes}
    if kind == "action-delay":
        content.pop("targets", None)
    task_set = declare("cheetah-velocity" if kind == "goal" else "cheetah", content)
    return task_set, task_set.sample("train", 1)[0]


def ours(task_set, task, backend="auto"):
    return roll(task_set, task, random_actions(task_set, STEPS, 1), seed=[SEED], backend=backend)


def by_hand(task_set, **how):
    return cheetah_by_hand(task_set, SEED, random_actions(task_set, STEPS, 1)[:, 0], **how)


def test_every_kind_that_is_no_edit_of_a_model_is_tested_here():
    kinds = perturbation_kinds(plugins=False).items()
    assert {name for name, cls in kinds if cls.signals or cls.intermittent} == set(DECLARED)


@pytest.mark.parametrize("kind", DECLARED)
def test_every_kind_can_be_noticed(kind):
    task_set, task = declared(kind)
    assert differ(ours(task_set, task), ours(task_set, task_set.nominal))


@pytest.mark.parametrize("kind", DECLARED)
def test_identity_values_change_nothing(kind):
    task_set, _ = declared(kind)
    plain = nominal_task_set(task_set.environment)
    assert_same(ours(task_set, task_set.nominal), ours(plain, plain.nominal))


@both_backends
def test_an_offset_is_added_to_the_reading_and_to_nothing_else(backend):
    task_set, task = declared("sensor-offset")
    expected = by_hand(task_set)
    columns = channel("rootz", "bthigh velocity", "bshin velocity", "bfoot velocity")
    expected.observations[:, columns] += 0.3
    assert_is_by_hand(ours(task_set, task, backend), 0, expected)


def test_the_unit_of_an_offset_is_that_of_its_channel():
    task_set, _ = declared("sensor-offset")
    assert task_set.units == ("m", "rad/s", "rad/s", "rad/s")
    assert task_set.names[0] == "it.offset[rootz]"


@pytest.mark.parametrize("onset", [0.0, 0.25])
def test_a_stuck_sensor_keeps_its_last_reading(onset):
    task_set, _ = declared("sensor-stuck")
    task = with_values(
        task_set, it__stuck__rootz=1, **{"it__stuck__rooty velocity": 1}, it__onset=onset
    )
    expected = by_hand(task_set)
    columns, begun = channel("rootz", "rooty velocity"), round(onset / DT)
    expected.observations[begun + 1 :, columns] = expected.observations[begun, columns]
    assert_is_by_hand(ours(task_set, task), 0, expected)
    assert len(np.unique(expected.observations[:, columns[0]])) == begun + 1


def test_a_stuck_sensor_thaws_when_repaired():
    task_set, task = declared("sensor-stuck", duration=constant(0.3))
    expected = by_hand(task_set)
    columns = channel("rootz", "rooty velocity")
    expected.observations[6:12, columns] = expected.observations[5, columns]
    assert_is_by_hand(ours(task_set, task), 0, expected)


def test_a_sensor_sticks_with_its_offset():
    """The reading that stays is the one that the agent saw last."""
    offset = {**DECLARED["sensor-offset"], "name": "offset", "targets": ["rootz"]}
    task_set = declare("cheetah", DECLARED["sensor-stuck"], offset)
    expected = by_hand(task_set)
    rootz = channel("rootz")
    expected.observations[:, rootz] += 0.3
    columns = channel("rootz", "rooty velocity")
    expected.observations[6:, columns] = expected.observations[5, columns]
    assert_is_by_hand(ours(task_set, task_set.sample("train", 1)), 0, expected)


@both_backends
def test_dropped_readings_are_zero_as_the_keyed_draws_say(backend):
    task_set, task = declared("sensor-dropped")
    expected = by_hand(task_set)
    columns = channel("fthigh", "fshin", "ffoot", *(f"f{j} velocity" for j in ("thigh", "shin")))
    columns += channel("ffoot velocity")
    key = np.uint64(SEED) ^ np.uint64(key_of("sensor-dropped"))
    lost = uniforms(key, np.arange(STEPS + 1, dtype=np.uint64), 17)[:, columns] < 0.4
    for t, column in np.argwhere(lost):
        expected.observations[t, columns[column]] = 0.0
    assert_is_by_hand(ours(task_set, task, backend), 0, expected)


def test_the_share_of_dropped_readings_is_the_probability():
    task_set, task = declared("sensor-dropped")
    seen = roll(task_set, task, random_actions(task_set, 50, 40)).observations
    columns = channel("fthigh", "fshin", "ffoot")
    assert np.mean(seen[:, :, columns] == 0) == pytest.approx(0.4, abs=0.02)
    others = np.delete(seen, channel(*(c for c in NAMES if c.startswith("f"))), axis=2)
    assert others.all()


NAMES = [c.name for c in find_environment("cheetah").observations]


def test_by_default_a_dropped_sensor_reads_zero_always():
    task_set = declare("cheetah", perturbation("sensor-dropped", "rootz", "ffoot", strike=1))
    seen = roll(task_set, task_set.sample("train", 30), random_actions(task_set, 9, 30))
    zero = (seen.observations == 0).all(axis=0)
    assert zero.any(axis=1).all()
    assert set(np.flatnonzero(zero.any(axis=0))) == set(channel("rootz", "ffoot"))


def delayed(actions, delays):
    """Return what arrives of commands `(T, nu)` if step t has a delay of `delays[t]` steps."""
    zero = np.zeros_like(actions[0])
    return np.array([actions[t - d] if t >= d else zero for t, d in enumerate(delays)])


@both_backends
@pytest.mark.parametrize("steps", [0, 1, 3, 10])
def test_a_delayed_action_arrives_late_and_costs_when_commanded(steps, backend):
    task_set, _ = declared("action-delay", steps=CHOICE)
    task = with_values(task_set, it__steps=steps)
    actions = random_actions(task_set, STEPS, 1)[:, 0]
    expected = by_hand(task_set, delivered=delayed(actions, [steps] * STEPS))
    assert_is_by_hand(ours(task_set, task, backend), 0, expected)


def test_a_delay_changes_within_an_episode():
    task_set, _ = declared("action-delay", steps=CHOICE)
    actions = random_actions(task_set, STEPS, 1)
    batch = make_batch(task_set, 1, 1)
    recorder = Recorder(batch).reset([SEED])
    delays = [0] * 4 + [5] * 6 + [1] * 5 + [10] * 5
    for begin, end in ((0, 4), (4, 10), (10, 15), (15, 20)):
        batch.set_tasks(with_values(task_set, it__steps=delays[begin]))
        recorder.step(actions[begin:end])
    expected = by_hand(task_set, delivered=delayed(actions[:, 0], delays))
    assert_is_by_hand(recorder.roll(), 0, expected)


def test_the_line_is_empty_after_a_reset():
    task_set, task = declared("action-delay")
    actions = random_actions(task_set, STEPS, 1)
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task)
    Recorder(batch).reset(0).step(actions[::-1])
    again = Recorder(batch).reset([SEED]).step(actions).roll()
    assert_same(again, ours(task_set, task))


def test_a_delay_and_another_add_up_to_ten_steps_at_most():
    one = {**DECLARED["action-delay"], "steps": CHOICE, "targets": ["world"]}
    task_set = declare("cheetah", one, {**one, "name": "other"})
    for a, b, total in ((1, 2, 3), (10, 5, 10)):
        task = with_values(task_set, it__steps=a, other__steps=b)
        actions = random_actions(task_set, STEPS, 1)[:, 0]
        expected = by_hand(task_set, delivered=delayed(actions, [total] * STEPS))
        assert_is_by_hand(ours(task_set, task), 0, expected)


def chain(seed, fraction, length, targets, episode=0, steps=STEPS):
    """Return where power is off, `(T, k)`, by the keyed draws and the chain's definition."""
    key = np.uint64(seed) ^ np.uint64(key_of("flicker", "it"))
    index = (np.uint64(episode) << np.uint64(32)) + np.arange(steps, dtype=np.uint64)
    u = uniforms(key, index, targets)
    ends = DT / length
    begins = ends * fraction / (1 - fraction)
    off = [u[0] < fraction]
    for t in range(1, steps):
        off.append(np.where(off[-1], u[t] >= ends, u[t] < begins))
    return np.array(off)


@both_backends
def test_an_intermittent_actuator_follows_its_chain(backend):
    task_set, task = declared("intermittent-actuator")
    off = chain(SEED, 0.4, 0.15, 3)
    assert 0.2 < off.mean() < 0.8

    def cut(t, model, data):
        model.actuator_gainprm[:3, 0] = np.where(off[t], 0.0, 1.0)  # motors: gain 1, no bias

    assert_is_by_hand(ours(task_set, task, backend), 0, by_hand(task_set, before=cut))


def test_the_chain_has_the_share_and_the_length_asked_for():
    task_set, task = declared("intermittent-actuator")
    batch = make_batch(task_set, 60, 2)
    batch.set_tasks(task)
    batch.reset(seed=0)
    off = []
    for _ in range(180):
        batch.step(np.zeros((60, 6)))
        off.append(batch.sim.field("actuator_gainprm")[:, :, 0] == 0)
    off = np.array(off)
    assert not off[:, :, 3:].any()
    off = off[:, :, :3]
    assert off.mean() == pytest.approx(0.4, abs=0.02)
    assert off[0].mean() == pytest.approx(0.4, abs=0.1)  # from the first step on
    ends = (off[:-1] & ~off[1:]).sum()
    assert DT * off[:-1].sum() / ends == pytest.approx(0.15, rel=0.05)


SERVO = """
<mujoco><option gravity="0 0 0"/><worldbody><body><joint name="a" axis="0 1 0"/>
<geom size=".1" mass="1"/></body></worldbody>
<actuator><position name="a" joint="a" kp="50" kv="3" forcerange="-9 9"/></actuator></mujoco>
"""


def test_a_servo_without_power_gives_no_force_at_all():
    sim = simulate(SERVO, [[0.0, 0.0], [0.5, 0.2]], "intermittent-actuator", "a")
    sim.data("qpos")[:], sim.data("qvel")[:], sim.data("ctrl")[:] = 1.0, 2.0, -3.0
    sim.data("actuator_force")
    sim.forward()
    powered, off = sim.data("actuator_force")[:, 0]
    assert powered == -9
    assert off == 0


@both_backends
def test_a_push_is_a_force_while_it_lasts(backend):
    task_set, task = declared("push")

    def shove(t, model, data):
        data.xfrc_applied[model.body("torso").id, :3] = [-90, 0, 20] if 4 <= t < 10 else 0

    assert_is_by_hand(ours(task_set, task, backend), 0, by_hand(task_set, before=shove))
    assert differ(ours(task_set, task), ours(task_set, task_set.nominal))


def test_a_push_outlives_a_reset():
    task_set, task = declared("push", onset=None, duration=None)
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks(task, mask=[True, False])
    for _ in range(2):
        batch.reset(seed=0)
        forces = batch.sim.data("xfrc_applied")
        np.testing.assert_array_equal(forces[0, 1], [-90, 0, 20, 0, 0, 0])
        assert not forces[1].any()
        batch.step(np.zeros((2, 6)))
    batch.set_tasks(task_set.nominal)
    batch.step(np.zeros((2, 6)))
    assert not batch.sim.data("xfrc_applied").any()


def test_a_goal_is_in_the_reward_and_nowhere_else():
    task_set, task = declared("goal")
    assert task_set.names == ("it.value[velocity]",)
    assert task_set.units == ("m/s",)
    assert task_set.nominal.values == (1.5,)
    actions = random_actions(task_set, STEPS, 1)
    one, other = ours(task_set, task), ours(task_set, task_set.nominal)
    for name in ("observations", "qpos", "qvel"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    velocity = np.diff(one.qpos[:, 0, 0]) / DT
    cost = 0.05 * np.square(actions[:, 0]).sum(axis=1)
    np.testing.assert_allclose(one.rewards[:, 0], -np.abs(velocity - 0.4) - cost, atol=1e-12)
    np.testing.assert_allclose(other.rewards[:, 0], -np.abs(velocity - 1.5) - cost, atol=1e-12)


def test_goals_are_each_robots_own_and_follow_its_task():
    law = {"law": "uniform", "low": 0.0, "high": 3.0}
    task_set = declare("cheetah-velocity", perturbation("goal", "*", value=law))
    batch = make_batch(task_set, 3, 1)
    np.testing.assert_array_equal(batch.environment.goal, np.full((3, 1), 1.5))
    tasks = task_set.sample("train", 3)
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    np.testing.assert_array_equal(batch.environment.goal, task_set.vectors(tasks))
    batch.set_tasks(task_set.nominal, mask=[False, True, False])
    batch.step(np.zeros((3, 6)))
    expected = task_set.vectors([tasks[0], task_set.nominal, tasks[2]])
    np.testing.assert_array_equal(batch.environment.goal, expected)


def test_of_two_goals_the_one_that_strikes_counts():
    slow = perturbation("goal", "velocity", value=constant(0.5), group="g")
    fast = {**slow, "name": "fast", "value": constant(2.5)}
    task_set = declare("cheetah-velocity", slow, fast, groups={"g": {"strike": 1, "none": 1.0}})
    tasks = task_set.sample("train", 60)
    batch = make_batch(task_set, 60, 1)
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    assert set(batch.environment.goal[:, 0]) == {0.5, 1.5, 2.5}
    for task, goal in zip(tasks, batch.environment.goal[:, 0], strict=True):
        assert goal == next(iter(task.changes().values()), 1.5)


BAD = {
    "no goals": ("cheetah", perturbation("goal", "*", value=constant(1)), "'cheetah' has no goals"),
    "goal": ("ant-goal", perturbation("goal", "q", value=constant(1)), "There is no goal 'q'"),
    "channel": (
        "cheetah", perturbation("sensor-stuck", "rootq"), "no observation 'rootq'. Did you mean"),
    "units": (
        "cheetah", perturbation("sensor-offset", "rootz", "rooty", shared=True, offset=constant(1)),
        "channels in m, rad cannot share one offset"),
    "short": (
        "cheetah", perturbation("intermittent-actuator", "*", off_fraction=constant(0.1),
        mean_off=constant(0.01)), "mean_off from 0.01 s is shorter than a control step"),
    "mostly off": (
        "cheetah", perturbation("intermittent-actuator", "*", off_fraction=constant(0.9),
        mean_off=constant(0.1)), "off_fraction up to 0.9 .* give at most 0.667"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_the_environment_gets_a_sentence(name):
    environment, content, complaint = BAD[name]
    with pytest.raises(FastadaptError, match=complaint):
        declare(environment, content)


def test_readings_stay_within_the_limits_of_their_channel(monkeypatch):
    task_set, _ = declared("sensor-offset")
    limited = tuple(
        c._replace(low=-0.1, high=0.1) if c.name == "rootz" else c
        for c in task_set.environment.observations
    )
    monkeypatch.setattr(task_set.environment, "observations", limited)
    task = with_values(task_set, it__offset__rootz=5)
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task)
    observation, _ = batch.reset(seed=0)
    assert observation[0, 0] == 0.1
    assert batch.observation_space.contains(observation)


def test_a_task_set_without_signals_has_no_paths(cheetah):
    """What is not declared costs nothing."""
    batch = make_batch(cheetah, 2, 1)
    assert batch._delay_line is None
    assert batch._sensors is None
    assert batch.sim.model is cheetah.environment.model()
