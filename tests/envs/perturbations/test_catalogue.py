"""Kinds of perturbations from outside are found, parsed and applied as the shipped ones."""

import re
from typing import ClassVar, Literal

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations import PERTURBATIONS, Parameter, Perturbation, perturbation_kinds
from fastadapt.envs.perturbations.catalogue import find_kind
from fastadapt.envs.perturbations.joint import dofs_of
from fastadapt.envs.perturbations.mass import Mass
from fastadapt.envs.tasks.schema import parse_task_file
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.testing import check_perturbation
from tests.envs.sanity.test_check_perturbation import BENT, BentLimb
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare

FILE = """
name = "mine"
version = 0
environment = "cheetah"

[[perturbations]]
name = "bent"
kind = "bent-limb"
targets = ["bshin"]
angle = { law = "constant", value = 20.0 }

[splits.train]
count = 2
"""
TARGET = "tests.envs.sanity.test_check_perturbation:BentLimb"


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Give the registry back as it was."""
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))
    monkeypatch.setattr(PERTURBATIONS, "_sources", dict(PERTURBATIONS._sources))


def test_a_registered_kind_is_parsed_whenever_it_was_registered():
    with pytest.raises(FastadaptError, match="There is no kind 'bent-limb'"):
        parse_task_file(FILE, "mine.toml")
    PERTURBATIONS.register("bent-limb", BentLimb)
    assert isinstance(parse_task_file(FILE, "mine.toml").perturbations[0], BentLimb)
    assert list(perturbation_kinds())[-1] == "bent-limb"
    assert "bent-limb" not in perturbation_kinds(plugins=False)


def test_a_kind_is_also_found_by_module_and_class():
    PERTURBATIONS.register("bent-limb", TARGET)
    by_name = parse_task_file(FILE, "mine.toml")
    by_target = parse_task_file(FILE.replace("bent-limb", TARGET), "mine.toml")
    assert by_target == by_name
    assert by_target.model_dump(mode="json") == by_name.model_dump(mode="json")


class Entry:
    """An entry point, as an installed package declares it."""

    name, value, dist = "bent-limb", TARGET, None


def test_an_installed_package_adds_a_kind(monkeypatch):
    monkeypatch.setattr(PERTURBATIONS, "_plugins_read", False)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Entry])
    task_set = TaskSet(parse_task_file(FILE, "mine.toml"), FILE, None)
    assert task_set.names == ("bent.angle[bshin]",)
    assert list(perturbation_kinds(plugins=False)) == list(perturbation_kinds())[:-1]


def test_an_error_in_a_kind_from_outside_names_the_place_and_the_nearest_key():
    PERTURBATIONS.register("bent-limb", BentLimb)
    with pytest.raises(FastadaptError, match="perturbation 'bent': There is no key 'angel'"):
        parse_task_file(FILE.replace("angle", "angel"), "mine.toml")
    with pytest.raises(FastadaptError, match=re.escape("bent': angle from 99 to 99 is not possi")):
        parse_task_file(FILE.replace("20.0", "99.0"), "mine.toml")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_field_that_no_shipped_kind_writes_gets_fresh_constants(backend):
    """`body_quat` makes constants stale: its kind says so, and nothing else has to know it."""
    PERTURBATIONS.register("bent-limb", BentLimb)
    task_set = declare("cheetah", BENT)
    batch = make_batch(task_set, 2, 1, backend)
    task = task_set.sample("train", 1)[0]
    batch.set_tasks([task, task_set.nominal])
    batch.reset(seed=0)
    model = task_set.environment.model().__copy__()
    angles = dict(zip(task_set.names, task.values, strict=True))
    for name, angle in angles.items():
        body, half = model.body(name.split("[")[1][:-1]), np.deg2rad(angle) / 2
        turn = np.array([np.cos(half), 0, np.sin(half), 0])
        found = np.zeros(4)
        mujoco.mju_mulQuat(found, body.quat, turn)
        body.quat[:] = found
    mujoco.mj_setConst(model, mujoco.MjData(model))
    for field in ("body_quat", "body_invweight0", "dof_M0", "dof_invweight0", "actuator_acc0"):
        ours = batch.sim.field(field)
        np.testing.assert_allclose(ours[0], getattr(model, field), rtol=1e-9, err_msg=field)
        np.testing.assert_array_equal(ours[1], getattr(batch.sim.model, field), err_msg=field)
    nominal = task_set.environment.model()
    assert not np.allclose(batch.sim.field("dof_M0")[0], nominal.dof_M0, rtol=1e-3)


class JointBias(Perturbation):
    """A joint with a spring that pulls with a constant `torque`.

    Writes the signal `qfrc_applied`; unit: N m, in [-100, 100]. Derived constants stay valid.
    """

    kind: Literal["joint-bias"]
    torque: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("torque", "N m", 0.0, -100.0, 100.0),)
    fields: ClassVar = ()
    signals: ClassVar = ("qfrc_applied",)

    def apply(self, edit, targets, values):
        dofs, joints = dofs_of(edit.model, targets)
        edit.signal("qfrc_applied")[:, dofs] += values[:, joints, 0]


BIAS = {"name": "it", "kind": "joint-bias", "targets": ["joint2"], "torque": constant(0.7)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_kind_from_outside_applies_forces_to_joints(backend):
    some = JointBias.model_validate(BIAS)
    check_perturbation(some, "reacher")
    task_set = declare("reacher", some)
    batch = make_batch(task_set, 2, 1, backend)
    batch.set_tasks([task_set.sample("train", 1)[0], task_set.nominal])
    batch.reset(seed=[3, 3])
    model = task_set.environment.model()
    data = mujoco.MjData(model)
    for name in ("qpos", "qvel", "mocap_pos"):
        getattr(data, name)[...] = batch.sim.data(name)[0]
    data.qfrc_applied[model.joint("joint2").dofadr[0]] = 0.7
    mujoco.mj_forward(model, data)
    for _ in range(5):
        batch.step(np.zeros(batch.action_space.shape))
        mujoco.mj_step(model, data, nstep=task_set.environment.physics_steps)
        if task_set.environment.needs_forward:
            mujoco.mj_forward(model, data)
    np.testing.assert_array_equal(batch.sim.data("qpos")[0], data.qpos)
    assert not np.array_equal(batch.sim.data("qpos")[0], batch.sim.data("qpos")[1])


def test_a_taken_name_is_refused():
    with pytest.raises(FastadaptError, match="adds the kind 'mass', which fastadapt has already"):
        PERTURBATIONS.register("mass", BentLimb)


@pytest.mark.parametrize(
    ("target", "words"),
    [(Mass, "declares the kind 'mass'. Use one name for both"), (dict, "does not derive from")],
)
def test_what_is_registered_must_be_a_perturbation_of_that_name(target, words):
    PERTURBATIONS.register("other", target)
    with pytest.raises(FastadaptError, match=words):
        find_kind("other")


class Sagging(Perturbation):
    """A constant torque on joints."""

    kind: str = "sagging"


def test_a_class_without_a_literal_kind_is_refused():
    PERTURBATIONS.register("sagging", Sagging)
    with pytest.raises(FastadaptError, match="declares no `kind: Literal"):
        find_kind("sagging")


def test_the_words_for_targets():
    words = {cls.target_type: cls.target_words() for cls in perturbation_kinds().values()}
    assert words["body"] == "bodies"
    assert words["actuator"] == "actuators"


def test_parameters_of_shipped_kinds_are_within_their_bounds():
    for cls in perturbation_kinds().values():
        for parameter in cls.parameters:
            assert isinstance(parameter, Parameter)
            assert parameter.low <= parameter.nominal <= parameter.high
