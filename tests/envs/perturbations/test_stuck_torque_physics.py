"""A stuck actuator: a constant force, whatever it is told; and what cannot be weakened at all."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from tests.envs.perturbations.test_actuator_physics import ROTORS, STATES, forces
from tests.support.declared import constant
from tests.support.scenes import perturb, simulate

LIMITED = ROTORS.replace('kv="2" ctrlrange="-9 9"', 'kv="2" ctrlrange="-9 9" forcerange="-6 2"')
FULL = {"a": (-5.0, 5.0), "b": (-4.0, 4.0), "c": (-6.0, 2.0)}


@pytest.mark.parametrize(("command", "qpos", "qvel"), STATES)
@pytest.mark.parametrize("share", [-1.0, -0.35, 0.0, 0.6])
def test_the_force_is_the_same_in_every_state(command, qpos, qvel, share):
    sim = simulate(LIMITED, [(1.0, share)], "stuck-torque", "*")
    ends = [abs(share) * FULL[name][int(share > 0)] for name in FULL]
    np.testing.assert_allclose(forces(sim, command, qpos, qvel)[0], ends, rtol=1e-14, atol=0)


@pytest.mark.parametrize("integrator", ["Euler", "implicit", "implicitfast", "RK4"])
def test_under_a_constant_torque_the_speed_grows_at_a_constant_rate(integrator):
    """Also of a servo: its gains count no longer, in no integrator."""
    xml = LIMITED.replace("<option", f'<option integrator="{integrator}"')
    sim = simulate(xml, [(1.0, 0.5)], "stuck-torque", "a", "b")
    sim.data("ctrl")[0] = -1.0
    inertia = 0.4 * 3 * 0.1**2
    speeds = []
    for _ in range(3):
        sim.step(20)
        speeds.append(sim.data("qvel")[0, :2].copy())
    expected = np.outer([0.02, 0.04, 0.06], np.array([2.5, 2.0]) / inertia)
    np.testing.assert_allclose(speeds, expected, rtol=1e-9)


def test_not_stuck_is_bit_for_bit_as_compiled():
    sim = simulate(LIMITED, [(0.0, 0.0), (1.0, 0.4)], "stuck-torque", "*")
    perturb(sim, [1], [(0.0, 0.0)], "stuck-torque", "*")  # and repaired
    plain = mujoco.MjData(sim.model)
    for data in (sim.data("ctrl"), plain.ctrl):
        data[:] = 0.7, -0.2, 1.0
    sim.step(50)
    mujoco.mj_step(sim.model, plain, nstep=50)
    np.testing.assert_array_equal(sim.data("qpos"), [plain.qpos, plain.qpos])


JOINT = """
<mujoco><worldbody><body><joint name="j" axis="0 0 1" actuatorfrcrange="{range}"/>
  <geom size="0.1"/></body></worldbody><actuator>{actuators}</actuator></mujoco>"""
SERVO = '<position name="servo" joint="j" kp="100" gear="2"/>'


@pytest.mark.parametrize(("kind", "value"), [("weak-actuator", 0.5), ("motor-strength", 0.5)])
def test_where_the_joint_limits_the_force_a_saturated_servo_is_weak_too(kind, value):
    sim = simulate(JOINT.format(range="-3 3", actuators=SERVO), [value, 1.0], kind, "servo")
    sim.data("ctrl")[:] = 1.0
    sim.data("qfrc_actuator")
    sim.forward()
    np.testing.assert_allclose(sim.data("qfrc_actuator")[:, 0], [1.5, 3.0])
    dead = simulate(JOINT.format(range="-3 3", actuators=SERVO), [1.0], "dead-actuator", "servo")
    dead.data("ctrl")[:] = 1.0
    dead.data("qfrc_actuator")
    dead.forward()
    assert dead.data("qfrc_actuator")[0, 0] == 0


def test_full_is_also_what_the_joint_can_take():
    sim = simulate(JOINT.format(range="-3 5", actuators=SERVO), [(1, 0.5), (1, -1)], "stuck-torque",
                   "servo")  # fmt: skip
    sim.data("qfrc_actuator")
    sim.forward()
    np.testing.assert_allclose(sim.data("qfrc_actuator")[:, 0], [2.5, -3.0])


def test_a_servo_without_any_limit_has_no_full_force():
    servo = JOINT.format(range="0 0", actuators=SERVO)
    with pytest.raises(FastadaptError, match=r"'servo' has no limit of force.*Give it a 'forcer"):
        simulate(servo, [(1.0, 0.5)], "stuck-torque", "servo")


PID = '<pid name="loop" joint="j" kp="1" input="pos"/>'
DAMPER = '<general name="curved" joint="j" gaintype="user" biastype="none"/>'


STRENGTHS = ("weak-actuator", "dead-actuator", "motor-strength")


@pytest.mark.parametrize(("actuator", "kind"), [(PID, "pid"), (DAMPER, "user")])
@pytest.mark.parametrize("perturbation", [*STRENGTHS, "stuck-torque"])
def test_what_is_neither_motor_nor_servo_is_refused(actuator, kind, perturbation):
    share = {"share": constant(0.5)} if perturbation == "stuck-torque" else {}
    with pytest.raises(FastadaptError, match=rf"is of the kind '{kind}'.*Only motors and servos"):
        simulate(JOINT.format(range="0 0", actuators=actuator), [1.0], perturbation, "*", **share)


def test_two_actuators_that_share_the_limit_of_a_joint_are_refused():
    both = SERVO + '<motor name="helper" joint="j"/>'
    with pytest.raises(FastadaptError, match="shares the 'actuatorfrcrange' of joint 'j'"):
        simulate(JOINT.format(range="-3 3", actuators=both), [0.5], "weak-actuator", "helper")


ARM = """
<mujoco><option timestep="0.001"/><worldbody><body><joint name="j" axis="0 1 0"/>
  <geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/></body></worldbody>
  <actuator><muscle name="m" joint="j" gear="0.1" {} lengthrange="0.5 1.5"/></actuator></mujoco>"""


@pytest.mark.parametrize("peak", ['force="300"', 'scale="800"'])
@pytest.mark.parametrize("share", [0.0, -0.25, -1.0])
def test_a_muscle_in_a_spasm_pulls_with_its_share(peak, share):
    """Whatever it is told, at any length and speed."""
    model = mujoco.MjModel.from_xml_string(ARM.format(peak))
    whole = 300.0 if "force" in peak else 800.0 / model.actuator_acc0[0]
    sim = simulate(model, [(1.0, share)], "stuck-torque", "m", share=constant(share))
    for command, qpos, qvel in ((0.0, 0.0, 0.0), (1.0, 0.4, 2.0), (0.5, -0.7, -3.0)):
        np.testing.assert_allclose(
            forces(sim, command, qpos, qvel)[0], 0.1 * share * whole, rtol=1e-12
        )


def test_a_muscle_does_not_push():
    with pytest.raises(FastadaptError, match=r"'m' is a muscle, which only pulls. Give a share in"):
        simulate(ARM.format(""), [(1.0, 0.5)], "stuck-torque", "m", share=constant(0.5))
