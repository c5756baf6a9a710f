"""Centres of mass and rotors: where the weight is, and what resists being turned."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from tests.envs.perturbations.test_mass_physics import (
    FREE,
    ROD,
    G,
    acceleration,
    inertia_tensor,
    moment,
)
from tests.support.scenes import contacts_of, model_of, periods, perturb, record, simulate

SHIFTS = np.array([-0.1, 0.0, 0.05, 0.2])


@pytest.mark.parametrize("body", ["load", "arm"])
def test_a_shifted_centre_of_mass_is_that_of_a_model_compiled_so(body):
    shift = (0.05, -0.03, 0.1)
    sim = simulate(FREE, [shift], "com-shift", body)
    spec = mujoco.MjSpec.from_string(FREE)
    nominal = sim.model.body(body)
    spec.body(body).explicitinertial = True
    spec.body(body).mass = nominal.mass[0]
    spec.body(body).ipos = nominal.ipos + shift
    spec.body(body).iquat = nominal.iquat
    spec.body(body).inertia = nominal.inertia
    ours, theirs = model_of(sim), spec.compile()
    np.testing.assert_allclose(ours.body_ipos, theirs.body_ipos, atol=1e-15)
    np.testing.assert_allclose(ours.body_invweight0, theirs.body_invweight0, rtol=1e-8)
    rng = np.random.default_rng(1)
    qvel = rng.standard_normal(ours.nv)
    qpos = ours.qpos0 + np.r_[rng.standard_normal(3), np.zeros(4), 0.4]
    expected = acceleration(theirs, qpos, qvel)
    np.testing.assert_allclose(acceleration(ours, qpos, qvel), expected, atol=1e-9)


def test_the_torque_of_the_weight_goes_with_the_lever():
    """A level rod, shifted along itself; across, only the torque about the other axis changes."""
    sim = simulate(ROD.format(gravity=-G, stiffness=0), [(0, 0, -s) for s in SHIFTS], "com-shift",
                   "rod")  # fmt: skip
    sim.data("qpos")[:, 0] = np.pi / 2
    sim.forward()
    torque = sim.data("qfrc_bias")
    sim.forward()
    lever = moment(sim.model)[1] + SHIFTS
    np.testing.assert_allclose(np.abs(torque[:, 0]), 1.5 * G * lever, rtol=1e-12)


def test_the_period_of_a_pendulum_with_a_shifted_centre_of_mass():
    sim = simulate(ROD.format(gravity=-G, stiffness=0), [(0, 0, -s) for s in SHIFTS], "com-shift",
                   "rod")  # fmt: skip
    sim.data("qpos")[:, 0] = 0.05
    found = periods(record(sim, 9000, lambda sim: sim.data("qpos")[:, 0]), 0.001)
    lever = moment(sim.model)[1] + SHIFTS
    inertia = inertia_tensor(sim.model, 1)[1, 1] + 1.5 * lever**2
    expected = 2 * np.pi * np.sqrt(inertia / (1.5 * G * lever)) * (1 + 0.05**2 / 16)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_shifted_body_falls_like_any_other():
    sim = simulate(FREE, [(0.1, 0.2, -0.3)], "com-shift", "load")
    sim.forward()
    np.testing.assert_allclose(sim.data("qacc")[0], [0, 0, -G, 0, 0, 0, 0], atol=1e-9)


SEVERAL = """
<mujoco><worldbody>
  <geom name="floor" type="plane" size="5 5 1"/>
  <body name="trunk" pos="0 0 0.4" simple="false"><freejoint/>
    <geom size="0.1" pos="0 0 0.3"/><geom size="0.1" pos="0 0 -0.31"/>
    <geom size="0.1" pos="0.4 0 -0.31"/>
  </body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    ("kind", "value", "nominal", "content"),
    [
        ("com-shift", (0, 0, 0.6), (0, 0, 0), {}),
        ("payload", 40.0, 0.0, {"position": (0, 0, 0.6)}),
    ],
)
def test_no_contact_is_missed_where_the_inertial_frame_moves(kind, value, nominal, content):
    """MuJoCo's midphase keeps bounding boxes in that frame, and never makes them anew."""
    sim = simulate(SEVERAL, [value, value], kind, "trunk", **content)
    assert len(contacts_of(sim)) == 2
    perturb(sim, [1], [nominal], kind, "trunk", **content)
    assert len(contacts_of(sim, 1)) == 2
    assert sim.field("disableflags")[1] == sim.model.opt.disableflags


ROTOR = """
<mujoco><option timestep="0.001" gravity="0 0 0" integrator="RK4"/><worldbody>
  <body name="rotor"><joint name="axle" axis="0 0 1" stiffness="8" armature="0.02"/>
    <geom type="cylinder" size="0.2 0.05" mass="4"/></body>
  <body name="ball"><joint name="ball" type="ball"/><geom size="0.1" mass="1"/></body>
  <body name="loose"><freejoint name="loose"/><geom size="0.1" mass="1"/></body>
</worldbody></mujoco>"""
INERTIA = 0.5 * 4 * 0.2**2


def test_the_period_on_a_spring_counts_the_armature():
    values = np.array([(1.0, 0.0), (5.0, 0.0), (1.0, 0.1), (0.5, 0.3)])
    sim = simulate(ROTOR, values, "joint-armature", "axle", add={"law": "constant", "value": 0.0})
    sim.data("qpos")[:, 0] = 0.05
    found = periods(record(sim, 9000, lambda sim: sim.data("qpos")[:, 0]), 0.001)
    armature = 0.02 * values[:, 0] + values[:, 1]
    np.testing.assert_allclose(found, 2 * np.pi * np.sqrt((INERTIA + armature) / 8), rtol=1e-5)


def test_derived_constants_count_the_armature():
    sim = simulate(ROTOR, [(1.0, 0.1)], "joint-armature", "axle")
    expected = 1 / (INERTIA + 0.12)
    assert sim.field("dof_invweight0")[0, 0] == pytest.approx(expected, rel=1e-9)


def test_a_free_joint_has_no_rotor_and_zero_cannot_be_scaled():
    with pytest.raises(FastadaptError, match="joint 'loose' is free: it has no bearing"):
        simulate(ROTOR, [(1.0, 1.0)], "joint-armature", "loose")
    with pytest.raises(FastadaptError, match=r"joint 'ball' has no armature to scale. Use 'add'"):
        simulate(ROTOR, [(2.0, 0.0)], "joint-armature", "ball")
    add = {"law": "constant", "value": 0.5}
    sim = simulate(ROTOR, [(1.0, 0.5)], "joint-armature", "ball", scale=None, add=add)
    np.testing.assert_array_equal(sim.field("dof_armature")[0, 1:4], 0.5)
