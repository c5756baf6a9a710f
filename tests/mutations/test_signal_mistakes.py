"""Mistakes about signals and times, made on purpose: the test meant for each must notice."""

import numpy as np
import pytest

from fastadapt.envs import rng as episode_draws
from fastadapt.envs.batched_env import BatchedEnv
from fastadapt.envs.perturbations import Edit
from fastadapt.envs.perturbations.actuator_fault import IntermittentActuator
from fastadapt.envs.perturbations.world import Push
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.runtime.action_delay import ActionDelayLine
from fastadapt.envs.runtime.intermittent_faults import FaultCache, IntermittentFaults
from fastadapt.envs.runtime.onsets import Onsets
from fastadapt.envs.runtime.sensors import SensorModel
from fastadapt.envs.runtime.touch_down import TouchDown
from tests.envs.perturbations import test_signals as signals
from tests.envs.runtime import test_eventful_batches as batches
from tests.envs.runtime import test_fields_in_force as fields
from tests.envs.runtime import test_onsets as onsets
from tests.envs.runtime import test_step_draws as draws
from tests.envs.runtime import test_touch_down as landing
from tests.support.planted import Mistakes

MISTAKES = Mistakes()
noticed_by = MISTAKES.noticed_by


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_noticed(name, monkeypatch):
    MISTAKES.assert_noticed(name, monkeypatch)


def after_reset(patch, spoil):
    reset = BatchedEnv.reset

    def spoilt(self, **given):
        out = reset(self, **given)
        spoil(self)
        return out

    patch.setattr(BatchedEnv, "reset", spoilt)


@noticed_by(signals.test_a_push_outlives_a_reset)
def m6_forces_lost_at_reset(patch):
    after_reset(patch, lambda batch: batch.sim.data("xfrc_applied").fill(0))


@noticed_by(lambda: batches.test_a_b_a_is_a_bit_for_bit("auto"))
def m4_signals_that_compound(patch):
    def current(self, name):
        if name not in self._signals:
            self._signals[name] = self._live[name][self.ids].copy()
        return self._signals[name]

    patch.setattr(Edit, "signal", current)


@noticed_by(signals.test_the_line_is_empty_after_a_reset)
def m5_commands_of_the_last_episode(patch):
    patch.setattr(ActionDelayLine, "reset", lambda self, ids: None)


@noticed_by(lambda: signals.test_a_stuck_sensor_keeps_its_last_reading(0.25))
def m5_a_sensor_that_sticks_one_step_late(patch):
    show = SensorModel.read

    def late(self, true, elapsed):
        self._last = true
        return show(self, true, elapsed)

    patch.setattr(SensorModel, "read", late)


@noticed_by(lambda: batches.test_same_seed_same_faults_and_the_next_episode_has_others())
def m9_faults_from_one_stream(patch):
    stream = np.random.default_rng(0)
    patch.setattr(
        episode_draws.EpisodeDraws,
        "of_steps",
        lambda self, key, ids, first, count, slots: stream.random((len(ids), count, slots)),
    )


@noticed_by(batches.test_info_says_the_same_whatever_happens)
def m11_the_onset_in_info(patch):
    step = BatchedEnv.step

    def talkative(self, actions):
        *out, info = step(self, actions)
        begun = (self._schedule._applied > 0).any(axis=1)
        return *out, {**info, "fault": begun}

    patch.setattr(BatchedEnv, "step", talkative)


DELAYED = signals.test_a_delayed_action_arrives_late_and_costs_when_commanded


@noticed_by(lambda: DELAYED(3, "auto"))
def m12_the_delivered_action_in_the_cost(patch):
    reward = Cheetah.reward
    patch.setattr(
        Cheetah, "reward", lambda self, before, action: reward(self, before, self.sim.data("ctrl"))
    )


@noticed_by(lambda: signals.test_an_offset_is_added_to_the_reading_and_to_nothing_else("auto"))
def m12_a_reading_that_gets_into_the_state(patch):
    observe = BatchedEnv._observe

    def written(self):
        observation = observe(self)
        self.sim.data("qpos")[:, 1] = observation[:, 0]
        return observation

    patch.setattr(BatchedEnv, "_observe", written)


@noticed_by(signals.test_a_servo_without_power_gives_no_force_at_all)
def m27_no_command_in_place_of_no_power(patch):
    def apply(self, edit, targets, values):
        edit["actuator_gainprm"][:, targets] *= values[..., :1] == 0

    patch.setattr(IntermittentActuator, "apply", apply)


@noticed_by(lambda: signals.test_an_intermittent_actuator_follows_its_chain("auto"))
def a_fault_without_memory(patch):
    advance = IntermittentFaults.advance

    def forgetful(self, running, *rest):
        self._begun[running] = False
        return advance(self, running, *rest)

    patch.setattr(IntermittentFaults, "advance", forgetful)


@noticed_by(fields.test_a_new_task_forgets_the_faults_of_the_last_one)
def faults_of_the_last_task(patch):
    patch.setattr(FaultCache, "forget", lambda self, ids: None)


@noticed_by(fields.test_fields_of_two_damages_at_once_are_those_written_anew)
def a_fault_that_stays(patch):
    write = FaultCache.write

    def sticky(self, ids, struck):
        return write(self, ids, {b: np.ones_like(mask) for b, mask in struck.items()})

    patch.setattr(FaultCache, "write", sticky)


@noticed_by(draws.test_draws_made_ahead_are_those_of_each_step)
def draws_of_the_last_episode(patch):
    begin = episode_draws.EpisodeDraws.begin

    def same(self, ids, seed):
        begin(self, ids, seed)
        self.episodes[:] = 0

    patch.setattr(episode_draws.EpisodeDraws, "begin", same)


@noticed_by(lambda: signals.test_a_push_is_a_force_while_it_lasts("auto"))
def a_push_in_the_wrong_columns(patch):
    def apply(self, edit, targets, values):
        edit.signal("xfrc_applied")[:, targets, 3:] += values

    patch.setattr(Push, "apply", apply)


@noticed_by(onsets.test_a_partial_reset_restarts_the_clock_of_that_robot)
def one_clock_for_all_robots(patch):
    levels = Onsets.levels

    def common(self, ids, elapsed):
        return levels(self, ids, np.full_like(elapsed, elapsed.max(initial=0)))

    patch.setattr(Onsets, "levels", common)


def lands(backend="auto"):
    landing.test_touch_down_begins_with_the_step_after_the_first_contact(backend, 0.0)


@noticed_by(lands)
def a_landing_seen_from_the_pelvis(patch):
    patch.setattr(TouchDown, "current", lambda self, ids: self.sim.data("qpos")[ids, 1] < 0)


@noticed_by(landing.test_each_episode_waits_for_a_landing_of_its_own)
def m5_the_landing_of_the_last_episode(patch):
    patch.setattr(Onsets, "reset", lambda self, ids: None)


@noticed_by(lambda: onsets.test_a_multiple_rises_in_the_logarithm("auto"))
def a_ramp_that_jumps(patch):
    levels = Onsets.levels
    patch.setattr(Onsets, "levels", lambda self, ids, elapsed: np.ceil(levels(self, ids, elapsed)))
