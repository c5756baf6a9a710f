"""The guides: their Python runs, their TOML is valid, their names and links exist."""

import re
import tomllib
from pathlib import Path

import pytest

import fastadapt.adaptation
import fastadapt.agents
import fastadapt.envs
from fastadapt.adaptation.cli.main import COMMANDS
from fastadapt.agents import list_agents
from fastadapt.envs.tasks.schema import parse_task_file

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = sorted((DOCS / "guide").glob("*.md"))
WRITTEN = [*GUIDES, *sorted((DOCS / "agents").glob("*.md")), DOCS / "limitations.md"]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


EXAMPLES = [(path, code) for path in GUIDES for code in blocks(path, "python")]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_python_runs(number):
    path, code = EXAMPLES[number]
    exec(compile(code, path.name, "exec"), {})


def test_the_task_set_of_the_guide_is_valid():
    text = "\n".join(blocks(DOCS / "guide/task-sets.md", "toml"))
    file = parse_task_file(text, "task-sets.md")
    names = ["object", "weak", "dead", "slipped", "battery"]
    assert [p.name for p in file.perturbations] == names
    assert set(file.splits) >= {"train", "test_held_out_damage"}


def test_the_tutorial_shows_the_files_of_the_example():
    robots = DOCS.parent / "examples/robots"
    (shown,) = blocks(DOCS / "guide/tutorial.md", "toml")
    assert tomllib.loads(shown) == tomllib.loads((robots / "two_legs.toml").read_text())
    (model,) = blocks(DOCS / "guide/tutorial.md", "xml")
    assert model == (robots / "two_legs.xml").read_text()


def test_commands_exist():
    for path in WRITTEN:
        named = re.findall(r"fastadapt ([a-z]+)", "".join(blocks(path, "")))
        assert set(named) <= set(COMMANDS), path.name


def test_every_agent_has_a_page():
    index = (DOCS / "agents/index.md").read_text(encoding="utf-8")
    for name in list_agents():
        link = re.search(rf"\[`{name}`\]\((\S+\.md)\)", index)
        assert link, name
        page = (DOCS / "agents" / link[1]).read_text(encoding="utf-8")
        assert f"<!-- settings: {name.split('-sac')[0]}" in page or link[1] == "baselines.md", name


def test_the_api_page_lists_all_public_names():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    hidden = {"FastadaptError", "choose_gl_backend"}
    for module in (fastadapt.envs, fastadapt.agents, fastadapt.adaptation):
        for name in set(module.__all__) - hidden:
            assert f"::: {module.__name__}.{name}\n" in text, name
