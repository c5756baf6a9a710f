"""Actuators: dead ones give nothing, weak ones less of what they should."""

import numpy as np
import pytest

from tests.support.scenes import perturb, simulate

ROTORS = """
<mujoco><option timestep="0.001" gravity="0 0 0"/><worldbody>
  <body name="a"><joint name="a" axis="0 0 1"/><geom size="0.1" mass="3"/></body>
  <body name="b"><joint name="b" axis="0 0 1"/><geom size="0.1" mass="3"/></body>
  <body name="c"><joint name="c" axis="0 0 1" damping="0.3"/><geom size="0.1" mass="3"/></body>
</worldbody><actuator>
  <motor name="a" joint="a" gear="5" ctrlrange="-1 1"/>
  <position name="b" joint="b" kp="8" kv="0.6" ctrlrange="-3 3" forcerange="-4 4"/>
  <velocity name="c" joint="c" kv="2" ctrlrange="-9 9"/>
</actuator></mujoco>"""
GEAR = np.array([5.0, 1.0, 1.0])
STATES = [
    ([1.0, 0.4, 2.0], [0.0, 0.1, -0.3], [0.0, 0.5, 1.5]),
    ([-0.3, -3.0, 0.0], [0.0, 2.5, 0.0], [1.0, -2.0, 0.0]),  # the servo saturates
    ([0.0, 0.0, 0.0], [0.2, 0.6, 0.0], [0.0, 1.0, -3.0]),  # no command: bias alone
]


def forces(sim, command, qpos, qvel):
    """Return the torques at the joints `(N, 3)`."""
    sim.data("ctrl")[:] = command
    sim.data("qpos")[:] = qpos
    sim.data("qvel")[:] = qvel
    sim.data("qfrc_actuator")
    sim.forward()
    return sim.data("qfrc_actuator").copy()


@pytest.mark.parametrize(("command", "qpos", "qvel"), STATES)
def test_a_weak_actuator_gives_its_share_of_the_force(command, qpos, qvel):
    """In every state, also where the force is limited."""
    strengths = np.array([0.0, 0.35, 1.0, 1.5])
    weak = forces(simulate(ROTORS, strengths, "weak-actuator", "*"), command, qpos, qvel)
    full = forces(simulate(ROTORS, [1.0], "weak-actuator", "*"), command, qpos, qvel)
    np.testing.assert_allclose(weak, strengths[:, None] * full, rtol=1e-14, atol=1e-14)
    assert np.abs(full).max() > 0.1


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_a_weak_servo_keeps_its_set_point_without_load(strength):
    sim = simulate(ROTORS, [strength], "weak-actuator", "b")
    sim.data("ctrl")[0] = [0, 0.7, 0]
    sim.step(8000)
    assert sim.data("qpos")[0, 1] == pytest.approx(0.7, abs=1e-3)


def test_a_weak_servo_sags_more_under_load():
    strengths = np.array([0.25, 0.5, 1.0])
    sim = simulate(ROTORS, strengths, "weak-actuator", "b")
    sim.data("qfrc_applied")[:, 1] = 0.4
    sim.step(8000)
    np.testing.assert_allclose(sim.data("qpos")[:, 1], 0.4 / (8 * strengths), rtol=1e-2)


@pytest.mark.parametrize(("command", "qpos", "qvel"), STATES)
def test_a_dead_actuator_gives_no_force_at_all(command, qpos, qvel):
    torque = forces(simulate(ROTORS, [1.0], "dead-actuator", "*"), command, qpos, qvel)
    assert not torque.any()


def test_a_joint_with_a_dead_actuator_swings_freely():
    sim = simulate(ROTORS, [1.0, 0.0], "dead-actuator", "a", "b")
    sim.data("qvel")[:, :2] = 1.0
    sim.data("ctrl")[:] = 1.0
    sim.step(200)
    np.testing.assert_allclose(sim.data("qvel")[0, :2], 1.0)  # nothing speeds it up or slows it
    assert (np.abs(sim.data("qvel")[1, :2] - 1) > 0.1).all()


def test_only_the_target_is_struck_and_repair_is_complete():
    sim = simulate(ROTORS, [0.2, 0.2], "weak-actuator", "b")
    full = forces(simulate(ROTORS, [1.0], "weak-actuator", "*"), *STATES[0])[0]
    np.testing.assert_allclose(forces(sim, *STATES[0])[0], full * [1.0, 0.2, 1.0])
    perturb(sim, [1], [1.0], "weak-actuator", "b")
    np.testing.assert_array_equal(forces(sim, *STATES[0])[1], full)


def test_weak_and_dead_compose():
    sim = simulate(ROTORS, [1.0], "dead-actuator", "a")
    gain = sim.field("actuator_gainprm")[0]
    assert gain[0, 0] == 0
    np.testing.assert_array_equal(gain[1:], sim.model.actuator_gainprm[1:])
