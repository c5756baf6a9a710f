"""A locked joint stays where it is, under any load, and is free again when repaired."""

import mujoco
import numpy as np
import pytest
from declared import constant, declare
from rolls import random_actions, roll
from scenes import perturb, record

from fastadapt.envs import FastadaptError, find_environment, list_environments, make_batch
from fastadapt.envs.perturbations.lock import add_locks
from fastadapt.envs.simulation import make_simulation

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


def arm(values, mass=1.0, backend="mjbatch", joint="elbow"):
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


@pytest.mark.parametrize("backend", ["mjbatch", "reference"])
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


def test_a_lock_within_an_episode_pulls_the_joint_with_a_time_constant_of_20_ms():
    sim = arm([(1.0, 0.8)])
    target = np.deg2rad(-120 + 0.8 * 240)
    error = record(sim, 60, lambda sim: abs(sim.data("qpos")[0, 1] - target) / target)
    times = 0.005 * np.arange(1, 61)
    critically_damped = (1 + times / 0.02) * np.exp(-times / 0.02)
    np.testing.assert_allclose(error, critically_damped, atol=0.1)
    assert error[-1] < 1e-3


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
