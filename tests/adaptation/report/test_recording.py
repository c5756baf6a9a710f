"""Damage is shown and named whether it is one of alternatives or not."""

import pytest

from fastadapt.adaptation.report.replays.recording import (
    damaged_bodies,
    marks_of,
    named_changes,
)
from fastadapt.envs.perturbations import perturbation_kinds
from tests.support.any_kind import entries
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
        *("locked-joint", "range-cut", "severed-limb", "shortened-limb", "backlash"),
        *("sensor-offset", "sensor-drift", "sensor-noise", "sensor-stuck", "sensor-dropped"),
    }


UNSEEN = {  # of no place or shape: the label alone names them
    *("mass", "motor-strength", "controller-gains", "action-delay", "goal"),
    *("joint-friction", "joint-damping", "joint-armature"),
    *("tendon-friction", "tendon-tension"),
    *("sensor-offset", "sensor-drift", "sensor-noise", "sensor-stuck", "sensor-dropped"),
}


@pytest.mark.parametrize("robot", ["quadruped", "arm-push", "cheetah-velocity"])
def test_every_kind_is_named_and_what_has_a_place_is_drawn(robot):
    for entry in entries(robot):
        task_set = declare(robot, entry)
        task = task_set.sample("train", 1)[0]
        (line,) = named_changes(task_set, task)
        assert line.startswith(entry["name"].replace("_", " "))
        drawn = bool(damaged_bodies(task_set, task) or marks_of(task_set, task))
        assert drawn == (entry["kind"] not in UNSEEN)
        assert named_changes(task_set, task_set.nominal) == ()
        assert marks_of(task_set, task_set.nominal) == ()


def test_the_words_and_marks_of_a_task():
    load = {"name": "load", "kind": "payload", "targets": ["torso"], "mass": constant(2.5)}
    load |= {"position": [0.1, 0.0, 0.2], "radius": 0.08}
    ground = {"name": "slick_ground", "kind": "contact-friction", "targets": ["*foot"]}
    ground |= {"against": ["floor"], "scale": constant(0.25)}
    lock = {"name": "stuck", "kind": "locked-joint", "targets": ["bthigh"]}
    shove = {"name": "shove", "kind": "push", "targets": ["bshin"], "x": constant(-30.0)}
    task_set = declare("cheetah", load, ground, lock, WEAK | {"targets": ["b*"]})
    task = task_set.sample("train", 1)[0]
    assert named_changes(task_set, task) == (
        "load 2.5 kg (torso)",
        "slick ground × 0.25 (bfoot, ffoot)",
        "stuck (bthigh)",
        "weak strength 0.3 (bthigh, bshin, bfoot)",
    )
    ball, floor = marks_of(task_set, task)
    assert (ball.shape, ball.position, ball.radius) == ("ball", (0.1, 0.0, 0.2), 0.08)
    assert (floor.shape, floor.amount) == ("ground", 0.25)
    pushed = declare("cheetah", shove)
    (arrow,) = marks_of(pushed, pushed.sample("train", 1)[0])
    assert arrow.direction[0] < 0 == arrow.direction[1] == arrow.direction[2]
    assert pushed.environment.model().body(arrow.body).name == "bshin"
