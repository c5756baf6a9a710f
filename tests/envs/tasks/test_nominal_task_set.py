"""Task sets without any perturbation: the unperturbed robot, for plain training."""

import numpy as np
import pytest

from fastadapt.envs import (
    find_environment,
    load_task_set,
    make_batch,
    nominal_task_set,
)
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.tasks.schema import parse_task_file
from tests.support.rolls import assert_same, random_actions, roll

ENVIRONMENTS = ["cheetah", "reacher", "cheetah-velocity"]


class Own(Cheetah):
    """An environment that is not shipped."""

    name = "My_robot"
    version = 3
    horizon = 7


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_is_the_robot_with_which_nothing_goes_wrong(name):
    task_set = nominal_task_set(find_environment(name))
    assert task_set.environment is find_environment(name)
    assert task_set.id == f"{name}-nominal-v{task_set.environment.version}"
    assert task_set.names == task_set.units == task_set.nominal.values == ()
    assert task_set.tasks("train") == [task_set.nominal]
    assert task_set.sample("train", 3) == [task_set.nominal] * 3
    assert task_set.vectors([task_set.nominal] * 2).shape == (2, 0)
    assert task_set.context([task_set.nominal] * 2).shape == (2, 0)
    assert str(task_set.nominal).endswith(": nominal")


@pytest.mark.parametrize("context", ["hidden", "visible"])
def test_it_runs_as_the_nominal_task_of_another_set_does(cheetah, context):
    task_set = nominal_task_set(Cheetah)
    actions = random_actions(task_set, 10, 3)
    ours = roll(task_set, task_set.sample("train", 3), actions, context=context)
    assert_same(ours, roll(cheetah, cheetah.nominal, actions))


def test_an_own_environment_needs_no_registration():
    task_set = nominal_task_set(Own)
    assert task_set.id == "my-robot-nominal-v3"
    assert task_set.nominal.environment == "My_robot-v3"
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    for _ in range(7):
        *_, truncated, _ = batch.step(np.zeros((2, 6)))
    assert truncated.all()


def test_its_source_declares_it(tmp_path):
    task_set = nominal_task_set(Cheetah)
    path = tmp_path / "nominal.toml"
    path.write_text(task_set.source)
    again = load_task_set(path)
    assert (again.id, again.hash, again.nominal.id) == (
        task_set.id,
        task_set.hash,
        task_set.nominal.id,
    )


@pytest.mark.parametrize("line", ["perturbations = []\n", ""])
def test_a_file_may_declare_no_perturbations(line):
    head = 'name = "bare"\nversion = 0\nenvironment = "cheetah"\n'
    file = parse_task_file(head + line + "[splits.train]\ncount = 5\n", "bare.toml")
    assert file.perturbations == ()


def test_frozen_tasks_of_an_empty_declaration():
    frozen = nominal_task_set(Cheetah).freeze()
    assert frozen["names"] == []
    assert frozen["splits"] == {"train": [[]]}
