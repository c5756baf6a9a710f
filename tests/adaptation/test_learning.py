"""Agents learn: small budgets by default, in full with `pytest -m learning --learning full`."""

import numpy as np
import pytest

from fastadapt.adaptation import evaluate, train
from fastadapt.adaptation.evaluation.controls import controlled
from fastadapt.adaptation.statistics.paired import paired_difference

# One thread: two files of tests run at once, and threads that wait for each other take minutes.
SETTINGS = {"ppo": {"gamma": 0.9}, "torch_threads": 1, "num_threads": 1}


@pytest.mark.slow
@pytest.mark.learning
def test_rl2_learns_on_the_arm(tmp_path):
    """From about -38 (random) to above -28 in 10 iterations."""
    run = train(
        "rl2", "reacher-damage", tmp_path / "run", iterations=10, planned_iterations=80, **SETTINGS
    )
    returns = [row["return_mean"] for row in run.metrics()]
    assert np.mean(returns[:2]) < -34
    assert returns[-1] > -31


@pytest.mark.slow
@pytest.mark.learning
def test_trained_memory_pays(tmp_path, learning_in_full):
    """RL² beats itself with an empty memory on unseen tasks, paired, with 95 % confidence."""
    if not learning_in_full:
        pytest.skip("takes minutes: run with --learning full")
    run = train("rl2", "reacher-damage", tmp_path / "run", iterations=80, **SETTINGS)
    for split in ("test_iid", "test_held_out_damage"):
        means = []
        for ablate in (None, "memory"):
            agent = controlled(run, ablate)
            table = evaluate(agent, run.task_set, split, shots=(1,), episodes=4).table
            ids = np.unique(table["task_id"])
            means.append(np.array([table["return"][table["task_id"] == i].mean() for i in ids]))
        assert paired_difference(*means).low > 0, split
