"""Mistakes planted on purpose, each with the test that has to notice it."""

import pytest


class Mistakes(dict):
    """Functions that plant a mistake, by name, each with its test."""

    def noticed_by(self, check):
        """Register a function that plants a mistake, with the test that notices it."""

        def register(plant):
            self[plant.__name__] = (plant, check)
            return plant

        return register

    def assert_noticed(self, name, monkeypatch):
        """Assert that the test passes without the mistake, and fails with it."""
        plant, check = self[name]
        check()
        plant(monkeypatch)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check()
