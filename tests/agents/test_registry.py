"""The table of the agents says of each class what the class says of itself."""

import importlib.util
import inspect

import pytest

from fastadapt.agents import registry


@pytest.mark.parametrize("name", registry.list_agents())
def test_a_summary_is_the_first_line_of_the_class(name):
    home = registry._HOMES[name]
    if home.needs is not None:
        pytest.importorskip(home.needs)
    doc = inspect.getdoc(registry.find_agent(name))
    assert doc is not None
    assert doc.splitlines()[0] == home.summary
    assert registry.agent_summaries()[name] == home.summary


@pytest.mark.parametrize("package", ["stable_baselines3", "sb3_contrib"])
def test_a_summary_says_what_to_install(package, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        registry.importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    for name, summary in registry.agent_summaries().items():
        lacks = registry._HOMES[name].needs == package
        assert (f"pip install {package.replace('_', '-')}." in summary) == lacks


def test_an_agent_needs_what_its_module_imports():
    needed = {name for name, home in registry._HOMES.items() if home.needs}
    assert needed == {n for n, home in registry._HOMES.items() if home.module.startswith("sb3")}
