"""A severed limb is gone: the rest of the robot is a model compiled without it."""

import dataclasses

import mujoco
import numpy as np
import pytest

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    list_environments,
    make_batch,
)
from fastadapt.envs.model.names import limb_names, subtree
from tests.support.declared import constant, declare
from tests.support.rolls import random_actions, roll
from tests.support.scenes import contacts_of, model_of, perturb, simulate

WALKER = """
<mujoco><option timestep="0.004" integrator="{integrator}" density="{density}"/>
<asset><material name="steel"/></asset>
<worldbody><geom name="floor" type="plane" size="9 9 1"/>
  <body name="trunk" pos="0 0 0.75" simple="false"><freejoint name="root"/>
    <geom name="trunk" type="box" size="0.3 0.2 0.05" mass="6"/>
    <body name="left" pos="0 0.2 0" simple="false">
      <joint name="left" axis="0 1 0" range="-60 60" damping="0.3" stiffness="2"/>
      <geom name="left" type="capsule" fromto="0 0 0 0 0 -0.35" size="0.04" mass="1.2"/>
      <body name="left_foot" pos="0 0 -0.35" simple="false">
        <joint name="left_ankle" axis="1 0 0" range="-30 30" frictionloss="0.1"/>
        <geom name="left_foot" type="sphere" size="0.07" pos="0 0 -0.1" mass="0.5"/>
      </body></body>
    <body name="right" pos="0 -0.2 0" simple="false">
      <joint name="right" axis="0 1 0" range="-60 60" damping="0.3" stiffness="2"/>
      <geom name="right" type="capsule" fromto="0 0 0 0 0 -0.35" size="0.04" mass="1.2"
        material="steel"/>
      <body name="right_foot" pos="0 0 -0.35" simple="false">
        <joint name="right_ankle" axis="1 0 0" range="-30 30" frictionloss="0.1"/>
        <geom name="right_foot" type="sphere" size="0.07" pos="0 0 -0.1" mass="0.5"/>
        <site name="sole" pos="0 0 -0.17"/>
      </body></body></body></worldbody>
<actuator>
  <position name="left" joint="left" kp="30" kv="1" ctrlrange="-1 1"/>
  <motor name="left_ankle" joint="left_ankle" ctrlrange="-1 1"/>
  <position name="right" joint="right" kp="30" kv="1" ctrlrange="-1 1"/>
  <motor name="right_ankle" joint="right_ankle" ctrlrange="-1 1"/>
  <motor name="jet" site="sole" gear="0 0 20 0 0 0" ctrlrange="-1 1"/>
</actuator></mujoco>"""
REST = [*range(9)], [*range(8)]  # qpos and qvel of what stays: root, left, left ankle


def walker(integrator="implicitfast", density=0.0):
    return WALKER.format(integrator=integrator, density=density)


def without_right(xml):
    spec = mujoco.MjSpec.from_string(xml)
    spec.delete(spec.body("right"))
    return spec.compile()


def severed(xml, backend="auto", body="right"):
    sim = simulate(xml, [1.0], "severed-limb", body, backend=backend)
    assert not sim.data("qvel").any()
    return sim


@pytest.mark.parametrize("integrator", ["Euler", "implicitfast", "RK4"])
@pytest.mark.parametrize("density", [0.0, 1000.0], ids=["air", "water"])
def test_the_rest_moves_as_a_robot_compiled_without_the_limb(integrator, density):
    """Falling, standing up on what is left, thrown about by its own motors."""
    xml = walker(integrator, density)
    sim, model = severed(xml), without_right(xml)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(60):
        command = rng.uniform(-1, 1, 5)
        sim.data("ctrl")[0], data.ctrl[:] = command, command[:2]
        sim.step(5)
        mujoco.mj_step(model, data, nstep=5)
        np.testing.assert_allclose(sim.data("qpos")[0, REST[0]], data.qpos, atol=2e-4)
    assert data.ncon > 0
    lost = sim.data("qpos")[0, 9:]
    assert np.abs(lost).max() < 1e-3  # where it was, and at rest
    assert np.abs(sim.data("qvel")[0, 8:]).max() < 1e-3


def test_the_mass_is_that_of_the_rest():
    sim, model = severed(walker()), without_right(walker())
    assert sim.field("body_subtreemass")[0, 0] == pytest.approx(model.body_subtreemass[0], rel=1e-6)
    inertia = np.sort(sim.field("body_inertia")[0, 1:])
    assert (inertia[:, 0] + inertia[:, 1] >= (1 - 1e-9) * inertia[:, 2]).all()
    assert (inertia > 0).all()


def test_nothing_touches_it_and_it_falls_through_the_floor_without_a_trace():
    sim = severed(walker())
    for height in np.linspace(0.75, -0.2, 20):
        sim.data("qpos")[0, 2] = height
        contacts = contacts_of(sim)
        gone = [sim.model.geom(name).id for name in ("right", "right_foot")]
        assert not np.isin(contacts.geom, gone).any()
    assert len(contacts) > 0  # of the others


def test_the_union_of_contact_types_holds_for_every_body():
    """What MuJoCo's documentation asks for where the types of single geoms change."""
    model = model_of(severed(walker(), body="right_foot"))
    for body in range(model.nbody):
        own = model.geom_bodyid == body
        for name in ("contype", "conaffinity"):
            union = np.bitwise_or.reduce(getattr(model, f"geom_{name}")[own], initial=0)
            assert getattr(model, f"body_{name}")[body] == union


def test_severed_at_speed_it_comes_to_rest_and_the_rest_goes_on():
    sim = simulate(walker(), [0.0, 0.0], "severed-limb", "right")
    sim.data("qvel")[:, 8:] = 5.0
    sim.step(2)
    before = sim.data("qvel")[0, :6].copy()
    perturb(sim, [0], [1.0], "severed-limb", "right")
    sim.step(1)
    np.testing.assert_allclose(sim.data("qvel")[0, [0, 1]], before[:2], atol=0.1)
    sim.step(100)
    assert np.abs(sim.data("qvel")[0, 8:]).max() < 0.01


def test_it_is_not_seen():
    model = model_of(severed(walker()))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    found = np.zeros(1, np.int32)
    origin, down = np.array([0, -0.2, 0.5]), np.array([0.0, 0, -1])
    origin[0], sideways = -1.0, np.array([1.0, 0, 0])
    mujoco.mj_ray(model, data, origin, sideways, None, True, -1, found)
    assert found[0] == -1
    mujoco.mj_ray(model, data, origin, down, None, True, -1, found)
    assert found[0] == model.geom("floor").id
    mujoco.mj_ray(model, data, origin * [1, -1, 1], sideways, None, True, -1, found)
    assert found[0] == model.geom("left").id


def test_explicit_pairs_are_off_too():
    pairs = "".join(f'<pair geom1="floor" geom2="{side}_foot"/>' for side in ("left", "right"))
    xml = walker().replace("<actuator>", f"<contact>{pairs}</contact><actuator>")
    sim = severed(xml)
    sim.data("qpos")[0, 2] = 0.4
    assert np.unique(contacts_of(sim).geom).tolist() == [
        sim.model.geom(name).id for name in ("floor", "left_foot")
    ]


def test_repair_brings_it_back_bit_for_bit():
    sim = simulate(walker(), [1.0, 1.0], "severed-limb", "right")
    perturb(sim, [1], [0.0], "severed-limb", "right")
    plain = mujoco.MjData(sim.model)
    sim.data("ctrl")[:], plain.ctrl[:] = 0.4, 0.4
    sim.step(100)
    mujoco.mj_step(sim.model, plain, nstep=100)
    np.testing.assert_array_equal(sim.data("qpos")[1], plain.qpos)
    assert np.abs(sim.data("qpos")[0, :7] - plain.qpos[:7]).max() > 0.01


def test_limbs_hang_on_what_moves():
    model = mujoco.MjModel.from_xml_string(walker())
    assert limb_names(model) == ["left", "left_foot", "right", "right_foot"]
    assert subtree(model, model.body("left").id).tolist() == [2, 3]
    with pytest.raises(FastadaptError, match=r"'trunk' is no limb that.*Suitable: left, left_foot"):
        simulate(walker(), [1.0], "severed-limb", "trunk")


TENDON = """<tendon><fixed name="belt"><joint joint="right" coef="1"/>
  <joint joint="{other}" coef="1"/></fixed></tendon><actuator><motor name="pull" tendon="belt"/>"""
WELD = '<equality><weld name="glue" body1="right_foot" body2="left_foot"/></equality><actuator>'


BELT = TENDON.format(other="left")


@pytest.mark.parametrize(("tie", "name"), [(BELT, "tendon 'belt'"), (WELD, "equality 'glue'")])
def test_what_else_holds_on_to_a_limb_is_named(tie, name):
    with pytest.raises(FastadaptError, match=f"'right' cannot be severed, {name} ties it"):
        simulate(walker().replace("<actuator>", tie), [1.0], "severed-limb", "right")


def test_what_holds_on_to_another_part_does_not_matter():
    simulate(walker().replace("<actuator>", BELT), [1.0], "severed-limb", "*_foot")


def test_a_tendon_within_the_limb_goes_with_it():
    xml = walker().replace("<actuator>", TENDON.format(other="right_ankle"))
    sim = severed(xml)
    assert sim.field("actuator_forcelimited")[0, sim.model.actuator("pull").id]
    sim.data("ctrl")[0, sim.model.actuator("pull").id] = 100.0
    sim.step(50)
    assert np.abs(sim.data("qvel")[0, 8:]).max() < 1e-3


LEGGED = [name for name in list_environments() if limb_names(find_environment(name).model())]


@pytest.mark.parametrize("name", LEGGED)
def test_limbs_of_the_shipped_robots_can_be_severed_and_nothing_blows_up(name):
    """And the joints of the limb are seen at rest from the first step to the last."""
    model = find_environment(name).model()
    limbs = [limb for limb in limb_names(model) if "finger" not in limb]  # a tendon couples them
    for limb in (limbs[0], limbs[-1]):
        task_set = declare(name, {"name": "it", "kind": "severed-limb", "targets": [limb]})
        batch = make_batch(task_set, 2, 1)
        batch.set_tasks(task_set.sample("train", 2))
        batch.reset(seed=0)
        bodies = subtree(model, model.body(limb).id)
        dofs = np.flatnonzero(np.isin(model.dof_bodyid, bodies))
        for action in random_actions(task_set, 30, 2):
            *_, info = batch.step(action)
            assert not info["diverged"].any()
            assert np.abs(batch.sim.data("qvel")[:, dofs]).max(initial=0) < 0.05, limb


def test_a_severed_limb_cannot_be_loaded(cheetah):
    """Whatever hangs on it, or is stuck in it, is gone with it."""
    actions = random_actions(cheetah, 10, 1)
    alone = {"name": "gone", "kind": "severed-limb", "targets": ["bshin"]}
    others = [
        {"name": "load", "kind": "payload", "targets": ["bfoot"], "mass": constant(3.0)},
        {"name": "stuck", "kind": "stuck-torque", "targets": ["bfoot"], "share": constant(1.0)},
        {"name": "lock", "kind": "locked-joint", "targets": ["bshin"]},
        {"name": "short", "kind": "shortened-limb", "targets": ["bfoot"], "length": constant(0.5)},
    ]
    task_set = declare("cheetah", alone)
    expected = roll(task_set, task_set.sample("train", 1), actions).qpos[:, 0, :4]
    for other in others:
        for order in ((alone, other), (other, alone)):
            task_set = declare("cheetah", *order)
            found = roll(task_set, task_set.sample("train", 1), actions).qpos[:, 0, :4]
            np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=other["name"])


@pytest.mark.parametrize("first", ["push", "severed-limb"])
def test_the_remains_cannot_be_pushed(first):
    shin = limb_names(find_environment("ant").model())[1]
    push = {"name": "push", "kind": "push", "targets": [shin], "x": constant(50.0)}
    severed = {"name": "severed", "kind": "severed-limb", "targets": [shin]}
    order = [push, severed] if first == "push" else [severed, push]
    batch = make_batch(declare("ant", *order), 2, 1)
    both = batch.task_set.sample("train", 1)[0]
    values = dict(zip(both.names, both.values, strict=True))
    alone = [0.0 if name.startswith("push") else value for name, value in values.items()]
    batch.set_tasks([both, dataclasses.replace(both, values=tuple(alone))])
    batch.reset(seed=[0, 0])
    for _ in range(10):
        batch.step(np.zeros(batch.action_space.shape))
    assert 50.0 in both.values
    np.testing.assert_array_equal(*batch.sim.data("qpos"))
