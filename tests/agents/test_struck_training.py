"""Every agent is trained while the world changes within its trials, and goes on bit for bit."""

import numpy as np
import pytest

from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set, make_batch
from tests.agents.conftest import SMALL as LOCK_STEP
from tests.agents.maml.test_maml import SMALL_MAML
from tests.agents.onpolicy.conftest import SMALL
from tests.agents.onpolicy.test_resume import assert_same, trained
from tests.agents.pearl.test_pearl import TINY

LONG = SMALL | {"steps": 48, "trial": 8.0}
SETTINGS = {
    "rl2": LOCK_STEP | {"episodes": 3},
    "maml": SMALL_MAML,
    "pearl": TINY,
    "rl2-continuing": LONG,
    "window": LONG,
    "informed": LONG,
}


@pytest.fixture(params=["cheetah-struck", "quadruped-struck"])
def struck(request, monkeypatch):
    """Return a task set with short episodes, so that its strikes come in later ones."""
    task_set = load_task_set(request.param)
    monkeypatch.setattr(task_set.environment, "horizon", 30)
    return task_set


@pytest.mark.parametrize("name", SETTINGS)
def test_robots_are_struck_and_repaired_within_the_trials_of_training(name, struck, monkeypatch):
    agent = make_agent(name, struck, seed=3, **SETTINGS[name])
    envs = make_batch(struck, agent.num_envs, 1, context=agent.context)
    ages, in_force = [], []
    step = envs.step

    def watched(actions):
        found = step(actions)
        ages.append(envs.age)
        in_force.append(envs.told)
        return found

    monkeypatch.setattr(envs, "step", watched)
    for iteration in range(2):
        row = agent.meta_train(envs, struck, iteration)
        assert np.isfinite(row["return_mean"])
    assert np.max(ages) > struck.environment.horizon  # trials go on through episodes
    changes = np.abs(np.diff(in_force, axis=0)).max(axis=2) > 0
    late = np.array(ages)[1:] % struck.environment.horizon != 1
    assert (changes & late).any()  # not only where a new task begins


@pytest.mark.slow
def test_resumed_training_is_the_same(struck):
    settings = LONG | {"planned_iterations": 5}
    whole = trained("rl2-continuing", struck, 5, **settings)
    assert_same(whole, trained("rl2-continuing", struck, 5, stop_after=3, **settings))
