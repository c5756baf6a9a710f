"""References from nothing: trained, measured, resumed after a crash, shared by two processes."""

import json
import shutil
import threading
from contextlib import contextmanager

import pytest

from fastadapt.adaptation import load_run
from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.cli.learn.reference import Reference, options_of
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.make import (
    ReferencePlan,
    collect_references,
    train_references,
)
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.runs.files import locked
from fastadapt.agents.registry import make_config
from fastadapt.envs import FastadaptError, load_task_set

SMALL = {"num_envs": 2, "width": 8, "episodes": 1}


def plan(folder, **changes):
    iterations = {"nominal": 1, "domain-randomised": 2, "oracle": 3}
    given = {"task_set": "reacher-damage", "runs": folder, "iterations": iterations}
    given |= {"seeds": (4,), "episodes": 1, "threads": 1, "options": SMALL, "algorithm": "ppo"}
    return ReferencePlan(**given | changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    return plan(folder), train_references(plan(folder))


def test_every_arm_is_trained_for_its_budget(made):
    _, runs = made
    assert {role: [run.config.agent for run in given] for role, given in runs.items()} == {
        "nominal": ["nominal"],
        "domain-randomised": ["domain-randomised"],
        "oracle": ["oracle"],
    }
    assert [runs[role][0].iterations_done() for role in runs] == [1, 2, 3]
    assert {run.config.seed for given in runs.values() for run in given} == {4}


def test_scores_on_every_test_split_and_how_they_came_about(made, tmp_path):
    found = collect_references(*made)
    found.save(tmp_path / "it.json")
    task_set = load_task_set("reacher-damage")
    tests = [split for split in task_set.splits if split.startswith("test")]
    assert len(tests) == 6
    for role in ("nominal", "domain-randomised", "oracle", "random"):
        assert set(found.returns[role]) == set(tests)
        for split in tests:
            assert found.returns[role][split].keys() == {t.id for t in task_set.tasks(split)}
    again = References.load(tmp_path / "it.json")
    entry = again.made["oracle"]["training"][0]
    assert (entry["seed"], entry["iterations"], entry["env_steps"]) == (4, 3, 450)
    assert entry["command"].endswith("# seed 4")
    assert (entry["options"]["num_envs"], entry["options"]["width"]) == (2, 8)
    assert again.made["oracle"]["machine"]["versions"]
    assert again.made["random"]["seeds"] == [4]


@pytest.mark.slow
def test_a_crash_loses_little_and_changes_nothing(made, tmp_path):
    class CrashError(Exception):
        pass

    @contextmanager
    def crash(step):
        def report(iteration, _):
            if step.role == "oracle" and iteration == 2:
                raise CrashError

        yield report

    with pytest.raises(CrashError):
        train_references(plan(tmp_path), crash)
    kept = tmp_path / "reacher-damage-v1" / "nominal-4"
    stamp = (kept / "checkpoints" / "last" / "model.safetensors").stat().st_mtime_ns
    result = next((kept / "evaluations").glob("*/results.csv"))
    measured = result.stat().st_mtime_ns
    runs = train_references(plan(tmp_path))
    assert (kept / "checkpoints" / "last" / "model.safetensors").stat().st_mtime_ns == stamp
    assert result.stat().st_mtime_ns == measured
    again, undisturbed = collect_references(plan(tmp_path), runs), collect_references(*made)
    assert again.returns == undisturbed.returns


def test_what_another_process_is_at_is_left_for_later(made):
    the_plan, runs = made
    busy, free = runs["nominal"][0].path, threading.Event()
    with locked(busy):
        worker = threading.Thread(
            target=lambda: (train_references(the_plan, wait=0.01), free.set())
        )
        worker.start()
        assert not free.wait(0.5)
    assert free.wait(20)
    worker.join()


def test_the_code_that_trains_is_a_choice(tmp_path):
    chosen = plan(tmp_path, algorithm="sb3-ppo", iterations={"oracle": 1})
    runs = train_references(chosen)
    assert [run.config.agent for run in runs["oracle"]] == ["oracle-sb3-ppo"]
    with pytest.raises(FastadaptError, match="'nominal' is missing"):
        collect_references(chosen, runs)


@pytest.mark.parametrize(
    ("algorithm", "place"),
    [("sac", "sac"), ("ppo", "ppo"), ("sb3-ppo", "ppo"), ("sb3-sac", None)],
)
def test_the_discount_reaches_every_algorithm(tmp_path, algorithm, place):
    args = Reference(tmp_path / "it.json", "reacher-damage", algorithm=algorithm, gamma=0.8)
    chosen = plan(tmp_path, algorithm=algorithm, options=options_of(args))
    config = make_config(chosen.agent("oracle"), chosen.options)
    assert (getattr(config, place) if place else config).gamma == 0.8
    assert options_of(Reference(tmp_path / "it.json", algorithm=algorithm)) == {}


def test_impossible_plans_are_refused(tmp_path):
    with pytest.raises(FastadaptError, match="No seed"):
        plan(tmp_path, seeds=())
    with pytest.raises(FastadaptError, match="'random' is not trained"):
        plan(tmp_path, iterations={"random": 1})


@pytest.mark.parametrize("out", ["file/x.json", "file/deep/x.json"])
def test_a_place_that_cannot_be_is_told_before_training(tmp_path, capsys, monkeypatch, out):
    def train(*_):
        raise AssertionError("trained first")

    monkeypatch.setattr("fastadapt.adaptation.cli.learn.reference._make", train)
    (tmp_path / "file").write_text("mine")
    command = ["reference", "reacher-damage", "--runs", str(tmp_path / "runs")]
    assert cli.run([*command, "--out", str(tmp_path / out)]) == 2
    assert "file' is not a folder. Nothing was trained." in capsys.readouterr().err
    with pytest.raises(AssertionError, match="trained first"):
        cli.run([*command, "--out", str(tmp_path / "new" / "deep" / "x.json")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_takes_runs_that_there_are(made, tmp_path, capsys):
    _, runs = made
    out = tmp_path / "references" / "reacher-damage-v1.json"
    command = ["reference", "reacher-damage", "--out", str(out), "--runs", str(tmp_path / "runs")]
    command += ["--seeds", "4", "--episodes", "1", "--threads", "1", "--rivals"]
    for role in ("nominal", "oracle", "domain-randomised"):
        command += [f"--{role}", str(runs[role][0].path)]
    assert cli.run(command) == 0
    content = json.loads(out.read_text())
    assert content["returns"].keys() == {"nominal", "domain-randomised", "oracle", "random"}
    assert content["made"]["nominal"]["training"][0]["iterations"] == 1
    assert not (tmp_path / "runs" / "reacher-damage-v1" / "nominal-4").exists()
    assert cli.run(command) == 2
    assert "exists; nothing was written" in capsys.readouterr().err
    assert load_run(runs["nominal"][0].path).iterations_done() == 1


def test_without_a_task_set_every_arm_comes_from_given_runs(made, tmp_path, capsys):
    _, runs = made
    command = ["reference", "--out", str(tmp_path / "it.json")]
    command += ["--floor", str(runs["nominal"][0].path)]
    assert cli.run(command) == 2
    assert "The reference 'oracle' is missing" in capsys.readouterr().err
    command += ["--oracle", str(runs["oracle"][0].path)]
    assert cli.run([*command, "--rivals", str(risen(runs["domain-randomised"][0], tmp_path))]) == 2
    told = capsys.readouterr().err
    assert "no ceiling: domain-randomised is above it on" in told
    assert "Nothing was written" in told
    assert not (tmp_path / "it.json").exists()
    assert cli.run([*command, "--rivals"]) == 0
    assert References.load(tmp_path / "it.json").returns.keys() == {"nominal", "oracle"}


def risen(run, folder):
    """Return the directory of a copy of a run that scores 100 more on every task."""
    copy = folder / "risen"
    shutil.copytree(run.path, copy, symlinks=True)
    for file in (copy / "evaluations").glob("*/results.csv"):
        result = Result.load(file.parent)
        result.table["return"] += 100
        result.save(file.parent)
    return copy
