"""Mistakes that other suites have made, and what here would notice each of them.

The numbers are those of our survey of the field. "Planted" means that the mistake is made on
purpose and the test meant for it has to fail; the others are about how results are made and read,
where a test of the right behaviour is all there can be.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ENVS, SIGNALS = "mutations/test_physics_mistakes.py", "mutations/test_signal_mistakes.py"
PROTOCOL, AGENTS = "mutations/test_protocol_mistakes.py", "mutations/test_agent_mistakes.py"

PLANTED = {
    "M1 mass without inertia": [(ENVS, "m1_mass_without_inertia")],
    "M2 no mj_setConst, or on live data": [
        (ENVS, "m2_no_set_const"),
        (ENVS, "m2_set_const_on_live_data"),
    ],
    "M3 friction of one side, or of all columns": [
        (ENVS, "m3_friction_of_one_side_alone"),
        (ENVS, "m3_all_columns_of_friction"),
    ],
    "M4 compounding edits, an aliased baseline": [
        (ENVS, "m4_compounding"),
        (ENVS, "m4_aliasing_the_baseline"),
        (SIGNALS, "m4_signals_that_compound"),
    ],
    "M5 the previous task survives": [
        (ENVS, "m5_the_previous_task_survives"),
        (SIGNALS, "m5_commands_of_the_last_episode"),
        (SIGNALS, "m5_the_landing_of_the_last_episode"),
    ],
    "M6 forces and locks lost at a reset": [
        (ENVS, "m6_locks_lost_at_reset"),
        (ENVS, "m6_locks_that_leak"),
        (SIGNALS, "m6_forces_lost_at_reset"),
    ],
    "M7 impossible inertia": [(ENVS, "m7_payload_without_the_parallel_axis_theorem")],
    "M8 a perturbation without effect": [
        (ENVS, "inert"),  # every kind in turn
        (ENVS, "m8_inert_strength_of_a_shipped_set"),
        (PROTOCOL, "m8_an_edit_that_reaches_no_model"),
    ],
    "M9 a global generator, draws that depend on the batch": [
        (ENVS, "m9_reset_draws_from_one_stream"),
        (ENVS, "m9_tasks_that_depend_on_how_many_are_drawn"),
        (SIGNALS, "m9_faults_from_one_stream"),
    ],
    "M10 test tasks drawn anew": [(ENVS, "m10_test_tasks_drawn_anew")],
    "M11 the task leaks": [
        (ENVS, "m11_the_task_in_info"),
        (ENVS, "m11_the_task_in_the_observation"),
        (SIGNALS, "m11_the_onset_in_info"),
    ],
    "M12 masked and commanded actions mixed up": [
        (ENVS, "m12_the_masked_action_in_the_cost"),
        (SIGNALS, "m12_the_delivered_action_in_the_cost"),
        (SIGNALS, "m12_a_reading_that_gets_into_the_state"),
    ],
    "M13 truncation as termination, episodes as trials": [
        (ENVS, "m13_the_time_limit_as_termination"),
        (AGENTS, "test_a_time_limit_taken_for_a_failure_is_caught"),
        (AGENTS, "test_memory_reset_at_every_episode_is_caught_in_acting"),
        (AGENTS, "test_memory_reset_at_every_episode_is_caught_in_training"),
    ],
    "M15 a horizon too short in seconds": [(PROTOCOL, "m15_a_horizon_of_a_second")],
    "M16 validity bounds as the distribution": [(PROTOCOL, "m16_bounds_as_the_distribution")],
    "M17 the upper end is missed": [(ENVS, "m17_the_upper_end_is_missed")],
    "M19 tests that were trained on": [(PROTOCOL, "m19_test_tasks_that_were_trained_on")],
    "M21 normalisers that learn at test time": [
        (AGENTS, "test_normalisers_that_learn_while_measuring_are_caught")
    ],
    "M22 by position in place of by name": [(ENVS, "m22_by_position_in_place_of_by_name")],
    "M23 everything built eagerly": [(PROTOCOL, "m23_robots_built_when_they_are_registered")],
    "M24 robots edited through files": [(ENVS, "m24_robots_edited_through_files")],
    "M25 a blow-up in silence": [(ENVS, "m25_a_blow_up_in_silence")],
    "M26 a mass of zero": [(ENVS, "m26_a_mass_of_zero")],
    "M27 a weak motor on a servo": [
        (ENVS, "m27_a_weak_servo_with_another_set_point"),
        (SIGNALS, "m27_no_command_in_place_of_no_power"),
    ],
}

TESTED = {
    # A choice of what to show: the columns are there, and what they mean is computed by hand.
    "M14 returns that falling dominates": [
        ("adaptation/statistics/test_metrics.py", "test_survival_and_transport"),
        ("adaptation/evaluation/test_results.py", "test_summary_by_hand"),
    ],
    # No loop that stops at the first N exists: every task has its trial, in whatever order.
    "M18 the first N that finish": [
        ("adaptation/trials/test_trial.py", "test_tasks_differ_and_their_order_does_not_matter")
    ],
    # A property of how a comparison is set up: unequal budgets are refused.
    "M20 unequal budgets of adaptation": [
        ("adaptation/trials/test_trial.py", "test_a_trial_is_measure_shot_shot_measure"),
        ("adaptation/runs/test_external_runs.py", "test_budgets_that_differ_are_refused"),
    ],
    # A choice of what to show.
    "M28 a mean that hides the tail": [
        ("adaptation/statistics/test_metrics.py", "test_cvar_is_the_mean_of_the_worst")
    ],
    "M29 numbers without a reference": [
        ("adaptation/references/test_references.py", "test_scores_are_normalised_on_the_same_tasks")
    ],
    "M30 no curve, no rate of negative adaptation": [
        ("adaptation/statistics/test_metrics.py", "test_area_jump_start_asymptote"),
        ("adaptation/statistics/test_metrics.py", "test_regret_and_negative_adaptation"),
    ],
}


def functions(path):
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_known_mistake_is_listed():
    numbers = sorted(int(name.split()[0][1:]) for name in PLANTED | TESTED)
    assert numbers == list(range(1, 31))


@pytest.mark.parametrize("mistake", PLANTED | TESTED)
def test_what_notices_it_exists(mistake):
    for path, name in (PLANTED | TESTED)[mistake]:
        assert name in functions(path), f"{path}::{name}"
