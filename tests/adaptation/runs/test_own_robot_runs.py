"""Runs on a user's own robot: trained, evaluated, compared, moved to where the robot is not."""

import shutil

import pytest

from fastadapt.adaptation import load_run
from fastadapt.adaptation.cli import main as cli
from tests.support.own_models import LEGS, write

SMALL = ["--num-envs", "4", "--width", "16", "--episodes", "1", "--iterations", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    path = write(folder / "home", environment='objective = "run-forward"\nhorizon = 1.0')
    run = folder / "run"
    assert cli.run(["train", "rl2", str(path), "--out", str(run), *SMALL]) == 0
    return path, run


def test_a_run_goes_on_and_notices_another_robot(trained, tmp_path, capsys):
    path, run = trained
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    more = ["train", "rl2", str(path), "--out", str(copy), *SMALL[:-1], "2"]
    assert cli.run(more) == 0
    xml = path.with_suffix(".xml")
    xml.write_text(LEGS.replace('mass="3"', 'mass="4"'))
    try:
        assert cli.run([*more[:-1], "3"]) == 2
        assert "holds another run: task_set_hash" in capsys.readouterr().err
    finally:
        xml.write_text(LEGS)


def test_a_run_needs_neither_the_robot_nor_the_file(trained, tmp_path, capsys):
    path, run = trained
    away = tmp_path / "away"
    shutil.copytree(run, away)
    hidden = path.parent.rename(path.parent.with_name("hidden"))
    try:
        measure = ["--split", "test_iid", "--shots", "0", "1", "--episodes", "1"]
        assert cli.run(["evaluate", str(away), *measure]) == 0
        assert cli.run(["compare", str(away), "--out", str(tmp_path / "report")]) == 0
        assert load_run(away).task_set.environment.id().startswith("mine-run-forward-")
        assert list((away / "report").glob("replay*.html"))
    finally:
        hidden.rename(path.parent)


def test_a_robot_in_a_run_that_was_changed_is_refused(trained, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(trained[1], copy)
    (copy / "task_set.robot" / "mine.xml").write_text(LEGS.replace('mass="3"', 'mass="4"'))
    assert cli.run(["evaluate", str(copy), "--split", "test_iid"]) == 2
    assert "is not the task set this run was trained on" in capsys.readouterr().err
