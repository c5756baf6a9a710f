"""Every kind of perturbation: the same as an edit by hand, undone without a trace."""

import copy
import dataclasses

import mujoco
import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.perturbations import perturbation_kinds
from fastadapt.envs.simulation.interface import model_field
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare, with_values
from tests.support.hand_edits import CASES
from tests.support.rolls import assert_same, differ, random_actions, roll, roll_by_hand

STEPS = 18
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
both_backends = pytest.mark.parametrize("backend", BACKENDS)


def declared(case):
    task_set = declare(case.robot, case.declared)
    return task_set, task_set.sample("train", 1)[0]


def by_hand(task_set, edit, stale, actions, seed):
    """Return the trajectory of a hand-edited model, from where nominal robots start."""
    start = make_batch(task_set, 1)
    start.reset(seed=seed)
    model = copy.copy(task_set.environment.model())
    data = mujoco.MjData(model)
    for name in ("qpos", "qvel", "mocap_pos"):
        getattr(data, name)[...] = start.sim.data(name)[0] if getattr(data, name).size else 0
    edit(model, data)
    if stale:
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return roll_by_hand(task_set.environment, model, data, actions)


def test_every_kind_has_a_case():
    """What is no edit of a model is in `test_signals`; these robots have motors without gains.

    Tendons are in `test_tendon_physics`, gears in `test_backlash_physics`.
    """
    kinds = perturbation_kinds(plugins=False).items()
    physical = {name for name, cls in kinds if not (cls.signals or cls.intermittent)}
    elsewhere = {"controller-gains", "tendon-friction", "tendon-tension"}
    assert {case.declared["kind"] for case in CASES.values()} == physical - elsewhere


@every_case
@both_backends
def test_trajectory_is_that_of_a_model_edited_by_hand(case, backend):
    task_set, task = declared(case)
    actions = random_actions(task_set, STEPS, 1)
    ours = roll(task_set, task, actions, seed=4, backend=backend)
    qpos, qvel = by_hand(task_set, case.by_hand, case.stale, actions[:, 0], 4)
    np.testing.assert_array_equal(ours.qpos[:, 0], qpos)
    np.testing.assert_array_equal(ours.qvel[:, 0], qvel)


@every_case
def test_the_perturbation_changes_the_trajectory(case):
    task_set, task = declared(case)
    actions = random_actions(task_set, STEPS, 1)
    ours, nominal = (roll(task_set, t, actions, seed=4) for t in (task, task_set.nominal))
    assert differ(ours, nominal)


@every_case
def test_docstring_says_what_is_written(case):
    cls = perturbation_kinds()[case.declared["kind"]]
    text = " ".join((cls.__doc__ or "").split())
    for field in cls.fields:
        assert f"`{field}`" in text
    assert ("go stale" in text) == bool(cls.stale)
    assert ("stay valid" in text) != bool(cls.stale)


def model_bytes(sim, i=0):
    """Return one robot's whole model (reference backend)."""
    model = sim._models[i]
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def all_fields(sim):
    """Return every array field of every robot's model, by name (either backend)."""
    names = [n for n in dir(sim.model) if n.split("_")[0] in MODEL_FIELDS and not n.endswith("adr")]
    arrays = {n: getattr(sim.model, n) for n in names}
    numeric = [n for n, a in arrays.items() if isinstance(a, np.ndarray) and a.dtype.kind in "fiub"]
    found = {n: sim.field(n).copy() for n in numeric if arrays[n].size}
    return found | {n: sim.field(n).copy() for n in ("gravity", "disableflags")}


MODEL_FIELDS = {"body", "dof", "jnt", "geom", "actuator", "eq", "qpos0", "site", "pair"}


@every_case
@both_backends
def test_a_b_a_is_a_bit_for_bit(case, backend):
    task_set, a = declared(case)
    b = halfway_to_nominal(a)
    batch = make_batch(task_set, 1, 1, backend)
    batch.set_tasks(a)
    batch.reset(seed=0)
    once = all_fields(batch.sim)
    for task in (b, a):
        batch.set_tasks(task)
        batch.reset(seed=0)
    again = all_fields(batch.sim)
    for name, values in once.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


def halfway_to_nominal(task):
    pairs = zip(task.values, task.nominal, strict=True)
    return dataclasses.replace(task, values=tuple((v + n) / 2 for v, n in pairs))


@both_backends
def test_after_all_kinds_at_once_the_nominal_task_restores_every_field(task_set, backend):
    batch = make_batch(task_set, 4, 1, backend)
    model = batch.sim.model
    nominal = {name: np.asarray(model_field(model, name)) for name in all_fields(batch.sim)}
    batch.set_tasks(task_set.sample("test_compound", 4))
    batch.reset(seed=0)
    changed = all_fields(batch.sim)
    assert sum(not np.array_equal(changed[n][0], nominal[n]) for n in nominal) >= 3
    batch.set_tasks(task_set.nominal)
    batch.reset(seed=0)
    for name, values in all_fields(batch.sim).items():
        assert all(np.array_equal(row, nominal[name]) for row in values), name


def test_after_all_kinds_at_once_the_whole_model_is_restored(task_set):
    batch = make_batch(task_set, 1, 1, "reference")
    untouched = model_bytes(batch.sim)
    batch.set_tasks(task_set.sample("test_compound", 1))
    batch.reset(seed=0)
    assert model_bytes(batch.sim) != untouched
    batch.set_tasks(task_set.nominal)
    batch.reset(seed=0)
    assert model_bytes(batch.sim) == untouched


@every_case
def test_identity_values_change_nothing(case):
    """The trajectory is that of the model as compiled, which no code of ours has touched."""
    task_set, _ = declared(case)
    actions = random_actions(task_set, STEPS, 1)
    ours = roll(task_set, task_set.nominal, actions, seed=4)
    qpos, qvel = by_hand(task_set, lambda model, data: None, False, actions[:, 0], 4)
    np.testing.assert_array_equal(ours.qpos[:, 0], qpos)
    np.testing.assert_array_equal(ours.qvel[:, 0], qvel)


@pytest.mark.parametrize("name", ["cheetah-damage", "reacher-damage"])
def test_repair_within_an_episode(name):
    """After it, the robot is a nominal one in the same state."""
    task_set = load_task_set(name)
    actions = random_actions(task_set, 20, 2)
    batch, healthy = make_batch(task_set, 2), make_batch(task_set, 2)
    batch.set_tasks(task_set.sample("test_compound", 2))
    batch.reset(seed=0)
    healthy.reset(seed=0)
    for action in actions[:10]:
        batch.step(action)
    batch.set_tasks(task_set.nominal, mask=[True, False])
    states = batch.sim.states()
    for recorder in (batch, healthy):
        recorder.sim.set_states(states, np.arange(2))
        recorder.sim.data("eq_active")[0] = 0
    for action in actions[10:]:
        repaired, *_ = batch.step(action)
        expected, *_ = healthy.step(action)
        np.testing.assert_array_equal(repaired[0], expected[0])
        assert not np.array_equal(repaired[1], expected[1])


def test_several_perturbations_compose_in_any_order(cheetah):
    mass = {"name": "a", "kind": "mass", "targets": ["torso"], "scale": constant(2.0)}
    weak = {"name": "b", "kind": "weak-actuator", "targets": ["*"], "strength": constant(0.5)}
    actions = random_actions(cheetah, 5, 1)
    rolls = []
    for order in ((mass, weak), (weak, mass)):
        task_set = declare("cheetah", *order)
        rolls.append(roll(task_set, task_set.sample("train", 1), actions))
    assert_same(*rolls)
    task_set = declare("cheetah", mass)
    assert differ(rolls[0], roll(task_set, with_values(task_set, a__scale__torso=2.0), actions))


def test_constants_are_recomputed_where_masses_change_and_only_there(cheetah, monkeypatch):
    """`mj_setConst` costs as much as a control step, and most resets keep the task."""
    batch = make_batch(cheetah, 3, 1)
    done = []
    monkeypatch.setattr(batch.sim, "set_const", lambda ids: done.append(ids.tolist()))
    heavy = with_values(cheetah, torso_mass__scale__torso=2.0)
    slippery = with_values(cheetah, torso_mass__scale__torso=2.0, ground_friction__scale=0.5)
    batch.reset(seed=0)
    assert done == []
    for tasks, expected in [
        ([heavy, cheetah.nominal, heavy], [[0, 2]]),
        ([heavy, cheetah.nominal, slippery], []),
        ([heavy, heavy, cheetah.nominal], [[1, 2]]),
    ]:
        done.clear()
        batch.set_tasks(tasks)
        batch.reset()
        batch.reset()
        assert done == expected
