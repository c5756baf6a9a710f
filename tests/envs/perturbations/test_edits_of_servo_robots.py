"""A quadruped and an arm with an object: perturbed, they are the model edited by hand."""

import copy

import mujoco
import numpy as np
import pytest

from fastadapt.envs import make_batch
from fastadapt.envs.perturbations import perturbation_kinds
from tests.envs.perturbations.test_perturbations import all_fields, halfway_to_nominal
from tests.support.declared import declare
from tests.support.edits_of_servo_robots import CASES
from tests.support.hand_edits import CASES as OTHERS
from tests.support.rolls import random_actions

STEPS = 12
SLIDES = [-0.1, 0.3]
"""Velocity that the object starts with [m/s]."""
every_case = pytest.mark.parametrize(
    "case", CASES, ids=[f"{case.robot}-{case.declared['kind']}{i}" for i, case in enumerate(CASES)]
)


def test_every_physical_kind_is_proven_on_three_robots():
    robots = {}
    for case in (*CASES, *OTHERS.values()):
        robots.setdefault(case.declared["kind"], set()).add(case.robot)
    kinds = perturbation_kinds(plugins=False).items()
    physical = {name for name, cls in kinds if not (cls.signals or cls.intermittent)}
    # No shipped robot has a tendon with a spring or damper: see `test_tendon_physics`.
    assert set(robots) == physical - {"tendon-friction", "tendon-tension"}
    few = {kind for kind, found in robots.items() if len(found) < 3}
    # Whose bodies are all those of `test_short_limb_physics`; and what only servos have.
    assert few == {"shortened-limb", "controller-gains"}


def ours(task_set, task, backend):
    """Return the states `(T + 1, nq)` and `(T + 1, nv)` and the controls `(T, nu)`."""
    batch = make_batch(task_set, 1, 1, backend)
    batch.set_tasks(task)
    batch.reset(seed=4)
    if task_set.environment.name == "arm-push":
        batch.sim.data("qvel")[0, :2] = SLIDES
        batch.sim.forward()
    states, controls = [], []
    for action in random_actions(task_set, STEPS, 1):
        states.append((batch.sim.data("qpos")[0].copy(), batch.sim.data("qvel")[0].copy()))
        batch.step(action)
        controls.append(batch.sim.data("ctrl")[0].copy())
    states.append((batch.sim.data("qpos")[0].copy(), batch.sim.data("qvel")[0].copy()))
    return [np.array(array) for array in zip(*states, strict=True)], np.array(controls)


def by_hand(task_set, case, controls):
    """Return the states of an edited model that begins where a nominal robot does."""
    start = make_batch(task_set, 1, 1)
    start.reset(seed=4)
    environment = task_set.environment
    model = copy.copy(environment.model())
    data = mujoco.MjData(model)
    for name in ("qpos", "qvel", "mocap_pos"):
        getattr(data, name)[...] = start.sim.data(name)[0]
    case.by_hand(model, data)
    if case.robot == "arm-push":
        data.qvel[:2] = SLIDES
    if case.stale:
        mujoco.mj_setConst(model, mujoco.MjData(model))
    mujoco.mj_forward(model, data)
    states = [(data.qpos.copy(), data.qvel.copy())]
    for control in controls:
        data.ctrl[:] = control
        mujoco.mj_step(model, data, nstep=environment.physics_steps)
        if environment.needs_forward:
            mujoco.mj_forward(model, data)
        states.append((data.qpos.copy(), data.qvel.copy()))
    return [np.array(array) for array in zip(*states, strict=True)]


@every_case
def test_trajectory_is_that_of_a_model_edited_by_hand(case):
    task_set = declare(case.robot, case.declared)
    task = task_set.sample("train", 1)[0]
    for backend in ("auto", "reference"):
        states, controls = ours(task_set, task, backend)
        for one, other in zip(states, by_hand(task_set, case, controls), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=backend)
    healthy, _ = ours(task_set, task_set.nominal, "auto")
    assert not np.array_equal(states[0], healthy[0])


@every_case
def test_a_b_a_is_a_and_repair_restores_bit_for_bit(case):
    task_set = declare(case.robot, case.declared)
    a = task_set.sample("train", 1)[0]
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    seen = []
    for task in (task_set.nominal, a, halfway_to_nominal(a), a, task_set.nominal):
        batch.set_tasks(task)
        batch.reset(seed=0)
        seen.append(all_fields(batch.sim))
    for name in seen[0]:
        np.testing.assert_array_equal(seen[3][name], seen[1][name], err_msg=name)
        np.testing.assert_array_equal(seen[4][name], seen[0][name], err_msg=name)
