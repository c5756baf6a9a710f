"""Gymnasium's expectations of `gymnasium.make("fastadapt/...")`."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from fastadapt.envs import FastadaptError
from tests.support.shipped import gym_ids, shipped

IDS = gym_ids()
ONE_OF_EACH = {shipped(name).environment.name: gym_id for gym_id, name in IDS.items()}.values()
"""One id for each environment: what is the robot's doing does not depend on the task set."""

every_id = pytest.mark.parametrize("gym_id", IDS)
every_environment = pytest.mark.parametrize("gym_id", ONE_OF_EACH)

# Unbounded heights and speeds are what they are; Gymnasium's own robots get the same two.
UNAVOIDABLE = ("minimum value is -infinity", "maximum value is infinity")


@pytest.fixture
def env(gym_id):
    env = gym.make(gym_id)
    yield env
    env.close()


def complaints(check, env):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(env.unwrapped)
    messages = [str(warning.message) for warning in caught]
    return [m for m in messages if not any(known in m for known in UNAVOIDABLE)]


@every_id
def test_every_task_set_is_registered(gym_id):
    assert gym_id in gym.registry


@pytest.mark.parametrize("how", ["import fastadapt.envs", "module in the id"])
def test_they_are_found_in_a_fresh_process(how):
    """Gymnasium has no plugins since 1.0: its id needs an import, or the module before a colon."""
    first, prefix = (how, "") if how.startswith("import") else ("", "fastadapt.envs:")
    code = f"{first}\nimport gymnasium\nfor name in {list(IDS)}:"
    code += f"\n    print(gymnasium.make({prefix!r} + name).unwrapped.task_set.id)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [gym_id.removeprefix("fastadapt/") for gym_id in IDS]


@every_id
def test_gymnasiums_checker_is_content(env):
    assert complaints(lambda e: check_env(e, skip_render_check=True), env) == []


@every_id
def test_stable_baselines_checker_is_content(env):
    assert complaints(check_env_sb3, env) == []


@every_environment
def test_the_checker_can_complain(env, monkeypatch):
    monkeypatch.setattr(env.unwrapped, "reset", lambda **_: (np.zeros(3), {}))
    with pytest.raises(Exception, match="observation"):
        complaints(lambda e: check_env(e, skip_render_check=True), env)


def play(env, seed, steps=5, **options):
    observation, info = env.reset(seed=seed, options=options or None)
    seen = [observation]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        seen.append(env.step(action)[0])
    return np.array(seen), info


@every_id
def test_same_seed_same_episodes(env, gym_id):
    first, second = play(env, 7)[0], play(env, None)[0]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(play(env, 7)[0], first)
    np.testing.assert_array_equal(play(env, None)[0], second)
    np.testing.assert_array_equal(play(gym.make(gym_id), 7)[0], first)
    assert not np.array_equal(play(env, 8)[0], first)


@every_environment
def test_a_seed_may_be_a_number_of_numpy(env):
    np.testing.assert_array_equal(play(env, np.int64(3))[0], play(env, 3)[0])
    for bad in (True, 3.0, -1, "a"):
        with pytest.raises(FastadaptError, match="seed must be a whole number from 0 on"):
            env.unwrapped.reset(seed=bad)


@every_id
def test_every_reset_draws_another_task_until_one_is_given(env):
    batch, task_set = env.unwrapped.batch, env.unwrapped.task_set
    env.reset(seed=0)
    drawn = [batch._vectors[0].copy()]
    for _ in range(9):
        env.reset()
        drawn.append(batch._vectors[0].copy())
    expected = task_set.sample("train", 10, env.unwrapped._key)
    np.testing.assert_array_equal(drawn, task_set.vectors(expected))
    assert len(np.unique(drawn, axis=0)) > 1
    given = task_set.tasks(task_set.splits[-1])[0]
    env.reset(options={"task": given})
    for _ in range(2):
        np.testing.assert_array_equal(batch._vectors[0], given.vector())
        env.reset()


@every_id
def test_the_drawn_tasks_are_of_the_split_asked_for(gym_id):
    split = shipped(IDS[gym_id]).splits[-1]
    env = gym.make(gym_id, split=split).unwrapped
    for seed in range(5):
        env.reset(seed=seed)
        task = env.task_set.sample(split, 1, env._key)[0]
        np.testing.assert_array_equal(env.batch._vectors[0], task.vector())


@every_environment
def test_the_time_limit_truncates(env, monkeypatch):
    env.reset(seed=0)
    never = np.zeros(1, bool)  # robots that do nothing may fall before that
    monkeypatch.setattr(env.unwrapped.batch.environment, "terminated", lambda: never)
    horizon = env.unwrapped.task_set.environment.horizon
    action = np.zeros(env.action_space.shape, np.float32)
    flags = [env.step(action)[2:4] for _ in range(horizon)]
    assert flags[:-1] == [(False, False)] * (horizon - 1)
    assert flags[-1] == (False, True)


@every_id
def test_scalars_are_scalars(env):
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert type(reward) is float
    assert type(terminated) is type(truncated) is bool
    assert all(np.ndim(value) == 0 for value in info.values())


@every_environment
def test_a_wrong_task_gets_a_sentence(env, gym_id):
    with pytest.raises(FastadaptError, match=r"options\['task'\] is a str; give a Task"):
        env.reset(options={"task": "heavy"})
    with pytest.raises(FastadaptError, match=r"no split.*'test_idd'.*'test_iid'"):
        gym.make(gym_id, split="test_idd").reset(seed=0)


@every_environment
def test_a_picture(gym_id):
    try:
        env = gym.make(gym_id, render_mode="rgb_array")
        env.reset(seed=0)
        picture = env.render()
    except Exception as error:  # a machine without any OpenGL
        if "GL" not in str(error):
            raise
        pytest.skip(f"no rendering here: {error}")
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5
    env.close()
