"""Settings of all tests."""

from hypothesis import settings

# Derandomised: a test run is repeatable, and a failure is there again the next time.
settings.register_profile("repeatable", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("repeatable")
