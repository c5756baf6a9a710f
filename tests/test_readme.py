"""What the README shows works as it stands there."""

import re
import tomllib
from pathlib import Path

import pytest

from fastadapt.adaptation.cli import main as cli
from fastadapt.agents.registry import AGENTS
from fastadapt.envs.tasks.schema import parse_task_file

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_examples_run(number, capsys):
    exec(compile(blocks("python")[number], f"README example {number}", "exec"), {})


def test_an_agent_takes_ten_lines():
    example = next(block for block in blocks("python") if "AdaptiveAgent" in block)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    assert "evaluate(" in example


def test_the_perturbation_in_the_readme_is_a_valid_one():
    text = (ROOT / "assets/task_sets/reacher-damage.toml").read_text(encoding="utf-8")
    shown = blocks("toml")[0].replace('name = "weak"', 'name = "shown"')
    head, tail = text.split("[splits.train]")
    assert tomllib.loads(shown)["perturbations"][0]["kind"] == "weak-actuator"
    file = parse_task_file(f"{head}\n{shown}\n[splits.train]{tail}", "README")
    assert file.perturbations[-1].onset is not None


ROBOT = """
<mujoco>
  <worldbody>
    <body name="torso" pos="0 0 0.4">
      <freejoint/>
      <geom type="box" size="0.2 0.1 0.05"/>
      <body name="front_leg" pos="0.2 0 0">
        <joint name="front" axis="0 1 0" range="-60 60"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.03"/>
      </body>
      <body name="back_leg" pos="-0.2 0 0">
        <joint name="back" axis="0 1 0" range="-60 60"/>
        <geom type="box" size="0.02 0.1 0.15" pos="0 0 -0.15"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="front" gear="20" ctrlrange="-1 1"/>
    <motor joint="back" gear="20" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""


def test_the_robot_of_the_readme_is_checked_and_trained(tmp_path, capsys):
    shown = next(block for block in blocks("toml") if "[environment]" in block)
    assert len([line for line in shown.splitlines() if line.strip()]) <= 20
    path = tmp_path / "my_robot.toml"
    path.write_text(shown)
    (tmp_path / "my_robot.xml").write_text(ROBOT)
    assert cli.run(["check", str(path), "--no-costs"]) == 0
    assert "All 4 parameters act" in capsys.readouterr().out
    small = ["--num-envs", "4", "--width", "16", "--episodes", "1", "--iterations", "1"]
    assert cli.run(["train", "rl2", str(path), "--out", str(tmp_path / "run"), *small]) == 0


def test_every_command_and_agent_of_the_readme_exists():
    commands = set(
        re.findall(r"fastadapt ([a-z]+)", "".join(re.findall(r"```\n(.*?)```", README, re.DOTALL)))
    )
    assert commands <= set(cli.COMMANDS)
    assert all(f"`{name}`" in README for name in AGENTS)


def test_nothing_was_left_to_fill_in():
    """The words are those that drafts of the README had in place of figures and pictures."""
    assert not re.search(r"\b(BENCH|RESULTS|PICTURE_CAPTION|TODO)\b", README)


def test_files_and_pictures_of_the_readme_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).is_file(), link
