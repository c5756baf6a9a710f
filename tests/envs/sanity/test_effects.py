"""Every parameter of the shipped task sets does something, at both ends, in the right direction."""

import numpy as np
import pytest

from fastadapt.envs import make_batch
from tests.support.declared import with_values
from tests.support.rolls import random_actions, roll
from tests.support.scenes import model_of
from tests.support.shipped import shipped

SETS = {name: shipped(name) for name in ("cheetah-damage", "reacher-damage")}


def ends(task_set, name):
    """Return the lowest and the highest value of a parameter over the laws of all splits."""
    owner, parameter = name.split("[")[0].split(".")
    nominal = dict(zip(task_set.names, task_set.nominal.values, strict=True))[name]
    found = [nominal]
    for split in task_set.splits:
        some = next(p for p in task_set.file.of_split(split)[0] if p.name == owner)
        law = getattr(some, parameter, None)
        found += law.support() if law else [1.0]  # a switch
    return min(found), nominal, max(found)


def parameters(name, prefix):
    return [n for n in SETS[name].names if n.startswith(prefix)]


def key(name):
    return name.replace(".", "__").replace("[", "__").rstrip("]")


def three(task_set, name):
    """Return tasks with one parameter at its lower end, at nominal and at its upper end."""
    low, nominal, high = ends(task_set, name)
    return [with_values(task_set, **{key(name): v}) for v in (low, nominal, high)], (low, high)


def batch_of(task_set, tasks):
    batch = make_batch(task_set, len(tasks), 1)
    batch.set_tasks(tasks)
    batch.reset(seed=[0] * len(tasks))
    return batch


def response(batch, **inputs):
    """Return the acceleration that inputs cause, `(N, nv)`; on the cheetah high up in the air."""
    sim = batch.sim
    if batch.task_set.environment.name == "cheetah":
        sim.data("qpos")[:, 1] = 5
    sim.data("qvel")[:] = 0
    accelerations = []
    for value in (0.0, 1.0):
        for name, direction in inputs.items():
            sim.data(name)[:] = value * np.asarray(direction)
        sim.data("qacc_smooth")
        sim.forward()
        accelerations.append(sim.data("qacc_smooth").copy())
    return accelerations[1] - accelerations[0]


def test_every_parameter_of_every_task_set_is_tested_here():
    tested = [*CHEETAH_MASSES, *FRICTION, *WEAK, *DEAD, *LOCKED, *PAYLOAD, *JOINT_FRICTION, *CAMERA]
    for task_set in SETS.values():
        assert set(task_set.names) - {n for n in task_set.names if ".fraction" in n} <= set(tested)


CHEETAH_MASSES = [
    *parameters("cheetah-damage", "torso_mass"),
    *parameters("cheetah-damage", "limb_mass"),
]
FRICTION = parameters("cheetah-damage", "ground_friction")
WEAK = [n for name in SETS for n in parameters(name, "weak")]
DEAD = [n for name in SETS for n in parameters(name, "dead")]
LOCKED = [n for name in SETS for n in parameters(name, "locked.locked")]
PAYLOAD = parameters("reacher-damage", "object")
JOINT_FRICTION = parameters("reacher-damage", "friction")
CAMERA = parameters("reacher-damage", "camera")


@pytest.mark.parametrize("name", CHEETAH_MASSES)
def test_a_heavier_body_accelerates_less(cheetah, name):
    tasks, (low, high) = three(cheetah, name)
    assert low < 1 < high
    batch = batch_of(cheetah, tasks)
    push = np.zeros(9)
    push[0] = 100.0  # on the root: all bodies move
    light, nominal, heavy = response(batch, qfrc_applied=push)[:, 0]
    assert light > 1.001 * nominal > 1.001**2 * heavy > 0
    assert len(np.unique(model_mass(batch))) == 3


def model_mass(batch):
    return [model_of(batch.sim, i).body_subtreemass[0] for i in range(batch.num_envs)]


@pytest.mark.parametrize("name", FRICTION)
def test_a_cheetah_slides_further_on_slippery_ground(cheetah, name):
    tasks, (low, high) = three(cheetah, name)
    assert low < 1 < high
    batch = batch_of(cheetah, tasks)
    batch.set_state(np.zeros(9), np.r_[4.0, np.zeros(8)])
    for _ in range(4):
        batch.step(np.zeros((3, 6)))
    slippery, nominal, rough = batch.sim.data("qvel")[:, 0]
    assert slippery > nominal + 0.05
    assert nominal > rough + 0.05


def set_of(name):
    """Return the task set in which a parameter occurs."""
    return next(some for some in SETS.values() if name in some.names)


def joint_of(task_set, name):
    """Return the position of the joint and of the actuator that a parameter is about."""
    target = name[name.index("[") + 1 : -1]
    model = task_set.environment.model()
    return model.joint(target).dofadr[0], model.actuator(target).id


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_joint_is_weak_in_proportion(name):
    task_set = set_of(name)
    tasks, (low, high) = three(task_set, name)
    assert high == 1
    dof, actuator = joint_of(task_set, name)
    command = np.eye(task_set.environment.model().nu)[actuator]
    weak, nominal, _ = response(batch_of(task_set, tasks), ctrl=command)[:, dof]
    assert nominal > 0
    assert weak == pytest.approx(low * nominal, rel=1e-9)


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_joint_has_no_torque_and_swings(name):
    task_set = set_of(name)
    tasks, _ = three(task_set, name)
    dof, actuator = joint_of(task_set, name)
    command = np.eye(task_set.environment.model().nu)[actuator]
    batch = batch_of(task_set, tasks)
    _, nominal, dead = response(batch, ctrl=command)
    assert nominal[dof] > 0
    assert not dead.any()
    push = np.eye(task_set.environment.model().nv)[dof]
    _, nominal, dead = response(batch, qfrc_applied=push)[:, dof]
    assert dead == pytest.approx(nominal, rel=1e-9)


@pytest.mark.parametrize("name", LOCKED)
def test_a_locked_joint_stays_and_the_others_move(name):
    task_set = set_of(name)
    tasks, _ = three(task_set, name)
    dof, _ = joint_of(task_set, name)
    actions = np.repeat(random_actions(task_set, 20, 1), 3, axis=1)
    angles = roll(task_set, tasks, actions, seed=[0] * 3).qpos
    moved = np.rad2deg(np.ptp(angles, axis=0))
    assert moved[2, dof] < 0.05
    assert moved[1, dof] > 5
    assert np.delete(moved[2], dof).max() > 5


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("name", [n.replace("locked.locked", "locked.fraction") for n in LOCKED])
def test_a_lock_stands_where_its_fraction_says(name, end):
    task_set = set_of(name)
    law = next(p for p in task_set.file.perturbations if p.name == "locked").fraction
    fraction = law.support()[end]
    locked = key(name.replace("fraction", "locked"))
    task = with_values(task_set, **{key(name): fraction, locked: 1})
    dof, _ = joint_of(task_set, name)
    low, high = task_set.environment.model().jnt_range[dof]
    batch = batch_of(task_set, [task])
    angle = batch.sim.data("qpos")[0, dof]
    assert angle == pytest.approx(low + fraction * (high - low))


@pytest.mark.parametrize("name", PAYLOAD)
def test_a_loaded_arm_is_heavier_to_hold_and_to_move(reacher, name):
    tasks, (low, high) = three(reacher, name)
    assert low == 0 < high
    batch = batch_of(reacher, tasks)
    batch.set_state(np.zeros(4), np.zeros(4))  # stretched out, level
    batch.sim.data("qfrc_bias")
    batch.sim.forward()
    _, nominal, loaded = batch.sim.data("qfrc_bias")[:, 0]
    assert loaded - nominal == pytest.approx(high * 9.81 * 1.0)
    batch.set_state([1.5, 0, 0, 0], np.zeros(4))
    _, nominal, loaded = response(batch, ctrl=[0, 0, 0, 1])[:, 3]
    assert 0 < loaded < 0.95 * nominal


@pytest.mark.parametrize("name", JOINT_FRICTION)
def test_a_stiffer_joint_comes_to_rest_sooner(reacher, name):
    tasks, (low, high) = three(reacher, name)
    assert low == 0 < high
    dof, _ = joint_of(reacher, name)
    batch = batch_of(reacher, tasks)
    batch.sim.field("gravity")[:] = 0
    batch.set_state([1.5, -0.6, 0.6, 0.6], np.eye(4)[dof])
    batch.step(np.zeros((3, 4)))
    _, nominal, stiff = batch.sim.data("qvel")[:, dof]
    assert nominal > stiff + 0.01


@pytest.mark.parametrize("name", CAMERA)
def test_a_camera_out_of_place_shows_the_goal_elsewhere_and_changes_nothing_else(reacher, name):
    tasks, (low, high) = three(reacher, name)
    assert low == -0.1  # furthest beyond training
    assert high == 0.1
    batch = batch_of(reacher, tasks)
    observation, reward, *_ = batch.step(np.full((3, 4), 0.3))
    channel = [c.name for c in reacher.environment.observations].index(name.split("[")[1][:-1])
    expected = np.tile(observation[1], (3, 1))
    expected[:, channel] += [low, 0, high]
    np.testing.assert_allclose(observation, expected, atol=1e-12)
    assert len(set(reward)) == 1
    assert len({qpos.tobytes() for qpos in batch.sim.data("qpos")}) == 1
