"""Damage is shown and named whether it is one of alternatives or not."""

import pytest

from fastadapt.adaptation.report.replays.recording import damaged_bodies
from fastadapt.envs.perturbations import perturbation_kinds
from tests.support.declared import constant, declare

WEAK = {"name": "weak", "kind": "weak-actuator", "strength": constant(0.3)}
MASS = {"name": "mass", "kind": "mass", "targets": ["torso"], "scale": constant(2.0)}


def bodies(task_set):
    """Return the names of the bodies drawn in red on a task of a set."""
    task = task_set.sample("train", 1)[0]
    model = task_set.environment.model()
    return [model.body(i).name for i in damaged_bodies(task_set, task)]


@pytest.mark.parametrize(
    "damage",
    [
        WEAK | {"targets": ["bshin"]},
        {"name": "it", "kind": "locked-joint", "targets": ["bshin"]},
        {"name": "it", "kind": "range-cut", "targets": ["bshin"], "width": constant(0.3)},
        {"name": "it", "kind": "dead-actuator", "targets": ["bshin"]},
    ],
    ids=lambda declared: declared["kind"],
)
def test_damage_outside_of_a_group_is_red(damage):
    assert bodies(declare("cheetah", damage, MASS)) == ["bshin"]


def test_damage_that_several_parts_share_is_red_on_all_of_them():
    weak = WEAK | {"targets": ["bshin", "fshin"], "shared": True}
    assert bodies(declare("cheetah", weak)) == ["bshin", "fshin"]


def test_variation_is_not_red():
    assert bodies(declare("cheetah", MASS)) == []


def test_every_fault_is_damage_and_no_variation_is():
    found = {kind for kind, cls in perturbation_kinds(plugins=False).items() if cls.damage}
    assert found == {
        *("weak-actuator", "dead-actuator", "stuck-torque", "intermittent-actuator"),
        *("locked-joint", "range-cut", "severed-limb", "shortened-limb"),
        *("sensor-offset", "sensor-drift", "sensor-noise", "sensor-stuck", "sensor-dropped"),
    }
