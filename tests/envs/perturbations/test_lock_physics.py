"""A locked joint stays where it is, under any load, and is free again when repaired."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    list_environments,
    make_batch,
)
from fastadapt.envs.model.joint_locks import add_locks
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare
from tests.support.rolls import random_actions, roll
from tests.support.scenes import perturb

ARM = """
<mujoco><compiler angle="degree"/>
<option timestep="0.005" integrator="implicitfast" gravity="0 0 -9.81"/>
<worldbody><body name="upper"><joint name="shoulder" axis="0 1 0" range="-90 90" ref="20"/>
  <geom type="capsule" fromto="0 0 0 0.4 0 0" size="0.03" mass="2"/>
  <body name="lower" pos="0.4 0 0"><joint name="elbow" axis="0 1 0" range="-120 120"/>
    <geom type="capsule" fromto="0 0 0 0.4 0 0" size="0.03" mass="{mass}"/>
  </body></body></worldbody>
<actuator><motor name="shoulder" joint="shoulder" gear="40"/>
  <motor name="elbow" joint="elbow" gear="40"/></actuator></mujoco>"""
HERE = (1.0, -1.0)


def arm(values, mass=1.0, backend="auto", joint="elbow"):
    spec = mujoco.MjSpec.from_string(ARM.format(mass=mass))
    add_locks(spec, ("shoulder", "elbow"))
    sim = make_simulation(spec.compile(), len(values), num_threads=1, backend=backend)
    sim.reset()
    perturb(sim, np.arange(len(values)), values, "locked-joint", joint)
    return sim


def drift(sim, column, target, steps=400):
    """Return the largest deviation in degrees while the other joint moves and gravity pulls."""
    worst = 0.0
    for t in range(steps):
        sim.data("ctrl")[:] = np.sin(0.05 * t), np.cos(0.08 * t)
        sim.step(1)
        worst = max(worst, np.abs(sim.data("qpos")[:, column] - target).max())
    return np.rad2deg(worst)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mass", [1.0, 10.0])
def test_a_joint_locked_here_does_not_drift_under_load(mass, backend):
    sim = arm([HERE], mass, backend)
    assert drift(sim, 1, 0.0) < 0.05


def test_a_free_joint_does_drift():
    assert drift(arm([(0.0, -1.0)]), 1, 0.0) > 5


def test_a_reference_angle_is_no_angle_of_the_lock():
    """`ref` shifts qpos0, which the equality is relative to."""
    sim = arm([HERE], joint="shoulder")
    assert sim.model.qpos0[0] == pytest.approx(np.deg2rad(20))
    assert drift(sim, 0, np.deg2rad(20)) < 0.05


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("joint", "column"), [("shoulder", 0), ("elbow", 1)])
def test_a_fraction_is_a_place_between_the_limits(joint, column, fraction):
    sim = arm([(1.0, fraction)], joint=joint)
    low, high = sim.model.joint(joint).range
    sim.step(100)
    target = low + fraction * (high - low)
    assert np.rad2deg(abs(sim.data("qpos")[0, column] - target)) < 0.05


def test_repair_sets_the_joint_free():
    sim = arm([HERE, HERE])
    sim.step(50)
    perturb(sim, [1], [(0.0, -1.0)], "locked-joint", "elbow")
    sim.step(50)
    still, free = np.rad2deg(np.abs(sim.data("qpos")[:, 1]))
    assert still < 0.05
    assert free > 1


@pytest.mark.parametrize("name", list_environments())
@pytest.mark.parametrize("fraction", [None, 0.3])
def test_every_lockable_joint_of_the_shipped_robots_holds(name, fraction):
    environment = find_environment(name)
    model = environment.model()
    for joint in environment.lockable:
        content = {} if fraction is None else {"fraction": constant(fraction)}
        task_set = declare(
            name, {"name": "it", "kind": "locked-joint", "targets": [joint], **content}
        )
        actions = random_actions(task_set, 60, 2)
        angle = roll(task_set, task_set.sample("train", 2), actions).qpos[
            :, :, model.joint(joint).qposadr[0]
        ]
        assert np.rad2deg(np.abs(angle - angle[0]).max()) < 0.05, joint
        if fraction is not None:
            low, high = model.joint(joint).range
            np.testing.assert_allclose(angle[0], low + fraction * (high - low), atol=1e-12)


@pytest.mark.parametrize("name", list_environments())
def test_a_robot_starts_at_rest_at_the_angle_of_its_lock(name):
    joint = find_environment(name).lockable[0]
    task_set = declare(
        name,
        {"name": "it", "kind": "locked-joint", "targets": [joint], "fraction": constant(0.5)},
    )
    batch = make_batch(task_set, 2)
    batch.set_tasks(task_set.sample("train", 2))
    batch.reset(seed=0)
    assert not batch.sim.data("qvel")[:, task_set.environment.model().joint(joint).dofadr[0]].any()


def test_a_joint_without_a_lock_or_without_a_range_cannot_be_locked(cheetah):
    with pytest.raises(FastadaptError, match=r"'rootz' cannot be locked. Lockable: bthigh"):
        declare("cheetah", {"name": "it", "kind": "locked-joint", "targets": ["rootz"]})
    spec = mujoco.MjSpec.from_string(ARM.format(mass=1).replace('range="-120 120"', ""))
    add_locks(spec, ("elbow",))
    sim = make_simulation(spec.compile(), 1)
    with pytest.raises(FastadaptError, match="'elbow' has no range to take a fraction of"):
        perturb(sim, [0], [(1.0, 0.5)], "locked-joint", "elbow")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_lock_stays_where_it_locked_whatever_else_begins_later(cheetah, backend):
    """Every onset writes all perturbations anew: "here" is where it was at the first of them."""
    lock = {"name": "lock", "kind": "locked-joint", "targets": ["bthigh"], "onset": constant(0.2)}
    loads = [
        {"name": f"load{i}", "kind": "mass", "targets": ["torso"], "scale": constant(1.5),
         "onset": constant(0.3 + 0.1 * i)}
        for i in range(3)
    ]  # fmt: skip
    task_set = declare("cheetah", lock, *loads)
    batch = make_batch(task_set, 2, 1, backend)
    batch.set_tasks(task_set.sample("train", 2))
    equality = batch.sim.model.equality("lock:bthigh").id
    anchors = []
    for _ in range(2):
        batch.reset(seed=0)
        seen = []
        for action in random_actions(task_set, 15, 2):
            batch.step(action)
            seen.append(batch.sim.field("eq_data")[:, equality, 0].copy())
        locked = np.array(seen)[4:]
        assert (locked == locked[0]).all()
        anchors.append(locked[0])
    assert len(np.unique(anchors)) == 2  # each robot where it was, and every episode alike


def test_a_joint_that_was_repaired_locks_anew_where_it_is_then(cheetah):
    task_set = declare("cheetah", {"name": "it", "kind": "locked-joint", "targets": ["bthigh"]})
    batch = make_batch(task_set, 1, 1)
    locked = task_set.sample("train", 1)
    batch.set_tasks(locked)
    batch.reset(seed=0)
    angles = []
    for tasks in (locked, [task_set.nominal], locked):
        batch.set_tasks(tasks)
        for action in random_actions(task_set, 6, 1):
            batch.step(action)
        angles.append(batch.sim.data("qpos")[0, 3])
    assert abs(np.rad2deg(angles[2] - angles[1])) < 0.05
    assert abs(np.rad2deg(angles[2] - angles[0])) > 1


def test_a_joint_outside_of_its_range_locks_at_the_end_of_it():
    """The ant starts with its ankles outside of theirs."""
    task_set = declare("ant", {"name": "it", "kind": "locked-joint", "targets": ["ankle_1"]})
    angle = roll(task_set, task_set.sample("train", 1), random_actions(task_set, 10, 1)).qpos[:, 0]
    joint = task_set.environment.model().joint("ankle_1")
    assert np.rad2deg(np.abs(angle[:, joint.qposadr[0]] - joint.range[0]).max()) < 0.05


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_between_names_the_angles_in_degrees(cheetah, fraction):
    content = {"fraction": constant(fraction), "between": [-20.0, 40.0]}
    task_set = declare(
        "cheetah", {"name": "it", "kind": "locked-joint", "targets": ["bthigh"], **content}
    )
    actions = random_actions(task_set, 10, 1)
    angle = np.rad2deg(roll(task_set, task_set.sample("train", 1), actions).qpos[:, 0, 3])
    assert np.abs(angle - (-20 + fraction * 60)).max() < 0.05


def test_angles_beyond_the_range_are_refused():
    content = {"fraction": constant(0.5), "between": [-90.0, 40.0]}
    lock = {"name": "it", "kind": "locked-joint", "targets": ["bthigh"], **content}
    with pytest.raises(FastadaptError, match=r"beyond the range of joint 'bthigh', -29.* to 60"):
        declare("cheetah", lock)


def test_between_without_a_fraction_means_nothing():
    with pytest.raises(ValueError, match="'between' is the range of a 'fraction'"):
        declare(
            "cheetah",
            {"name": "it", "kind": "locked-joint", "targets": ["bthigh"], "between": [0, 9]},
        )


@pytest.mark.parametrize(("kind", "row"), [("ball", 'type="ball"'), ("free", 'type="free"')])
def test_joints_of_many_axes_are_refused_by_name(kind, row):
    model = f"""<mujoco><worldbody><body><joint name="odd" {row}/><geom size="0.1"/></body>
    </worldbody></mujoco>"""
    sim = make_simulation(mujoco.MjModel.from_xml_string(model), 1)
    with pytest.raises(FastadaptError, match=f"joint 'odd' is a {kind} joint and cannot be locked"):
        perturb(sim, [0], [HERE], "locked-joint", "odd")
