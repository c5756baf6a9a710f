"""RMA: the teacher sees the task, the student must not, and it learns where it is itself."""

import numpy as np
import pytest
import torch

from fastadapt.agents import make_agent
from fastadapt.agents.onpolicy.lessons import give_lesson, lesson_loss
from fastadapt.envs import make_batch

SETTINGS = {
    "num_envs": 6,
    "width": 16,
    "planned_iterations": 4,
    "teacher_share": 0.5,
    "trial": 0.1,
    "teacher": {"steps": 24, "width": 16},
    "student": {"steps": 24, "burn_in": 8, "gradient_steps": 4, "robots": 4},
}


@pytest.fixture
def taught(hopper, hoppers):
    """A student whose teacher has learned, and is not the same on all tasks."""
    agent = make_agent("rma", hopper, seed=3, **SETTINGS)
    for iteration in range(2):
        agent.meta_train(hoppers, hopper, iteration)
    for policy in (agent.teacher.policy, agent.policy):
        torch.nn.init.normal_(policy.head[-1].weight)
    return agent


def lesson_of(agent, envs, led=False, steps=24):
    agent._stream.attach(envs, envs.task_set)
    generator = torch.Generator().manual_seed(0)
    whom = np.full(6, led)
    return give_lesson(
        agent, agent.teach, agent._stream, agent._hidden, steps, whom, 0.1, generator
    )


def test_commands_are_those_of_the_teacher_where_the_student_is(taught, hopper, hoppers):
    seeds = taught._stream._seeds(np.arange(6))
    lesson, _ = lesson_of(taught, hoppers)
    visible = make_batch(hopper, 6, 1, context="visible")
    visible.set_tasks(taught.training_tasks(hopper, 6, 0))
    observation, _ = visible.reset(seed=seeds)
    taught.teacher.begin(6)
    wanted = taught.teacher.act(observation, False)
    np.testing.assert_allclose(lesson.commands[0].numpy(), wanted, atol=1e-5)


def test_the_student_sees_nothing_of_task_or_reward(taught, hopper, hoppers):
    """Its inputs are the observation, its own action and a flag, whatever the parameters are."""
    seeds = taught._stream._seeds(np.arange(6))
    lesson, _ = lesson_of(taught, hoppers, steps=1)
    observation, _ = hoppers.reset(seed=seeds)
    size = taught.observations
    assert lesson.inputs.shape[-1] == size + taught.actions + 1
    np.testing.assert_allclose(
        lesson.inputs[0, :, :size].numpy(), taught.scales.observations(observation), atol=1e-5
    )
    assert (lesson.inputs[0, :, size:-1] == 0).all()
    assert (lesson.inputs[0, :, -1] == 1).all()


def test_the_student_acts_on_what_its_teacher_sees_scaled_alike(taught, hoppers):
    size = taught.observations
    np.testing.assert_array_equal(
        taught.scales.observations.mean, taught.teacher.scales.observations.mean[:size]
    )
    before = taught.scales.observations.mean.copy()
    taught.meta_train(hoppers, hoppers.task_set, 2)
    np.testing.assert_array_equal(taught.scales.observations.mean, before)


def test_the_student_leads_unless_the_teacher_does(taught, hoppers):
    lesson, _ = lesson_of(taught, hoppers, steps=2)
    led, _ = lesson_of(taught, hoppers, led=True, steps=2)
    size = taught.observations
    done = led.inputs[1, :, size:-1]
    running = led.inputs[1, :, -1] == 0
    assert running.any()
    with torch.no_grad():
        own = taught.policy.run(lesson.inputs, lesson.hidden, lesson.fresh).mean[0].clamp(-1, 1)
    own_done = lesson.inputs[1, :, size:-1]
    started = lesson.inputs[1, :, -1] == 0
    assert (own_done - own)[started].abs().max() < 0.6  # the noise is 0.1
    assert (done - led.commands[0])[running].abs().max() < 0.6


def test_steps_whose_memory_is_out_of_date_teach_nothing(taught, hoppers):
    lesson, _ = lesson_of(taught, hoppers)
    lesson.fresh[:] = False
    lesson.fresh[3, 0] = True  # this robot begins a trial: from there on its memory is right
    taught_steps = lesson.taught(8)
    assert not taught_steps[:3, 0].any()
    assert taught_steps[3:, 0].all()
    assert not taught_steps[:8, 1:].any()
    assert taught_steps[8:].all()
    everyone = torch.arange(6)
    loss, _ = lesson_loss(taught, taught.reader, lesson, everyone, 8, 0.1)
    lesson.commands[:8, 1:] += 100.0
    spoiled, _ = lesson_loss(taught, taught.reader, lesson, everyone, 8, 0.1)
    assert loss == spoiled


def test_the_student_comes_nearer_to_its_teacher(taught, hoppers, hopper):
    lesson, _ = lesson_of(taught, hoppers)
    taught._lessons = [lesson]
    rng = np.random.default_rng(0)
    first = taught._learn(rng, 3e-3)["command_error"]
    for _ in range(10):
        last = taught._learn(rng, 3e-3)["command_error"]
    assert last < 0.7 * first


def test_the_teacher_rests_while_the_student_learns(taught, hoppers, hopper):
    before = {k: v.clone() for k, v in taught.teacher.policy.state_dict().items()}
    taught.meta_train(hoppers, hopper, 2)
    for name, value in taught.teacher.policy.state_dict().items():
        assert torch.equal(value, before[name])
