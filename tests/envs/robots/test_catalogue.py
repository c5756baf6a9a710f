"""The registry of environments: shipped ones, those of plugins, and Python classes."""

import pytest

from fastadapt.envs import FastadaptError, find_environment, list_environments
from fastadapt.envs.catalogue import ENVIRONMENTS, environments
from fastadapt.envs.objectives.run_forward import RunForward
from fastadapt.envs.robots.cheetah import Cheetah


class Sloth(Cheetah):
    """A slow cheetah."""

    name = "sloth"


@pytest.fixture
def registry(monkeypatch):
    for name in ("_targets", "_sources"):
        monkeypatch.setattr(ENVIRONMENTS, name, dict(getattr(ENVIRONMENTS, name)))
    return ENVIRONMENTS


def test_an_environment_is_called_as_its_class_says():
    """A name alone is version 0, so that task sets which are published keep their environment."""
    names = {name: cls.id() if cls.version else cls.name for name, cls in environments().items()}
    assert names == {name: name for name in ENVIRONMENTS}


def test_a_registered_environment_is_found_like_a_shipped_one(registry):
    registry.register("sloth", f"{__name__}:Sloth")
    assert find_environment("sloth") is Sloth
    assert "sloth" in list_environments()
    with pytest.raises(FastadaptError, match="fastadapt has already"):
        registry.register("cheetah", Sloth)


def test_a_class_can_be_named_directly():
    cls = find_environment(f"{__name__}:Sloth")
    assert issubclass(cls, Sloth)
    assert cls.id().startswith("sloth-v0-")


def test_what_is_registered_must_be_a_complete_environment(registry):
    registry.register("broken", RunForward)
    registry.register("thing", object())
    with pytest.raises(FastadaptError, match="'broken' is not complete"):
        find_environment("broken")
    with pytest.raises(FastadaptError, match="'thing' is no environment"):
        find_environment("thing")
    with pytest.raises(FastadaptError, match="Did you mean 'cheetah'"):
        find_environment("cheeta")
