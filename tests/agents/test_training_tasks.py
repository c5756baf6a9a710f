"""Which tasks agents are trained on: the oracle on the laws of all tests, on no frozen draw."""

import numpy as np
import pytest

from fastadapt.agents import make_agent
from fastadapt.agents.training_tasks import all_laws, draw_tasks
from fastadapt.envs import make_batch

SMALL = {"sac": {"num_envs": 7, "width": 8, "replay": 300, "num_tasks": 14,
                 "sac": {"gradient_steps": 2, "tasks": 4, "batch": 8}},
         "sb3-sac": {"num_envs": 7, "width": 8, "batch": 16, "warm_up": 10, "replay": 1000},
         "sb3-ppo": {"num_envs": 7, "width": 8, "episodes": 1},
         "ppo": {"num_envs": 7, "width": 8, "episodes": 1}}  # fmt: skip


def name_of(role, algorithm):
    return role if algorithm == "ppo" else f"{role}-{algorithm}"


def trained_on(role, algorithm, task_set, monkeypatch):
    """Return the tasks that the robots of one iteration had."""
    agent = make_agent(name_of(role, algorithm), task_set, 3, **SMALL[algorithm])
    envs = make_batch(task_set, agent.num_envs, 1, context=agent.context)
    seen, set_tasks = [], envs.set_tasks

    def note(tasks, *rest):
        seen.extend([tasks] if not isinstance(tasks, list) else tasks)
        return set_tasks(tasks, *rest)

    monkeypatch.setattr(envs, "set_tasks", note)
    agent.meta_train(envs, task_set, 0)
    return seen


def damages(task_set, tasks, joint):
    names = task_set.names
    columns = [i for i, name in enumerate(names) if f"[{joint}]" in name and "friction" not in name]
    vectors = (
        task_set.vectors(tasks)[:, columns] != task_set.vectors([task_set.nominal])[:, columns]
    )
    return vectors.any(axis=1)


def test_the_laws_of_an_oracle(reacher):
    assert all_laws(reacher) == (
        "train", "test_iid", "test_interpolation", "test_extrapolation_near",
        "test_extrapolation_far", "test_held_out_damage", "test_compound",
    )  # fmt: skip


def test_a_task_depends_on_its_number_alone_and_comes_from_its_split(reacher):
    laws = all_laws(reacher)
    whole = draw_tasks(reacher, laws, 70, 5)
    part = draw_tasks(reacher, laws, 20, 5, start=31)
    assert [t.id for t in part] == [t.id for t in whole[31:51]]
    assert len({t.id for t in whole}) == 70
    assert {t.id for t in draw_tasks(reacher, laws, 70, 6)}.isdisjoint(t.id for t in whole)
    frozen = {t.id for split in laws for t in reacher.tasks(split)}
    assert frozen.isdisjoint(t.id for t in whole)
    held_out = damages(reacher, whole, "joint2")
    numbers = np.arange(70) % 7
    assert held_out[numbers == 5].all()
    assert not held_out[numbers < 5].any()
    assert draw_tasks(reacher, ("train",), 3, 5) == reacher.sample("train", 3, 5)


@pytest.mark.parametrize("algorithm", SMALL)
def test_oracles_see_held_out_damage_and_nobody_else_does(algorithm, reacher, monkeypatch):
    oracle = trained_on("oracle", algorithm, reacher, monkeypatch)
    robust = trained_on("domain-randomised", algorithm, reacher, monkeypatch)
    nominal = trained_on("nominal", algorithm, reacher, monkeypatch)
    assert damages(reacher, oracle, "joint2").any()
    assert not damages(reacher, robust, "joint2").any()
    assert damages(reacher, robust, "joint3").any()
    assert {task.id for task in nominal} == {reacher.nominal.id}


@pytest.mark.parametrize("algorithm", SMALL)
def test_only_the_oracle_sees_the_parameters(algorithm, reacher):
    options = SMALL[algorithm]
    assert make_agent(name_of("oracle", algorithm), reacher, 3, **options).context == "visible"
    for role in ("nominal", "domain-randomised"):
        assert make_agent(name_of(role, algorithm), reacher, 3, **options).context == "hidden"
