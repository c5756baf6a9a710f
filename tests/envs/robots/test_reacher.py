"""The reacher: kinematics, goals and reward by hand."""

import numpy as np
import pytest

from fastadapt.envs import make_batch


def tip_of(angles):
    """Return x and z of the tip of four links of 0.25 m."""
    total = np.cumsum(angles, axis=1)
    return 0.25 * np.stack([np.cos(total).sum(axis=1), np.sin(total).sum(axis=1)], axis=1)


def test_goals_fill_a_half_ring_in_the_plane(reacher):
    batch = make_batch(reacher, 1000, 1)
    batch.reset(seed=0)
    goal = batch.sim.data("mocap_pos")[:, 0]
    radius, angle = np.hypot(goal[:, 0], goal[:, 2]), np.arctan2(goal[:, 2], goal[:, 0])
    assert not goal[:, 1].any()
    assert 0.35 <= radius.min() < 0.36
    assert 0.84 < radius.max() <= 0.85
    assert 0 < angle.min() < 0.02
    assert np.pi - 0.02 < angle.max() < np.pi
    assert np.mean(radius < np.sqrt((0.35**2 + 0.85**2) / 2)) == pytest.approx(0.5, abs=0.05)


def test_observation_and_reward_by_hand(reacher):
    batch = make_batch(reacher, 5, 1)
    observation, _ = batch.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 5, 4))
    for action in actions:
        angles, speeds = batch.sim.data("qpos"), batch.sim.data("qvel")
        goal = batch.sim.data("mocap_pos")[:, 0][:, [0, 2]]
        tip = tip_of(angles)
        expected = [np.cos(angles), np.sin(angles), speeds, tip, goal - tip]
        np.testing.assert_allclose(observation, np.concatenate(expected, axis=1), atol=1e-12)
        observation, reward, _, _, info = batch.step(action)
        distance = np.linalg.norm(goal - tip_of(batch.sim.data("qpos")), axis=1)
        near = 0.5 * np.exp(-((distance / 0.1) ** 2)) + 0.5 * np.exp(-((distance / 0.02) ** 2))
        cost = 0.02 * np.square(action).sum(axis=1)
        np.testing.assert_allclose(reward, near - 0.5 * distance - cost, atol=1e-12)
        np.testing.assert_allclose(info["distance"], distance, atol=1e-12)
        terms = info["reward_close"] + info["reward_distance"] + info["reward_ctrl"]
        np.testing.assert_allclose(terms, reward)


def test_the_arm_can_hold_itself_level_with_the_heaviest_load(reacher):
    """The task is possible: every torque limit exceeds what gravity takes, at full reach."""
    batch = make_batch(reacher, 1)
    batch.reset(seed=0)
    batch.set_state(np.zeros(4), np.zeros(4))
    batch.sim.data("qfrc_bias")
    batch.sim.forward()
    heaviest = max(task.values[0] for s in reacher.splits for task in reacher.tasks(s))
    arm = np.array([1.0, 0.75, 0.5, 0.25])
    needed = batch.sim.data("qfrc_bias")[0] + heaviest * 9.81 * arm
    limits = np.abs(batch.sim.model.actuator_gear[:, 0])
    assert (needed[:3] < limits[:3]).all()
