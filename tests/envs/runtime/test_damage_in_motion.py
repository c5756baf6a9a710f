"""Locks and cut ranges that begin within an episode brake joints and drive none."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import find_environment, make_batch
from tests.support.declared import constant, declare

LOCK = {"kind": "locked-joint", "fraction": constant(1.0)}
CUT = {"kind": "range-cut", "width": constant(0.2), "place": constant(1.0)}


def struck(robot, damage, joint, onset=0.2, **more):
    """Return a robot on a task whose damage begins after `onset` seconds."""
    declared = {"name": "it", "targets": [joint], "onset": constant(onset), **damage, **more}
    batch = make_batch(declare(robot, declared), 1, 1)
    batch.set_tasks(batch.task_set.sample("train", 1))
    batch.reset(seed=0)
    return batch


def kinetic_energy(batch):
    """Return the kinetic energy of the bodies, without that of rotors [J]."""
    model = batch.sim.model
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = batch.sim.data("qpos")[0], batch.sim.data("qvel")[0]
    mujoco.mj_fwdPosition(model, data)
    mass = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass)
    return 0.5 * data.qvel @ (mass - np.diag(model.dof_armature)) @ data.qvel


@pytest.mark.parametrize("damage", [LOCK, CUT], ids=["lock", "cut"])
@pytest.mark.parametrize(
    ("robot", "joint"),
    [("walker2d", "leg_joint"), ("ant", "ankle_1"), ("cheetah", "bthigh"), ("arm-push", "joint4"),
     ("quadruped", "FL_thigh")],
)  # fmt: skip
def test_it_adds_no_energy(robot, joint, damage):
    """Of a robot brought to rest as it begins: it gains no more than a healthy one that falls."""
    gained, at_rest = [], None
    for onset in (0.2, 9.0):
        batch = struck(robot, damage, joint, onset)
        idle = np.zeros(batch.action_space.shape)
        for _ in range(round(0.2 / batch.environment.control_step())):
            batch.step(idle)
        at_rest = batch.sim.data("qpos")[0].copy() if at_rest is None else at_rest
        batch.sim.data("qpos")[0], batch.sim.data("qvel")[:] = at_rest, 0.0
        energy = []
        for _ in range(5):
            batch.step(idle)
            energy.append(kinetic_energy(batch))
        gained.append(max(energy))
    damaged, healthy = gained
    assert damaged < healthy + 0.1


def test_a_lock_holds_where_the_joint_is():
    batch = struck("cheetah", LOCK, "bthigh")
    address = batch.sim.model.joint("bthigh").qposadr[0]
    push = np.full(batch.action_space.shape, 0.3)
    for _ in range(4):
        batch.step(push)
    here = batch.sim.data("qpos")[0, address]
    for _ in range(10):
        batch.step(-push)
    assert batch.sim.data("qpos")[0, address] == pytest.approx(here, abs=0.12)
    batch.reset(seed=0)  # the onset is still to come: nothing is left of the lock
    assert batch.sim.data("qpos")[0, address] == pytest.approx(0, abs=0.11)


def test_an_end_of_a_cut_range_waits_for_the_joint_and_lets_it_in():
    """Upper fifth of the range left; the thigh starts below it and is driven up."""
    batch = struck("cheetah", CUT, "bthigh")
    model, sim = batch.sim.model, batch.sim
    joint, address = model.joint("bthigh").id, model.joint("bthigh").qposadr[0]
    low, high = model.jnt_range[joint]
    idle = np.zeros(batch.action_space.shape)
    for _ in range(4):
        batch.step(idle)
    here = sim.data("qpos")[0, address]
    assert here < high - 0.2 * (high - low)
    batch.step(idle)
    assert sim.field("jnt_range")[0, joint] == pytest.approx([here, high])
    down, up = idle.copy(), idle.copy()
    down[:, 0], up[:, 0] = -1.0, 1.0
    for _ in range(8):
        batch.step(down)
    assert sim.data("qpos")[0, address] > here - 0.1  # it goes no further away
    for _ in range(15):
        batch.step(up)
    assert sim.data("qpos")[0, address] > here + 0.3


def test_at_reset_a_range_is_cut_as_declared():
    batch = struck("cheetah", CUT, "bthigh", onset=0.0)
    joint = find_environment("cheetah").model().joint("bthigh")
    low, high = joint.range
    left = [high - 0.2 * (high - low), high]
    assert batch.sim.field("jnt_range")[0, joint.id] == pytest.approx(left)
    for _ in range(5):
        batch.step(np.zeros(batch.action_space.shape))
    assert batch.sim.field("jnt_range")[0, joint.id] == pytest.approx(left)


UNIFORM = {"law": "uniform", "low": 0.0, "high": 1.0}


def oracle(robot, damage, joint, onset):
    """Return a robot as `struck` does, its parameters in the observation, and how it is reset."""
    spread = {"fraction": UNIFORM} if "fraction" in damage else {}
    declared = {"name": "it", "targets": [joint], "onset": constant(onset), **damage, **spread}
    batch = make_batch(declare(robot, declared), 1, 1, context="visible")
    batch.set_tasks(batch.task_set.sample("train", 1))
    return batch, batch.reset(seed=0)[0]


def told_nominal(batch, observation):
    """Assert that an oracle observes a healthy robot."""
    row = batch.task_set.nominal.vector()
    seen = observation[0, -len(row) :]
    assert seen == pytest.approx(batch.task_set.scale(row[None])[0], abs=1e-9)


def told(batch, observation, **values):
    """Assert that an oracle observes these values."""
    task_set = batch.task_set
    row, columns = task_set.nominal.vector(), []
    for name, value in values.items():
        columns.append([n.split("[")[0] for n in task_set.names].index(f"it.{name}"))
        row[columns[-1]] = value
    seen = observation[0, -len(row) :][columns]
    assert seen == pytest.approx(task_set.scale(row[None])[0][columns], abs=1e-9)


def drive(batch, command, steps=8):
    """Return the last observation of some steps with one command for all actuators."""
    return [batch.step(np.full(batch.action_space.shape, command))[0] for _ in range(steps)][-1]


@pytest.mark.parametrize("shared", [False, True])
def test_an_oracle_is_told_the_angle_of_a_lock_that_strikes(shared):
    batch, seen = oracle("cheetah", {**LOCK, "shared": shared}, "bthigh", 0.2)
    told_nominal(batch, seen)  # before it begins
    joint = batch.sim.model.joint("bthigh")
    low, high = joint.range
    seen = drive(batch, 0.3, 4)
    angle = batch.sim.data("qpos")[0, joint.qposadr[0]]  # at the onset
    seen = drive(batch, 0.3)
    told(batch, seen, fraction=(angle - low) / (high - low))
    assert batch.sim.data("qpos")[0, joint.qposadr[0]] == pytest.approx(angle, abs=0.1)
    told_nominal(batch, batch.reset(seed=1)[0])


def test_an_oracle_is_told_the_fraction_drawn_where_the_joint_is_posed():
    batch, seen = oracle("cheetah", LOCK, "bthigh", 0.0)
    (drawn,) = [v for n, v in batch.task_set.sample("train", 1)[0].changes().items()
                if "fraction" in n]  # fmt: skip
    told(batch, seen, locked=1, fraction=drawn)
    told(batch, drive(batch, 0.3), locked=1, fraction=drawn)
    assert batch.sim.data("eq_active").any()


def test_an_oracle_is_told_the_range_that_waits_for_its_joint():
    batch, seen = oracle("cheetah", CUT, "bthigh", 0.2)
    told_nominal(batch, seen)
    joint = batch.sim.model.joint("bthigh")
    seen = drive(batch, 0.0)
    (left,), (whole,) = (np.diff(r) for r in (batch.sim.field("jnt_range")[0, joint.id],
                                              joint.range))  # fmt: skip
    assert left > 0.3 * whole  # not the 0.2 that was drawn
    told(batch, seen, width=left / whole, place=1.0)
