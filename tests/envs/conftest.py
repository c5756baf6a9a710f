"""Fixtures of the environment tests; the modules that tests share lie beside them."""

import sys
from pathlib import Path

import pytest

from fastadapt.envs import load_task_set

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def cheetah():
    return load_task_set("cheetah-damage")


@pytest.fixture(scope="session")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture(scope="session", params=["cheetah-damage", "reacher-damage"])
def task_set(request):
    return load_task_set(request.param)
