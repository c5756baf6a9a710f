"""Gains of servos: stiffness and damping, each by itself, and only of position servos."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from fastadapt.envs.perturbations.controller import ControllerGains
from tests.support.declared import constant
from tests.support.scenes import model_of, simulate

SCENE = """
<mujoco><option timestep="0.001" gravity="0 0 0" integrator="implicitfast"/><worldbody>
  <body><joint name="j" axis="0 0 1"/><geom type="capsule" fromto="0 0 0 .5 0 0" size=".02"/>
  </body></worldbody><actuator>{}</actuator></mujoco>"""
SERVO = '<position name="m" joint="j" kp="40" {}/>'


def torque(model, ctrl, angle, speed):
    data = mujoco.MjData(model)
    data.ctrl[:], data.qpos[:], data.qvel[:] = ctrl, angle, speed
    mujoco.mj_forward(model, data)
    return data.qfrc_actuator[0]


@pytest.mark.parametrize(("kp", "kd"), [(1.0, 1.0), (0.5, 1.0), (1.0, 3.0), (2.0, 0.0)])
def test_the_law_of_the_servo(kp, kd):
    xml = SCENE.format(SERVO.format('kv="2" forcerange="-30 30"'))
    sim = simulate(xml, [(kp, kd)], "controller-gains", "m", kp=constant(1), kd=constant(1))
    model = model_of(sim)
    for ctrl, angle, speed in ((0.3, 0.1, 0.0), (0.0, 0.2, 1.5), (-0.1, -0.1, -2.0)):
        expected = 40 * kp * (ctrl - angle) - 2 * kd * speed
        assert torque(model, ctrl, angle, speed) == pytest.approx(expected)
    if kp:
        assert torque(model, 3.0, 0.0, 0.0) == pytest.approx(30.0)  # the limit stays


def test_the_frequency_goes_with_the_root_of_the_stiffness():
    xml = SCENE.format(SERVO.format('kv="0.1"'))
    found = []
    for kp in (1.0, 4.0):
        model = model_of(simulate(xml, [(kp, 0.0)], "controller-gains", "m"))
        data = mujoco.MjData(model)
        data.qpos[0], crossings = 0.1, []
        for _ in range(3000):
            before = data.qpos[0]
            mujoco.mj_step(model, data)
            if before < 0 <= data.qpos[0]:
                crossings.append(data.time)
        found.append(np.diff(crossings).mean())
    assert found[0] / found[1] == pytest.approx(2.0, rel=1e-2)


@pytest.mark.parametrize(
    ("actuator", "message"),
    [
        ('<motor name="m" joint="j"/>', "'m' is no position servo"),
        ('<velocity name="m" joint="j" kv="3"/>', "'m' is no position servo"),
        ('<intvelocity name="m" joint="j" kp="3" actrange="-1 1"/>', "'m' is no position servo"),
        (SERVO.format(""), "'m' has no velocity gain"),
    ],
)
def test_what_has_no_gains_is_refused(actuator, message):
    with pytest.raises(FastadaptError, match=message):
        simulate(SCENE.format(actuator), [(1.0, 1.0)], "controller-gains", "m")


def test_it_says_which_gain():
    with pytest.raises(ValueError, match="at least one of 'kp' and 'kd'"):
        ControllerGains.model_validate({"name": "it", "kind": "controller-gains", "targets": ["m"]})
