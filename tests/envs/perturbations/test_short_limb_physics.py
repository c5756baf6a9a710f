"""A shortened limb is that of a model compiled with shorter geoms."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, find_environment, list_environments
from fastadapt.envs.model.names import names_of
from tests.envs.perturbations.test_mass_physics import inertia_tensor
from tests.support.scenes import contacts_of, model_of, periods, perturb, record, simulate

G = 9.81
LEG = """
<mujoco><option timestep="0.002" integrator="implicitfast"/><worldbody>
  <geom name="floor" type="plane" size="5 5 1"/>
  <geom name="step" type="box" size="0.1 1 0.05" pos="0.9 0 0.05"/>
  <body name="trunk" pos="0 0 1.1" simple="false"><freejoint/>
    <geom name="trunk" type="box" size="0.2 0.1 0.05" mass="4"/>
    <body name="thigh" pos="0.15 0 0" quat="0.9 0.1 0.3 -0.2" simple="false">
      <joint name="hip" axis="0 1 0" pos="{anchor}"/>
      <geom name="thigh" type="capsule" fromto="0 0 0 0.1 0.05 -0.4" size="0.04" mass="{mass}"/>
      <geom name="motor" type="cylinder" fromto="0 0.05 0 0 -0.02 0" size="0.06" mass="0.7"/>
      <site name="knee" pos="0.1 0.05 -0.4"/>
      <body name="shin" pos="0.1 0.05 -0.4" {knee}>
        <joint name="knee" axis="0 1 0" armature="0.01" pos="{offset}"/>
        <geom name="shin" type="box" size="0.03 0.02 0.25" pos="0 0 -0.25" density="700"/>
        <geom name="foot" type="sphere" size="0.05" pos="0.02 0 -0.5" mass="0.3"/>
        <geom name="toe" type="ellipsoid" size="0.08 0.03 0.02" pos="0.08 0 -0.5" mass="0.1"/>
        <site name="sole" pos="0 0 -0.55"/>
      </body></body></body></worldbody>
  <actuator><motor joint="hip"/><position joint="knee" kp="20"/></actuator></mujoco>"""
FIXED = np.array([0.01, 0.02, -0.03])


TURNED = 'quat="0.8 0.3 0.4 -0.1" simple="false"'


def scene(anchor=FIXED, mass=1.5, offset=(0, 0, 0), knee='simple="false"'):
    """Return a leg; `offset` is the place of its knee in the frame of the shin."""
    return LEG.format(
        anchor=" ".join(map(str, anchor)), mass=mass, offset=" ".join(map(str, offset)), knee=knee
    )


def compiled(factors, xml):
    """Return the scene with shorter bodies, edited by hand in MuJoCo's own specification."""
    spec = mujoco.MjSpec.from_string(xml)
    nominal = mujoco.MjModel.from_xml_string(xml)
    for name, factor in factors.items():
        body = spec.body(name)
        joint = next(iter(body.joints), None)
        fixed = np.zeros(3) if joint is None else np.array(joint.pos)
        for geom in body.geoms:
            known = nominal.geom(geom.name)
            size, pos, density = known.size.copy(), known.pos.copy(), density_of(nominal, geom)
            if geom.type in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER):
                size[1] *= factor
            elif geom.type != mujoco.mjtGeom.mjGEOM_SPHERE:
                size[size.argmax()] *= factor
            geom.fromto = [np.nan] * 6
            geom.size, geom.pos, geom.quat = size, fixed + factor * (pos - fixed), known.quat
            geom.mass, geom.density = np.nan, density
        for part in (*body.sites, *body.bodies):
            part.pos = fixed + factor * (np.array(part.pos) + ahead(part) - fixed) - ahead(part)
    return spec.compile()


def ahead(part):
    """Return the place of a child's joint from its origin, in the frame of the parent."""
    joint = next(iter(getattr(part, "joints", [])), None)
    if joint is None:
        return np.zeros(3)
    found = np.zeros(3)
    mujoco.mju_rotVecQuat(found, np.array(joint.pos), np.array(part.quat) / norm(part.quat))
    return found


def norm(quat):
    return float(np.sqrt(np.square(np.array(quat)).sum()))


def density_of(model, geom):
    """Return the density that MuJoCo's compiler has given a geom, with the help of the compiler."""
    if np.isnan(geom.mass):
        return geom.density
    spec = mujoco.MjSpec()
    size = model.geom(geom.name).size
    spec.worldbody.add_body(name="b").add_geom(type=geom.type, size=size, density=1.0)
    return geom.mass / spec.compile().body("b").mass[0]


CASES = [(0.5, "thigh"), (0.7, "shin"), (1.6, "shin"), (0.3, "thigh", "shin")]
FIELDS = [
    *("body_mass", "body_ipos", "body_pos", "body_subtreemass", "body_invweight0"),
    *("geom_size", "geom_pos", "geom_rbound", "geom_aabb", "site_pos", "jnt_pos"),
    *("dof_invweight0", "dof_M0", "actuator_acc0"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def pair(case, xml):
    """Return the perturbed scene, as a simulation and as a model, and the compiled one."""
    factor, *names = case
    sim = simulate(xml, [factor], "shortened-limb", *names)
    return sim, model_of(sim), compiled(dict.fromkeys(names, factor), xml)


@every_case
@pytest.mark.parametrize(
    "shape",
    [{"anchor": np.zeros(3)}, {}, {"offset": (0.02, -0.01, 0.15), "knee": TURNED}],
    ids=["origin", "anchor", "knee off its origin"],
)
def test_every_field_is_that_of_a_compiled_model(case, shape):
    _, ours, theirs = pair(case, scene(**shape))
    for field in FIELDS:
        expected = getattr(theirs, field)
        np.testing.assert_allclose(
            getattr(ours, field), expected, rtol=1e-8, atol=1e-12, err_msg=field
        )
    for i in range(1, ours.nbody):
        np.testing.assert_allclose(inertia_tensor(ours, i), inertia_tensor(theirs, i), atol=1e-9)


@every_case
def test_it_moves_as_a_compiled_model_does_and_touches_what_that_touches(case):
    """Thrown onto a floor with a step, from many heights and sides."""
    sim, ours, theirs = pair(case, scene())
    rng = np.random.default_rng(0)
    touching = 0
    for _ in range(200):
        qpos = ours.qpos0 + np.r_[rng.uniform(-1, 1, 2), rng.uniform(-1.0, -0.3), np.zeros(6)]
        qpos[3:7] = rng.standard_normal(4)
        qpos[7:] = rng.uniform(-2, 2, 2)
        qvel = rng.standard_normal(ours.nv)
        sim.data("qpos")[0], sim.data("qvel")[0] = qpos, qvel
        data = mujoco.MjData(theirs)
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_forward(theirs, data)
        contacts = contacts_of(sim)
        np.testing.assert_array_equal(contacts.geom, data.contact.geom)
        np.testing.assert_allclose(contacts.dist, data.contact.dist, atol=1e-9)
        touching += data.ncon > 0
        sim.forward()
        np.testing.assert_allclose(sim.data("qacc")[0], data.qacc, rtol=1e-5, atol=1e-5)
    assert touching > 50


@pytest.mark.parametrize("length", [0.2, 0.5, 1.0, 1.8])
def test_the_period_of_a_shorter_pendulum(length):
    """A rod without hemispheres, so that everybody knows its moment of inertia."""
    rod = f"""
    <mujoco><option timestep="0.001" integrator="RK4" gravity="0 0 -{G}"/><worldbody>
      <body name="rod"><joint axis="0 1 0"/>
        <geom type="cylinder" fromto="0 0 0 0 0 -0.6" size="0.03" mass="2"/>
      </body></worldbody></mujoco>"""
    sim = simulate(rod, [length], "shortened-limb", "rod")
    sim.data("qpos")[:, 0] = 0.05
    found = periods(record(sim, 8000, lambda sim: sim.data("qpos")[:, 0]), 0.001)
    long, mass = 0.6 * length, 2 * length
    inertia = mass * (0.03**2 / 4 + long**2 / 3)
    expected = 2 * np.pi * np.sqrt(inertia / (mass * G * long / 2)) * (1 + 0.05**2 / 16)
    assert found == pytest.approx(expected, rel=1e-5)


EXPLICIT = """
<mujoco><worldbody><body name="leg" simple="false"><joint axis="0 1 0"/>
  <inertial pos="0.01 0 -0.2" mass="3" fullinertia="0.041 0.04 0.003 0.001 0.002 -0.001"/>
  <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.03"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0])
def test_an_inertia_that_is_not_of_the_geoms_shrinks_as_a_rod_does(factor):
    """Slices of equal mass stay and come nearer: the second moment along goes with the cube."""
    sim = simulate(EXPLICIT, [factor], "shortened-limb", "leg")
    ours, nominal = model_of(sim), sim.model
    assert ours.body_mass[1] == pytest.approx(3 * factor)
    np.testing.assert_array_equal(ours.body_iquat[1], nominal.body_iquat[1])
    across = nominal.body_inertia[1].sum() / 2 - nominal.body_inertia[1]
    across = ours.body_inertia[1].sum() / 2 - ours.body_inertia[1], across
    along = across[1].argmax()
    expected = across[1] * factor
    expected[along] *= factor**2
    np.testing.assert_allclose(across[0], expected, rtol=1e-12)
    frame = np.empty(9)
    mujoco.mju_quat2Mat(frame, nominal.body_iquat[1])
    axis = frame.reshape(3, 3)[:, along]
    assert ours.body_ipos[1] @ axis == pytest.approx(factor * (nominal.body_ipos[1] @ axis))


@pytest.mark.parametrize("name", list_environments())
def test_every_body_of_the_shipped_robots_stays_physical(name):
    model = find_environment(name).model()
    moving = [n for n in names_of(model, "body") if model.body_weldid[model.body(n).id]]
    factors = [0.1, 0.37, 2.0]
    sim = simulate(model, factors, "shortened-limb", *moving)
    inertia = np.sort(sim.field("body_inertia")[:, 1:], axis=-1)
    assert (sim.field("body_mass")[:, 1:] >= 0).all()
    assert (inertia[..., 0] + inertia[..., 1] >= (1 - 1e-9) * inertia[..., 2]).all()
    for i, factor in enumerate(factors):
        ids = [model.body(name).id for name in moving]
        # As dense as before, and the caps of capsules stay.
        ratio = sim.field("body_mass")[i, ids].sum() / model.body_mass[ids].sum()
        assert (1 - 1e-9) * min(factor, 1) <= ratio <= (1 + 1e-9) * max(factor, 1)


@pytest.mark.parametrize("robot", ["hopper", "walker2d"])
@pytest.mark.parametrize(
    ("body", "ends", "nominal"),
    [("thigh", ("thigh_joint", "leg_joint"), 0.45), ("leg", ("leg_joint", "foot_joint"), 0.5)],
)
@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_the_next_joint_is_at_the_end_of_the_shorter_bone(robot, body, ends, nominal, factor):
    """The joints of these robots are far from the origins of their bodies."""
    nominally = find_environment(robot).model()
    model = model_of(simulate(nominally, [factor], "shortened-limb", body))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    first, second = (data.joint(name).xanchor for name in ends)
    assert np.linalg.norm(first - second) == pytest.approx(factor * nominal, abs=1e-9)


def test_two_shortenings_multiply_and_repair_is_complete():
    sim = simulate(scene(), [0.5, 0.5], "shortened-limb", "shin")
    perturb(sim, [1], [1.0], "shortened-limb", "shin")
    for field in ("geom_size", "geom_pos", "body_mass", "body_inertia", "geom_rbound"):
        np.testing.assert_array_equal(sim.field(field)[1], getattr(sim.model, field))
        assert (sim.field(field)[0] != getattr(sim.model, field)).any()


def test_what_cannot_be_shortened():
    asset = '<asset><mesh name="m" vertex="0 0 0 .1 0 0 0 .1 0 0 0 .1"/></asset><worldbody>'
    plate = '<geom name="plate" type="mesh" mesh="m"/></body></body></body>'
    mesh = scene().replace("<worldbody>", asset).replace("</body></body></body>", plate)
    with pytest.raises(
        FastadaptError, match=r"'shin' cannot be shortened.*'plate' is a mesh. Give"
    ):
        simulate(mesh, [0.5], "shortened-limb", "shin")
    seen = mesh.replace('mesh="m"/>', 'mesh="m" contype="0" conaffinity="0" mass="0"/>')
    simulate(seen, [0.5], "shortened-limb", "shin")
    wall = scene().replace("<body name", '<body name="wall"/><body name', 1)
    with pytest.raises(FastadaptError, match=r"body 'wall' does not move.*Suitable: shin, thigh"):
        simulate(wall, [0.5], "shortened-limb", "wall")
