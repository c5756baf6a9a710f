"""The public checker passes every shipped kind, and refuses kinds with a planted mistake."""

from typing import ClassVar, Literal

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, find_environment
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations import Parameter, Perturbation, perturbation_kinds
from fastadapt.envs.perturbations.actuator_fault import IntermittentActuator
from fastadapt.envs.perturbations.mass import Mass
from fastadapt.envs.perturbations.world import Push
from fastadapt.testing import check_perturbation
from tests.envs.perturbations.test_tendon_physics import SCENE, SPRUNG
from tests.support.any_kind import entries
from tests.support.declared import constant

ROBOT = "cheetah-velocity"
KINDS = perturbation_kinds(plugins=False)
DECLARED = {entry["kind"]: entry for entry in entries(ROBOT)}
DECLARED["push"] = {**DECLARED["push"], "y": None}  # the cheetah moves in a plane


SERVOS = "controller-gains"
"""The kind that the motors of the cheetah do not have: it is checked on the quadruped."""


TENDONS = ("tendon-friction", "tendon-tension")
"""Kinds that are checked on a model: no shipped robot has a tendon with a spring."""


def test_every_kind_is_checked_here():
    assert {*DECLARED, SERVOS, *TENDONS} == set(KINDS)


@pytest.mark.parametrize("kind", TENDONS)
def test_kinds_of_tendons_pass(kind):
    check_perturbation(KINDS[kind], mujoco.MjModel.from_xml_string(SCENE.format(SPRUNG)))


def test_gains_of_servos_pass():
    declared = next(entry for entry in entries("quadruped") if entry["kind"] == SERVOS)
    gains = declared | {"kd": {"law": "uniform", "low": 0.5, "high": 2.0}}
    check_perturbation(KINDS[SERVOS].model_validate(gains), "quadruped")


@pytest.mark.parametrize("kind", DECLARED)
def test_every_shipped_kind_passes(kind):
    check_perturbation(KINDS[kind].model_validate(DECLARED[kind]), ROBOT)


@pytest.mark.parametrize("kind", ["mass", "joint-armature", "weak-actuator", "locked-joint"])
def test_a_class_is_checked_on_all_of_its_possible_targets(kind):
    check_perturbation(KINDS[kind], find_environment("quadruped"))


def test_a_model_will_do_where_nothing_but_the_model_is_written():
    model = find_environment(ROBOT).model()
    check_perturbation(Mass, model)
    with pytest.raises(FastadaptError, match="check it on an environment"):
        check_perturbation(Push, model)


class BentLimb(Perturbation):
    """A limb bent by `angle` degrees about its y axis.

    Writes `body_quat`; unit: degrees in [-90, 90]. Derived constants go stale.
    """

    kind: Literal["bent-limb"]
    angle: Law

    target_type: ClassVar = "body"
    parameters: ClassVar = (Parameter("angle", "deg", 0.0, -90.0, 90.0),)
    fields: ClassVar = ("body_quat",)
    stale: ClassVar = frozenset({"body_quat"})

    def apply(self, edit, targets, values):
        half = np.deg2rad(values[..., 0]) / 2
        w, x, y, z = np.moveaxis(edit["body_quat"][:, targets], 2, 0)
        cos, sin = np.cos(half), np.sin(half)
        turned = w * cos - y * sin, x * cos - z * sin, w * sin + y * cos, x * sin + z * cos
        moved = (half != 0)[..., None]
        new = np.where(moved, np.stack(turned, axis=2), edit["body_quat"][:, targets])
        edit["body_quat"][:, targets] = new


BENT = {"name": "it", "kind": "bent-limb", "targets": ["bshin", "ffoot"],
        "angle": {"law": "uniform", "low": -40.0, "high": 30.0}}  # fmt: skip


def test_a_kind_from_outside_passes():
    check_perturbation(BentLimb.model_validate(BENT), ROBOT)


class StaleConstants(BentLimb):
    __doc__ = (BentLimb.__doc__ or "").replace("go stale", "stay valid")
    stale: ClassVar = frozenset()


class Undeclared(BentLimb):
    """Writes what it does not say. Unit: degrees. Derived constants stay valid."""

    fields: ClassVar = ()
    stale: ClassVar = frozenset()


class NominalMoves(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        super().apply(edit, targets, values + 1e-6)


class Compounds(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        if (values != 0).any():
            super().apply(edit, targets, values)
            edit["body_quat"][:] += 0.1 * (edit.sim.field("body_quat")[edit.ids] - [1, 0, 0, 0])


class Mixes(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        super().apply(edit, targets, np.where(values != 0, values.max(axis=0), values))


class Outside(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        super().apply(edit, targets, values)
        edit.sim.field("body_mass")[edit.ids[:, None], targets] *= 1 + (values[..., 0] != 0)


class SpoilsTheNominalModel(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        if (values != 0).any():
            edit.model.dof_damping[3] += 1e-3
        super().apply(edit, targets, values)


class Inert(BentLimb):
    __doc__ = BentLimb.__doc__

    def apply(self, edit, targets, values):
        pass


class UnseenByTheRobot(Perturbation):
    """A body of another colour. Writes `geom_rgba`. Unit: none. Derived constants stay valid."""

    kind: Literal["painted"]
    red: Law
    target_type: ClassVar = "geom"
    parameters: ClassVar = (Parameter("red", "-", 0.0, 0.0, 1.0),)
    fields: ClassVar = ("geom_rgba",)

    def apply(self, edit, targets, values):
        edit["geom_rgba"][:, targets, 0] += 0.1 * values[..., 0]


class UndocumentedField(BentLimb):
    """A bent limb. Unit: degrees. Derived constants go stale."""


class UnknownField(BentLimb):
    """Writes `body_quaternion`. Unit: degrees. Derived constants go stale."""

    fields: ClassVar = ("body_quaternion",)


class UnknownProbe(BentLimb):
    __doc__ = BentLimb.__doc__
    probe: ClassVar = "pushed"


class StaleIsYes(BentLimb):
    __doc__ = BentLimb.__doc__
    stale: ClassVar = True


class WithoutDefault(BentLimb):
    __doc__ = BentLimb.__doc__
    angle: Law | None = None


class NominalOutOfBounds(BentLimb):
    __doc__ = BentLimb.__doc__
    parameters: ClassVar = (Parameter("angle", "deg", 0.0, 10.0, 90.0),)


class WithoutKind(Perturbation):
    """Nothing. Unit: none. Derived constants stay valid."""

    target_type: ClassVar = "body"
    parameters: ClassVar = ()
    fields: ClassVar = ()

    def apply(self, edit, targets, values):
        pass


class WrongEntries(IntermittentActuator):
    __doc__ = IntermittentActuator.__doc__

    def entries_of(self, model, targets):
        entries = super().entries_of(model, targets)
        return {field: (positions, found[::-1]) for field, (positions, found) in entries.items()}


REFUSED = [
    (StaleConstants, BENT, "`body_invweight0`.*add `body_quat` to `stale`"),
    (Undeclared, BENT, "writes `body_quat`, which it does not declare"),
    (NominalMoves, BENT, "changes .*`body_quat`.* at its nominal values"),
    (Compounds, BENT, "never from current values"),
    (Mixes, BENT, "a robot alone than among others"),
    (Outside, BENT, "outside of the edit"),
    (SpoilsTheNominalModel, BENT, "writes to the nominal model"),
    (Inert, BENT, "changes nothing at any of the values tried"),
    (UnseenByTheRobot, {"name": "it", "kind": "painted", "targets": ["torso"],
                        "red": constant(1.0)}, "no effect on .* range of `red`"),
    (UndocumentedField, BENT, "does not state `body_quat`"),
    (UnknownField, BENT, "`body_quaternion` in `fields`, which MjModel"),
    (UnknownProbe, BENT, "There is no probe 'pushed'. Did you mean 'push'"),
    (StaleIsYes, BENT, "must be a frozenset"),
    (WithoutDefault, BENT, "parameter 'angle' has no `default`"),
    (NominalOutOfBounds, BENT, "outside of its bounds"),
    (WithoutKind, {"name": "it", "targets": ["torso"]}, "declares no `kind: Literal"),
    (WrongEntries, DECLARED["intermittent-actuator"], "`entries_of` does not give"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "content", "words"), REFUSED, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_planted_mistake_is_refused(cls, content, words):
    robot = "cheetah-velocity"
    if cls is SpoilsTheNominalModel:  # on a model of its own: the real one must survive this
        robot = find_environment(robot).spec().compile()
    with pytest.raises(FastadaptError, match=words):
        check_perturbation(cls.model_validate(content), robot)


def test_values_beyond_the_bounds_are_refused():
    beyond = BentLimb.model_validate({**BENT, "angle": constant(120.0)})
    with pytest.raises(FastadaptError, match="angle from 120 to 120 is not possible"):
        check_perturbation(beyond, ROBOT)


def test_a_class_that_needs_more_keys_asks_for_an_instance():
    with pytest.raises(FastadaptError, match=r"because of 'against'\. Check an instance"):
        check_perturbation(KINDS["contact-friction"], ROBOT)


def test_what_is_no_perturbation_is_refused():
    with pytest.raises(FastadaptError, match="Derive it from"):
        check_perturbation(dict, ROBOT)
