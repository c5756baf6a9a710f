"""Text from outside is shown, not obeyed; numbers from outside have bounds."""

import io

import pytest
from rich.console import Console

from fastadapt.adaptation.cli.main import readable, run
from fastadapt.adaptation.progress import TrainingProgress


def test_control_characters_are_shown_and_long_values_are_cut():
    assert readable("a\x1b]0;title\x07b") == "a\\x1b]0;title\\x07b"
    assert readable("Zoë has 5 µm") == "Zoë has 5 µm"
    assert len(readable("x" * 20_851)) < 1100


def test_markup_in_a_name_is_shown():
    written = io.StringIO()
    console = Console(file=written, width=200)
    with TrainingProgress("[/x] on [a].toml", 1, console) as progress:
        progress(1, {"env_steps": 1.0, "steps_per_second": 1.0, "return_mean": 0.0})
    assert "[/x] on [a].toml: iteration 1/1" in written.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        ["--threads", "1000000"],
        ["--torch-threads", "1000000"],
        ["--num-envs", "100000000"],
    ],
)
def test_numbers_beyond_reason_are_refused_before_anything_is_written(words, tmp_path, capsys):
    out = tmp_path / "r"
    assert run(["train", "rl2", "reacher-damage", "--out", str(out), *words]) == 2
    assert len(capsys.readouterr().err) < 300
    assert not out.exists()
