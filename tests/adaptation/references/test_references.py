"""Reference scores: made from evaluations, saved, and used to normalise; never across versions."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import (
    References,
    find_references,
    references_from,
)
from fastadapt.envs import FastadaptError


def result(agent, returns, shots=(0,), seeds=(0,), hash_="abc", split="test_iid"):
    """Return a result with `returns[k][i]` for shot k and task i, the same for every seed."""
    rows = []
    for seed in seeds:
        for k, shot in enumerate(shots):
            for i, value in enumerate(returns[k]):
                row = np.zeros(1, COLUMNS)
                row["agent"], row["seed"], row["task_set"], row["split"] = (
                    agent,
                    seed,
                    "s-v0",
                    split,
                )
                row["task_id"], row["shot"], row["return"] = f"t{i}", shot, value + seed
                rows.append(row)
    return Result(np.concatenate(rows), {"task_set_hash": hash_, "episodes": 1})


def made():
    return references_from({
        "nominal": [result("nominal", [[0, 10]])],
        "oracle": [result("oracle", [[9, 29]], seeds=(0, 2))],
        "random": [result("random", [[-5, -5]])],
    })  # fmt: skip


def test_references_are_means_over_seeds():
    found = made()
    assert found.of("oracle", "test_iid", ["t1", "t0"]).tolist() == [30, 10]
    assert found.made["oracle"]["seeds"] == [0, 2]
    assert found.splits == ["test_iid"]


def test_scores_are_normalised_on_the_same_tasks():
    shots, curve = made().curves(result("it", [[0, 10], [15, 10]], (0, 2)), "it", "test_iid")
    assert shots == [0, 2]
    assert curve == pytest.approx(np.array([[[0, 1.0], [0, 0.0]]]))  # mean gap (10 + 20) / 2


def test_seeds_are_kept_and_resampled_with_the_agent():
    found = made()
    assert found.of_seeds("oracle", "test_iid", ["t1", "t0"]).tolist() == [[29, 9], [31, 11]]
    oracle = result("oracle", [[9, 29]], seeds=(0, 2))
    one = found.interval(oracle, "oracle", "test_iid", 0)
    assert (one.point, one.low, one.high) == pytest.approx((1, 1, 1))
    older = References(found.task_set, found.hash, found.returns, found.made)
    assert older.of_seeds("oracle", "test_iid", ["t1", "t0"]).tolist() == [[30, 10]]


def test_what_was_saved_is_loaded(tmp_path):
    made().save(tmp_path / "s-v0.json")
    assert References.load(tmp_path / "s-v0.json") == made()


def test_files_of_earlier_versions_call_the_nominal_baseline_floor(tmp_path):
    file = tmp_path / "s-v0.json"
    made().save(file)
    file.write_text(file.read_text().replace('"nominal":', '"floor":'))
    assert References.load(file) == made()


def test_another_version_of_the_task_set_is_refused():
    with pytest.raises(FastadaptError, match="hash abc, the results to xyz"):
        made().curves(result("it", [[0, 10]], hash_="xyz"), "it", "test_iid")
    with pytest.raises(FastadaptError, match="different versions"):
        references_from({
            "nominal": [result("nominal", [[0]])],
            "oracle": [result("oracle", [[1]], hash_="xyz")],
        })  # fmt: skip


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FastadaptError, match="'oracle' is missing"):
        references_from({"nominal": [result("nominal", [[0]])]})
    with pytest.raises(FastadaptError, match="Did you mean 'nominal'"):
        references_from({"nomnal": [result("nominal", [[0]])]})
    two = Result.concatenate([result("a", [[0]]), result("b", [[0]])])
    with pytest.raises(FastadaptError, match="must be one agent"):
        references_from({"nominal": [two], "oracle": [result("oracle", [[1]])]})
    with pytest.raises(FastadaptError, match="lacks 1 of the tasks"):
        made().of("nominal", "test_iid", ["t0", "t9"])
    with pytest.raises(FastadaptError, match="domain-randomised"):
        made().of("domain-randomised", "test_iid", ["t0"])
    with pytest.raises(FastadaptError, match="split"):
        made().of("nominal", "test_odd", ["t0"])
    with pytest.raises(FastadaptError, match="Cannot read"):
        References.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(FastadaptError, match="is not a references file"):
        References.load(tmp_path / "bad.json")


def test_a_task_set_without_references_has_none():
    assert find_references("nobody-made-them-v0", "abc") is None
