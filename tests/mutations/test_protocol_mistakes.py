"""Mistakes about tasks, splits and episodes, made on purpose: the test meant for each notices."""

import gymnasium as gym
import pytest

from fastadapt.envs import find_environment, list_environments, load_task_set
from fastadapt.envs.perturbations.world import Slope
from fastadapt.envs.robots.cheetah import Cheetah
from fastadapt.envs.tasks import shipped as registration
from fastadapt.envs.tasks.task_set import TaskSet
from tests.envs.perturbations import test_every_parameter
from tests.envs.tasks import test_task_sets
from tests.support.planted import Mistakes
from tests.support.shipped import NAMES, shipped

MISTAKES = Mistakes()
noticed_by = MISTAKES.noticed_by


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_noticed(name, monkeypatch):
    MISTAKES.assert_noticed(name, monkeypatch)


def parameters_act():
    with pytest.MonkeyPatch.context() as patch:
        test = test_every_parameter.test_every_parameter_acts_at_both_ends_and_leaves_no_trace
        test("l2a-cheetah-disabled-joint", patch)
        test("tmcl-hopper-mass", patch)


@noticed_by(parameters_act)
def m8_an_edit_that_reaches_no_model(patch):
    patch.setattr("fastadapt.envs.perturbations.perturbation.Edit.commit", lambda self, stale: None)


def test_episodes_last_for_seconds():
    """Long enough to fall, to be struck, and to recover."""
    for name in list_environments():
        environment = find_environment(name)
        assert environment.horizon * environment.control_step() >= 3, name
        assert 0.005 <= environment.control_step() <= 0.05, name


@noticed_by(test_episodes_last_for_seconds)
def m15_a_horizon_of_a_second(patch):
    patch.setattr(Cheetah, "horizon", 20)


def test_laws_of_training_are_narrower_than_what_is_physically_possible():
    for name in NAMES:
        for perturbation in shipped(name).file.of_split("train")[0]:
            for parameter in perturbation.parameters:
                law = perturbation.law_of(parameter)
                if law is not None and parameter.unit not in ("-", "deg"):
                    low, high = law.support()
                    wide = (low, high) == (parameter.low, parameter.high)
                    assert not wide, f"{name}: {perturbation.name}.{parameter.name}"


@noticed_by(test_laws_of_training_are_narrower_than_what_is_physically_possible)
def m16_bounds_as_the_distribution(patch):
    bounds = tuple((p.low, p.high) for p in Slope.parameters)

    def possible(self, parameter):
        law = getattr(self, parameter.name, None)
        return law and type("Law", (), {"support": lambda _: (parameter.low, parameter.high)})()

    assert bounds == ((-90.0, 90.0),)
    patch.setattr("fastadapt.envs.perturbations.perturbation.Perturbation.law_of", possible)


@noticed_by(lambda: test_task_sets.test_no_task_is_in_two_splits(shipped("cheetah-damage")))
def m19_test_tasks_that_were_trained_on(patch):
    tasks = TaskSet.tasks

    def shared(self, split):
        return tasks(self, "train" if split == "test_iid" else split)

    patch.setattr(TaskSet, "tasks", shared)


def test_registering_builds_no_robot():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaskSet, "__init__", lambda *_, **__: pytest.fail("a robot was built"))
        patch.setattr(gym.envs.registration, "registry", {})
        patch.setattr(gym, "registry", gym.envs.registration.registry)
        registration.register_gymnasium_ids()
        assert len(gym.registry) == len(NAMES)


@noticed_by(test_registering_builds_no_robot)
def m23_robots_built_when_they_are_registered(patch):
    declarations = registration.declarations

    def eager():
        return {name: text for name, text in declarations().items() if load_task_set(name)}

    patch.setattr(registration, "declarations", eager)
