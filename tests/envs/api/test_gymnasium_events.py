"""One robot in plain Gymnasium to which everything happens."""

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    make_batch,
    nominal_task_set,
)
from fastadapt.envs.gymnasium_env import GymnasiumEnv
from tests.support.eventful import eventful
from tests.support.rolls import random_actions

SET = eventful()
ACTIONS = random_actions(SET, 20, 1)[:, 0]


def test_it_is_the_robot_of_a_batch():
    env = GymnasiumEnv(SET)
    batch = make_batch(SET, 1, 1)
    for task in SET.sample("train", 3):
        observation, info = env.reset(seed=3, options={"task": task})
        batch.set_tasks(task)
        expected, _ = batch.reset(seed=[env._key])
        np.testing.assert_array_equal(observation, expected[0])
        assert info == {}
        for action in ACTIONS:
            ours, theirs = env.step(action), batch.step(action[None])
            np.testing.assert_array_equal(ours[0], theirs[0][0])
            assert ours[1] == theirs[1][0]
            assert ours[4] == {name: value[0] for name, value in theirs[4].items()}


def test_same_seed_same_faults():
    env = GymnasiumEnv(SET)

    def play(seed):
        seen = [env.reset(seed=seed)[0]]
        return np.array(seen + [env.step(action)[0] for action in ACTIONS])

    first, second = play(7), play(None)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(play(7), first)
    np.testing.assert_array_equal(play(None), second)


@pytest.mark.parametrize(
    "check", [lambda env: check_env(env, skip_render_check=True), check_env_sb3]
)
@pytest.mark.parametrize(
    "task_set", [SET, nominal_task_set(find_environment("reacher"))], ids=lambda s: s.name
)
def test_the_checkers_are_content(check, task_set):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(GymnasiumEnv(task_set))
    known = ("minimum value is -infinity", "maximum value is infinity", "spec is None", "`spec`")
    messages = [str(warning.message) for warning in caught]
    assert [m for m in messages if not any(words in m for words in known)] == []


BAD = {
    "split": (lambda: GymnasiumEnv(SET, split="trian"), r"no split.*'trian'. Did you mean 'train'"),
    "option": (
        lambda: GymnasiumEnv(SET).reset(options={"tsak": 1}),
        r"'tsak'. Did you mean 'task'",
    ),
    "seed": (lambda: GymnasiumEnv(SET).reset(seed=1.5), "whole number from 0 on; got 1.5"),
    "negative": (lambda: GymnasiumEnv(SET).reset(seed=-1), "whole number from 0 on; got -1"),
    "action": (lambda: GymnasiumEnv(SET).step("left"), "An action must be numbers; got 'left'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_calls_get_a_sentence(name):
    call, complaint = BAD[name]
    with pytest.raises(FastadaptError, match=complaint):
        call()
