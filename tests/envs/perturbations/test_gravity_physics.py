"""Gravity: what falls, slides and swings under another one."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from tests.envs.perturbations.test_friction_physics import block
from tests.support.scenes import periods, perturb, record, simulate

G = 9.81
MU = 0.6
LIMIT = np.rad2deg(np.arctan(MU))

PENDULUM = f"""
<mujoco><option timestep="0.001" integrator="RK4" gravity="0 0 -{G}"/><worldbody>
  <body><joint name="pivot" axis="0 1 0"/>
    <geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="1.5"/>
  </body></worldbody></mujoco>"""


def test_the_period_of_a_pendulum_goes_with_the_root_of_gravity():
    scales = np.array([0.165, 0.378, 1.0, 2.5])
    sim = simulate(PENDULUM, scales, "gravity")
    sim.data("qpos")[:, 0] = 0.05
    found = periods(record(sim, 9000, lambda sim: sim.data("qpos")[:, 0]), 0.001)
    np.testing.assert_allclose(found * np.sqrt(scales), found[2], rtol=1e-5)


def test_without_gravity_nothing_falls():
    sim = simulate(block().replace('pos="0 0 0.0199"', 'pos="0 0 1"'), [0.0, 1.0], "gravity")
    sim.step(100)
    floats, falls = sim.data("qpos")[:, 2]
    assert floats == 1
    assert falls == pytest.approx(1 - 0.5 * G * 0.2**2, rel=0.01)


@pytest.mark.parametrize(("direction", "axis"), [("x", 0), ("y", 1)])
def test_a_block_slips_on_ground_steeper_than_its_angle_of_friction(direction, axis):
    """It slides down: against the direction in which the ground rises."""
    angles = LIMIT * np.array([0.97, 1.2, -0.97, -1.2])
    sim = simulate(block(), angles, "slope", direction=direction)
    sim.step(250)
    rests, slips, rests_too, slips_too = sim.data("qvel")[:, axis]
    pull = np.deg2rad(1.2 * LIMIT)
    expected = 0.5 * G * (np.sin(pull) - MU * np.cos(pull))
    assert slips == pytest.approx(-expected, rel=0.08)
    assert slips_too == pytest.approx(expected, rel=0.08)
    assert max(abs(rests), abs(rests_too)) < 0.02 * expected
    np.testing.assert_allclose(sim.data("qvel")[:, 1 - axis], 0, atol=1e-6)


@pytest.mark.parametrize("angle", [12.0, 35.0])
def test_a_slope_is_an_incline_seen_from_the_incline(angle):
    """The same block on a plane that is really tilted, in the axes of the plane."""
    ours = simulate(block(), [angle], "slope")
    spec = mujoco.MjSpec.from_string(block())
    turn = np.array([np.cos(np.deg2rad(angle) / 2), 0, -np.sin(np.deg2rad(angle) / 2), 0])
    axes = np.empty(9)
    mujoco.mju_quat2Mat(axes, turn)
    axes = axes.reshape(3, 3)
    assert axes[2, 0] > 0  # it rises along x
    spec.geom("floor").quat = turn
    spec.body("block").quat = turn
    spec.body("block").pos = axes @ [0, 0, 0.0199]
    model = spec.compile()
    data = mujoco.MjData(model)
    ours.step(250)
    mujoco.mj_step(model, data, nstep=250)
    np.testing.assert_allclose(ours.data("qpos")[0, :3], axes.T @ data.qpos[:3], atol=1e-6)
    np.testing.assert_allclose(ours.data("qvel")[0, :3], axes.T @ data.qvel[:3], atol=1e-5)


@pytest.mark.parametrize("kind", ["gravity", "slope"])
def test_repair_and_neighbours(kind):
    sim = simulate(PENDULUM, [0.5, 0.5], kind)
    perturb(sim, [1], [{"gravity": 1.0, "slope": 0.0}[kind]], kind)
    assert (sim.field("gravity")[0] != sim.model.opt.gravity).any()
    np.testing.assert_array_equal(sim.field("gravity")[1], sim.model.opt.gravity)


@pytest.mark.parametrize("kind", ["gravity", "slope"])
def test_a_model_without_gravity_has_none_to_change(kind):
    with pytest.raises(FastadaptError, match="has no gravity that could change"):
        simulate(PENDULUM.replace(f"0 0 -{G}", "0 0 0"), [1.0], kind)
