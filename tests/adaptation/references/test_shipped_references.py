"""The references under assets/references: of the task sets as they are, and in the right order."""

from pathlib import Path

import numpy as np
import pytest

from fastadapt.adaptation import load_run
from fastadapt.adaptation.references.scores import ROLES, References, find_references
from fastadapt.adaptation.statistics.paired import paired_difference
from fastadapt.envs import load_task_set

FILES = sorted((Path(__file__).parents[3] / "assets" / "references").glob("*.json"))

AGENTS = sorted(path.parent for path in FILES[0].parent.glob("*/*/config.json"))


def test_there_are_some():
    assert "reacher-damage-v1" in [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_they_belong_to_the_task_set_as_it_is(path):
    task_set = load_task_set(path.stem.rpartition("-v")[0])
    assert find_references(task_set.id, task_set.hash) == References.load(path)
    found = References.load(path)
    assert set(found.returns) == set(ROLES)
    for role in ROLES:
        assert len(found.made[role]["seeds"]) >= 3
        for split in (name for name in task_set.splits if name.startswith("test")):
            assert set(found.returns[role][split]) == {t.id for t in task_set.tasks(split)}
    assert "/tmp" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_knowing_beats_robustness_beats_nothing(path):
    found = References.load(path)
    ids = list(found.returns["oracle"]["test_iid"])
    oracle, randomised, nominal = (
        found.of(role, "test_iid", ids) for role in ("oracle", "domain-randomised", "nominal")
    )
    assert paired_difference(oracle, randomised).low > 0
    assert paired_difference(randomised, nominal).low > 0
    share = (randomised - nominal).mean() / (oracle - nominal).mean()
    assert share < 0.9, "too easy: domain randomisation alone comes within a tenth of the oracle"
    for split in found.splits:
        means = {r: np.mean(list(found.returns[r][split].values())) for r in ROLES}
        assert max(means, key=means.__getitem__) == "oracle", split


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.name)
def test_the_agents_of_the_first_seed_fit_this_version(path):
    run = load_run(path)
    agent = run.agent()
    cls = run.task_set.environment
    shown = len(run.task_set.names) if agent.context == "visible" else 0
    agent.begin(2)
    actions = agent.act(np.zeros((2, len(cls.observations) + shown)), False)
    assert actions.shape == (2, len(cls.actions()))
    assert np.isfinite(actions).all()
