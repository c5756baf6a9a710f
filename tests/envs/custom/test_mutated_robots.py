"""Mutated task-set files and models run, or are refused in one sentence.

6,000 files and 4,000 models: `pytest -m slow tests/envs/custom/test_mutated_robots.py`.
"""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.sanity.facts import model_warnings
from tests.support.limited_time import limited_time
from tests.support.mutations_of_text import mutated_toml, mutated_xml
from tests.support.own_models import ARM, CART, DEAD, LEGS, MASS, write

SECONDS = 20
ROBOTS = {
    "legs": (LEGS, 'objective = "run-forward"\ncontrol_step = 0.02\nhorizon = 1.0\n'
             'root = "front_leg"\nfeet = ["front_leg"]\npose = { hip = 0.1 }\n'
             'servos = [{ joints = ["hip"], kp = 20.0, kd = 1.0 }]\nremove = ["toe"]'),
    "arm": (ARM, 'objective = "reach-site"\nsite = "tip"\ngoal_region = [[0, 0, 0], [1, 1, 1]]'),
    "pusher": (ARM, 'objective = "bring-object"\nsite = "tip"\nobject = "puck"'),
    "cart": (CART, 'objective = "stay-upright"\nroot = "pole"\nlockable = ["slide"]'),
}  # fmt: skip


def use(path):
    """Load a task set and step it; a mistake must be told in one sentence."""
    try:
        task_set = load_task_set(path)
        model_warnings(task_set.environment)
        batch = make_batch(task_set, 2, 1)
        batch.set_tasks(task_set.sample("train", 2))
        batch.reset(seed=0)
        for _ in range(2):
            batch.step(np.zeros(batch.action_space.shape))
    except FastadaptError as error:
        words = str(error)
        assert "\n" not in words, words
        assert len(words) < 3000, words


def mutate(robot, what, seed, folder):
    rng = np.random.default_rng(seed)
    xml, environment = ROBOTS[robot]
    if what == "model":
        xml = mutated_xml(xml, rng)
    path = write(folder, xml, environment, MASS + DEAD)
    if what == "file":
        path.write_text(mutated_toml(path.read_text(), rng))
    return path


def use_mutants(robot, what, seeds, folder):
    for seed in seeds:
        with limited_time(SECONDS):
            try:
                use(mutate(robot, what, seed, folder / str(seed)))
            except Exception as error:
                raise AssertionError(f"mutant {robot} {what} {seed}: {error!r}") from error


@pytest.mark.parametrize("what", ["file", "model"])
@pytest.mark.parametrize("robot", ROBOTS)
def test_a_mutant_runs_or_is_refused_in_one_sentence(robot, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    use_mutants(robot, what, range(15), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["file", "model"])
@pytest.mark.parametrize("robot", ROBOTS)
def test_thousands_of_mutants_run_or_are_refused(robot, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    use_mutants(robot, what, range(100, 1600 if what == "file" else 1100), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [('mass="3"', 'mass="3" pos="nan 0 0"', "geom_pos"), ('gear="20"', 'gear="nan"', "gear")],
)
def test_a_nan_in_a_model_is_refused_by_its_place(old, new, field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    with pytest.raises(FastadaptError, match=rf"has a NaN in \w*{field}|is not"):
        load_task_set(write(tmp_path, LEGS.replace(old, new)))
