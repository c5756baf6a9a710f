"""Small on-policy agents on robots that fall: episodes of all lengths."""

import pytest

from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set, make_batch

SMALL = {"num_envs": 6, "width": 16, "steps": 24, "trial": 0.1, "planned_iterations": 6}


@pytest.fixture(scope="session")
def hopper():
    return load_task_set("hopper-damage")


@pytest.fixture
def rl2(hopper):
    return make_agent("rl2-continuing", hopper, seed=3, **SMALL)


@pytest.fixture
def hoppers(hopper):
    return make_batch(hopper, 6, 1)
