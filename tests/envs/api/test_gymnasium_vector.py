"""`gymnasium.make_vec` gives the batched environment, which does what single ones do."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from fastadapt.envs import BatchedEnv, FastadaptError, load_task_set
from fastadapt.envs.gymnasium_env import GymnasiumEnv

NAME, N = "reacher-damage", 3
ID = "fastadapt/reacher-damage-v1"


@pytest.fixture
def envs():
    return gym.make_vec(ID, num_envs=N, num_threads=1)


def steps(env, count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))


def test_the_registered_id_makes_one_batch(envs):
    assert isinstance(envs, BatchedEnv)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    assert envs.spec.id == ID
    assert envs.num_envs == N
    one = gym.make_vec(ID, num_envs=2, vectorization_mode="sync")
    assert isinstance(one, SyncVectorEnv)


def test_robot_i_is_the_single_environment_with_seed_plus_i(envs):
    others = SyncVectorEnv([lambda: GymnasiumEnv(NAME)] * N, autoreset_mode="Disabled")
    for seed in (5, None, None, 9):  # tasks go on from reset to reset
        ours, theirs = envs.reset(seed=seed)[0], others.reset(seed=seed)[0]
        np.testing.assert_array_equal(ours, theirs)
        for one, other in zip(steps(envs, 5), steps(others, 5), strict=True):
            for mine, its in zip(one[:4], other[:4], strict=True):
                np.testing.assert_array_equal(mine, its)


def test_a_masked_reset_draws_new_tasks_for_those_robots_only(envs):
    envs.reset(seed=1)
    before = envs._vectors.copy()
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal((envs._vectors != before).any(axis=1), [False, True, False])


def test_given_tasks_are_kept_by_resets(envs):
    tasks = load_task_set(NAME).tasks("test_iid")[:2]
    envs.set_tasks(tasks, mask=np.array([True, False, True]))
    for _ in range(2):
        envs.reset()
        np.testing.assert_array_equal(envs._vectors[[0, 2]], [task.vector() for task in tasks])
    assert not (envs._vectors[1] == envs.task_set.nominal.vector()).all()


def test_mistakes_get_one_sentence(envs):
    with pytest.raises(FastadaptError, match="Did you mean 'train'"):
        gym.make_vec(ID, num_envs=2, split="trian")
    with pytest.raises(FastadaptError, match="Got 2 seeds for 3 robots"):
        envs.reset(seed=[1, 2])
