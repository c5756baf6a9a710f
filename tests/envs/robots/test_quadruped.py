"""The quadruped: its published numbers, its observation and its reward by hand."""

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fastadapt.envs import make_batch
from fastadapt.envs.robots.quadruped import Quadruped
from tests.support.declared import constant, declare
from tests.support.dragged import drag
from tests.support.mirrors import mirrored

LEGS = ("FL", "FR", "RL", "RR")


@pytest.fixture(scope="module")
def nominal():
    mass = {"name": "it", "kind": "mass", "targets": ["trunk"], "scale": constant(1.0)}
    return declare("quadruped", mass)


@pytest.fixture(scope="module")
def model():
    return Quadruped.model()


def test_the_published_masses(model):
    trunk, hip, thigh, calf, foot, rotor = 5.204, 0.591, 0.92, 0.135862, 0.06, 0.089
    total = trunk + 4 * (hip + thigh + calf + foot) + 12 * rotor
    assert model.body_mass.sum() == pytest.approx(total, abs=1e-9)
    assert model.body("trunk").mass == pytest.approx(trunk + 4 * rotor)
    for leg in LEGS:
        assert model.body(f"{leg}_hip").mass == pytest.approx(hip + rotor)
        assert model.body(f"{leg}_thigh").mass == pytest.approx(thigh + rotor)
        assert model.body(f"{leg}_calf").mass == pytest.approx(calf + foot)


def test_the_published_dimensions_and_limits(model):
    for leg in LEGS:
        x, y, _ = model.body(f"{leg}_hip").pos
        assert (abs(x), abs(y)) == (0.1881, 0.04675)
        assert abs(model.body(f"{leg}_thigh").pos[1]) == 0.08
        assert model.body(f"{leg}_calf").pos[2] == model.geom(f"{leg}_foot").pos[2] == -0.213
        assert model.geom(f"{leg}_foot").size[0] == 0.02
        assert tuple(model.joint(f"{leg}_hip").range) == (-0.863, 0.863)
        assert tuple(model.joint(f"{leg}_thigh").range) == (-0.686, 4.501)
        assert tuple(model.joint(f"{leg}_calf").range) == (-2.818, -0.888)
        for joint, torque in (("hip", 23.7), ("thigh", 23.7), ("calf", 35.55)):
            servo = model.actuator(f"{leg}_{joint}")
            assert tuple(servo.forcerange) == (-torque, torque)
            assert tuple(servo.ctrlrange) == tuple(model.joint(f"{leg}_{joint}").range)
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert Quadruped.control_step() == pytest.approx(0.02)
    assert Quadruped.horizon * Quadruped.control_step() == pytest.approx(10)


def test_it_stands_still(nominal):
    batch = make_batch(nominal, 4, 1)
    batch.reset(seed=0)
    for _ in range(Quadruped.horizon):
        _, _, terminated, truncated, _ = batch.step(np.zeros((4, 12)))
    assert truncated.all()
    assert not terminated.any()
    qpos = batch.sim.data("qpos")
    assert np.abs(qpos[:, :2]).max() < 0.02
    assert np.abs(qpos[:, 2] - 0.3165).max() < 0.01
    assert np.abs(batch.sim.data("qvel")).max() < 0.01


def rolled(batch, steps=25, seed=0):
    """Step with random actions; return the last observation, reward, info, and last two actions."""
    batch.reset(seed=seed)
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1.3, 1.3, (steps, batch.num_envs, 12))
    out = None
    for action in actions:
        out = batch.step(action)
    return out, actions[-2], actions[-1]


def test_observation_by_hand(nominal):
    batch = make_batch(nominal, 3, 1)
    (observation, *_), _, last = rolled(batch)
    qpos, qvel = batch.sim.data("qpos"), batch.sim.data("qvel")
    frame = Rotation.from_quat(qpos[:, 3:7], scalar_first=True)
    pose = np.tile([0.0, 0.8, -1.6], 4)
    parts = [
        batch.environment.command[:, None],
        frame.inv().apply([0, 0, -1]),
        qvel[:, 3:6],
        frame.inv().apply(qvel[:, :3]),
        qpos[:, 7:] - pose,
        qvel[:, 6:],
        np.clip(last, -1, 1),
    ]
    np.testing.assert_allclose(observation, np.concatenate(parts, axis=1), atol=1e-12)
    assert len(Quadruped.observations) == observation.shape[1] == 46
    assert [c.name for c in Quadruped.observations[:4]] == [
        "commanded velocity x",
        *(f"gravity {axis}" for axis in "xyz"),
    ]
    assert Quadruped.observations[10].name == "FL_hip - nominal"


def test_reward_by_hand_against_plain_mujoco(nominal, model):
    batch = make_batch(nominal, 1, 1)
    batch.reset(seed=3)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = batch.sim.data("qpos")[0], batch.sim.data("qvel")[0]
    mujoco.mj_forward(model, data)
    scale = np.tile([0.2, 0.4, 0.4], 4)
    limits, previous = np.tile([23.7, 23.7, 35.55], 4), np.zeros(12)
    command = batch.environment.command[0]
    w, ground = Quadruped.weights, 0.3165 - 2 * 0.213 * np.cos(0.8)
    for action in np.random.default_rng(1).uniform(-1, 1, (30, 12)):
        speeds = data.qvel[6:].copy()
        data.ctrl[:] = model.key_ctrl[0] + scale * action
        mujoco.mj_step(model, data, nstep=4)
        _, reward, terminated, _, info = batch.step(action[None])
        np.testing.assert_array_equal(batch.sim.data("qpos")[0], data.qpos)
        axes = Rotation.from_quat(data.qpos[3:7], scalar_first=True).as_matrix()
        vx, vy, _ = axes.T @ data.qvel[:3]
        tilt = axes[2, 0] ** 2 + axes[2, 1] ** 2
        speed = np.exp(-((vx - command) ** 2 + vy**2) / Quadruped.speed_width**2)
        turn = np.exp(-((data.qvel[5] / Quadruped.turn_width) ** 2))
        by_hand = (
            w["speed"] * speed
            + w["turn"] * turn
            + w["healthy"]
            - w["effort"] * np.mean((data.actuator_force / limits) ** 2)
            - w["action_rate"] * np.mean((action - previous) ** 2)
            - w["acceleration"] * np.mean(((data.qvel[6:] - speeds) / 0.02 / 100) ** 2)
            - w["drag"] * drag(model, data, Quadruped.feet, ground, Quadruped.foot_clearance)
            - w["tilt"] * tilt
            - w["bounce"] * data.qvel[2] ** 2
            - w["wobble"] * (data.qvel[3] ** 2 + data.qvel[4] ** 2)
            - w["height"] * ((data.qpos[2] - 0.3165) / 0.3165) ** 2
        )
        assert reward[0] == pytest.approx(by_hand, abs=1e-9)
        assert info["velocity_error"][0] == pytest.approx(abs(vx - command))
        previous = action
        if terminated[0]:
            break


def test_commands_are_uniform_and_kept_over_an_episode(nominal):
    batch = make_batch(nominal, 500, 1)
    batch.reset(seed=0)
    command = batch.environment.command
    low, high = Quadruped.speeds
    assert low <= command.min() < low + 0.02
    assert high - 0.02 < command.max() <= high
    assert command.mean() == pytest.approx((low + high) / 2, abs=0.03)
    observation, *_ = batch.step(np.zeros((500, 12)))
    np.testing.assert_array_equal(observation[:, 0], command)
    mask = np.arange(500) < 250
    observation, _ = batch.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(observation[250:, 0], command[250:])
    assert (observation[:250, 0] != command[:250]).all()


def test_left_and_right_mirror_each_other(nominal):
    mirrored(nominal, swapped={"FL": "FR", "RL": "RR"}, flipped=("hip",))


def test_it_terminates_when_it_has_fallen(nominal, model):
    batch = make_batch(nominal, 4, 1)
    batch.reset(seed=0)
    qpos = np.tile(model.key_qpos[0], (4, 1))
    qpos[1, 2] = 0.12  # lies on its legs
    qpos[2, 3:7] = Rotation.from_euler("x", 60, degrees=True).as_quat(scalar_first=True)
    qpos[3, 3:7] = Rotation.from_euler("z", 120, degrees=True).as_quat(scalar_first=True)
    qpos[2, 2] = 0.4
    batch.set_state(qpos, np.zeros(18))
    _, _, terminated, _, _ = batch.step(np.zeros((4, 12)))
    assert terminated.tolist() == [False, True, True, False]
