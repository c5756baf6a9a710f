"""Known mistakes of on-policy learning on continuing rollouts, planted: a test catches each."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fastadapt.agents.onpolicy import lessons, stream
from fastadapt.agents.onpolicy.acting import PolicyAgent
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Policy
from fastadapt.agents.onpolicy.rma import RMA
from fastadapt.agents.onpolicy.rollout import Borders, Collector
from tests.agents.onpolicy import test_acting, test_resume, test_rollout, test_student
from tests.agents.onpolicy.conftest import hopper, hoppers, rl2  # noqa: F401
from tests.agents.onpolicy.test_student import taught  # noqa: F401


def fails(test, *arguments, **options):
    with pytest.raises(AssertionError):
        test(*arguments, **options)


def test_a_memory_kept_over_trials(rl2, hoppers, monkeypatch):  # noqa: F811
    """Stale memory: the policy begins a trial with what it knows of the last task."""
    run = Policy.run
    monkeypatch.setattr(
        Policy, "run", lambda self, x, hidden, fresh: run(self, x, hidden, fresh & False)
    )
    fails(test_rollout.test_memory_crosses_falls_and_rollouts_but_no_trial, rl2, hoppers)


def test_a_memory_emptied_at_every_fall(rl2, hoppers, monkeypatch):  # noqa: F811
    """Reset at the wrong time: a fall is no new task."""
    run = Policy.run

    def emptied(self, inputs, hidden, fresh):
        return run(self, inputs, hidden, fresh | (inputs[..., -1] == 1))

    monkeypatch.setattr(Policy, "run", emptied)
    fails(test_rollout.test_memory_crosses_falls_and_rollouts_but_no_trial, rl2, hoppers)


def test_a_memory_emptied_with_every_rollout(rl2, hoppers, monkeypatch):  # noqa: F811
    collect = Collector.collect

    def forgetful(self, robots, start, *rest):
        start.hidden = start.hidden * 0
        return collect(self, robots, start, *rest)

    monkeypatch.setattr(Collector, "collect", forgetful)
    fails(test_rollout.test_memory_crosses_falls_and_rollouts_but_no_trial, rl2, hoppers)


def test_a_history_kept_over_trials(rl2, hoppers, monkeypatch):  # noqa: F811
    monkeypatch.setattr(History, "forget", History.begin_episode)
    fails(test_rollout.test_inputs_of_a_new_trial_know_nothing_of_the_last, rl2, hoppers)


def test_credit_over_the_border_of_a_trial(rl2, hoppers, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Borders, "ends", lambda self, step: step.ended & step.lost)
    with monkeypatch.context() as patch:
        fails(
            test_rollout.test_returns_of_a_trial_run_through_its_episodes,
            rl2, hoppers, patch, True,
        )  # fmt: skip


def test_falls_that_are_bootstrapped(rl2, hoppers, monkeypatch):  # noqa: F811
    end = Collector._end

    def softly(self, step, *rest):
        return end(self, replace(step, lost=step.lost & False), *rest)

    monkeypatch.setattr(Collector, "_end", softly)
    with monkeypatch.context() as patch:
        fails(
            test_rollout.test_falls_are_worth_nothing_and_limits_are_bootstrapped,
            rl2, hoppers, patch,
        )  # fmt: skip


def test_a_final_value_of_the_next_start(hopper, hoppers, monkeypatch):  # noqa: F811
    advance, end, starts = stream.Stream.advance, Collector._end, []

    def watched(self, action):
        step = advance(self, action)
        starts.append(self.observation)
        return step

    def too_late(self, step, *rest):
        return end(self, replace(step, observation=starts[-1]), *rest)

    monkeypatch.setattr(stream.Stream, "advance", watched)
    monkeypatch.setattr(Collector, "_end", too_late)
    test = test_rollout.test_a_final_value_is_that_of_the_last_state_and_not_of_the_next_start
    fails(test, hopper, hoppers)


def test_statistics_renewed_before_the_update(rl2, hoppers, monkeypatch):  # noqa: F811
    """Wrong normaliser: what the networks saw in the rollout must not change in between."""
    collect = Collector.collect

    def renewed(self, *arguments):
        rollout = collect(self, *arguments)
        rollout.inputs = rollout.inputs * 1.1
        return rollout

    monkeypatch.setattr(Collector, "collect", renewed)
    fails(test_rollout.test_the_update_sees_the_probabilities_of_the_rollout, rl2, hoppers, 0)


def test_a_teacher_that_is_shown_raw_observations(taught, hopper, hoppers, monkeypatch):  # noqa: F811
    """Wrong normaliser: the teacher is shown what it was not trained on."""

    def raw(self, observation, context):
        seen = np.concatenate([observation, context], axis=1)
        with torch.no_grad():
            inputs = torch.from_numpy(seen.astype(np.float32))
            mean = self.teacher.policy(inputs[None], inputs.new_zeros(len(seen), 0)).mean[0]
        return np.clip(mean.numpy(), *self.limits)

    monkeypatch.setattr(RMA, "teach", raw)
    fails(
        test_student.test_commands_are_those_of_the_teacher_where_the_student_is,
        taught, hopper, hoppers,
    )  # fmt: skip


def test_a_student_with_scales_of_its_own(taught, hoppers, monkeypatch):  # noqa: F811
    """Wrong normaliser: the student's statistics run away from those it began to learn with."""
    study = RMA._study

    def renewed(self, *arguments):
        found = study(self, *arguments)
        seen = self._stream.observation[None]
        self.scales.update(seen, np.zeros(seen.shape[:2]), np.zeros(seen.shape[:2], bool))
        return found

    monkeypatch.setattr(RMA, "_study", renewed)
    fails(test_student.test_the_student_acts_on_what_its_teacher_sees_scaled_alike, taught, hoppers)


def test_a_student_led_by_its_teacher_all_the_time(taught, hoppers, monkeypatch):  # noqa: F811
    """The teacher's commands in the student's history would tell it of the task."""
    give = lessons.give_lesson

    def led(*arguments):
        return give(*arguments[:5], np.ones(6, bool), *arguments[6:])

    monkeypatch.setattr(test_student, "give_lesson", led)
    fails(test_student.test_the_student_leads_unless_the_teacher_does, taught, hoppers)


def test_a_student_that_sees_the_parameters(taught, hopper, hoppers, monkeypatch):  # noqa: F811
    give = lessons.give_lesson

    def leaking(*arguments):
        lesson, hidden = give(*arguments)
        lesson.inputs[..., 0] += lesson.context[..., 0] + 0.5
        return lesson, hidden

    monkeypatch.setattr(test_student, "give_lesson", leaking)
    fails(test_student.test_the_student_sees_nothing_of_task_or_reward, taught, hopper, hoppers)


def test_old_memories_that_teach(taught, hoppers, monkeypatch):  # noqa: F811
    monkeypatch.setattr(lessons.Lesson, "taught", lambda self, burn_in: torch.ones_like(self.fresh))
    fails(test_student.test_steps_whose_memory_is_out_of_date_teach_nothing, taught, hoppers)


def test_robots_that_begin_anew_when_training_resumes(hopper, monkeypatch):  # noqa: F811
    state = stream.Stream.state

    def episodes_lost(self):
        kept = state(self)
        return kept | {"elapsed": kept["elapsed"] * 0}

    monkeypatch.setattr(stream.Stream, "state", episodes_lost)
    fails(test_resume.test_resumed_training_is_the_same, "domain-randomised-continuing", hopper)


def test_a_memory_emptied_between_episodes_in_use(hopper, hoppers, monkeypatch):  # noqa: F811
    monkeypatch.setattr(PolicyAgent, "end_episode", lambda self, done: self.begin(len(done)))
    fails(
        test_acting.test_what_was_lived_matters_over_episodes_and_not_over_tasks,
        "rl2-continuing", hopper, hoppers,
    )  # fmt: skip
