"""Agents that fastadapt did not train: what they do, and what is said of those that do not fit."""

import sys
import zipfile

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.vec_env import VecNormalize

from fastadapt.adaptation import evaluate
from fastadapt.agents.external import load_agent
from fastadapt.agents.saved_models import SB3Policy
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs import FastadaptError, load_task_set, make_batch


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def robots(task_set):
    return SB3VecEnv(make_batch(task_set, 2, 1))


def test_random_actions_fill_the_limits_and_belong_to_the_task(reacher):
    agent = load_agent("random", reacher, seed=3)
    agent.begin(200)
    actions = agent.act(np.zeros((200, 16)), False)
    assert actions.min() < -0.95
    assert actions.max() > 0.95
    assert (np.abs(actions) <= 1).all()
    assert abs(actions.mean()) < 0.05
    result = evaluate(agent, reacher, "validation", shots=(0, 1), episodes=2)
    few = evaluate(load_agent("random", reacher, seed=9), reacher, "validation", (0,), 2)
    assert result.agents == ["random"]
    first = result.rows("random", "validation", 0)
    again = result.rows("random", "validation", 1)
    assert not np.array_equal(first["return"], again["return"])  # noise goes on after a shot
    assert np.array_equal(few.rows("random", "validation", 0)["return"], first["return"])


@pytest.mark.parametrize("algorithm", [PPO, A2C, SAC, TD3])
def test_a_saved_model_acts_as_it_did(algorithm, reacher, tmp_path):
    model = algorithm("MlpPolicy", robots(reacher), seed=1, device="cpu")
    model.save(tmp_path / "it.zip")
    agent = load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)
    assert agent.name == f"sb3-{algorithm.__name__.lower()}"
    seen = np.random.default_rng(0).normal(size=(5, 16))
    agent.begin(5)
    expected, _ = model.predict(seen.astype(np.float32), deterministic=True)
    np.testing.assert_array_equal(agent.act(seen, False), expected.astype(float))
    result = evaluate(agent, reacher, "validation", shots=(0, 1), episodes=1)
    flat = [result.rows(agent.name, "validation", shot)["return"] for shot in (0, 1)]
    assert np.array_equal(*flat)  # it never learns


def test_the_normaliser_beside_it_is_used(reacher, tmp_path):
    normalised = VecNormalize(robots(reacher))
    model = PPO("MlpPolicy", normalised, n_steps=80, batch_size=80, n_epochs=1, device="cpu")
    model.learn(160)
    model.save(tmp_path / "it.zip")
    bare = load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)
    normalised.save(tmp_path / "it.vecnormalize.pkl")
    agent = load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)
    seen = np.random.default_rng(0).normal(size=(5, 16))
    scaled = normalised.normalize_obs(seen.astype(np.float32))
    expected, _ = model.predict(scaled, deterministic=True)
    np.testing.assert_array_equal(agent.act(seen, False), expected.astype(float))
    assert not np.array_equal(bare.act(seen, False), expected)
    (tmp_path / "it.vecnormalize.pkl").write_bytes(b"nothing")
    with pytest.raises(FastadaptError, match="no VecNormalize"):
        load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)


class Stateful:
    """A recurrent model: its action is how many steps it has lived since an episode began."""

    def predict(self, observation, state, episode_start, deterministic):
        assert deterministic
        count = np.zeros((1, len(observation), 1)) if state is None else state[0]
        count = np.where(episode_start[None, :, None], 0, count) + 1
        return np.repeat(count[0], 4, axis=1) / 100, (count,)


@pytest.mark.parametrize(("whole_trials", "then"), [(False, 0.01), (True, 0.03)])
def test_a_recurrent_model_carries_its_state_and_measuring_leaves_no_trace(whole_trials, then):
    agent = SB3Policy(Stateful(), whole_trials=whole_trials)
    agent.begin(2)
    for expected in (0.01, 0.02):
        assert (agent.act(np.zeros((2, 16)), False) == expected).all()
    snapshot = agent.snapshot()
    agent.end_episode(np.array([True, False]))
    assert agent.act(np.zeros((2, 16)), True)[:, 0].tolist() == [then, 0.03]
    agent.restore(snapshot)
    assert agent.act(np.zeros((2, 16)), True)[:, 0].tolist() == [0.03, 0.03]
    agent.begin(2)
    assert (agent.act(np.zeros((2, 16)), False) == 0.01).all()


def test_a_model_trained_on_whole_trials_is_loaded_as_one(reacher, tmp_path):
    small = {"n_steps": 8, "batch_size": 8, "policy_kwargs": {"lstm_hidden_size": 8}}
    model = RecurrentPPO("MlpLstmPolicy", robots(reacher), seed=0, device="cpu", **small)
    model.save(tmp_path / "it.zip")
    seen = np.random.default_rng(0).normal(size=(2, 16))
    acted = {}
    for kind in ("sb3", "sb3-trials"):
        agent = load_agent(f"{kind}:{tmp_path / 'it.zip'}", reacher)
        agent.begin(2)
        acted[kind, "first"] = agent.act(seen, False)
        agent.end_episode(np.ones(2, bool))
        acted[kind, "second"] = agent.act(seen, False)
    assert np.array_equal(acted["sb3", "first"], acted["sb3-trials", "first"])
    assert np.array_equal(acted["sb3", "first"], acted["sb3", "second"])
    assert not np.array_equal(acted["sb3-trials", "first"], acted["sb3-trials", "second"])


FACTORY = """
import numpy as np

class Zero:
    name = "zero"
    def __init__(self, task_set, seed):
        self.size, self.seed = len(task_set.environment.actions()), seed
    def begin(self, num_tasks):
        self.num = num_tasks
    def act(self, observation, explore):
        return np.zeros((self.num, self.size))
    def observe(self, transition): pass
    def end_episode(self, done): pass
    def snapshot(self): pass
    def restore(self, snapshot): pass

def half(task_set, seed):
    return object()

def kind(task_set, seed):
    return Zero

def failing(task_set, seed):
    return task_set.nothing

def lonely():
    return None
"""


def test_any_python_is_an_agent(reacher, tmp_path, monkeypatch):
    (tmp_path / "my_agents.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    agent = load_agent("my_agents:Zero", reacher, seed=4)
    result = evaluate(agent, reacher, "validation", shots=(0,), episodes=1)
    assert result.agents == ["zero"]
    assert set(result.table["seed"]) == {4}
    with pytest.raises(FastadaptError, match="Did you mean 'Zero'"):
        load_agent("my_agents:Zeros", reacher)
    with pytest.raises(FastadaptError, match="lacks begin, act"):
        load_agent("my_agents:half", reacher)
    with pytest.raises(FastadaptError, match="Cannot import 'my_agent'"):
        load_agent("my_agent:Zero", reacher)
    with pytest.raises(FastadaptError, match="returned the class Zero, not an object"):
        load_agent("my_agents:kind", reacher)
    with pytest.raises(FastadaptError, match=r"failed: AttributeError.* \(.*my_agents.py, line 2"):
        load_agent("my_agents:failing", reacher)
    with pytest.raises(FastadaptError, match=r"takes 0 positional arguments .* It is called with"):
        load_agent("my_agents:lonely", reacher)
    sys.modules.pop("my_agents")
    (tmp_path / "my_slip.py").write_text("def make(:\n")
    with pytest.raises(FastadaptError, match="Cannot import 'my_slip': SyntaxError: "):
        load_agent("my_slip:make", reacher)


def broken(folder, name):
    path = folder / name
    if name == "no-model.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other", "x")
    elif name == "other.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data", '{"gamma": 1}')
    elif name == "corrupt.zip":
        path.write_bytes(b"PK nothing")
    return f"sb3:{path}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.zip", "There is no file"),
        ("corrupt.zip", "is damaged"),
        ("no-model.zip", "is damaged"),
        ("other.zip", "not known here"),
    ],
)
def test_a_file_that_is_no_model_is_told(name, told, reacher, tmp_path):
    with pytest.raises(FastadaptError, match=told):
        load_agent(broken(tmp_path, name), reacher)


def test_a_truncated_model_is_told(reacher, tmp_path):
    PPO("MlpPolicy", robots(reacher), device="cpu").save(tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        archive.writestr("data", parts["data"])
    with pytest.raises(FastadaptError, match="cannot be loaded as PPO"):
        load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)


def test_a_model_for_another_robot_is_told(reacher, tmp_path):
    PPO("MlpPolicy", robots(reacher), device="cpu").save(tmp_path / "it.zip")
    with pytest.raises(FastadaptError, match=r"model for \(16,\) observations.*\(17,\)"):
        load_agent(f"sb3:{tmp_path / 'it.zip'}", load_task_set("cheetah-damage"))


def test_a_reference_without_a_kind_is_told(reacher):
    with pytest.raises(FastadaptError, match="names no agent"):
        load_agent("mine", reacher)
