"""Friction: a block slips at the angle that it should, a joint resists as asked."""

import mujoco
import numpy as np
import pytest
from scenes import model_of, perturb, record, simulate

G = 9.81
MU = 0.6


def block(floor=MU, box=MU, extra=""):
    return f"""
    <mujoco><option timestep="0.002" cone="elliptic" impratio="100" gravity="0 0 -{G}"/>
    <worldbody>
      <geom name="floor" type="plane" size="9 9 1" friction="{floor} 0.005 0.0001"/>
      <body name="block" pos="0 0 0.0199"><freejoint/>
        <geom name="block" type="box" size="0.1 0.1 0.02" mass="1" friction="{box} 0.005 0.0001"/>
      </body>{extra}
    </worldbody></mujoco>"""


def speeds_on_inclines(scales, angles, floor=MU, box=MU, **content):
    """Return the speed after half a second on planes tilted by `angles` (gravity is turned)."""
    sim = simulate(block(floor, box), scales, "contact-friction", "block", against=["floor"])
    gravity = sim.field("gravity")
    gravity[:, 0], gravity[:, 2] = G * np.sin(angles), -G * np.cos(angles)
    sim.step(250)
    return sim.data("qvel")[:, 0].copy()


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 2.0])
def test_a_block_slips_beyond_the_angle_of_friction_and_not_before(scale):
    limit = np.arctan(scale * MU)
    angles = limit * np.array([0.97, 1.03, 1.2])
    rests, creeps, slips = speeds_on_inclines([scale] * 3, angles)
    pull = G * (np.sin(angles) - scale * MU * np.cos(angles))
    assert abs(rests) < 0.1 * creeps
    assert slips == pytest.approx(0.5 * pull[-1], rel=0.08)


@pytest.mark.parametrize(("floor", "box"), [(1.0, 0.4), (0.4, 1.0), (0.7, 0.7)])
@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_friction_of_the_contact_is_the_one_asked_for(floor, box, scale):
    """Also where the two sides differ: MuJoCo takes the larger of the two."""
    sim = simulate(block(floor, box), [scale], "contact-friction", "block", against=["floor"])
    model = model_of(sim)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon == 4
    assert data.contact.friction[:, :2] == pytest.approx(scale * max(floor, box), rel=1e-15)


def test_other_columns_and_other_geoms_keep_their_friction():
    extra = '<geom name="wall" type="box" size="1 1 1" pos="5 0 0" friction="0.3"/>'
    sim = simulate(block(extra=extra), [2.0], "contact-friction", "block", against=["floor"])
    nominal = sim.model.geom_friction
    changed = sim.field("geom_friction")[0]
    np.testing.assert_array_equal(changed[:, 1:], nominal[:, 1:])
    wall = sim.model.geom("wall").id
    np.testing.assert_array_equal(changed[wall], nominal[wall])
    np.testing.assert_array_equal(np.delete(changed, wall, 0)[:, 0], 2 * MU)


ROTOR = """
<mujoco><option timestep="0.001" gravity="0 0 0" integrator="implicitfast"/>
<worldbody><body name="rotor"><joint name="axle" axis="0 0 1" damping="0.2"/>
  <geom type="cylinder" size="0.2 0.05" mass="4"/></body>
  <body name="other"><joint name="ball" type="ball" damping="0.5"/>
  <geom type="sphere" size="0.1" mass="1"/></body></worldbody>
<actuator><motor name="axle" joint="axle"/></actuator></mujoco>"""
INERTIA = 0.5 * 4 * 0.2**2


@pytest.mark.parametrize("torque", [0.5, 2.0])
def test_dry_friction_holds_up_to_its_torque_and_no_further(torque):
    sim = simulate(ROTOR, [torque, torque], "joint-friction", "axle")
    sim.data("ctrl")[:, 0] = [0.9 * torque, 1.5 * torque]
    sim.field("dof_damping")[:] = 0
    sim.step(500)
    held, turns = sim.data("qvel")[:, 0]
    assert abs(held) < 0.01 * turns
    assert turns == pytest.approx(0.5 * torque / INERTIA * 0.5, rel=0.02)


def test_damping_sets_the_time_in_which_a_rotor_comes_to_rest():
    scales = np.array([0.0, 0.5, 1.0, 4.0])
    sim = simulate(ROTOR, scales, "joint-damping", "axle")
    sim.data("qvel")[:, 0] = 1.0
    speed = record(sim, 200, lambda sim: sim.data("qvel")[:, 0])
    expected = np.exp(-scales * 0.2 / INERTIA * 0.2)
    np.testing.assert_allclose(speed[-1], expected, rtol=0.02)


@pytest.mark.parametrize("kind", ["joint-damping", "joint-friction"])
def test_all_axes_of_a_ball_joint_are_meant(kind):
    field = {"joint-damping": "dof_damping", "joint-friction": "dof_frictionloss"}[kind]
    sim = simulate(ROTOR, [3.0], kind, "ball")
    expected = {"joint-damping": [0.2, 1.5, 1.5, 1.5], "joint-friction": [0, 3, 3, 3]}[kind]
    np.testing.assert_array_equal(sim.field(field)[0], expected)


def test_repair_of_friction_in_half_of_the_robots():
    sim = simulate(block(), [0.5, 0.5], "contact-friction", "block", against=["floor"])
    perturb(sim, [1], [1.0], "contact-friction", "block", against=["floor"])
    np.testing.assert_array_equal(sim.field("geom_friction")[1], sim.model.geom_friction)
    np.testing.assert_array_equal(sim.field("geom_friction")[0, :, 0], 0.5 * MU)
