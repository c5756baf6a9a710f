"""The batch behind Stable-Baselines3's interface: resets, last observations, time limits, tasks."""

import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor, VecNormalize

from fastadapt.agents.sb3.trial_inputs import SB3TrialInputs
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs import FastadaptError, load_task_set, make_batch


def robots(num=3, split=None, seed=0, **options):
    return SB3VecEnv(
        make_batch(load_task_set("reacher-damage"), num, 1), split or (), seed, **options
    )


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


def test_a_task_is_that_of_its_robot_and_episode_whatever_the_others_do():
    """One robot ends early; the streams of both go on as if none had."""
    envs = robots(2, "train", seed=5)
    task_set = envs.envs.task_set
    stream = task_set.vectors(task_set.sample("train", 8, 5)).reshape(4, 2, -1)
    envs.reset()
    for episode, robot in ((1, 0), (2, 0), (1, 1), (2, 1), (3, 0)):
        envs._begin_trials(np.arange(2) == robot)
        np.testing.assert_array_equal(envs.envs._vectors[robot], stream[episode, robot])
    assert envs._tasks.keys() == {2, 3}  # what nobody needs any more is not kept


def test_a_seed_begins_the_streams_anew():
    envs = robots(2, "train", seed=5)
    first = envs.reset(), envs.envs._vectors.copy()
    envs.step(actions(envs, 1)[0])
    envs.seed(6)
    assert not np.array_equal(envs.reset(), first[0])
    envs.seed(5)
    np.testing.assert_array_equal(envs.reset(), first[0])
    np.testing.assert_array_equal(envs.envs._vectors, first[1])


def test_a_simulation_that_diverged_is_no_time_limit(monkeypatch):
    envs = robots(2)
    envs.reset()
    monkeypatch.setattr(envs.envs.sim, "diverged", lambda: np.array([False, True]))
    _, reward, done, infos = envs.step(actions(envs, 1)[0])
    assert done.tolist() == [False, True]
    assert reward[1] == 0
    assert infos[1]["diverged"] is True
    assert infos[1]["TimeLimit.truncated"] is False


def test_a_trial_of_two_episodes_is_one_of_the_library():
    envs, single = robots(2, "train", episodes=2), robots(2, "train")
    np.testing.assert_array_equal(envs.reset(), single.reset())
    first = envs.envs._vectors.copy()
    for t, action in enumerate(actions(envs, 151)):
        assert envs.starts.all() == (t in (0, 75, 150))
        _, _, done, infos = envs.step(action)
        assert done.all() == done.any() == (t == 149)
        assert (envs.envs._vectors == first).all() == (t < 149)
        if t == 149:
            assert infos[0]["episode"]["l"] == 150
            assert infos[0]["episode"]["r"] == pytest.approx(sum(envs.finished[::2]))
    assert len(envs.finished) == 4


def test_the_inputs_of_a_trial_are_those_of_rl2():
    inner = robots(2, episodes=2)
    envs = SB3TrialInputs(inner)
    shown = envs.reset()
    assert shown.shape == (2, 16 + 4 + 2)
    assert (shown[:, 16:] == [0, 0, 0, 0, 0, 1]).all()
    for t, action in enumerate(actions(envs, 150)):
        shown, reward, done, infos = envs.step(action)
        last = np.stack([i["terminal_observation"] for i in infos]) if done.all() else shown
        np.testing.assert_array_equal(last[:, 16:20], action)
        np.testing.assert_array_equal(last[:, 20], reward)
        assert (last[:, 21] == (t == 74)).all()
    assert (shown[:, 16:] == [0, 0, 0, 0, 0, 1]).all()


@pytest.mark.parametrize("split", [None, "train"])
def test_it_is_what_the_library_expects(split):
    """What `check_env` demands of an environment, asked of the batch."""
    envs = VecCheckNan(robots(3, split), raise_exception=True)
    assert not is_wrapped(envs, VecMonitor)
    shown = envs.reset()
    for action in [*actions(envs, 80)]:
        assert shown.shape == (3, *envs.observation_space.shape)
        assert shown.dtype == envs.observation_space.dtype == np.float32
        assert all(envs.observation_space.contains(row) for row in shown)
        shown, reward, done, infos = envs.step(action)
        assert (reward.dtype, reward.shape) == (np.float32, (3,))
        assert (done.dtype, done.shape) == (bool, (3,))
        assert isinstance(infos, list)
        for i in np.flatnonzero(done):
            assert envs.observation_space.contains(infos[i]["terminal_observation"])


ALGORITHMS = {
    stable_baselines3: ("A2C", "DDPG", "PPO", "SAC", "TD3"),
    sb3_contrib: ("ARS", "CrossQ", "RecurrentPPO", "TQC", "TRPO"),
}


@pytest.mark.parametrize(
    ("home", "name"), [(home, name) for home, names in ALGORITHMS.items() for name in names]
)
def test_any_algorithm_with_continuous_actions_trains_on_it(home, name):
    few = {
        "PPO": {"n_steps": 80, "batch_size": 160, "n_epochs": 1},
        "RecurrentPPO": {"n_steps": 20, "batch_size": 40, "n_epochs": 1},
        "TRPO": {"n_steps": 80, "batch_size": 160},
        "ARS": {"n_delta": 2, "n_eval_episodes": 2},
    }
    if name not in few:
        few[name] = {} if name == "A2C" else {"learning_starts": 8}
    policy = "MlpLstmPolicy" if name == "RecurrentPPO" else "MlpPolicy"
    envs = robots(2, "train")
    model = getattr(home, name)(policy, envs, seed=0, device="cpu", **few[name])
    before = model.policy.parameters_to_vector().copy()
    model.learn(160 if name in ("PPO", "TRPO") else 40)
    assert not np.array_equal(before, model.policy.parameters_to_vector())


def test_the_normalisation_saves_with_the_agent(tmp_path):
    envs = VecNormalize(robots(2, "train"))
    envs.reset()
    for action in actions(envs, 100):
        envs.step(action)
    envs.save(str(tmp_path / "it.vecnormalize.pkl"))
    again = VecNormalize.load(str(tmp_path / "it.vecnormalize.pkl"), robots(2, "train"))
    raw = envs.get_original_obs()
    np.testing.assert_array_equal(again.normalize_obs(raw), envs.normalize_obs(raw))
    assert not np.allclose(envs.normalize_obs(raw), raw)


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
