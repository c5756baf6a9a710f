"""Damage that begins in motion adds no energy: whatever the kind, on robots without power."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import make_batch
from fastadapt.envs.perturbations import perturbation_kinds
from fastadapt.envs.runtime.task_model import task_model
from tests.support.any_kind import entries
from tests.support.declared import constant, declare

ROBOTS = ("cheetah-velocity", "ant-goal", "hexapod", "arm-push", "reacher")
COUNT, ONSET = 8, 0.2
UNPOWERED = {"name": "off", "kind": "dead-actuator", "targets": ["*"]}
MOVES_PARTS = {("arm-push", "shortened-limb")}  # into the table, which pushes them out again


def energies(batch, models):
    """Return kinetic (without rotors) and potential energy of the robots, `(N,)` [J]."""
    found = []
    for i, model in enumerate(models):
        data, mass = mujoco.MjData(model), np.zeros((model.nv, model.nv))
        data.qpos[:], data.qvel[:] = batch.sim.data("qpos")[i], batch.sim.data("qvel")[i]
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_energyPos(model, data)
        mujoco.mj_fullM(model, data, mass)
        kinetic = 0.5 * data.qvel @ (mass - np.diag(model.dof_armature)) @ data.qvel
        found.append(data.energy[0] + kinetic)
    return np.array(found)


def cases():
    kinds = perturbation_kinds(plugins=False)
    return [
        pytest.param(robot, entry, id=f"{robot}-{entry['kind']}")
        for robot in ROBOTS
        for entry in entries(robot)
        if kinds[entry["kind"]].damage and kinds[entry["kind"]].fields
        if entry["kind"] != "stuck-torque"  # a motor that runs
        if (robot, entry["kind"]) not in MOVES_PARTS
    ]


@pytest.mark.parametrize(("robot", "entry"), cases())
def test_damage_in_motion_adds_no_energy(robot, entry):
    task_set = declare(robot, UNPOWERED, {**entry, "onset": constant(ONSET)})
    batch = make_batch(task_set, COUNT, 1)
    tasks = task_set.sample("train", COUNT)
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    idle = np.zeros(batch.action_space.shape)
    for _ in range(round(ONSET / batch.environment.control_step())):
        batch.step(idle)
    speed = batch.sim.data("qvel")
    speed[:] = np.random.default_rng(1).normal(0, 1.5, speed.shape)
    models = [task_model(task_set, task) for task in tasks]
    before = energies(batch, models)
    for _ in range(3):
        batch.step(idle)
        assert (energies(batch, models) < before + 0.01).all()
