"""The README's examples run, its files exist, and it stays short."""

import re
from pathlib import Path

import pytest

from fastadapt.adaptation.cli.main import COMMANDS
from fastadapt.adaptation.cli.main import run as cli
from fastadapt.adaptation.runs.zoo import zoo_runs

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODEL = ROOT / "examples/robots/two_legs.xml"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_it_is_short():
    assert len(README.encode()) < 8192


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_examples_run(number, capsys):
    exec(compile(blocks("python")[number], f"README example {number}", "exec"), {})


def test_an_agent_takes_ten_lines():
    example = next(block for block in blocks("python") if "AdaptiveAgent" in block)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    assert "evaluate(" in example


def test_the_robot_of_the_readme_is_checked_and_trained(tmp_path, capsys):
    shown = next(block for block in blocks("toml") if "[environment]" in block)
    assert len([line for line in shown.splitlines() if line.strip()]) <= 20
    path = tmp_path / "my_robot.toml"
    path.write_text(shown)
    (tmp_path / "my_robot.xml").write_text(MODEL.read_text())
    assert cli(["check", str(path), "--no-costs"]) == 0
    assert "All 4 parameters act" in capsys.readouterr().out
    small = ["--num-envs", "4", "--width", "16", "--episodes", "1", "--iterations", "1"]
    assert cli(["train", "rl2", str(path), "--out", str(tmp_path / "run"), *small]) == 0


def test_every_command_and_shipped_run_of_the_readme_exists():
    text = "".join(blocks(""))
    assert set(re.findall(r"fastadapt ([a-z]+)", text)) - {"fastadapt"} <= set(COMMANDS)
    assert set(re.findall(r"zoo:(\S+)", text)) <= set(zoo_runs())


def test_nothing_was_left_to_fill_in():
    """The words are those that drafts had in place of figures and pictures."""
    assert not re.search(r"\b(BENCH|RESULTS|PICTURE_CAPTION|FIGURE_CAPTION|TODO)\b", README)


def test_files_and_pictures_of_the_readme_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).is_file(), link
