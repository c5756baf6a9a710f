"""Oracles take the parameters that they are told as the task set scales them."""

import numpy as np
import pytest

from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set, make_batch

SMALL = {
    "oracle": {"num_envs": 4, "width": 16, "episodes": 1},
    "oracle-sac": {"num_envs": 4, "width": 16, "num_tasks": 4, "sac": {"gradient_steps": 1}},
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_they_are_not_scaled_again(name, monkeypatch):
    task_set = load_task_set("reacher-damage")
    monkeypatch.setattr(task_set.environment, "horizon", 20)
    agent = make_agent(name, task_set, seed=0, **SMALL[name])
    agent.meta_train(make_batch(task_set, 4, 1, context="visible"), task_set, 0)
    statistics = agent.state().model
    size = len(task_set.environment.observations)
    means = [v for k, v in statistics.items() if "observation" in k and k.endswith("mean")]
    variances = [v for k, v in statistics.items() if "observation" in k and k.endswith("variance")]
    assert len(means) == len(variances) == 1
    assert not np.any(means[0][size:])
    assert np.all(variances[0][size:] == 1.0)
    assert np.all(means[0][:size] != 0.0)
