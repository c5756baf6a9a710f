"""Mistakes in the physics of damage, planted on purpose: the test meant for each must notice."""

import numpy as np
import pytest

from fastadapt.envs import load_task_set
from fastadapt.envs.perturbations import Edit, joint_damage, limb
from fastadapt.envs.perturbations.actuator_fault import StuckTorque
from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.perturbations.joint_damage import RangeCut
from fastadapt.envs.perturbations.limb import SeveredLimb
from fastadapt.envs.perturbations.mass import ComShift, Payload
from fastadapt.envs.perturbations.world import Slope
from tests.envs.perturbations import (
    test_composition,
    test_friction_physics,
    test_gravity_physics,
    test_inertia_physics,
    test_lock_physics,
    test_perturbations,
    test_range_physics,
    test_severed_physics,
    test_short_limb_physics,
    test_stuck_torque_physics,
)
from tests.support.hand_edits import CASES
from tests.support.planted import Mistakes

CHEETAH = load_task_set("cheetah-damage")
MISTAKES = Mistakes()
noticed_by = MISTAKES.noticed_by


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_noticed(name, monkeypatch):
    MISTAKES.assert_noticed(name, monkeypatch)


@noticed_by(
    lambda: test_friction_physics.test_two_contact_frictions_that_share_the_floor_are_both_as_asked(
        0.3, 2.5, False, {}
    )
)
def the_shared_floor_is_scaled_twice(patch):
    def apply(self, edit, targets, values):
        others = np.flatnonzero(self.named(edit.model)[targets].any(axis=0))
        edit["geom_friction"][:, targets, 0] *= values[..., 0]
        edit["geom_friction"][:, others, 0] *= values[:, :1, 0]

    patch.setattr(ContactFriction, "apply", apply)


@noticed_by(lambda: test_friction_physics.test_an_explicit_pair_has_its_own_friction(5.0))
def explicit_pairs_are_forgotten(patch):
    apply = ContactFriction.apply

    def of_geoms(self, edit, targets, values):
        apply(self, edit, targets, values)
        edit["pair_friction"][:] = edit.model.pair_friction

    patch.setattr(ContactFriction, "apply", of_geoms)


@noticed_by(
    lambda: test_inertia_physics.test_no_contact_is_missed_where_the_inertial_frame_moves(
        "com-shift", (0, 0, 0.6), (0, 0, 0), {}
    )
)
def bounding_boxes_stay_behind(patch):
    patch.setattr(Edit, "move_inertial_frame", lambda self, moved: None)


def moves_as_compiled():
    test = test_short_limb_physics
    test.test_it_moves_as_a_compiled_model_does_and_touches_what_that_touches((0.5, "thigh"))


@noticed_by(moves_as_compiled)
def bounding_boxes_stay_long(patch):
    patch.setattr(Edit, "move_inertial_frame", lambda self, moved: None)


def fields_as_compiled():
    shape = {"anchor": np.zeros(3)}
    test_short_limb_physics.test_every_field_is_that_of_a_compiled_model((0.7, "shin"), shape)


@noticed_by(fields_as_compiled)
def a_short_limb_is_as_heavy_as_a_long_one(patch):
    def nominal(model, body, fixed, factor):
        rows = np.zeros(len(factor), np.intp)
        names = ("body_mass", "body_ipos", "body_inertia", "body_iquat")
        return tuple(np.asarray(getattr(model, name)[body])[None][rows] for name in names)

    patch.setattr(limb, "shortened_inertia", nominal)


@noticed_by(fields_as_compiled)
def a_short_limb_with_the_bounds_of_a_long_one(patch):
    patch.setattr(limb, "bounding_radius", lambda kind, size: np.full(len(size), size.max() * 3))


@noticed_by(lambda: test_lock_physics.test_a_lock_stays_where_it_locked_whatever_else_begins_later(
    CHEETAH, "auto"
))  # fmt: skip
def a_lock_that_creeps(patch):
    patch.setattr(joint_damage, "_here", lambda edit, equalities, address: edit.qpos[:, address])


@noticed_by(
    lambda: test_range_physics.test_robots_start_within_what_is_left_and_stay_there(
        "cheetah", 0.1, 1.0
    )
)
def a_start_outside_of_the_range(patch):
    patch.setattr(RangeCut, "pose", lambda self, sim, ids, targets: None)


@noticed_by(
    lambda: test_gravity_physics.test_a_block_slips_on_ground_steeper_than_its_angle_of_friction(
        "x", 0
    )
)
def downhill_for_uphill(patch):
    apply = Slope.apply
    patch.setattr(
        Slope, "apply", lambda self, edit, targets, values: apply(self, edit, targets, -values)
    )


@noticed_by(
    lambda: test_perturbations.test_trajectory_is_that_of_a_model_edited_by_hand(
        CASES["centre of mass of the torso"], "auto"
    )
)
def a_shift_without_new_constants(patch):
    patch.setattr(ComShift, "stale", frozenset())


@noticed_by(
    lambda: test_composition.test_the_order_of_the_file_does_not_matter(
        (test_composition.MASS, test_composition.LOAD)
    )
)
def a_payload_as_dense_as_its_body(patch):
    patch.setattr(Payload, "stage", 1)


@noticed_by(
    lambda: test_stuck_torque_physics.test_the_force_is_the_same_in_every_state(
        *test_stuck_torque_physics.STATES[0], 0.6
    )
)
def a_stuck_command_in_place_of_a_stuck_torque(patch):
    def apply(self, edit, targets, values):
        edit["actuator_gainprm"][:, targets, 0] = 0.0
        edit["actuator_biasprm"][:, targets, 0] = values[..., 1]

    patch.setattr(StuckTorque, "apply", apply)


@noticed_by(
    lambda: test_composition.test_what_needs_no_constants_is_cheap_beside_what_does(
        pytest.MonkeyPatch()
    )
)
def constants_for_what_needs_none(patch):
    patch.setattr(SeveredLimb, "stale", SeveredLimb.stale | {"actuator_gainprm"})


def left_over(*fields):
    """Return a limb that was severed but for some fields."""
    sever = limb._sever

    def incomplete(edit, rows, parts):
        kept = {field: edit[field].copy() for field in fields}
        sever(edit, rows, parts)
        for field, values in kept.items():
            edit[field][:] = values

    return lambda patch: patch.setattr(limb, "_sever", incomplete)


def the_rest_moves_alone(density=0.0):
    test = test_severed_physics
    test.test_the_rest_moves_as_a_robot_compiled_without_the_limb("implicitfast", density)


LEFT_OVERS = {
    ("body_mass",): test_severed_physics.test_the_mass_is_that_of_the_rest,
    ("body_inertia",): lambda: the_rest_moves_alone(1000.0),
    ("geom_contype", "body_contype", "geom_conaffinity", "body_conaffinity"): the_rest_moves_alone,
    ("body_contype",): test_severed_physics.test_the_union_of_contact_types_holds_for_every_body,
    ("geom_rgba",): test_severed_physics.test_it_is_not_seen,
    ("pair_margin",): test_severed_physics.test_explicit_pairs_are_off_too,
    ("actuator_forcelimited",): the_rest_moves_alone,
    ("dof_armature", "dof_damping"): the_rest_moves_alone,
    (
        "dof_damping",
    ): test_severed_physics.test_severed_at_speed_it_comes_to_rest_and_the_rest_goes_on,
}


@pytest.mark.parametrize("fields", LEFT_OVERS, ids="-".join)
def test_what_is_left_of_a_limb_is_noticed(fields, monkeypatch):
    LEFT_OVERS[fields]()
    left_over(*fields)(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        LEFT_OVERS[fields]()
