"""Perturbations together: all at once, in any order, and the costs of changing them."""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import find_environment, list_environments, make_batch
from fastadapt.envs.model.names import limb_names
from fastadapt.envs.simulation.interface import model_field
from tests.envs.perturbations.test_perturbations import (
    STEPS,
    all_fields,
    both_backends,
    every_case,
    model_bytes,
)
from tests.support.declared import constant, declare
from tests.support.hand_edits import CASES
from tests.support.rolls import assert_same, differ, random_actions, roll

ROBOTS = ("cheetah", "reacher", "ant")


def everything(robot):
    """Return a task set with every case of a robot in it, and a task with all of them in force."""
    cases = [case.declared for case in CASES.values() if case.robot == robot]
    task_set = declare(robot, *({**case, "name": f"p{i}"} for i, case in enumerate(cases)))
    return task_set, task_set.sample("train", 1)[0]


@pytest.mark.parametrize("robot", ROBOTS)
def test_after_every_kind_at_once_the_whole_model_is_restored(robot):
    task_set, task = everything(robot)
    batch = make_batch(task_set, 1, 1, "reference")
    untouched = model_bytes(batch.sim)
    batch.set_tasks(task)
    batch.reset(seed=0)
    assert model_bytes(batch.sim) != untouched
    batch.set_tasks(task_set.nominal)
    batch.reset(seed=0)
    assert model_bytes(batch.sim) == untouched


@pytest.mark.parametrize("robot", ROBOTS)
def test_after_every_kind_at_once_every_field_is_restored_in_the_batch(robot):
    task_set, task = everything(robot)
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks(task)
    batch.reset(seed=0)
    changed = all_fields(batch.sim)
    nominal = {name: np.asarray(model_field(batch.sim.model, name)) for name in changed}
    assert sum(not np.array_equal(changed[n][0], nominal[n]) for n in nominal) >= 8
    batch.set_tasks(task_set.nominal, mask=[True, False])
    batch.step(np.zeros(batch.action_space.shape))
    for name, values in all_fields(batch.sim).items():
        np.testing.assert_array_equal(values[0], nominal[name], err_msg=name)
        np.testing.assert_array_equal(values[1], changed[name][1], err_msg=name)


@pytest.mark.parametrize("robot", ROBOTS)
def test_backends_agree_with_every_kind_at_once(robot):
    task_set, task = everything(robot)
    actions = random_actions(task_set, STEPS, 2)
    tasks = [task, task_set.nominal]
    ours, theirs = (roll(task_set, tasks, actions, backend=b) for b in ("auto", "reference"))
    assert_same(ours, theirs)
    assert differ(ours.of([0]), ours.of([1]))


@pytest.mark.parametrize("name", list_environments())
def test_a_robot_that_could_be_perturbed_is_bit_for_bit_the_robot_as_loaded(name):
    """Locks that are off, and bodies that might carry something, change no number."""
    environment = find_environment(name)
    raw = environment.spec().compile()
    model = environment.model()
    datas = mujoco.MjData(raw), mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(60):
        command = rng.uniform(-1, 1, model.nu) * 0.5
        for m, data in zip((raw, model), datas, strict=True):
            data.ctrl[:] = command
            mujoco.mj_step(m, data)
        np.testing.assert_array_equal(datas[0].qpos, datas[1].qpos)


@every_case
def test_constants_are_recomputed_where_the_kind_says_so_and_nowhere_else(case, monkeypatch):
    task_set = declare(case.robot, case.declared)
    task = task_set.sample("train", 1)[0]
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    done = []
    monkeypatch.setattr(batch.sim, "set_const", lambda ids: done.append(ids.tolist()))
    for tasks in ([task, task_set.nominal], [task, task_set.nominal], [task, task]):
        batch.set_tasks(tasks)
        batch.reset(seed=0)
    assert done == ([[0], [1]] if case.stale else [])


def test_what_needs_no_constants_is_cheap_beside_what_does(monkeypatch):
    """A change of strength does not pay for the limbs that might be severed in other tasks."""
    weak = {"name": "weak", "kind": "weak-actuator", "targets": ["*"], "strength": constant(0.5)}
    gone = {"name": "gone", "kind": "severed-limb", "targets": ["bshin"], "group": "damage"}
    none = {"name": "none", "kind": "dead-actuator", "targets": ["bfoot"], "group": "damage"}
    task_set = declare("cheetah", weak, gone, none)
    drawn = task_set.sample("train", 8)
    tasks = [task for task in drawn if "gone.severed[bshin]" not in task.changes()]
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    monkeypatch.setattr(batch.sim, "set_const", lambda ids: pytest.fail("recomputed"))
    batch.set_tasks(tasks[0])
    batch.reset(seed=0)


MASS = {"name": "a", "kind": "mass", "targets": ["bfoot"], "scale": constant(2.0)}
LOAD = {"name": "b", "kind": "payload", "targets": ["bfoot"], "mass": constant(1.0),
        "position": [0.1, 0, 0.05]}  # fmt: skip
SHIFT = {"name": "c", "kind": "com-shift", "targets": ["bfoot"], "x": constant(0.05)}
SHORT = {"name": "d", "kind": "shortened-limb", "targets": ["bfoot"], "length": constant(0.6)}
HALF = {"name": "e", "kind": "shortened-limb", "targets": ["b*"], "length": constant(0.5)}
WEAK = {"name": "f", "kind": "motor-strength", "targets": ["*"], "scale": constant(0.5)}
STUCK = {"name": "g", "kind": "stuck-torque", "targets": ["bfoot"], "share": constant(0.5)}
LOCK = {"name": "h", "kind": "locked-joint", "targets": ["bfoot"]}
ROTOR = {"name": "i", "kind": "joint-armature", "targets": ["*foot"], "scale": constant(3.0)}
CUT = {"name": "j", "kind": "range-cut", "targets": ["bfoot"], "width": constant(0.4)}
LIGHT = {"name": "k", "kind": "gravity", "scale": constant(0.5)}
HILL = {"name": "l", "kind": "slope", "angle": constant(10.0)}
ICE = {"name": "m", "kind": "contact-friction", "targets": ["b*"], "against": ["floor"],
       "scale": constant(0.5)}  # fmt: skip
GONE = {"name": "n", "kind": "severed-limb", "targets": ["bfoot"]}
PAIRS = [
    (MASS, LOAD),
    (LOAD, SHIFT),
    (SHORT, LOAD),
    (SHORT, SHIFT),
    (SHORT, MASS),
    (SHORT, HALF),
    (WEAK, STUCK),
    (LOCK, ROTOR),
    (LOCK, CUT),
    (ICE, LIGHT),
    *((GONE, other) for other in (MASS, LOAD, SHIFT, SHORT, HALF, WEAK, STUCK, LOCK, ROTOR)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(p["kind"] for p in pair))
def test_the_order_of_the_file_does_not_matter(pair):
    """A payload is not denser because the body is, and nothing holds on to what is gone."""
    rolls = []
    for order in (pair, pair[::-1]):
        task_set = declare("cheetah", *order)
        actions = random_actions(task_set, STEPS, 1)
        rolls.append(roll(task_set, task_set.sample("train", 1), actions))
    for one, other in zip(*rolls, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_slope_turns_the_gravity_that_there_is():
    task_set = declare("cheetah", LIGHT, HILL)
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    angle = np.deg2rad(10)
    expected = 0.5 * 9.81 * np.array([-np.sin(angle), 0, -np.cos(angle)])
    np.testing.assert_allclose(batch.sim.field("gravity")[0], expected, rtol=1e-12, atol=1e-15)


def test_two_shortenings_multiply():
    lengths = []
    for declared in ((SHORT, HALF), (HALF | {"length": constant(0.3), "targets": ["bfoot"]},)):
        task_set = declare("cheetah", *declared)
        batch = make_batch(task_set, 1, 1)
        batch.set_tasks(task_set.sample("train", 1))
        batch.reset(seed=0)
        body = batch.sim.model.body("bfoot").id
        geom = batch.sim.model.geom("bfoot").id
        lengths.append((batch.sim.field("geom_size")[0, geom, 1],
                        batch.sim.field("body_mass")[0, body]))  # fmt: skip
    np.testing.assert_allclose(*lengths, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["cheetah", "ant", "quadruped", "reacher"]),
    scale=st.floats(0.01, 100),
    mass=st.floats(0, 1000),
    position=st.tuples(*[st.floats(-1, 1)] * 3),
    shift=st.floats(-10, 10),
    length=st.floats(0.1, 2),
    gone=st.booleans(),
)
def test_no_values_make_an_impossible_body(name, scale, mass, position, shift, length, gone):
    """Masses are positive, and the moments of inertia obey the triangle inequality."""
    model = find_environment(name).model()
    limb = limb_names(model)[0]
    declared = [
        {"name": "s", "kind": "mass", "targets": ["*"], "scale": constant(scale)},
        {"name": "p", "kind": "payload", "targets": [limb], "mass": constant(mass),
         "position": list(position)},
        {"name": "c", "kind": "com-shift", "targets": [limb], "y": constant(shift)},
        {"name": "l", "kind": "shortened-limb", "targets": [limb], "length": constant(length)},
    ]  # fmt: skip
    if gone:
        declared.append({"name": "g", "kind": "severed-limb", "targets": [limb]})
    task_set = declare(name, *declared)
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    moving = model.body_mass > 0
    inertia = np.sort(batch.sim.field("body_inertia")[0, moving])
    assert (batch.sim.field("body_mass")[0, moving] > 0).all()
    assert (inertia > 0).all()
    assert (inertia[:, 0] + inertia[:, 1] >= (1 - 1e-6) * inertia[:, 2]).all()
    assert np.isfinite(batch.sim.field("body_invweight0")).all()


def switches(model):
    """Return where the switches of equality constraints stand in an integration state."""
    switch, state = mujoco.mjtState.mjSTATE_EQ_ACTIVE, mujoco.mjtState.mjSTATE_INTEGRATION
    start = mujoco.mj_stateSize(model, int(state) & (int(switch) - 1))
    return slice(start, start + model.neq)


@both_backends
@every_case
def test_repair_within_an_episode_leaves_a_nominal_robot(case, backend):
    """From there on it moves as a robot does that was never perturbed, and not its neighbour."""
    task_set = declare(case.robot, case.declared)
    actions = random_actions(task_set, 10, 2)
    batch, healthy = (make_batch(task_set, 2, 1, backend) for _ in range(2))
    batch.set_tasks(task_set.sample("train", 1)[0])
    for some in (batch, healthy):
        some.reset(seed=0)
    for action in actions[:4]:
        batch.step(action)
    batch.set_tasks(task_set.nominal, mask=[True, False])
    states = batch.sim.states()
    states[0, switches(batch.sim.model)] = 0  # the locks are part of the state
    for some in (batch, healthy):
        some.sim.set_states(states, np.arange(2))
    for action in actions[4:]:
        batch.step(action)
        healthy.step(action)
        np.testing.assert_array_equal(batch.sim.data("qpos")[0], healthy.sim.data("qpos")[0])
    assert not np.array_equal(batch.sim.data("qpos")[1], healthy.sim.data("qpos")[1])
