"""Fixtures of the environment tests; shared code is in tests/support."""

import pytest

from tests.support.shipped import shipped


@pytest.fixture(scope="session")
def cheetah():
    return shipped("cheetah-damage")


@pytest.fixture(scope="session")
def reacher():
    return shipped("reacher-damage")


@pytest.fixture(scope="session", params=["cheetah-damage", "reacher-damage"])
def task_set(request):
    return shipped(request.param)
