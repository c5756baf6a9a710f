"""An exported policy acts as its agent does, over whole trials, memory carried over falls."""

import numpy as np
import pytest

from fastadapt.adaptation.deploy.export import write_agent
from fastadapt.adaptation.deploy.onnx_agent import OnnxAgent
from fastadapt.agents.registry import AGENTS
from fastadapt.envs import load_task_set
from tests.support.randomised import randomised, run_of, trial

pytest.importorskip("onnxruntime")
CLOSE = 1e-5
KINDS = (
    "rl2",
    "rl2-continuing",
    "window",
    "rma",
    "pearl",
    "maml",
    "fine-tune",
    "recurrent",
    "oracle",
    "domain-randomised-sac",
    "nominal-sb3-ppo",
    "nominal-sb3-sac",
)
"""One agent of every class that has a graph of its own."""


def exported(agent, task_set, folder):
    path = folder / "policy.onnx"
    write_agent(agent, run_of(task_set), path)
    return OnnxAgent(path)


@pytest.mark.slow
@pytest.mark.parametrize("robot", ["quadruped-damage", "arm-push-damage"])
@pytest.mark.parametrize("name", KINDS)
def test_actions_agree_over_a_trial_of_many_episodes(name, robot, tmp_path):
    task_set = load_task_set(robot)
    agent = randomised(name, task_set)
    agent.begin(1)
    policy = exported(agent, task_set, tmp_path)
    policy.check(task_set)
    (worst,), _ = trial(agent, task_set, 500, [policy], horizon=200)
    assert worst < CLOSE


@pytest.mark.parametrize("name", ["rl2", "window", "pearl", "maml", "recurrent"])
def test_actions_agree_over_short_episodes(name, tmp_path):
    task_set = load_task_set("quadruped-damage")
    agent = randomised(name, task_set)
    agent.begin(1)
    (worst,), _ = trial(agent, task_set, 60, [exported(agent, task_set, tmp_path)], horizon=20)
    assert worst < CLOSE


def test_all_agents_have_a_graph_that_is_tested_here():
    def of(name):
        return AGENTS.find(name).graph

    assert {of(name) for name in AGENTS} == {of(name) for name in KINDS}


@pytest.mark.parametrize("name", ["rl2", "rl2-continuing", "recurrent", "pearl"])
def test_an_agent_without_the_reward_needs_none_in_the_controller(name, tmp_path):
    task_set = load_task_set("quadruped-damage")
    agent = randomised(name, task_set, reward_input=False)
    agent.begin(1)
    policy = exported(agent, task_set, tmp_path)
    assert not policy.contract.needs_reward
    with_it = exported(randomised(name, task_set), task_set, tmp_path)
    assert policy.contract.size == with_it.contract.size - 1
    (worst,), _ = trial(agent, task_set, 60, [policy], horizon=20)
    assert worst < CLOSE


@pytest.mark.parametrize("name", ["rl2", "recurrent", "window", "pearl", "rl2-continuing"])
def test_what_was_lived_through_before_the_export_is_in_the_file(name, tmp_path):
    task_set = load_task_set("quadruped-damage")
    agent = randomised(name, task_set)
    trial(agent, task_set, 40, robots=1, horizon=20)
    policy, kept = exported(agent, task_set, tmp_path), agent.snapshot()
    fresh = randomised(name, task_set)
    fresh.begin(1)
    policy.begin(1)
    observation = np.random.default_rng(0).normal(size=(1, len(policy.contract.observation)))
    agent.restore(kept)
    action = agent.act(observation, False)
    assert np.abs(policy.act(observation, False) - action).max() < CLOSE
    assert np.abs(fresh.act(observation, False) - action).max() > 100 * CLOSE


class Planted(OnnxAgent):
    """A controller with a mistake in it."""

    def end_episode(self, done):
        super().end_episode(done)
        self.mistake(done)


class ForgetsAtFalls(Planted):
    def mistake(self, done):
        self.begin(len(done))


class NeverFlagsAStart(Planted):
    def mistake(self, done):
        self._trials = self._trials.__class__(**{**vars(self._trials), "start": done & False})


class ForgetsTheAction(OnnxAgent):
    def act(self, observation, explore):
        still = vars(self._trials) | {"action": 0 * self._trials.action}
        self._trials = self._trials.__class__(**still)
        return super().act(observation, explore)


class KeepsTheLastOfBeforeTheReset(OnnxAgent):
    """Takes the observation after a reset for the last one before it."""

    def act(self, observation, explore):
        last = np.where(self._trials.start[:, None], observation, self._trials.last)
        self._trials = self._trials.__class__(**{**vars(self._trials), "last": last})
        return super().act(observation, explore)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("rl2", ForgetsAtFalls),
        ("rl2", NeverFlagsAStart),
        ("rl2", ForgetsTheAction),
        ("recurrent", ForgetsAtFalls),
        ("window", ForgetsAtFalls),
        ("pearl", ForgetsAtFalls),
        ("pearl", NeverFlagsAStart),
        ("pearl", KeepsTheLastOfBeforeTheReset),
    ],
)
def test_a_mistake_of_the_controller_is_seen(name, mistake, tmp_path):
    task_set = load_task_set("quadruped-damage")
    agent = randomised(name, task_set)
    agent.begin(1)
    exported(agent, task_set, tmp_path)
    (worst,), _ = trial(agent, task_set, 60, [mistake(tmp_path / "policy.onnx")], horizon=20)
    assert worst > 10 * CLOSE


@pytest.mark.parametrize("name", ["rl2", "pearl", "maml", "recurrent", "window"])
def test_a_missing_normaliser_is_seen(name, tmp_path, monkeypatch):
    import torch

    from fastadapt.agents.nn.exported import Scaling

    task_set = load_task_set("quadruped-damage")
    agent = randomised(name, task_set)
    agent.begin(1)
    monkeypatch.setattr(Scaling, "forward", lambda self, inputs: torch.clone(inputs))
    policy = exported(agent, task_set, tmp_path)
    (worst,), _ = trial(agent, task_set, 5, [policy], horizon=5)
    assert worst > 10 * CLOSE
