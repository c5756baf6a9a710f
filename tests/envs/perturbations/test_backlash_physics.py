"""Backlash against a model of two bodies: a motor and a link that meet at the ends of a gap."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.perturbations.backlash import Backlash
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.runtime.gears import Gears
from fastadapt.envs.runtime.physics_steps import take_physics_steps
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.declared import constant, declare

GAP = np.deg2rad(4.0)
ROTOR = 0.02
ONE = """
<mujoco><option timestep="0.001" gravity="0 0 {g}"/><worldbody>
  <body><joint name="j" axis="0 1 0" armature="{rotor}"/>
  <geom type="capsule" fromto="0 0 0 .5 0 0" size=".02" mass="1"/></body></worldbody>
  <actuator>{actuator}</actuator></mujoco>"""
TWO = """
<mujoco><option timestep="0.001" gravity="0 0 {g}"/><worldbody>
  <body><joint name="j" axis="0 1 0"/>
  <geom type="capsule" fromto="0 0 0 .5 0 0" size=".02" mass="1" contype="0" conaffinity="0"/>
  </body><body><joint name="m" axis="0 1 0" armature="{rotor}"/>
  <geom type="sphere" size=".001" mass="1e-6" contype="0" conaffinity="0"/></body></worldbody>
  <tendon><fixed name="gap" limited="true" range="-{half} {half}" solreflimit="0.002 1"
    solimplimit="0.99 0.999 0.0001"><joint joint="j" coef="1"/><joint joint="m" coef="-1"/>
  </fixed></tendon><actuator>{actuator}</actuator></mujoco>"""
MOTOR = '<motor name="a" joint="{}" gear="2" ctrlrange="-1 1"/>'
SERVO = '<position name="a" joint="{}" kp="60" kv="3" ctrlrange="-1 1"/>'


def geared(actuator, gap=GAP, gravity=0.0, rotor=ROTOR, backend="reference"):
    """Return a link behind a gear, in two simulations: with the gap, and with none."""
    xml = ONE.format(g=gravity, rotor=rotor, actuator=actuator.format("j"))
    model = mujoco.MjModel.from_xml_string(xml)
    sim = make_simulation(model, 2, num_threads=1, backend=backend)
    signals = Signals(SimpleNamespace(sim=sim))
    signals.write("backlash", np.array([0]), np.array([[gap]]))
    sim.field("actuator_ctrllimited")[0] = False
    return sim, Gears(sim, signals)


def run(sim, gears, commands):
    """Return the angles of the two links after each command, `(T, 2)`."""
    angles = []
    for command in commands:
        sim.data("ctrl")[:] = command
        take_physics_steps(sim, 1, None, np.zeros(0, np.intp), None, gears)
        angles.append(sim.data("qpos")[:, 0].copy())
    return np.array(angles)


def two_bodies(actuator, commands, gravity=0.0):
    """Return the angle of the link in plain MuJoCo, the motor being a body of its own."""
    xml = TWO.format(g=gravity, rotor=ROTOR, half=GAP / 2, actuator=actuator.format("m"))
    model = mujoco.MjModel.from_xml_string(xml)
    data, angles = mujoco.MjData(model), []
    for command in commands:
        data.ctrl[:] = command
        mujoco.mj_step(model, data)
        angles.append(data.qpos[0])
    return np.array(angles)


@pytest.mark.parametrize("actuator", [MOTOR, SERVO], ids=["motor", "servo"])
def test_it_moves_as_two_bodies_do(actuator):
    """Sway to and fro, with impacts at both ends."""
    times = 0.001 * np.arange(3000)
    commands = 0.3 * np.sin(2 * np.pi * times) if actuator is SERVO else 0.05 * np.cos(3 * times)
    expected = two_bodies(actuator, commands)
    with_gap, without = run(*geared(actuator), commands).T
    assert np.abs(with_gap - expected).max() < 0.15 * np.abs(without - expected).max()
    assert np.abs(without - expected).max() > GAP / 20


def test_a_loaded_joint_sags_to_the_end_of_the_gap():
    with_gap, without = run(*geared(SERVO, gravity=-9.81), np.zeros(1500))[-1]
    assert with_gap - without == pytest.approx(GAP / 2, rel=0.02)


def test_a_joint_in_its_gap_is_free():
    sim, gears = geared(SERVO)
    sim.data("qfrc_applied")[:] = 0.02  # a hundredth of what half the gap takes from the servo
    angles = run(sim, gears, np.zeros(1500))
    assert angles[-1, 0] - angles[-1, 1] == pytest.approx(GAP / 2, rel=0.05)


def test_a_motor_takes_its_time_through_the_gap():
    """From the middle: half a gap at torque / inertia; until then the link does not move."""
    angles = run(*geared(MOTOR), np.full(200, 0.2))[:, 0]
    time = np.sqrt(GAP * ROTOR / (0.2 * 2))
    moved = 0.001 * np.flatnonzero(angles > 0)[0]
    assert moved == pytest.approx(time, abs=0.002)


def test_a_gap_of_zero_changes_nothing():
    commands = np.sin(np.arange(500))
    angles = run(*geared(SERVO, gap=0.0), commands)
    sim, _ = geared(SERVO)
    sim.field("actuator_ctrllimited")[0] = True
    plain = []
    for command in commands:
        sim.data("ctrl")[:] = command
        sim.step(1)
        plain.append(sim.data("qpos")[:, 0].copy())
    assert np.array_equal(angles[:, 1], np.array(plain)[:, 1])


@pytest.mark.parametrize("robot", ["quadruped", "cheetah", "arm-push"])
def test_on_a_robot_it_begins_and_ends(robot):
    """Robots without it are bit for bit what they are alone; a repaired gear has no gap."""
    entry = {"name": "worn", "kind": "backlash", "targets": ["*"], "gap": constant(6.0)}
    entry |= {"onset": constant(0.1), "repair": constant(0.3)}
    task_set = declare(robot, entry)
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks([task_set.sample("train", 1)[0], task_set.nominal])
    healthy = make_batch(task_set, 2, 1)
    for envs in (batch, healthy):
        envs.reset(seed=[0, 0])
    rng, differs = np.random.default_rng(0), []
    for _ in range(round(0.4 / batch.environment.control_step())):
        actions = np.repeat(rng.uniform(-1, 1, (1, batch.action_space.shape[1])), 2, axis=0)
        batch.step(actions)
        healthy.step(actions)
        ours, theirs = (envs.sim.data("qpos") for envs in (batch, healthy))
        assert np.array_equal(ours[1], theirs[1])
        differs.append(not np.array_equal(ours[0], theirs[0]))
        limited = batch.sim.field("actuator_ctrllimited")
    assert not differs[0]
    assert differs[-1]
    assert np.array_equal(limited[0], batch.sim.model.actuator_ctrllimited)


def test_what_has_no_gear_is_refused():
    worn = Backlash.model_validate(
        {"name": "worn", "kind": "backlash", "targets": ["a"], "gap": constant(1.0)}
    )
    light = ONE.format(g=0, rotor=0, actuator=MOTOR.format("j"))
    with pytest.raises(FastadaptError, match="motor without inertia, which crosses any gap"):
        worn.resolve(mujoco.MjModel.from_xml_string(light))
    muscle = ONE.format(g=0, rotor=0.1, actuator='<muscle name="a" joint="j" lengthrange="0 1"/>')
    with pytest.raises(FastadaptError, match="no motor or position servo"):
        worn.resolve(mujoco.MjModel.from_xml_string(muscle))
