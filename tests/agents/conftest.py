"""Small agents on small batches."""

import pytest
import torch

from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set, make_batch

SMALL = {"num_envs": 6, "width": 16, "planned_iterations": 4, "ppo": {"sequence": 40}}


@pytest.fixture(scope="session")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture
def small_rl2(reacher):
    return make_agent("rl2", reacher, seed=3, **SMALL)


@pytest.fixture
def robots(reacher):
    envs = make_batch(reacher, 6, 1)
    envs.set_tasks(reacher.sample("train", 6))
    return envs


@pytest.fixture
def in_double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
