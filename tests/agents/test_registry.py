"""Agents by name: settings without torch, algorithms of the baselines, plugins."""

import subprocess
import sys

import numpy as np
import pytest

from fastadapt.agents import registry
from fastadapt.agents.config import AgentConfig
from fastadapt.envs import FastadaptError

PLUGIN = '''
import numpy as np
from fastadapt.agents import AgentConfig, AgentState, MetaLearner
from fastadapt.agents.config import settings

@settings
class StillConfig(AgentConfig):
    """A robot that never moves."""
    size: float = 0.0

class Still(MetaLearner):
    name, config_class, num_envs = "still", StillConfig, 4
    def act(self, observation, explore):
        return np.full((len(observation), len(self.spec.actions)), self.config.size)
    def meta_train(self, envs, task_set, iteration):
        return {"env_steps": 1.0, "return_mean": 0.0}
    def state(self):
        return AgentState({"size": np.array([self.config.size])}, {}, {})
    def load_state(self, state):
        assert state.model["size"] == self.config.size
'''


@pytest.mark.parametrize("name", registry.AGENTS.names())
def test_settings_are_those_that_the_class_declares(name):
    assert registry.find_config(name) is registry.find_agent(name).config_class
    assert registry.find_agent(name).name == name


def test_settings_and_summaries_need_neither_torch_nor_mujoco():
    code = (
        "import sys; from fastadapt.agents import registry as r;"
        "[r.find_config(n) for n in r.AGENTS]; r.agent_summaries();"
        "print(*{'torch', 'mujoco'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_list_names_baselines_once_with_their_algorithms():
    summaries = registry.agent_summaries()
    assert list(summaries) == registry.list_agents()
    assert not any("-sac" in name or "-sb3" in name for name in summaries)
    for arm in registry.ARMS:
        assert summaries[arm].endswith("(--algorithm ppo, continuing, sac, sb3-ppo, sb3-sac)")
    assert "algorithm" not in summaries["pearl"]


@pytest.mark.parametrize("arm", registry.ARMS)
@pytest.mark.parametrize("algorithm", registry.ALGORITHMS)
def test_an_algorithm_completes_the_name_of_a_baseline(arm, algorithm):
    name = registry.resolve(arm, algorithm)
    assert name in registry.AGENTS
    assert registry.find_agent(arm, algorithm) is registry.find_agent(name)
    assert registry.find_config(arm, algorithm) is registry.find_config(name)


@pytest.mark.parametrize(
    ("name", "algorithm", "told"),
    [
        ("rl2", "sac", "'rl2' has no choice of algorithms"),
        ("oracle", "sacc", "Did you mean 'sac'"),
        ("oracle-sac", "ppo", "'oracle-sac' has no choice"),
        ("orakle", None, "Did you mean 'oracle'"),
    ],
)
def test_a_name_or_an_algorithm_that_does_not_exist_is_refused(name, algorithm, told):
    with pytest.raises(FastadaptError, match=told):
        registry.resolve(name, algorithm)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    (tmp_path / "still_agent.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "still_agent:Still"
    sys.modules.pop("still_agent", None)


def test_a_class_from_outside_gives_agent_and_settings(plugin, reacher):
    assert registry.find_config(plugin).__doc__ == "A robot that never moves."
    agent = registry.make_agent(plugin, reacher, seed=2, size=0.5)
    assert agent.seed == 2
    assert (agent.act(np.zeros((3, 16)), False) == 0.5).all()
    with pytest.raises(FastadaptError, match=r"no setting 'sise'. Did you mean 'size'"):
        registry.make_agent(plugin, reacher, sise=1.0)


def test_a_registered_plugin_is_listed(plugin, monkeypatch):
    monkeypatch.setattr(registry.AGENTS, "_targets", dict(registry.AGENTS._targets))
    monkeypatch.setattr(registry.AGENTS, "_sources", dict(registry.AGENTS._sources))
    registry.AGENTS.register("still", plugin)
    assert registry.agent_summaries()["still"] == "A robot that never moves."
    registry.AGENTS.register("broken", "no_such_module:Agent")
    assert "cannot be imported" in registry.agent_summaries()["broken"]


def test_what_is_no_meta_learner_is_refused():
    with pytest.raises(FastadaptError, match=r"no subclass of fastadapt\.agents.MetaLearner"):
        registry.find_agent("json:loads")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (-1, "planned_iterations = -1; it must be greater than or equal to 0"),
        (1.5, r"planned_iterations = 1\.5; it must be a valid integer"),
        (True, "it must be a valid integer"),
    ],
)
def test_an_impossible_value_is_one_sentence(value, told):
    with pytest.raises(FastadaptError, match=told) as error:
        AgentConfig(planned_iterations=value)
    assert "\n" not in str(error.value)
