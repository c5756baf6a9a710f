"""The pushing arm: kinematics, observation and reward by hand; pushing and sliding obey physics."""

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fastadapt.envs import make_batch
from fastadapt.envs.robots.arm_push import ArmPush
from tests.support.arms import ARM, actions_towards, arm_angles, healthy, posed
from tests.support.declared import constant, declare, with_values


@pytest.fixture(scope="module")
def push():
    return healthy("arm-push")


def panda_flange(q):
    """Return where the flange is, from the modified Denavit-Hartenberg table of the data sheet."""
    table = [(0, 0.333, 0), (0, 0, -90), (0, 0.316, 90), (0.0825, 0, 90), (-0.0825, 0.384, -90)]
    table += [(0, 0, 90), (0.088, 0, 90)]
    pose = np.eye(4)
    for (a, d, alpha), angle in zip(table, q, strict=True):
        c, s = np.cos(angle), np.sin(angle)
        ca, sa = np.cos(np.deg2rad(alpha)), np.sin(np.deg2rad(alpha))
        pose = pose @ [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca],
                       [0, 0, 0, 1]]  # fmt: skip
    return (pose @ [0, 0, 0.107, 1])[:3]


@pytest.mark.parametrize("seed", range(5))
def test_the_arm_has_the_kinematics_of_a_panda(seed):
    model = ArmPush.model()
    data = mujoco.MjData(model)
    joints = [model.joint(name) for name in ARM]
    low, high = np.array([joint.range for joint in joints]).T
    q = np.random.default_rng(seed).uniform(low, high)
    data.qpos[[joint.qposadr[0] for joint in joints]] = q
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(data.body("tool").xpos, panda_flange(q), atol=1e-12)


def expected_observation(batch, i):
    """Return the observation of robot i, from a plain MjData with its state."""
    model, sim = batch.sim.model, batch.sim
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = sim.data("qpos")[i], sim.data("qvel")[i]
    data.mocap_pos[:], data.ctrl[:] = sim.data("mocap_pos")[i], sim.data("ctrl")[i]
    mujoco.mj_forward(model, data)
    tip, place = data.site("tip").xpos, data.body("object").xpos
    angles = np.array([data.joint(name).qpos[0] for name in ARM])
    speeds = np.array([data.joint(name).qvel[0] for name in ARM])
    turned = data.body("object").xmat.reshape(3, 3)
    goal = data.body("goal").xpos
    twist = np.zeros(6)
    body = model.body("object").id
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, body, twist, 0)
    mujoco_spin = turned.T @ twist[:3]
    parts = [angles, speeds, data.ctrl - angles, tip, place - tip, turned[:, 0], turned[:, 2]]
    return np.concatenate([*parts, twist[3:], mujoco_spin, goal - place])


def test_observation_and_reward_by_hand(push):
    batch = make_batch(push, 4, 1)
    observation, _ = batch.reset(seed=0)
    names = [channel.name for channel in ArmPush.observations]
    assert len(names) == len(set(names)) == observation.shape[1] == 42
    rng = np.random.default_rng(0)
    for t in range(20):
        if t == 10:  # an object on the move
            qvel = batch.sim.data("qvel").copy()
            qvel[:, :6] = rng.normal(0, 1, (4, 6))
            batch.set_state(batch.sim.data("qpos").copy(), qvel)
            observation = batch.environment.observation()
        for i in range(4):
            np.testing.assert_allclose(observation[i], expected_observation(batch, i), atol=1e-12)
        action = rng.uniform(-1.2, 1.2, (4, 7))
        observation, reward, _, _, info = batch.step(action)
        seen = dict(zip(names, observation.T, strict=True))
        to_goal, to_object = (
            np.stack([seen[f"{what} {a}"] for a in "xyz"], axis=1)
            for what in ("goal - object", "object - tip")
        )
        d = np.linalg.norm(to_goal, axis=1)
        t = np.linalg.norm(to_object - 0.07 * to_goal / np.maximum(d, 0.02)[:, None], axis=1)
        expected = (
            0.2 * np.exp(-t / 0.1) + 0.4 * np.exp(-d / 0.1) + 0.4 * np.exp(-((d / 0.03) ** 2))
        )
        expected -= 0.005 * np.square(action).sum(axis=1)
        np.testing.assert_allclose(reward, expected, atol=1e-12)
        np.testing.assert_allclose(info["distance"], d, atol=1e-12)
        np.testing.assert_array_equal(info["at_goal"], d < 0.03)
        terms = [value for name, value in info.items() if name.startswith("reward_")]
        np.testing.assert_allclose(np.sum(terms, axis=0), reward, atol=1e-12)


def test_objects_and_goals_are_drawn_as_declared(push):
    batch = make_batch(push, 500, 1)
    batch.reset(seed=0)
    qpos = batch.sim.data("qpos")
    start, goal = qpos[:, :3], batch.sim.data("mocap_pos")[:, 0]
    away = goal - start
    far = np.linalg.norm(away, axis=1)
    assert np.abs(start[:, :2] - [0.56, 0]).max(axis=0) == pytest.approx([0.03, 0.05], rel=0.05)
    assert (far.min(), far.max()) == pytest.approx((0.08, 0.18), rel=0.05)
    np.testing.assert_array_equal(away[:, 2], 0)
    assert abs(np.mean(away[:, 0] > 0) - 0.5) < 0.1
    turn = Rotation.from_quat(qpos[:, 3:7], scalar_first=True).as_rotvec()
    np.testing.assert_allclose(turn[:, :2], 0, atol=1e-12)
    assert np.ptp(turn[:, 2]) > 6
    arm = qpos[:, 7:] - batch.sim.model.key("nominal").qpos[7:]
    assert np.abs(arm).max() == pytest.approx(0.03, rel=0.05)
    np.testing.assert_array_equal(batch.sim.data("ctrl"), qpos[:, 7:])


def test_an_action_of_zero_holds_the_pose(push):
    batch = make_batch(push, 8, 1)
    batch.reset(seed=0)
    tip = batch.sim.data("site_xpos")[:, 0].copy()
    puck = batch.sim.data("qpos")[:, :3].copy()
    for _ in range(ArmPush.horizon):
        batch.step(np.zeros((8, 7)))
    assert np.abs(batch.sim.data("site_xpos")[:, 0] - tip).max() < 0.01
    assert np.abs(batch.sim.data("qpos")[:, :3] - puck).max() < 0.002
    assert np.abs(batch.sim.data("qvel")).max() < 1e-3


def test_actions_move_targets_on_a_leash(push):
    batch = make_batch(push, 2, 1)
    batch.reset(seed=0)
    start = batch.sim.data("ctrl").copy()
    batch.step(np.tile([1.0, -0.5, 0, 0, 0, 0, 3.0], (2, 1)))
    moved = batch.sim.data("ctrl") - start
    np.testing.assert_allclose(moved, np.tile([0.05, -0.025, 0, 0, 0, 0, 0.05], (2, 1)))
    for _ in range(80):  # joint 1 runs freely, joint 4 into the end of its range
        before = batch.sim.data("actuator_length").copy()
        batch.step(np.tile([1.0, 0, 0, -1.0, 0, 0, 0], (2, 1)))
        assert np.abs(batch.sim.data("ctrl") - before).max() <= 0.2 + 1e-9
    low, high = batch.sim.model.actuator_ctrlrange.T
    assert (batch.sim.data("ctrl") >= low).all()
    assert (batch.sim.data("ctrl") <= high).all()


def test_a_target_does_not_run_away_from_a_dead_joint():
    dead = {"name": "dead", "kind": "dead-actuator", "targets": ["joint1"]}
    batch = make_batch(declare("arm-push", dead), 1, 1)
    batch.set_tasks(with_values(batch.task_set, dead__dead__joint1=1))
    batch.reset(seed=0)
    for _ in range(20):
        before = batch.sim.data("actuator_length").copy()
        batch.step(np.eye(7)[:1])
    assert abs(batch.sim.data("ctrl") - before)[0, 0] == pytest.approx(0.2)


def test_a_partial_reset_leaves_the_others_alone(push):
    one, two = (make_batch(push, 3, 1) for _ in range(2))
    actions = np.random.default_rng(0).uniform(-1, 1, (12, 3, 7))
    for batch in (one, two):
        batch.reset(seed=0)
        for action in actions[:6]:
            batch.step(action)
    one.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(one.sim.data("ctrl")[1], one.sim.data("qpos")[1, 7:])
    for action in actions[6:]:
        seen, others = one.step(action)[0], two.step(action)[0]
    np.testing.assert_array_equal(seen[[0, 2]], others[[0, 2]])
    assert not np.array_equal(seen[1], others[1])


def test_a_scripted_push_brings_the_puck_to_the_goal(push):
    """Go behind the puck, follow the line to the goal: quasi-static pushing, no learning."""
    batch = make_batch(push, 6, 1)
    batch.reset(seed=3)
    sim, model = batch.sim, batch.sim.model
    for i in range(6):  # goals straight ahead: the tip starts behind the puck already
        sim.data("mocap_pos")[i, 0] = sim.data("qpos")[i, :3] + [0.12, 0, 0]
    goal = sim.data("mocap_pos")[:, 0].copy()
    for t in range(ArmPush.horizon):
        puck = sim.data("qpos")[:, :3]
        away = np.linalg.norm(goal - puck, axis=1, keepdims=True)
        ahead = (goal - puck) / away
        tip = puck - (0.1 if t < 15 else 0.07 - np.minimum(0.03, away)) * ahead
        tip[:, 2] = 0.035
        angles = np.array([arm_angles(model, sim.data("qpos")[i], tip[i]) for i in range(6)])
        *_, info = batch.step(actions_towards(batch, angles))
        if (info["distance"] < 0.01).all():
            break
    assert (info["distance"] < 0.02).all()
    assert info["at_goal"].all()


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("speed", [0.5, 1.0])
def test_the_puck_slides_as_far_as_friction_lets_it(scale, speed):
    table = {"name": "table", "kind": "contact-friction", "targets": ["object"],
             "against": ["table"], "scale": constant(scale)}  # fmt: skip
    task_set = declare("arm-push", table)
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    qpos, qvel = batch.sim.data("qpos").copy(), np.zeros((1, batch.sim.model.nv))
    qpos[:, :7] = [0.5, 0.3, 0.03, 1, 0, 0, 0]  # beside the arm
    qvel[:, 1] = speed
    batch.set_state(qpos, qvel)
    for _ in range(75):
        batch.step(np.zeros((1, 7)))
    slid = batch.sim.data("qpos")[0, 1] - 0.3
    assert slid == pytest.approx(speed**2 / (2 * 0.4 * scale * 9.81), rel=0.05)


def test_the_tip_has_a_friction_of_its_own():
    """Pairwise: the table's friction is changed without the tip's, and the other way round."""
    model, data = posed(ArmPush)
    tip, puck, table = (model.geom(name) for name in ("tip", "object", "table"))
    data.qpos[:3] = data.site("tip").xpos + np.array([0.069, 0, 0])
    data.qpos[2] = 0.0299
    mujoco.mj_forward(model, data)
    for geom, expected in ((tip, 0.3), (table, 0.4)):
        pair = {puck.id, geom.id}
        found = [c.friction[0] for c in data.contact if {c.geom1, c.geom2} == pair]
        assert found
        np.testing.assert_allclose(found, expected)
