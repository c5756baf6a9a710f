"""Masses: what moves under gravity does not mind, what swings on a spring does."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, find_environment, list_environments
from tests.support.scenes import model_of, periods, record, simulate

G = 9.81

FREE = f"""
<mujoco><option gravity="0 0 -{G}"/><worldbody>
  <body name="load" pos="0 0 3" quat="0.8 0.3 -0.4 0.33" simple="false"><freejoint/>
    <geom name="box" type="box" size="0.1 0.2 0.3" mass="2"/>
    <geom name="knob" type="sphere" size="0.05" pos="0.2 0.1 -0.3" mass="0.7"/>
    <body name="arm" pos="0.2 0 0.3"><joint name="hinge" axis="0 1 1"/>
      <geom type="capsule" fromto="0 0 0 0.3 0 0.2" size="0.04" mass="0.9"/>
    </body></body></worldbody></mujoco>"""


def loaded_by_the_compiler(body, mass, position, radius):
    """Return the scene with a sphere that MuJoCo's own compiler has attached."""
    spec = mujoco.MjSpec.from_string(FREE)
    spec.body(body).add_geom(
        type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[radius, 0, 0], pos=position, mass=mass
    )
    return spec.compile()


def inertia_tensor(model, body):
    """Return a body's inertia about its centre of mass, in the axes of the body, `(3, 3)`."""
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.body_iquat[body])
    rotation = rotation.reshape(3, 3)
    return rotation @ np.diag(model.body_inertia[body]) @ rotation.T


def acceleration(model, qpos, qvel):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_forward(model, data)
    return data.qacc.copy()


@pytest.mark.parametrize("body", ["load", "arm"])
@pytest.mark.parametrize("position", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.5)])
@pytest.mark.parametrize("mass", [1e-3, 1.5, 50.0])
def test_a_payload_is_the_sphere_that_the_compiler_would_attach(body, position, mass):
    sim = simulate(FREE, [mass], "payload", body, position=position, radius=0.07)
    ours, theirs = model_of(sim), loaded_by_the_compiler(body, mass, position, 0.07)
    i = theirs.body(body).id
    assert ours.body_mass[i] == pytest.approx(theirs.body_mass[i], rel=1e-12)
    np.testing.assert_allclose(ours.body_ipos[i], theirs.body_ipos[i], atol=1e-12)
    np.testing.assert_allclose(
        inertia_tensor(ours, i), inertia_tensor(theirs, i), atol=1e-10 * max(mass, 1)
    )
    np.testing.assert_allclose(ours.body_subtreemass, theirs.body_subtreemass, rtol=1e-12)
    np.testing.assert_allclose(ours.body_invweight0, theirs.body_invweight0, rtol=1e-8)
    np.testing.assert_allclose(ours.dof_invweight0, theirs.dof_invweight0, rtol=1e-8)
    rng = np.random.default_rng(0)
    qvel = rng.standard_normal(sim.model.nv)
    qpos = sim.model.qpos0 + np.r_[rng.standard_normal(3), np.zeros(4), 0.7]
    expected = acceleration(theirs, qpos, qvel)
    np.testing.assert_allclose(acceleration(ours, qpos, qvel), expected, atol=1e-9)
    sim.data("qpos")[0], sim.data("qvel")[0] = qpos, qvel
    sim.forward()
    np.testing.assert_allclose(sim.data("qacc")[0], expected, atol=1e-9)


@pytest.mark.parametrize("mass", [0.0, 0.5, 20.0])
def test_a_loaded_body_falls_like_any_other(mass):
    sim = simulate(FREE, [mass], "payload", "load", position=(0.3, 0.1, 0.2))
    sim.forward()
    expected = [0, 0, -G, 0, 0, 0, 0]
    np.testing.assert_allclose(sim.data("qacc")[0], expected, atol=1e-9)
    assert sim.field("body_subtreemass")[0, 0] == pytest.approx(3.6 + mass)


@pytest.mark.parametrize("name", list_environments())
def test_every_body_of_the_shipped_robots_can_carry_a_payload(name):
    """MuJoCo refuses one off the centre of a body that it compiled as "simple"."""
    model = find_environment(name).model()
    for body in range(1, model.nbody):
        if model.body_mocapid[body] < 0:
            simulate(model, [1.0], "payload", model.body(body).name, position=(0.1, 0.2, 0.3))


@pytest.mark.parametrize("scale", [0.01, 0.5, 7.0])
def test_scaled_mass_is_another_density(scale):
    """As if the compiler had been given geoms of another density."""
    sim = simulate(FREE, [scale], "mass", "load")
    spec = mujoco.MjSpec.from_string(FREE)
    for name in ("box", "knob"):
        spec.geom(name).mass *= scale
    ours, theirs = model_of(sim), spec.compile()
    for field in ("body_mass", "body_inertia", "body_ipos", "body_subtreemass"):
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), rtol=1e-12)
    np.testing.assert_allclose(ours.body_invweight0, theirs.body_invweight0, rtol=1e-8)


def test_what_has_no_mass_has_none_to_scale():
    xml = FREE.replace("<worldbody>", '<worldbody><body name="frame"/>')
    with pytest.raises(FastadaptError, match=r"body 'frame' has no mass.*Suitable: arm, load"):
        simulate(xml, [2.0], "mass", "frame")
    sim = simulate(xml, [2.0], "mass", "*")  # a pattern means those that have one
    assert sim.field("body_subtreemass")[0, 0] == pytest.approx(2 * 3.6)


ROD = """
<mujoco><option timestep="0.001" integrator="RK4" gravity="0 0 {gravity}"/><worldbody>
  <body name="rod"><joint name="pivot" axis="0 1 0" stiffness="{stiffness}"/>
    <geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="1.5"/>
  </body></worldbody></mujoco>"""
SCALES = np.array([0.1, 1.0, 2.0, 10.0])


def swing(**scene):
    sim = simulate(ROD.format(**scene), SCALES, "mass", "rod")
    sim.data("qpos")[:, 0] = 0.05
    return sim, periods(record(sim, 8000, lambda sim: sim.data("qpos")[:, 0]), 0.001)


def moment(model):
    """Return the moment of inertia about the pivot and the distance to the centre of mass."""
    distance = -model.body_ipos[1, 2]
    return inertia_tensor(model, 1)[1, 1] + model.body_mass[1] * distance**2, distance


def test_the_period_under_gravity_does_not_depend_on_the_density():
    sim, found = swing(gravity=-G, stiffness=0)
    inertia, distance = moment(sim.model)
    expected = 2 * np.pi * np.sqrt(inertia / (1.5 * G * distance)) * (1 + 0.05**2 / 16)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_period_on_a_spring_goes_with_the_root_of_the_inertia():
    sim, found = swing(gravity=0, stiffness=8.0)
    inertia, _ = moment(sim.model)
    expected = 2 * np.pi * np.sqrt(SCALES * inertia / 8.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_period_of_a_loaded_pendulum():
    """The payload counts by the parallel-axis theorem: m r^2 beside its own 2/5 m R^2."""
    masses = np.array([0.3, 3.0])
    scene = ROD.format(gravity=0, stiffness=8.0)
    sim = simulate(scene, masses, "payload", "rod", position=(0, 0, -0.4), radius=0.1)
    sim.data("qpos")[:, 0] = 0.05
    found = periods(record(sim, 8000, lambda sim: sim.data("qpos")[:, 0]), 0.001)
    inertia = moment(sim.model)[0] + masses * (0.4**2 + 0.4 * 0.1**2)
    np.testing.assert_allclose(found, 2 * np.pi * np.sqrt(inertia / 8.0), rtol=1e-5)
