"""Friction: a block slips at the angle that it should, a joint resists as asked."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.perturbations import Edit
from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare
from tests.support.scenes import contacts_of, model_of, perturb, record, simulate

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
    np.testing.assert_array_equal(np.delete(changed, wall, 0)[:, 0], [MU, 2 * MU])  # floor, block


TABLE = """
<mujoco><option timestep="0.002"/>
<worldbody>
  <geom name="floor" type="plane" size="9 9 1" friction="{floor}" priority="{priority}"/>
  <body name="box" pos="0 0 0.0999"><freejoint/>
    <geom name="box" type="box" size="0.1 0.1 0.1" mass="1" friction="{box}"/></body>
  <body name="finger" pos="0 0 0.2198"><freejoint/>
    <geom name="finger" size="0.02" mass="0.1" friction="{finger}"/></body>
  <body name="foot" pos="1 0 0.0499"><freejoint/>
    <geom name="foot" size="0.05" mass="1" friction="{foot}"/></body>
  <body name="other" pos="-1 0 0.0499"><freejoint/>
    <geom name="other" size="0.05" mass="1" friction="0.05"/></body>
</worldbody>{extra}</mujoco>"""
NOMINAL = {"floor": 1.0, "box": 0.5, "finger": 0.8, "foot": 2.0, "priority": 0, "extra": ""}


def table(**content):
    return mujoco.MjModel.from_xml_string(TABLE.format(**NOMINAL | content))


def frictions(model, *asked):
    """Return the friction of every contact, by the geoms, under contact frictions `asked`.

    Each is (targets, against, scale), applied one after the other as those of a task set.
    """
    sim = make_simulation(model, 1)
    edit = Edit(sim, np.arange(1))
    for number, (targets, against, scale) in enumerate(asked):
        some = ContactFriction.model_validate(
            {"name": f"p{number}", "kind": "contact-friction", "targets": [targets],
             "against": [against], "scale": constant(1.0)}
        )  # fmt: skip
        ids = np.array([model.geom(name).id for name in some.resolve(model)])
        some.apply(edit, ids, np.full((1, len(ids), 1), scale))
    edit.commit(())
    changed = model_of(sim)
    data = mujoco.MjData(changed)
    mujoco.mj_forward(changed, data)
    names = [sorted(changed.geom(g).name for g in pair) for pair in data.contact.geom]
    assert (data.contact.friction[:, 0] == data.contact.friction[:, 1]).all()
    return {"-".join(n): f for n, f in zip(names, data.contact.friction[:, 0], strict=True)}


SCALES = [0.01, 0.3, 1.0, 2.5]


@pytest.mark.parametrize("first", SCALES)
@pytest.mark.parametrize("second", SCALES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "coefficients",
    [{}, {"floor": 3.0}, {"floor": 0.1}, {"foot": 0.2, "box": 1.5}],
    ids=["foot dominates", "floor dominates", "floor never dominates", "mixed"],
)
def test_two_contact_frictions_that_share_the_floor_are_both_as_asked(
    first, second, reverse, coefficients
):
    asked = [("foot", "floor", first), ("box", "floor", second)]
    nominal = {**NOMINAL, **coefficients}
    found = frictions(table(**coefficients), *(asked[::-1] if reverse else asked))
    floor = nominal["floor"]
    assert found["floor-foot"] == pytest.approx(first * max(nominal["foot"], floor), rel=1e-15)
    assert found["box-floor"] == pytest.approx(second * max(nominal["box"], floor), rel=1e-15)
    assert found["box-finger"] <= max(nominal["finger"], found["box-floor"])


@pytest.mark.parametrize("first", SCALES)
@pytest.mark.parametrize("second", SCALES)
def test_the_friction_of_an_object_with_table_and_finger(first, second):
    """The object takes part in both; whoever is named as the target does not matter."""
    for asked in (
        [("box", "floor", first), ("finger", "box", second)],
        [("floor", "box", first), ("box", "finger", second)],
    ):
        found = frictions(table(), *asked)
        assert found["box-floor"] == pytest.approx(first, rel=1e-15)
        assert found["box-finger"] == pytest.approx(0.8 * second, rel=1e-15)
        assert found["floor-foot"] == max(2.0, found["box-floor"])  # not named


def test_a_contact_that_is_named_twice_has_the_product():
    """All geoms on the ground, and beside that the foot."""
    found = frictions(table(), ("*o*", "floor", 0.5), ("foot", "floor", 3.0))
    assert found == {"floor-foot": 3.0, "box-floor": 0.5, "floor-other": 0.5, "box-finger": 0.8}


@pytest.mark.parametrize("priority", [-1, 1])
@pytest.mark.parametrize("scale", [0.2, 4.0])
def test_where_priorities_differ_the_higher_one_counts(priority, scale):
    found = frictions(table(priority=priority), ("foot", "floor", scale))
    assert found["floor-foot"] == pytest.approx(scale * (1.0 if priority > 0 else 2.0), rel=1e-15)
    both = (("foot", "floor", scale), ("box", "floor", 3.0))
    if priority < 0:
        found = frictions(table(priority=priority), *both)
        assert found["floor-foot"] == pytest.approx(2.0 * scale, rel=1e-15)
        assert found["box-floor"] == 1.5
    else:
        with pytest.raises(FastadaptError, match=r"'p0' and 'p1'.*cannot be set apart"):
            frictions(table(priority=priority), *both)


PAIR = '<contact><pair geom1="foot" geom2="floor" friction="0.7 0.7 0.01 0.001 0.001"/></contact>'


@pytest.mark.parametrize("scale", [0.1, 5.0])
def test_an_explicit_pair_has_its_own_friction(scale):
    model = table(extra=PAIR)
    asked = [("foot", "floor", scale), ("box", "floor", 0.5)]
    found = frictions(model, *asked)
    assert found["floor-foot"] == pytest.approx(0.7 * scale, rel=1e-15)
    assert found["box-floor"] == 0.5
    sim = simulate(model, [scale], "contact-friction", "foot", against=["floor"])
    np.testing.assert_array_equal(sim.field("geom_friction")[0], model.geom_friction)
    np.testing.assert_array_equal(sim.field("pair_friction")[0, 0, 2:], model.pair_friction[0, 2:])


def test_what_no_friction_of_geoms_can_satisfy_is_refused_before_anything_runs():
    asked = [
        {"name": name, "kind": "contact-friction", "targets": [a], "against": [b],
         "scale": constant(scale)}
        for name, a, b, scale in (("p", "torso", "floor", 0.5), ("q", "bfoot", "floor", 2.0),
                                  ("r", "torso", "bfoot", 3.0))
    ]  # fmt: skip
    with pytest.raises(FastadaptError, match=r"cannot be set apart.*Name fewer contacts, or give"):
        declare("cheetah", *asked)
    declare("cheetah", *asked[:2])


def test_contacts_without_friction_and_of_a_single_geom_are_refused():
    smooth = TABLE.format(**NOMINAL).replace("<worldbody>", '<default><geom condim="1"/></default>'
                                             "<worldbody>")  # fmt: skip
    with pytest.raises(FastadaptError, match=r'have no friction \(condim 1.*condim="3"'):
        simulate(smooth, [2.0], "contact-friction", "foot", against=["floor"])
    with pytest.raises(FastadaptError, match="the same single geom 'foot'; a contact is between"):
        simulate(table(), [2.0], "contact-friction", "foot", against=["foot"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_shared_floor_in_a_task_set_of_its_own(backend):
    """Through `BatchedEnv`: the order of the file does not matter, and repair is complete."""
    feet = {"name": "feet", "kind": "contact-friction", "targets": ["?foot"], "against": ["floor"],
            "scale": constant(0.2)}  # fmt: skip
    body = {"name": "body", "kind": "contact-friction", "targets": ["torso", "head"],
            "against": ["floor"], "scale": constant(2.0)}  # fmt: skip
    seen = []
    for order in ((feet, body), (body, feet)):
        task_set = declare("cheetah", *order)
        batch = make_batch(task_set, 1, 1, backend)
        batch.set_tasks(task_set.sample("train", 1))
        batch.reset(seed=0)
        seen.append(batch.sim.field("geom_friction")[0].copy())
        batch.set_tasks(task_set.nominal)
        batch.reset(seed=0)
        np.testing.assert_array_equal(
            batch.sim.field("geom_friction")[0], batch.sim.model.geom_friction
        )
    np.testing.assert_array_equal(*seen)
    assert len(np.unique(seen[0][:, 0])) == 3


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


FEET = """
<mujoco><worldbody><geom name="floor" type="plane" size="5 5 1" friction="{floor}"/>
  <body pos="0 0 0.099"><freejoint/><geom name="left" size="0.1" friction="0.6"/></body>
  <body pos="1 0 0.099"><freejoint/><geom name="right" size="0.1" friction="0.6"/></body>
  </worldbody></mujoco>"""


@pytest.mark.parametrize("scale", [1.0, 1.5, 5.0])
@pytest.mark.parametrize("floor", [0.3, 0.6])
def test_a_rougher_foot_leaves_the_other_foot_alone(floor, scale):
    """The foot is at least as rough as the floor, so that it alone can carry more friction."""
    xml = FEET.format(floor=floor)
    sim = simulate(xml, [scale], "contact-friction", "left", against=["floor"])
    names = {sim.model.geom(name).id: name for name in ("left", "right")}
    found = {names[int(max(c.geom))]: c.friction[0] for c in contacts_of(sim)}
    assert found == pytest.approx({"left": 0.6 * scale, "right": 0.6})
    assert sim.field("geom_friction")[0, 0, 0] == floor


def test_a_floor_rougher_than_the_foot_rises_with_it():
    sim = simulate(FEET.format(floor=0.9), [2.0], "contact-friction", "left", against=["floor"])
    found = [c.friction[0] for c in contacts_of(sim) if sim.model.geom("left").id in c.geom]
    assert found == pytest.approx([1.8])
