"""The lifting arm: observation and reward by hand; a grasp holds, and slips where it should."""

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.robots.arm_lift import ArmLift
from tests.support.arms import ARM, actions_towards, arm_angles, healthy, posed
from tests.support.declared import constant, declare
from tests.support.rolls import assert_same, random_actions, roll

FINGERS = ("left_finger", "right_finger")


@pytest.fixture(scope="module")
def lift():
    return healthy("arm-lift")


def grip_of(model, data):
    """Return the forces `(2,)` of the fingers on the object, from the contacts themselves."""
    total = np.zeros((2, 3))
    for index, contact in enumerate(data.contact):
        for side, name in enumerate(FINGERS):
            if {contact.geom1, contact.geom2} == {model.geom(name).id, model.geom("object").id}:
                force = np.zeros(6)
                mujoco.mj_contactForce(model, data, index, force)
                total[side] += contact.frame.reshape(3, 3).T @ force[:3]
    return np.minimum(np.linalg.norm(total, axis=1), 50.0)


def expected_observation(batch, i):
    """Return the observation of robot i, from a plain MjData with its state."""
    model, sim = batch.sim.model, batch.sim
    data = mujoco.MjData(model)
    for name in ("qpos", "qvel", "mocap_pos", "ctrl", "qacc_warmstart"):
        getattr(data, name)[:] = sim.data(name)[i]
    mujoco.mj_forward(model, data)
    joints = [data.joint(name) for name in (*ARM, "left_finger")]
    angles, speeds = (np.array([getattr(j, what)[0] for j in joints]) for what in ("qpos", "qvel"))
    opening = np.mean([data.joint(name).qpos[0] for name in FINGERS])
    tip, place, goal = data.site("tip").xpos, data.body("object").xpos, data.body("goal").xpos
    turned = data.body("object").xmat.reshape(3, 3)
    errors = data.ctrl - np.r_[angles[:7], opening]
    parts = [angles, speeds, errors, tip, place - tip, turned[:, 0], turned[:, 2]]
    return np.concatenate([*parts, data.qvel[:6], goal - place, grip_of(model, data)])


def approach(batch, height, steps, close):
    """Bring the tips to `height` above the objects in `steps`, with open or closing fingers."""
    sim = batch.sim
    goals = sim.data("qpos")[:, :3] + [0, 0, height]
    states = zip(sim.data("qpos"), goals, strict=True)
    angles = np.array([arm_angles(sim.model, qpos, goal) for qpos, goal in states])
    for _ in range(steps):
        seen = batch.step(actions_towards(batch, angles, [-1.0 if close else 1.0]))
    return seen


def aligned(batch):
    """Turn the objects so that they fit between the fingers of a hand that is straight."""
    qpos = batch.sim.data("qpos").copy()
    qpos[:, 3:7] = [1, 0, 0, 0]
    batch.set_state(qpos, np.zeros_like(batch.sim.data("qvel")))


def lifted(batch):
    """Grasp the objects, lift them by 12 cm; return how high they are above the tip."""
    batch.reset(seed=0)
    aligned(batch)
    approach(batch, 0.0, 18, close=False)
    approach(batch, 0.0, 8, close=True)
    approach(batch, 0.12, 25, close=True)
    return above_tip(batch)


def above_tip(batch):
    return batch.sim.data("qpos")[:, 2] - batch.sim.data("site_xpos")[:, 0, 2]


def test_observation_and_reward_by_hand(lift):
    batch = make_batch(lift, 3, 1)
    observation, _ = batch.reset(seed=0)
    names = [channel.name for channel in ArmLift.observations]
    assert len(names) == len(set(names)) == observation.shape[1] == 47
    aligned(batch)
    approach(batch, 0.0, 18, close=False)
    observation = approach(batch, 0.0, 6, close=True)[0]
    rng = np.random.default_rng(0)
    felt = 0.0
    for _ in range(10):
        for i in range(3):
            expected = expected_observation(batch, i)
            np.testing.assert_allclose(observation[i], expected, atol=1e-5)
        action = rng.uniform(-0.3, 0.3, (3, 8)) - np.eye(8)[7]
        observation, reward, _, _, info = batch.step(action)
        seen = dict(zip(names, observation.T, strict=True))
        d, t = (
            np.linalg.norm([seen[f"{what} {a}"] for a in "xyz"], axis=0)
            for what in ("goal - object", "object - tip")
        )
        held = np.minimum(seen["left_finger on object"], seen["right_finger on object"]) / 5
        felt = max(felt, held.max())
        expected = (
            0.2 * np.exp(-t / 0.1) + 0.8 * np.exp(-d / 0.1) + 0.4 * np.exp(-((d / 0.03) ** 2))
        )
        closed = np.clip((0.04 - seen["left_finger position"]) / 0.018, 0, 1)
        expected += 0.1 * (closed + np.minimum(held, 1)) * np.exp(-((t / 0.02) ** 2))
        errors = [value for name, value in seen.items() if name.endswith("target - position")]
        expected -= 0.5 * np.square(errors).sum(axis=0)
        expected -= 0.005 * np.square(action).sum(axis=1)
        np.testing.assert_allclose(reward, expected, atol=1e-12)
        np.testing.assert_allclose(info["distance"], d, atol=1e-12)
        np.testing.assert_array_equal(info["at_goal"], d < 0.03)
        terms = [value for name, value in info.items() if name.startswith("reward_")]
        np.testing.assert_allclose(np.sum(terms, axis=0), reward, atol=1e-12)
    assert felt > 1


def test_objects_and_goals_are_drawn_as_declared(lift):
    batch = make_batch(lift, 500, 1)
    batch.reset(seed=0)
    qpos = batch.sim.data("qpos")
    away = batch.sim.data("mocap_pos")[:, 0] - qpos[:, :3]
    np.testing.assert_array_equal(away[:, :2], 0)
    assert (away[:, 2].min(), away[:, 2].max()) == pytest.approx((0.1, 0.2), rel=0.05)
    assert np.abs(qpos[:, :2] - [0.5, 0]).max(axis=0) == pytest.approx([0.03, 0.03], rel=0.05)
    turn = Rotation.from_quat(qpos[:, 3:7], scalar_first=True).as_rotvec()[:, 2]
    assert np.abs(turn).max() == pytest.approx(0.3, rel=0.05)
    np.testing.assert_array_equal(qpos[:, -2:], 0.04)
    np.testing.assert_array_equal(batch.sim.data("ctrl")[:, :7], qpos[:, 7:14])


def test_an_action_of_zero_holds_the_pose(lift):
    batch = make_batch(lift, 8, 1)
    batch.reset(seed=0)
    tip = batch.sim.data("site_xpos")[:, 0].copy()
    start = batch.sim.data("qpos")[:, :7].copy()
    for _ in range(ArmLift.horizon):
        batch.step(np.zeros((8, 8)))
    assert np.abs(batch.sim.data("site_xpos")[:, 0] - tip).max() < 0.01
    assert np.abs(batch.sim.data("qpos")[:, :7] - start).max() < 1e-3
    assert batch.sim.data("qpos")[:, -2:].min() > 0.0399
    assert np.abs(batch.sim.data("qvel")).max() < 1e-3


def test_a_grasped_object_is_held(lift):
    batch = make_batch(lift, 4, 1)
    before = lifted(batch)
    assert (batch.sim.data("qpos")[:, 2] > 0.13).all()
    *_, info = approach(batch, 0.0, 50, close=True)  # 2 s
    slipped = np.abs(above_tip(batch) - before)
    assert slipped.max() < 0.002
    assert (info["reward_grasp"] > 0.05).all()
    assert (batch.sim.data("qpos")[:, 2] > 0.12).all()


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        ({"kind": "contact-friction", "targets": FINGERS, "against": ["object"]}, (0.4, 0.1)),
        ({"kind": "weak-actuator", "targets": ["gripper"]}, (0.4, 0.08)),
        ({"kind": "mass", "targets": ["object"]}, (2.0, 20.0)),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_grasp_has_a_margin_that_can_be_lost(content, holds):
    law = "strength" if content["kind"] == "weak-actuator" else "scale"
    perturbation = {"name": "it", **content, law: constant(1.0)}
    ends = {end: {"it": {law: constant(end)}} for end in holds}
    task_set = declare("arm-lift", perturbation, a=ends[holds[0]], b=ends[holds[1]])
    batch = make_batch(task_set, 3, 1)
    batch.set_tasks([task_set.nominal, *(task_set.sample(s, 1)[0] for s in "ab")])
    lifted(batch)
    approach(batch, 0.0, 50, close=True)
    nominal, worse, lost = batch.sim.data("qpos")[:, 2]
    assert nominal > 0.12
    assert worse > 0.12
    assert lost < 0.05


def test_the_grip_is_as_strong_as_declared(lift):
    batch = make_batch(lift, 1, 1)
    lifted(batch)
    model, data = posed(ArmLift)
    for name in ("qpos", "qvel", "ctrl", "qacc_warmstart"):
        getattr(data, name)[:] = batch.sim.data(name)[0]
    mujoco.mj_forward(model, data)
    assert data.actuator("gripper").force[0] == pytest.approx(-40, rel=0.01)
    pairs = [{c.geom1, c.geom2} for c in data.contact]
    for name in FINGERS:
        pair = {model.geom(name).id, model.geom("object").id}
        frictions = [c.friction[0] for c, p in zip(data.contact, pairs, strict=True) if p == pair]
        assert len(frictions) >= 3
        np.testing.assert_allclose(frictions, 0.8)
    np.testing.assert_allclose(grip_of(model, data), 20, rtol=0.05)
    left, right = (data.joint(name).qpos[0] for name in FINGERS)
    assert left == pytest.approx(right, abs=5e-4)  # coupled, as in the real hand


@pytest.mark.parametrize("environment", ["arm-lift", "arm-push"])
def test_both_backends_agree_bit_for_bit(environment):
    task_set = load_task_set(f"{environment}-damage")
    tasks = task_set.tasks("test_compound")[:4]
    actions = random_actions(task_set, 40, 4)
    ours, plain = (
        roll(task_set, tasks, actions, backend=backend) for backend in ("auto", "reference")
    )
    assert_same(ours, plain)
