"""Comparing runs: seeds are pooled, and what was not measured alike is refused by name."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.report import compare as comparison
from fastadapt.adaptation.report.compare import compare, group_by_agent
from fastadapt.adaptation.runs.external import open_external
from fastadapt.adaptation.trials.online import run_online
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import FastadaptError, load_task_set

HORIZON = 75


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture(autouse=True)
def no_replays(monkeypatch):
    monkeypatch.setattr(comparison, "make_gallery", lambda *_: [])


def evaluated(path, task_set, seed=0, shots=(0, 2), split="test_iid", drop=0, **changes):
    """A directory of the random agent with invented results: its return is 10 times its seed."""
    run = open_external(path, "random", task_set, seed)
    tasks = task_set.tasks(split)[: 40 - drop]
    table = np.zeros((len(shots), len(tasks)), COLUMNS)
    table["agent"], table["seed"] = "random", seed
    table["task_set"], table["split"] = task_set.id, split
    for k, shot in enumerate(shots):
        rows = table[k]
        rows["task_id"], rows["shot"] = [task.id for task in tasks], shot
        rows["return"] = 10.0 * seed + np.arange(len(tasks)) / 40
        rows["adaptation_env_steps"] = changes.get("steps", HORIZON) * shot
    meta = {
        "task_set_hash": changes.get("hash", task_set.hash),
        "evaluation_seed": changes.get("evaluation_seed", 0),
    }
    Result(table.reshape(-1), meta).save(run.path / "evaluations" / f"{split}-0")
    return path


def test_runs_that_differ_in_their_seed_are_one_agent(reacher, tmp_path):
    paths = [evaluated(tmp_path / f"r{seed}", reacher, seed) for seed in (0, 1, 2)]
    found = compare(paths, tmp_path / "report")
    page, text = found.page, found.markdown()
    row = next(line for line in text.splitlines() if line.startswith("| random"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[:4] == ["random", "test_iid", "40", "3"]
    assert cells[4].startswith("10.5 [0")  # seeds are 0, 10, 20: their luck is in the interval
    assert "1 agent, 3 seeds" in page.read_text(encoding="utf-8")


def test_the_same_run_twice_is_told_apart_by_its_path(reacher, tmp_path):
    paths = [evaluated(tmp_path / name, reacher, 0) for name in "ab"]
    text = compare(paths, tmp_path / "report").markdown()
    assert "| random (a)" in text
    assert "| random (b)" in text
    assert "P(better)" in text
    (tmp_path / "a" / "c").mkdir()
    deep = tmp_path / ("x" * 40)
    paths = [evaluated(where / "same", reacher, 0) for where in (tmp_path / "a" / "c", deep)]
    text = compare(paths, tmp_path / "report").markdown()
    assert "| random (run 2)" in text


def test_groups(reacher, tmp_path):
    runs = [
        open_external(tmp_path / f"{i}", "random", reacher, seed) for i, seed in enumerate("011")
    ]
    groups = group_by_agent(runs)
    assert [len(group) for group in groups.values()] == [2, 1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shots": (0, 1)}, "shots of test_iid 0, 2 and 0, 1"),
        ({"split": "validation"}, "splits test_iid and validation"),
        ({"drop": 3}, r"tasks of test_iid \(40 of them\) and \(37 of them\)"),
        ({"evaluation_seed": 7}, "evaluation seeds 0 and 7"),
        ({"steps": HORIZON + 1}, "used 152 control steps in 2 shots"),
    ],
)
def test_what_was_not_measured_alike_is_refused(changes, told, reacher, tmp_path):
    paths = [
        evaluated(tmp_path / "a", reacher),
        evaluated(tmp_path / "b", reacher, 1, **changes),
    ]
    with pytest.raises(FastadaptError, match=told):
        compare(paths, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_another_task_set_is_refused(reacher, tmp_path):
    other = load_task_set("reacher-dynamics")
    paths = [evaluated(tmp_path / "a", reacher), evaluated(tmp_path / "b", other)]
    with pytest.raises(FastadaptError, match=r"task set reacher-damage-v1 \(hash .* and reacher-d"):
        compare(paths, tmp_path / "report")


def test_references_of_another_version_are_refused_before_anything_is_written(reacher, tmp_path):
    References(reacher.id, "older", {"floor": {}, "oracle": {}}, {}).save(tmp_path / "old.json")
    path = evaluated(tmp_path / "a", reacher)
    with pytest.raises(FastadaptError, match="belong to hash older"):
        compare([path], tmp_path / "report", references=tmp_path / "old.json")
    assert not (tmp_path / "report").exists()


def test_online_trials_must_be_alike_too(reacher, tmp_path):
    paths = [evaluated(tmp_path / name, reacher, seed) for seed, name in enumerate("ab")]
    for path, ramp in zip(paths, (0.0, 0.5), strict=True):
        plan, tasks = OnlinePlan(1.0, 0.2, 0.3, ramp), reacher.tasks("test_iid")[:2]
        agent = RandomAgent(reacher)
        trial = run_online(agent, reacher, tasks, plan)
        found = OnlineResult.of(agent, reacher, "test_iid", tasks, plan, 0, trial)
        found.save(path / "evaluations" / "test_iid-0-online")
    with pytest.raises(FastadaptError, match=r"ramp of online trials on test_iid 0.0 and 0.5"):
        compare(paths, tmp_path / "report")
    found = compare(paths[:1], tmp_path / "report")
    page, text = found.page, found.markdown()
    assert "seconds to recover" in text
    assert "Recovery within one episode" in page.read_text(encoding="utf-8")
