"""PEARL learns: a small budget by default, in full with `pytest -m learning --learning full`."""

import pytest

from fastadapt.adaptation import evaluate, train
from fastadapt.adaptation.evaluation.controls import controlled
from fastadapt.adaptation.statistics.paired import paired_difference

SETTINGS = {"sac": {"gamma": 0.9}}


@pytest.mark.slow
@pytest.mark.learning
def test_pearl_learns_on_the_arm(tmp_path):
    """From about -38 (random) to above -20 within 45,000 env steps, and it believes something."""
    run = train(
        "pearl", "reacher-damage", tmp_path / "run", iterations=5, torch_threads=1, **SETTINGS
    )
    rows = run.metrics()
    assert rows[0]["return_mean"] < -34
    assert rows[-1]["return_mean"] > -20
    assert rows[-1]["kl"] > 1


@pytest.mark.slow
@pytest.mark.learning
def test_inference_pays(tmp_path, learning_in_full):
    """Two shots beat none, and beat what another task's shots tell, on unseen tasks, paired."""
    if not learning_in_full:
        pytest.skip("takes minutes: run with --learning full")
    settings = {"sac": {"gamma": 0.9, "kl_weight": 0.01}}
    run = train(
        "pearl", "reacher-damage", tmp_path / "run", iterations=60, torch_threads=1, **settings
    )
    own, others = (
        evaluate(controlled(run, ablate), run.task_set, "test_iid", shots=(0, 2), episodes=4)
        for ablate in (None, "swapped-context")
    )
    _, before = own.task_means("pearl", "test_iid", 0)
    _, after = own.task_means("pearl", "test_iid", 2)
    _, swapped = others.task_means("pearl-exchanged", "test_iid", 2)
    assert paired_difference(after, before).low > 0
    assert paired_difference(after, swapped).low > 0
