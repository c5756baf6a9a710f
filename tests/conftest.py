"""Settings of all tests."""

import os

# Before torch and numpy are loaded: two test processes share two cores, and their thread pools
# would only fight for them. Subprocesses inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Derandomised: a test run is repeatable, and a failure is there again the next time.
settings.register_profile("repeatable", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_addoption(parser):
    parser.addoption(
        "--learning",
        choices=("small", "full"),
        default="small",
        help="budget of the learning tests: small (seconds) or full (many minutes)",
    )


@pytest.fixture
def learning_in_full(request):
    return request.config.getoption("--learning") == "full"
