"""Tasks from values by name."""

import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.gymnasium_env import GymnasiumEnv
from fastadapt.errors import FastadaptError


@pytest.fixture(scope="module")
def quadruped():
    return load_task_set("quadruped-damage")


def test_values_by_name(quadruped):
    task = quadruped.task({"payload.mass[trunk]": 3.0, "dead": "FL_calf"})
    assert task.changes() == {"payload.mass[trunk]": 3.0, "dead.dead[FL_calf]": 1.0}
    assert task == quadruped.task({"dead": ["FL_calf"], "payload": 3})
    assert quadruped.task({}) == quadruped.nominal
    assert quadruped.task({"payload.mass": 0.0}) == quadruped.nominal


def test_every_frozen_task_comes_back_from_its_changes(quadruped):
    for split in quadruped.splits:
        for task in quadruped.tasks(split)[:10]:
            assert quadruped.task(task.changes()).id == task.id


def test_several_targets_and_patterns():
    cheetah = load_task_set("cheetah-damage")
    limbs = cheetah.task({"limb_mass.scale[f*]": 2.0}).changes()
    assert set(limbs) == {f"limb_mass.scale[{limb}]" for limb in ("fthigh", "fshin", "ffoot")}
    every = cheetah.task({"ground_friction": 0.5}).changes()
    assert set(every.values()) == {0.5}
    assert cheetah.task({"dead": ["bshin", "ffoot"]}).changes() == {
        "dead.dead[bshin]": 1.0,
        "dead.dead[ffoot]": 1.0,
    }


def test_a_lock_at_a_fraction_is_a_lock(quadruped):
    task = quadruped.task({"locked_calf.fraction[FR_calf]": 0.5})
    assert task.changes()["locked_calf.locked[FR_calf]"] == 1.0
    here = quadruped.task({"locked_calf": "FR_calf"}).changes()
    assert here == {"locked_calf.locked[FR_calf]": 1.0}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ground_friction.scale": -5}, r"scale = -5 is not possible; allowed are 0.001 to 100"),
        ({"payload": float("nan")}, "is not possible"),
        ({"payload": float("inf")}, "is not possible"),
        ({"dead.dead[FL_calf]": 0.5}, "switch, 0 or 1"),
        ({"paylod": 3.0}, "Did you mean 'payload'"),
        ({"payload.mas[trunk]": 3.0}, "Did you mean 'payload.mass'"),
        ({"payload.mass[trunc]": 3.0}, "Did you mean 'trunk'"),
        ({"dead": "FL_clf"}, "Did you mean 'FL_calf'"),
        ({"weak": "FL_calf"}, r"write 'weak.strength\[FL_calf\]' with its value"),
        ({"locked_hip": 0.3}, "several parameters"),
        ({"payload": True}, "neither a number nor the name"),
        ({"payload": None}, "neither a number nor the name"),
        ([("payload", 3.0)], "made of values by name"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(quadruped, values, words):
    with pytest.raises(FastadaptError, match=words):
        quadruped.task(values)


def test_a_named_task_has_the_physics_of_its_values(quadruped):
    envs = make_batch(quadruped, 2, 1)
    envs.set_tasks([quadruped.nominal, quadruped.task({"payload": 4.0})])
    envs.reset(seed=0)
    masses = envs.sim.field("body_mass").sum(axis=1)
    np.testing.assert_allclose(masses[1] - masses[0], 4.0)


def test_environments_tell_their_task_and_no_observation_does(quadruped):
    heavy = quadruped.task({"payload": 4.0})
    envs = make_batch(quadruped, 3, 1)
    assert envs.tasks == [quadruped.nominal] * 3
    envs.set_tasks(heavy, np.array([False, True, False]))
    assert envs.tasks == [quadruped.nominal, heavy, quadruped.nominal]
    envs.tasks[0] = heavy  # a copy
    assert envs.tasks[0] == quadruped.nominal
    env = GymnasiumEnv("quadruped-damage")
    _, info = env.reset(seed=0, options={"task": heavy})
    assert env.task == heavy
    assert info == {}
    *_, info = env.step(np.zeros(12))
    assert "task" not in info
    env.reset(seed=1)
    assert env.task == heavy  # as long as no other is given
