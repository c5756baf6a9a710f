"""The hexapod: its published numbers, its observation and its reward by hand."""

import copy

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fastadapt.envs import make_batch
from fastadapt.envs.robots.hexapod import Hexapod
from tests.support.declared import constant, declare
from tests.support.dragged import drag
from tests.support.mirrors import mirrored

LEGS = ("l1", "l2", "l3", "r1", "r2", "r3")


@pytest.fixture(scope="module")
def nominal():
    mass = {"name": "it", "kind": "mass", "targets": ["torso"], "scale": constant(1.0)}
    return declare("hexapod", mass)


@pytest.fixture(scope="module")
def model():
    return Hexapod.model()


def test_the_published_masses_and_dimensions(model):
    assert model.body_mass.sum() == pytest.approx(1.031 + 6 * (0.02 + 0.184 + 0.184))
    assert tuple(2 * model.geom("torso").size) == (0.24, 0.2, 0.04)
    for leg in LEGS:
        x, y, _ = model.body(f"{leg}_coxa").pos
        assert abs(x) == pytest.approx({"1": 0.13, "2": 0.0, "3": 0.13}[leg[1]])
        assert y == pytest.approx(0.08 if leg[0] == "l" else -0.08)
        assert abs(model.body(f"{leg}_femur").pos[1]) == 0.06
        assert abs(model.body(f"{leg}_tibia").pos[1]) == 0.085
        assert model.geom(f"{leg}_foot").pos[2] == -0.1275
        for joint, half in (("coxa", 1.5708), ("femur", 0.7854), ("tibia", 0.7854)):
            name = f"{leg}_{joint}"
            assert tuple(model.joint(name).range) == (-half, half)
            assert tuple(model.actuator(name).forcerange) == (-3.1, 3.1)
            slope = 3.1 / (67 / 60 * 2 * np.pi)
            assert model.actuator_damping[model.actuator(name).id] == pytest.approx(slope, abs=0.01)
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert Hexapod.control_step() == pytest.approx(0.04)
    assert Hexapod.horizon * Hexapod.control_step() == pytest.approx(10)


def test_no_servo_is_faster_than_the_data_sheet_says(model):
    """In the air, told to go from one end of its range to the other, a coxa reaches 7 rad/s."""
    spec = Hexapod.complete_spec()
    spec.option.gravity = np.zeros(3)
    free = spec.compile()
    data = mujoco.MjData(free)
    joint = free.joint("l2_coxa")
    data.qpos[joint.qposadr] = -1.5
    data.ctrl[free.actuator("l2_coxa").id] = 1.5
    fastest = 0.0
    for _ in range(200):
        mujoco.mj_step(free, data)
        fastest = max(fastest, data.qvel[joint.dofadr[0]])
    assert 4.5 < fastest < 7.1


def test_it_stands_still(nominal):
    batch = make_batch(nominal, 4, 1)
    batch.reset(seed=0)
    for _ in range(Hexapod.horizon):
        _, _, terminated, truncated, _ = batch.step(np.zeros((4, 18)))
    assert truncated.all()
    assert not terminated.any()
    qpos = batch.sim.data("qpos")
    assert np.abs(qpos[:, :2]).max() < 0.02
    assert np.abs(qpos[:, 2] - 0.1525).max() < 0.01
    assert np.abs(batch.sim.data("qvel")).max() < 0.01


def test_observation_by_hand(nominal):
    batch = make_batch(nominal, 3, 1)
    observation, _ = batch.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1.3, 1.3, (20, 3, 18))
    for action in actions:
        observation, *_ = batch.step(action)
    qpos, qvel = batch.sim.data("qpos"), batch.sim.data("qvel")
    frame = Rotation.from_quat(qpos[:, 3:7], scalar_first=True)
    yaw = frame.as_euler("ZYX")[:, :1]
    parts = [
        frame.inv().apply([0, 0, -1]),
        qvel[:, 3:6],
        frame.inv().apply(qvel[:, :3]),
        np.cos(yaw),
        np.sin(yaw),
        qpos[:, 7:],
        qvel[:, 6:],
        np.clip(actions[-1], -1, 1),
    ]
    np.testing.assert_allclose(observation, np.concatenate(parts, axis=1), atol=1e-12)
    assert len(Hexapod.observations) == observation.shape[1] == 65
    assert [c.name for c in Hexapod.observations[9:12]] == [
        "cos heading",
        "sin heading",
        "l1_coxa - nominal",
    ]


def test_reward_by_hand_against_plain_mujoco(nominal, model):
    batch = make_batch(nominal, 1, 1)
    batch.reset(seed=3)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = batch.sim.data("qpos")[0], batch.sim.data("qvel")[0]
    mujoco.mj_forward(model, data)
    scale = np.array([batch.environment.action_scale["*"]] * 18)
    previous, w = np.zeros(18), Hexapod.weights
    for action in np.random.default_rng(1).uniform(-1, 1, (30, 18)):
        x, y = data.qpos[:2].copy()
        speeds = data.qvel[6:].copy()
        data.ctrl[:] = scale * action
        mujoco.mj_step(model, data, nstep=8)
        _, reward, terminated, _, info = batch.step(action[None])
        np.testing.assert_array_equal(batch.sim.data("qpos")[0], data.qpos)
        axes = Rotation.from_quat(data.qpos[3:7], scalar_first=True).as_matrix()
        by_hand = (
            w["forward"] * (data.qpos[0] - x) / 0.04
            + w["healthy"]
            - w["sideways"] * abs(data.qpos[1] - y) / 0.04
            - w["heading"] * (1 - np.cos(np.arctan2(axes[1, 0], axes[0, 0])))
            - w["effort"] * np.mean((data.actuator_force / 3.1) ** 2)
            - w["action_rate"] * np.mean((action - previous) ** 2)
            - w["acceleration"] * np.mean(((data.qvel[6:] - speeds) / 0.04 / 100) ** 2)
            - w["drag"] * drag(model, data, Hexapod.feet, 0.025, Hexapod.foot_clearance)
            - w["tilt"] * (axes[2, 0] ** 2 + axes[2, 1] ** 2)
            - w["bounce"] * data.qvel[2] ** 2
            - w["wobble"] * (data.qvel[3] ** 2 + data.qvel[4] ** 2)
            - w["height"] * ((data.qpos[2] - 0.1525) / 0.1525) ** 2
        )
        assert reward[0] == pytest.approx(by_hand, abs=1e-9)
        assert info["distance"][0] == pytest.approx(data.qpos[0], abs=1e-12)
        previous = action
        if terminated[0]:
            break


def test_left_and_right_mirror_each_other(nominal):
    mirrored(nominal, swapped={"l1": "r1", "l2": "r2", "l3": "r3"}, flipped=("coxa",))


def test_it_terminates_when_it_has_turned_over_only(nominal, model):
    """A hexapod that has lost legs may rest on its belly and go on."""
    batch = make_batch(nominal, 4, 1)
    batch.reset(seed=0)
    qpos = np.tile(model.key_qpos[0], (4, 1))
    qpos[1, 2], qpos[1, 8::3] = 0.03, 0.78  # on its belly, legs up
    qpos[2, 2], qpos[2, 3:7] = (
        0.25,
        Rotation.from_euler("y", 70, degrees=True).as_quat()[[3, 0, 1, 2]],
    )
    qpos[3, 3:7] = Rotation.from_euler("z", 120, degrees=True).as_quat()[[3, 0, 1, 2]]
    batch.set_state(qpos, np.zeros(24))
    _, _, terminated, _, _ = batch.step(np.zeros((4, 18)))
    assert terminated.tolist() == [False, False, True, False]


def test_the_speed_slope_of_its_servos_is_that_of_damped_joints(model):
    """Bit for bit what version 0 has been with the damping in the joints."""
    damped = copy.copy(model)
    damped.actuator_damping[:] = 0.0
    damped.dof_damping[6:] = 0.44
    ours, theirs = mujoco.MjData(model), mujoco.MjData(damped)
    rng = np.random.default_rng(0)
    for _ in range(40):
        ours.ctrl[:] = theirs.ctrl[:] = rng.uniform(-0.8, 0.8, model.nu)
        mujoco.mj_step(model, ours, nstep=8)
        mujoco.mj_step(damped, theirs, nstep=8)
    np.testing.assert_array_equal(ours.qpos, theirs.qpos)
