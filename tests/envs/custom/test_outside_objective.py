"""An objective from outside: found by name and configured by a table, as the shipped ones are."""

from typing import Any, ClassVar

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.objectives.catalogue import OBJECTIVES, objectives
from fastadapt.envs.objectives.moving_robot import MovingKeys
from fastadapt.envs.objectives.objective import Positive
from fastadapt.envs.objectives.run_forward import RunForward
from tests.support.own_models import write


class CappedKeys(MovingKeys):
    """A key that is not a class attribute of the same name."""

    half: bool = False


class RunCapped(RunForward):
    """Run forward, rewarded up to a speed."""

    settings = (*RunForward.settings, "fastest")
    keys = CappedKeys
    fastest: ClassVar[Positive] = 2.0
    """Velocities beyond this are not rewarded [m/s]."""
    factor: ClassVar[float] = 1.0

    @classmethod
    def fit(cls, table, robot):
        return {**super().fit(table, robot), "factor": 0.5 if table.half else 1.0}

    def reward(self, before: Any, action: Any):
        _, terms = super().reward(before, action)
        reward = self.factor * np.minimum(terms["x_velocity"], self.fastest)
        return reward, {**terms, "reward_capped": reward}


class NoObjective:
    pass


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for name in ("_targets", "_sources"):
        monkeypatch.setattr(OBJECTIVES, name, dict(getattr(OBJECTIVES, name)))
    OBJECTIVES.register("run-capped", RunCapped)
    OBJECTIVES.register("nothing", f"{__name__}:NoObjective")


def environment_of(tmp_path, table):
    return load_task_set(write(tmp_path, environment=table)).environment


def test_its_settings_and_keys_are_those_of_a_table(tmp_path):
    table = 'objective = "run-capped"\nfastest = 0.01\nhalf = true\nstart_noise = 0.0'
    task_set = load_task_set(write(tmp_path, environment=table))
    cls = task_set.environment
    assert issubclass(cls, RunCapped)
    assert (cls.fastest, cls.factor, cls.start_noise) == (0.01, 0.5, 0.0)
    assert cls.name == "mine-run-capped"
    batch = make_batch(task_set, 4, 1)
    batch.reset(seed=0)
    rewards = [batch.step(np.ones(batch.action_space.shape))[1] for _ in range(30)]
    assert np.max(rewards) == pytest.approx(0.005)


def test_what_the_table_leaves_out_is_the_value_of_the_class(tmp_path):
    cls = environment_of(tmp_path, 'objective = "run-capped"')
    assert (cls.fastest, cls.factor) == (2.0, 1.0)
    assert cls.id() != environment_of(tmp_path, 'objective = "run-capped"\nhalf = true').id()


def test_it_can_be_named_by_module_and_class(tmp_path):
    cls = environment_of(tmp_path, f'objective = "{__name__}:RunCapped"')
    assert issubclass(cls, RunCapped)


def test_it_is_listed():
    assert list(OBJECTIVES)[-2:] == ["run-capped", "nothing"]
    with pytest.raises(FastadaptError, match="'nothing' is not a subclass"):
        objectives()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('objective = "run-capped"\nfastest = -1', ["environment.fastest", "greater than 0", "-1"]),
        ('objective = "run-capped"\nfastset = 1', ["Did you mean 'fastest'?"]),
        ('objective = "run-capped"\nhalf = "a"', ["environment.half", "true or false"]),
        ('objective = "run-capt"', ["no objective", "Did you mean 'run-capped'?"]),
        ('objective = "nothing"', ["'nothing' is not a subclass", "Derive it from"]),
        ('objective = "nowhere:Nothing"', ["cannot be imported", "nowhere"]),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, table, words):
    with pytest.raises(FastadaptError) as caught:
        environment_of(tmp_path, table)
    assert all(word in str(caught.value) for word in words), caught.value
