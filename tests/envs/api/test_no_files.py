"""Perturbations live in memory: no file is written, none of the robots' files is changed."""

from importlib.resources import files
from pathlib import Path

import gymnasium

from fastadapt.envs import load_task_set
from tests.support.rolls import random_actions, roll


def contents(*folders):
    """Return every file under some folders, with its bytes."""
    paths = [path for folder in folders for path in Path(str(folder)).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths if "__pycache__" not in path.parts}


def test_no_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    robots = Path(gymnasium.__file__).parent / "envs/mujoco/assets"
    places = tmp_path, files("fastadapt.assets"), robots
    before = contents(*places)
    for name in ("cheetah-damage", "reacher-damage"):
        task_set = load_task_set(name)
        task_set.environment.spec()
        roll(task_set, task_set.sample("test_compound", 2), random_actions(task_set, 2, 2))
    assert contents(*places) == before
