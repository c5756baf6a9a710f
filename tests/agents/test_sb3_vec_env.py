"""The batch behind Stable-Baselines3's interface: resets, last observations, time limits, tasks."""

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from fastadapt.agents.sb3_vec_env import SB3VecEnv
from fastadapt.envs import FastadaptError, load_task_set, make_batch


def robots(num=3, split=None, seed=0):
    return SB3VecEnv(make_batch(load_task_set("reacher-damage"), num, 1), split, seed)


def actions(envs, steps, seed=0):
    shape = (steps, envs.num_envs, envs.action_space.shape[0])
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def test_an_episode_that_ends_begins_anew_and_its_last_observation_is_told():
    envs = robots()
    plain = make_batch(load_task_set("reacher-damage"), 3, 1)
    expected, _ = plain.reset(seed=0)
    np.testing.assert_array_equal(envs.reset(), expected.astype(np.float32))
    total = np.zeros(3)
    for t, action in enumerate(actions(envs, 75)):
        shown, reward, done, infos = envs.step(action)
        expected, real, *_ = plain.step(action)
        total += real
        np.testing.assert_array_equal(reward, real.astype(np.float32))
        assert done.all() == done.any() == (t == 74)
        if not done.any():
            np.testing.assert_array_equal(shown, expected.astype(np.float32))
            assert infos == [{}] * 3
    for i, info in enumerate(infos):
        np.testing.assert_array_equal(info["terminal_observation"], expected[i].astype(np.float32))
        assert info["TimeLimit.truncated"] is True
        assert info["episode"]["r"] == pytest.approx(total[i])
        assert info["episode"]["l"] == 75
    begun, _ = plain.reset()
    np.testing.assert_array_equal(shown, begun.astype(np.float32))


def test_every_episode_has_a_task_of_its_own():
    few, many = robots(2, "train", seed=5), robots(2, "train", seed=5)
    for envs in (few, many):
        envs.reset()
    first = few.envs._vectors.copy()
    assert len(np.unique(first, axis=0)) == 2
    np.testing.assert_array_equal(first, many.envs._vectors)
    for action in actions(few, 75):
        few.step(action)
    assert not (few.envs._vectors == first).all(axis=1).any()
    assert robots(2, "train", seed=6).reset().shape == (2, 16)


def test_the_tasks_stay_where_no_split_is_named():
    envs = robots()
    envs.reset()
    nominal = envs.envs._vectors.copy()
    for action in actions(envs, 76):
        envs.step(action)
    np.testing.assert_array_equal(envs.envs._vectors, nominal)


def test_stable_baselines_trains_on_it():
    envs = VecMonitor(robots(4, "train"))
    model = PPO("MlpPolicy", envs, n_steps=80, batch_size=160, n_epochs=1, seed=0, device="cpu")
    before = model.policy.state_dict()["action_net.weight"].clone()
    model.learn(640)
    assert len(model.ep_info_buffer) == 8
    assert not before.equal(model.policy.state_dict()["action_net.weight"])


def test_a_single_robot_has_no_attributes_and_no_methods():
    with pytest.raises(FastadaptError, match="'horizon' cannot be set"):
        robots().set_attr("horizon", 3)
    with pytest.raises(FastadaptError, match="'render' cannot be called for one robot"):
        robots().env_method("render")
