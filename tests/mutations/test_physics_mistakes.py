"""Mistakes that others have made, made here on purpose: the test meant for each must notice.

Every entry plants one known mistake and names the test that has to fail then, and to pass without.
"""

import copy
import tempfile
from pathlib import Path

import mujoco
import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs import rng as episode_draws
from fastadapt.envs.batched_env import BatchedEnv
from fastadapt.envs.distributions import Uniform
from fastadapt.envs.perturbations import (
    Edit,
    Parameter,
    actuator,
    joint_damage,
    mass,
    perturbation_kinds,
)
from fastadapt.envs.perturbations import perturbation as base
from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.perturbations.mass import Mass
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.simulation.reference import ReferenceSimulation
from fastadapt.envs.tasks import sampling as task_draws
from fastadapt.envs.tasks.task_set import TaskSet
from tests.envs.api import test_independence, test_leakage, test_no_files
from tests.envs.perturbations import (
    test_actuator_physics,
    test_controller_gains,
    test_friction_physics,
    test_lock_physics,
    test_mass_physics,
    test_perturbations,
    test_signals,
    test_tendon_physics,
)
from tests.envs.robots import test_cheetah
from tests.envs.runtime import test_episodes
from tests.envs.sanity import test_effects
from tests.envs.simulation import test_backends, test_divergence
from tests.envs.tasks import test_laws, test_task_files, test_task_sets
from tests.support.hand_edits import CASES
from tests.support.planted import Mistakes

CHEETAH, REACHER = load_task_set("cheetah-damage"), load_task_set("reacher-damage")
MISTAKES = Mistakes()
noticed_by = MISTAKES.noticed_by


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_noticed(name, monkeypatch):
    MISTAKES.assert_noticed(name, monkeypatch)


@noticed_by(lambda: test_mass_physics.test_scaled_mass_is_another_density(0.5))
def m1_mass_without_inertia(patch):
    def apply(self, edit, targets, values):
        edit["body_mass"][:, targets] *= values[..., 0]

    patch.setattr(Mass, "apply", apply)


def by_hand(case):
    test_perturbations.test_trajectory_is_that_of_a_model_edited_by_hand(CASES[case], "auto")


@noticed_by(lambda: by_hand("mass of the torso"))
def m2_no_set_const(patch):
    patch.setattr(Mass, "stale", frozenset())


@noticed_by(lambda: test_backends.test_set_const_does_not_move_the_state(CHEETAH, "reference"))
def m2_set_const_on_live_data(patch):
    def set_const(self, ids=None):
        for i in self._select(ids):
            self._push(i)
            mujoco.mj_setConst(self._models[i], self._datas[i])
            self._pull(i)

    patch.setattr(ReferenceSimulation, "set_const", set_const)


def friction_of_contact():
    test_friction_physics.test_friction_of_the_contact_is_the_one_asked_for(1.0, 0.4, 0.25)


@noticed_by(friction_of_contact)
def m3_friction_of_one_side_alone(patch):
    def apply(self, edit, targets, values):
        edit["geom_friction"][:, targets, 0] *= values[..., 0]

    patch.setattr(ContactFriction, "apply", apply)


@noticed_by(test_friction_physics.test_other_columns_and_other_geoms_keep_their_friction)
def m3_all_columns_of_friction(patch):
    def apply(self, edit, targets, values):
        edit["geom_friction"][:] *= values[:, :1]

    patch.setattr(ContactFriction, "apply", apply)


def a_b_a():
    case = CASES["mass of two feet"]
    test_perturbations.test_a_b_a_is_a_bit_for_bit(case, "auto")


@noticed_by(a_b_a)
def m4_compounding(patch):
    def current(self, field):
        return self._fields.setdefault(field, self.sim.field(field)[self.ids].copy())

    patch.setattr(Edit, "__getitem__", current)


@noticed_by(lambda: test_backends.test_the_nominal_model_is_never_written(CHEETAH))
def m4_aliasing_the_baseline(patch):
    own = copy.copy(Cheetah.model())  # the real one must survive this
    patch.setattr(Cheetah, "model", classmethod(lambda cls: own))

    def alias(self, field):
        nominal = getattr(self.model, field)
        strides = (0, *nominal.strides)
        shape = (len(self.ids), *nominal.shape)
        view = np.lib.stride_tricks.as_strided(nominal, shape, strides)
        return self._fields.setdefault(field, view)

    patch.setattr(Edit, "__getitem__", alias)


def restored():
    test = test_perturbations
    test.test_after_all_kinds_at_once_the_nominal_task_restores_every_field(REACHER, "auto")


@noticed_by(restored)
def m5_the_previous_task_survives(patch):
    patch.setattr(Edit, "touch", lambda self, copy: None)  # what nothing strikes any more stays


def locks_hold():
    test_lock_physics.test_every_lockable_joint_of_the_shipped_robots_holds("cheetah", 0.3)


@noticed_by(locks_hold)
def m6_locks_lost_at_reset(patch):
    reset = BatchedEnv.reset

    def forgetful(self, **given):
        out = reset(self, **given)
        self.sim.data("eq_active")[:] = 0
        return out

    patch.setattr(BatchedEnv, "reset", forgetful)


@noticed_by(locks_hold)
def m6_locks_that_leak(patch):
    patch.setattr(joint_damage, "_ROTOR", 0.0)


@noticed_by(
    lambda: test_mass_physics.test_a_payload_is_the_sphere_that_the_compiler_would_attach(
        "arm", (0.3, -0.2, 0.5), 1.5
    )
)
def m7_payload_without_the_parallel_axis_theorem(patch):
    patch.setattr(mass, "point_inertia", lambda m, offset: np.zeros((len(m), 3, 3)))


def every_case_has_an_effect(kind):
    if kind in test_signals.DECLARED:
        test_signals.test_every_kind_can_be_noticed(kind)
    if kind == "controller-gains":
        test_controller_gains.test_the_law_of_the_servo(0.5, 1.0)
    if kind == "tendon-friction":
        test_tendon_physics.test_friction_is_added(0.0)
    if kind == "tendon-tension":
        scales, attributes = test_tendon_physics.TORN
        test_tendon_physics.test_springs_and_dampers(scales, attributes)
    for case in CASES.values():
        if case.declared["kind"] == kind:
            test_perturbations.test_the_perturbation_changes_the_trajectory(case)


def inert(kind):
    def plant(patch):
        patch.setattr(perturbation_kinds()[kind], "apply", lambda self, edit, ids, values: None)

    plant.__name__ = f"m8_inert_{kind}"
    return plant


for _kind in perturbation_kinds(plugins=False):
    noticed_by(lambda kind=_kind: every_case_has_an_effect(kind))(inert(_kind))


@noticed_by(lambda: test_effects.test_a_weak_joint_is_weak_in_proportion("weak.strength[joint1]"))
def m8_inert_strength_of_a_shipped_set(patch):
    patch.setattr(actuator, "_FIELDS", ())


@noticed_by(lambda: test_independence.test_an_integer_seed_gives_robot_i_the_seed_plus_i(CHEETAH))
def m9_reset_draws_from_one_stream(patch):
    stream = np.random.default_rng(0)
    patch.setattr(
        episode_draws, "uniforms", lambda key, index, slots: stream.random((len(index), slots))
    )


@noticed_by(lambda: test_task_sets.test_a_task_is_a_function_of_seed_split_and_number(CHEETAH))
def m9_tasks_that_depend_on_how_many_are_drawn(patch):
    def uniforms(key, index, slots):
        return np.random.default_rng(key).random((len(index), slots))

    patch.setattr(task_draws, "uniforms", uniforms)


@noticed_by(lambda: test_task_sets.test_frozen_tasks_are_the_keyed_draws(REACHER))
def m10_test_tasks_drawn_anew(patch):
    def tasks(self, split):
        return self.sample(split, self._split(split).count, np.random.default_rng().integers(9**9))

    patch.setattr(TaskSet, "tasks", tasks)


@noticed_by(lambda: test_leakage.test_nothing_tells_the_task_at_reset(CHEETAH))
def m11_the_task_in_info(patch):
    reset = BatchedEnv.reset
    patch.setattr(
        BatchedEnv, "reset", lambda self, **given: (reset(self, **given)[0], {"p": self._vectors})
    )


@noticed_by(lambda: test_leakage.test_nothing_tells_the_task_at_reset(CHEETAH))
def m11_the_task_in_the_observation(patch):
    observe = Cheetah.observation

    def leak(self):
        dead = self.sim.field("actuator_gainprm")[:, :, 0] == 0
        return observe(self) * (1 + dead.any(axis=1, keepdims=True))

    patch.setattr(Cheetah, "observation", leak)


@noticed_by(lambda: test_cheetah.test_control_costs_what_was_commanded(CHEETAH))
def m12_the_masked_action_in_the_cost(patch):
    reward = Cheetah.reward

    def masked(self, before, action):
        return reward(self, before, action * self.sim.field("actuator_gainprm")[:, :, 0])

    patch.setattr(Cheetah, "reward", masked)


def fresh(task_set):
    batch = make_batch(task_set, test_episodes.N, 1)
    batch.reset(seed=0)
    return batch


@noticed_by(
    lambda: test_episodes.test_the_time_limit_truncates_and_does_not_terminate(fresh(REACHER))
)
def m13_the_time_limit_as_termination(patch):
    step = BatchedEnv.step

    def confused(self, actions):
        observation, reward, terminated, truncated, info = step(self, actions)
        return observation, reward, terminated | truncated, truncated, info

    patch.setattr(BatchedEnv, "step", confused)


@noticed_by(test_laws.test_the_ends_of_the_range_can_be_reached)
def m17_the_upper_end_is_missed(patch):
    steps = 10
    patch.setattr(
        Uniform,
        "quantile",
        lambda self, u: self.low + (self.high - self.low) * np.floor(u * steps) / steps,
    )


@noticed_by(lambda: by_hand("mass of two feet"))
def m22_by_position_in_place_of_by_name(patch):
    patch.setattr(
        base, "ids_of", lambda model, kind, names: np.arange(1, len(names) + 1, dtype=np.intp)
    )


def no_file_is_written():
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        test_no_files.test_no_file_is_written(Path(folder), patch)


@noticed_by(no_file_is_written)
def m24_robots_edited_through_files(patch):
    spec = Cheetah.spec

    def through_a_file():
        Path("robot.xml").write_text(spec().to_xml())
        return spec()

    patch.setattr(Cheetah, "spec", staticmethod(through_a_file))


@noticed_by(
    lambda: test_divergence.test_a_diverged_robot_is_truncated_and_its_neighbours_do_not_notice(
        CHEETAH, "nan velocity", "auto"
    )
)
def m25_a_blow_up_in_silence(patch):
    patch.setattr(Simulation, "diverged", lambda self: np.zeros(self.num_sims, bool))


def a_bad_file_is_refused(name):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.toml"
        test_task_files.test_of_a_bad_file_the_message_says_what_is_wrong(file, name)


@noticed_by(lambda: a_bad_file_is_refused("no mass"))
def m26_a_mass_of_zero(patch):
    patch.setattr(Mass, "parameters", (Parameter("scale", "x", 1.0, 0.0, 100.0),))


@noticed_by(lambda: test_actuator_physics.test_a_weak_servo_keeps_its_set_point_without_load(0.5))
def m27_a_weak_servo_with_another_set_point(patch):
    patch.setattr(actuator, "_FIELDS", ("actuator_gainprm",))


def test_no_mistake_remains_planted():
    assert Mass.stale
    assert Mass.parameters[0].low > 0
    assert joint_damage._ROTOR == 1e3
