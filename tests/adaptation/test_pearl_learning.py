"""PEARL learns: a small budget by default, in full with `pytest -m learning --learning full`."""

import numpy as np
import pytest

from fastadapt.adaptation import evaluate, train
from fastadapt.adaptation.paired import paired_difference

SETTINGS = {"sac": {"gamma": 0.9}}


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


@pytest.mark.learning
def test_inference_pays(tmp_path, learning_in_full):
    """Two shots beat none on unseen tasks and damage, paired, with 95 % confidence."""
    if not learning_in_full:
        pytest.skip("takes minutes: run with --learning full")
    run = train(
        "pearl", "reacher-damage", tmp_path / "run", iterations=30, torch_threads=1, **SETTINGS
    )
    for split in ("test_iid", "test_held_out_damage"):
        table = evaluate(run.agent(), run.task_set, split, shots=(0, 2), episodes=4).table
        ids = np.unique(table["task_id"])
        before, after = (
            np.array(
                [
                    table["return"][(table["task_id"] == i) & (table["shot"] == shot)].mean()
                    for i in ids
                ]
            )
            for shot in (0, 2)
        )
        assert paired_difference(after, before).low > 0, split
