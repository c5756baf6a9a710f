"""Training that is stopped and resumed is training that never stopped, bit for bit."""

import numpy as np
import pytest

from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set, make_batch
from tests.agents.onpolicy.conftest import SMALL

AGENTS = [
    "rl2-continuing",
    "domain-randomised-continuing",
    "nominal-continuing",
    "informed",
    "window",
]


def trained(name, task_set, iterations, stop_after=None, **settings):
    settings = settings if name == "rma" else SMALL | settings
    agent = make_agent(name, task_set, seed=3, **settings)
    envs = make_batch(task_set, 6, 1, context=agent.context)
    rows = []
    for iteration in range(iterations):
        row = agent.meta_train(envs, task_set, iteration)
        rows.append({k: v for k, v in row.items() if not k.startswith("seconds")})
        if iteration + 1 == stop_after:
            state = agent.state()
            agent = make_agent(name, task_set, seed=3, **settings)
            agent.load_state(state)
            envs = make_batch(task_set, 6, 1, context=agent.context)
    return agent.state(), rows


def assert_same(one, other):
    for part in ("model", "optimizer", "replay"):
        first, second = getattr(one[0], part), getattr(other[0], part)
        assert first.keys() == second.keys()
        for name in first:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert one[1] == other[1]


@pytest.mark.parametrize("name", AGENTS)
def test_resumed_training_is_the_same(name, hopper):
    whole = trained(name, hopper, 6)
    assert_same(whole, trained(name, hopper, 6, stop_after=3))
    assert whole[1][-1]["episodes"] > 6  # robots fell, and some trials ended


def test_a_memory_that_is_brought_up_to_date_resumes(hopper):
    settings = {"burn_in": 8, "update": {"schedule": "kl"}}
    whole = trained("rl2-continuing", hopper, 5, **settings)
    assert_same(whole, trained("rl2-continuing", hopper, 5, stop_after=2, **settings))


def test_delays_and_faults_that_come_and_go_are_lived_through_again():
    task_set = load_task_set("quadruped-damage")  # intermittent actuators
    whole = trained("rl2-continuing", task_set, 4)
    assert_same(whole, trained("rl2-continuing", task_set, 4, stop_after=2))


@pytest.mark.parametrize("stop_after", [2, 3, 5])
def test_a_student_and_its_teacher_resume(hopper, stop_after):
    settings = {
        "num_envs": 6,
        "planned_iterations": 6,
        "width": 16,
        "teacher_share": 0.5,
        "trial": 0.1,
        "teacher": {"steps": 24, "width": 16},
        "student": {"steps": 24, "burn_in": 4, "gradient_steps": 3, "robots": 3, "lessons": 2},
    }
    whole = trained("rma", hopper, 6, **settings)
    assert_same(whole, trained("rma", hopper, 6, stop_after=stop_after, **settings))
    assert [row["student"] for row in whole[1]] == [0, 0, 0, 1, 1, 1]
