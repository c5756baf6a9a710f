"""The small agents of the tests beside which the mistakes are planted."""

from pathlib import Path

import pytest

from tests.agents.conftest import in_double_precision, reacher, robots, small_rl2

__all__ = ["in_double_precision", "reacher", "robots", "small_rl2"]

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    """Planted mistakes test the tests: they run nightly."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
