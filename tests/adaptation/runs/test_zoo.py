"""Shipped runs by name: copied on first use, never written to."""

import pytest

from fastadapt.adaptation import evaluate_run, open_run
from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.runs.zoo import copy_from_zoo, zoo_runs
from fastadapt.errors import FastadaptError

NAME = "pearl-reacher-damage"
QUICK = {"splits": ("validation",), "shots": (0,), "episodes": 1}


def test_every_shipped_run_is_listed_and_opens(capsys):
    runs = zoo_runs()
    assert {NAME, "reacher-damage-v1/oracle-sac-0"} <= set(runs)
    assert cli.run(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"zoo:{name}" for name in runs]
    assert "pearl on reacher-damage-v1, seed 0" in next(line for line in lines if NAME in line)


def test_evaluations_are_saved_in_a_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in zoo_runs()[NAME].rglob("*")}
    result = evaluate_run(f"zoo:{NAME}", **QUICK)
    assert result.agents == ["pearl"]
    copy = tmp_path / "runs" / NAME
    assert len(list((copy / "evaluations").glob("validation-0-*/results.csv"))) == 1
    assert {path: path.stat().st_mtime_ns for path in zoo_runs()[NAME].rglob("*")} == before
    made = (copy / "config.json").stat().st_mtime_ns
    assert open_run(f"zoo:{NAME}").path.absolute() == copy
    assert (copy / "config.json").stat().st_mtime_ns == made
    assert evaluate_run(f"zoo:{NAME}", **QUICK, out="elsewhere").agents == ["pearl"]
    assert (tmp_path / "elsewhere" / "evaluations").is_dir()


def test_a_run_that_is_not_to_be_written_to_is_measured_in_a_copy(tmp_path):
    shipped = zoo_runs()[NAME]
    before = {path: path.stat().st_mtime_ns for path in shipped.rglob("*")}
    for _ in range(2):  # the second time from the copy
        result = evaluate_run(shipped, **QUICK, out=tmp_path / "copy")
    assert result.agents == ["pearl"]
    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*")} == before
    measured = sorted(path.name for path in (tmp_path / "copy/evaluations").iterdir())
    assert [name.split("-")[0] for name in measured] == ["healthy", "validation"]


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(FastadaptError, match="nothing was written"):
        copy_from_zoo(NAME, tmp_path / "mine")
    copy_from_zoo(NAME, tmp_path / "a")
    with pytest.raises(FastadaptError, match="holds another run"):
        copy_from_zoo("maml-reacher-damage", tmp_path / "a")
    with pytest.raises(FastadaptError, match=f"Did you mean '{NAME}'"):
        open_run("zoo:pearl-reacher-damag", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "mine"]
