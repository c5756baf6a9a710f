"""The cheetah is Gymnasium's HalfCheetah-v5 when nothing is perturbed."""

import gymnasium as gym
import numpy as np
import pytest

from fastadapt.envs import make_batch
from tests.support.backends import BACKENDS
from tests.support.declared import with_values

STEPS = 100


@pytest.fixture(scope="module")
def theirs():
    """Return qpos and qvel to start from, actions, and what Gymnasium makes of them."""
    env = gym.make("HalfCheetah-v5").unwrapped
    env.reset(seed=3)
    start = env.data.qpos.copy(), env.data.qvel.copy()
    env.set_state(*start)
    actions = np.random.default_rng(0).uniform(-1.3, 1.3, (STEPS, 6))
    seen = [env.step(action)[:2] for action in actions]
    env.close()
    observations, rewards = zip(*seen, strict=True)
    return start, actions, np.array(observations), np.array(rewards)


def test_same_numbers_through_gymnasium_make(theirs, cheetah):
    start, actions, observations, rewards = theirs
    env = gym.make("fastadapt/cheetah-damage-v0")
    env.reset(seed=0, options={"task": cheetah.nominal})
    env.unwrapped.set_state(*start)
    for action, observation, reward in zip(actions, observations, rewards, strict=True):
        ours = env.step(action)
        np.testing.assert_array_equal(ours[0], observation)
        assert ours[1] == pytest.approx(reward, rel=1e-14)
        assert ours[4]["x_position"] == pytest.approx(ours[4]["distance"])
    env.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_numbers_through_batched_env(theirs, cheetah, backend):
    start, actions, observations, rewards = theirs
    batch = make_batch(cheetah, 3, 2, backend)
    batch.set_tasks(cheetah.sample("test_compound", 3))
    batch.reset(seed=0)
    batch.set_tasks(cheetah.nominal, mask=[False, True, False])
    batch.reset(options={"reset_mask": np.array([False, True, False])})
    batch.set_state(*start, mask=[False, True, False])
    for action, observation, reward in zip(actions, observations, rewards, strict=True):
        ours = batch.step(np.tile(action, (3, 1)))
        np.testing.assert_array_equal(ours[0][1], observation)
        assert ours[1][1] == pytest.approx(reward, rel=1e-14)
        assert not np.array_equal(ours[0][0], observation)


def test_a_perturbed_one_differs(theirs, cheetah):
    start, actions, observations, _ = theirs
    batch = make_batch(cheetah, 1)
    batch.set_tasks(with_values(cheetah, torso_mass__scale__torso=1.1))
    batch.reset(seed=0)
    batch.set_state(*start)
    assert not np.array_equal(batch.step(actions[:1])[0][0], observations[0])


def test_control_costs_what_was_commanded(cheetah):
    """Also where the actuator is dead, weak, or limited to less."""
    tasks = [
        with_values(cheetah, dead__dead__bfoot=1),
        with_values(cheetah, weak__strength__bfoot=0),
    ]
    batch = make_batch(cheetah, 3, 1)
    batch.set_tasks([*tasks, cheetah.nominal])
    batch.reset(seed=0)
    action = np.array([0.3, -0.2, 1.0, 0.1, 1.5, -0.5])
    before = batch.sim.data("qpos")[:, 0].copy()
    _, reward, *_, info = batch.step(np.tile(action, (3, 1)))
    np.testing.assert_allclose(info["reward_ctrl"], -0.1 * np.square(action).sum())
    speed = (batch.sim.data("qpos")[:, 0] - before) / 0.05
    np.testing.assert_allclose(reward, speed + info["reward_ctrl"], rtol=1e-12)


def test_reset_is_distributed_as_theirs(cheetah):
    batch = make_batch(cheetah, 500, 1)
    batch.reset(seed=0)
    qpos, qvel = batch.sim.data("qpos"), batch.sim.data("qvel")
    assert np.abs(qpos).max() <= 0.1
    np.testing.assert_allclose(qpos.std(axis=0), 0.1 / np.sqrt(3), rtol=0.1)
    np.testing.assert_allclose(qvel.std(axis=0), 0.1, rtol=0.15)
    assert np.abs(np.r_[qpos.mean(), qvel.mean()]).max() < 0.01
