"""What the README shows works as it stands there."""

import re
import tomllib
from pathlib import Path

import pytest

from fastadapt.adaptation import cli
from fastadapt.agents.registry import AGENTS
from fastadapt.envs.task_file import parse_task_file

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_examples_run(number, capsys):
    exec(compile(blocks("python")[number], f"README example {number}", "exec"), {})


def test_the_perturbation_in_the_readme_is_a_valid_one():
    text = (ROOT / "assets/task_sets/reacher-damage.toml").read_text(encoding="utf-8")
    shown = blocks("toml")[0].replace('name = "weak"', 'name = "shown"')
    head, tail = text.split("[splits.train]")
    assert tomllib.loads(shown)["perturbations"][0]["kind"] == "weak-actuator"
    file = parse_task_file(f"{head}\n{shown}\n[splits.train]{tail}", "README")
    assert file.perturbations[-1].onset is not None


def test_every_command_and_agent_of_the_readme_exists():
    commands = set(
        re.findall(r"fastadapt ([a-z]+)", "".join(re.findall(r"```\n(.*?)```", README, re.DOTALL)))
    )
    assert commands <= set(cli.VERBS)
    assert all(f"`{name}`" in README for name in AGENTS)


def test_nothing_was_left_to_fill_in():
    assert not re.search(r"\b(BENCH|RESULTS|PICTURE_CAPTION|TODO)\b", README)


def test_files_and_pictures_of_the_readme_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).is_file(), link
