"""Runs: resumed bit for bit, refused where they are another, never written over."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from fastadapt.adaptation import (
    Result,
    Run,
    evaluate,
    load_run,
    train,
)
from fastadapt.adaptation.runs.checkpoint import load_checkpoint
from fastadapt.adaptation.runs.run import RunConfig
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import FastadaptError, load_task_set

SMALL = {"num_envs": 4, "width": 16, "episodes": 1}
TRAIN = [
    "reacher-damage",
    *("--seed", "5", "--iterations", "12", "--checkpoint-every", "1"),
    *("--num-envs", "4", "--width", "16", "--episodes", "1"),
]


def weights(path):
    last = path / "checkpoints" / "last"
    return load_file(last / "model.safetensors") | load_file(last / "optimizer.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def command(out):
    return [
        sys.executable,
        "-m",
        "fastadapt.adaptation.cli.main",
        "train",
        "rl2",
        *TRAIN,
        "--out",
        out,
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "finished"
    train("rl2", "reacher-damage", path, seed=5, iterations=12, checkpoint_every=1, **SMALL)
    return path


def test_killed_and_resumed_equals_undisturbed(finished, tmp_path):
    out = tmp_path / "killed"
    chance = random.Random(time.time_ns())  # any moment must do
    for _ in range(3):
        process = subprocess.Popen(command(str(out)), stdout=subprocess.DEVNULL)
        metrics = out / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.read_text()):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command(str(out)), stdout=subprocess.DEVNULL).returncode == 0
    assert same(weights(finished), weights(out))
    rows = load_run(out).metrics()
    assert [row["iteration"] for row in rows] == list(range(1, 13))
    expected = load_run(finished).metrics()
    for name in ("return_mean", "env_steps", "value_loss"):
        assert [row[name] for row in rows] == [row[name] for row in expected]


def test_ctrl_c_saves_and_the_same_command_goes_on(finished, tmp_path):
    out = tmp_path / "interrupted"
    process = subprocess.Popen(
        command(str(out)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (out / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "saved" in errors
    assert "Traceback" not in errors
    assert 0 < len(load_run(out).metrics()) < 12
    assert subprocess.run(command(str(out)), stdout=subprocess.DEVNULL).returncode == 0
    assert same(weights(finished), weights(out))


@pytest.mark.slow
def test_more_iterations_of_a_finished_run_are_welcome(finished, tmp_path):
    path = tmp_path / "more"
    arguments = ("rl2", "reacher-damage", path)
    before = train(*arguments, seed=5, iterations=2, planned_iterations=12, **SMALL)
    assert before.origin().endswith("# seed 5")
    after = train(*arguments, seed=5, iterations=12, planned_iterations=12, **SMALL)
    assert same(weights(finished), weights(path))
    assert after.origin().endswith("# seed 5, extended to iteration 12")


def test_a_run_directory_holds_what_is_promised(finished):
    names = {path.name for path in finished.iterdir()}
    assert {"config.json", "task_set.toml", "machine.json", "metrics.jsonl"} <= names
    assert list((finished / "tensorboard").iterdir())
    state = json.loads((finished / "checkpoints" / "last" / "state.json").read_text())
    assert state["iteration"] == 12
    agent = load_run(finished).agent()
    assert same(
        {f"network.{k}": v.numpy() for k, v in agent.network.state_dict().items()},
        {k: v for k, v in weights(finished).items() if k.startswith("network.")},
    )


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"agent": "oracle"},
        {"task_set": "cheetah-damage"},
        {"width": 32},
        {"ppo": {"epochs": 2}},
    ],
)
def test_another_run_is_refused_and_untouched(finished, change):
    arguments = {"agent": "rl2", "task_set": "reacher-damage", "seed": 5, **SMALL} | change
    before = weights(finished)
    with pytest.raises(FastadaptError, match=f"another run.*{next(iter(change))}"):
        train(out=finished, iterations=13, **arguments)
    assert same(before, weights(finished))


def test_a_directory_with_something_else_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FastadaptError, match="nothing was written"):
        train("rl2", "reacher-damage", tmp_path, iterations=1, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def damaged(tmp_path, finished):
    path = tmp_path / "damaged"
    shutil.copytree(finished, path, symlinks=True)
    return path


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "config.json").write_text('{"form'), "damaged"),
        (lambda p: (p / "config.json").write_text('{"format": 1}'), "lacks entries"),
        (lambda p: (p / "config.json").write_text('{"format": 99}'), "format 99"),
        (lambda p: (p / "config.json").write_text("[1]"), "damaged"),
        (lambda p: (p / "config.json").unlink(), "not a run directory"),
        (lambda p: (p / "task_set.toml").unlink(), "truncated"),
        (lambda p: shutil.rmtree(p / "checkpoints"), "no checkpoint"),
        (lambda p: (p / "checkpoints" / "last" / "state.json").write_text("{}"), "damaged"),
        (
            lambda p: (p / "checkpoints" / "last" / "model.safetensors").write_bytes(b"short"),
            "damaged",
        ),
        (
            lambda p: (p / "task_set.toml").write_text(
                (p / "task_set.toml").read_text().replace("version = 1", "version = 2")
            ),
            "not the task set this run was trained on",
        ),
    ],
)
def test_a_damaged_run_says_what_is_wrong(finished, tmp_path, spoil, message):
    path = damaged(tmp_path, finished)
    spoil(path)
    with pytest.raises(FastadaptError, match=message):
        load_run(path).agent()


@pytest.mark.parametrize("content", ["[]", "3", '{"iteration": 1, "progress": []}', "\x00"])
def test_a_state_that_is_none_is_damaged_to_who_resumes_too(tmp_path, content):
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / "state.json").write_text(content)
    with pytest.raises(FastadaptError, match="is damaged"):
        load_checkpoint(tmp_path, replay=True)


def test_metrics_that_are_no_text_are_damaged(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(b"\xff\xfe\x00")
    config = RunConfig("rl2", "reacher-damage-v0", "", 0, 1, 1, {}, "")
    with pytest.raises(FastadaptError, match="is damaged: it is not text"):
        Run(tmp_path, config).metrics()


def test_two_trainings_of_one_directory_are_refused(finished):
    from fastadapt.adaptation.runs.files import locked

    with locked(finished), pytest.raises(FastadaptError, match="Another process"):
        train("rl2", "reacher-damage", finished, seed=5, iterations=13, **SMALL)


@pytest.mark.parametrize(
    "bad",
    [
        {"iterations": 0},
        {"checkpoint_every": 0},
        {"num_threads": -1},
        {"torch_threads": 0},
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 1.5},
        {"seed": True},
        {"iterations": "1"},
        {"width": 2.5},
        {"ppo": 5},
        {"ppo": {"learning_rate": float("nan")}},
        {"ppo": {"final_learning_rate": -1.0}},
    ],
)
def test_impossible_numbers_are_refused_before_anything_is_written(tmp_path, bad):
    arguments = {"iterations": 1, **SMALL} | bad
    with pytest.raises(FastadaptError, match="must be"):
        train("rl2", "reacher-damage", tmp_path / "a", **arguments)
    assert not (tmp_path / "a").exists()


def test_numbers_of_numpy_are_numbers(tmp_path):
    run = train("rl2", "reacher-damage", tmp_path / "a", np.int64(3), np.int32(1), **SMALL)
    numbers = {"episodes": np.int64(1), "seed": np.int64(2), "num_threads": 1}
    result = evaluate(run.agent(), run.task_set, "validation", np.arange(2), **numbers)
    result.save(tmp_path / "b")
    assert Result.load(tmp_path / "b").meta["evaluation_seed"] == 2
    assert load_run(tmp_path / "a").config.seed == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1.5}, "seed = 1.5; it must be a whole number"),
        ({"seed": None}, "seed = None"),
        ({"seed": -1}, "seed = -1; it must be a whole number of at least 0"),
        ({"episodes": 0}, "episodes = 0"),
        ({"episodes": 1.5}, "episodes = 1.5"),
        ({"shots": 1}, r"shots = 1; give numbers such as \(0, 1, 2, 5\)"),
        ({"shots": "01"}, "shots = '01'"),
        ({"shots": (0, 1.5)}, "a number of shots = 1.5"),
        ({"shots": ()}, "give at least one number"),
        ({"task_set": "reacher-damage"}, "made of a TaskSet, not of 'reacher"),
        ({"agent": "rl2"}, "'rl2' is not an agent"),
        ({"agent": RandomAgent}, "is not an agent: give an object"),
    ],
)
def test_what_cannot_be_measured_is_told(change, told):
    reacher = load_task_set("reacher-damage")
    right = {"agent": RandomAgent(reacher), "task_set": reacher, "split": "validation"}
    with pytest.raises(FastadaptError, match=told):
        evaluate(**{**right, "shots": (0,), "episodes": 1} | change)


def test_a_lost_link_to_the_last_checkpoint_does_not_start_over(finished, tmp_path):
    path = damaged(tmp_path, finished)
    (path / "checkpoints" / "last").unlink()
    before = (path / "metrics.jsonl").read_text()
    assert load_run(path).iterations_done() == 12
    train("rl2", "reacher-damage", path, seed=5, iterations=13, **SMALL)
    after = (path / "metrics.jsonl").read_text()
    assert after.startswith(before)
    assert after.count("\n") == 13


def test_a_run_that_was_copied_without_its_links_goes_on(finished, tmp_path):
    path = tmp_path / "copied"
    shutil.copytree(finished, path)  # links become folders
    train("rl2", "reacher-damage", path, seed=5, iterations=13, **SMALL)
    assert len(load_run(path).metrics()) == 13
    assert load_run(path).iterations_done() == 13


def test_a_run_killed_while_it_was_created_can_be_begun_again(tmp_path):
    path = tmp_path / "begun"
    path.mkdir()
    (path / "task_set.toml").write_text("")
    (path / ".machine.json.writing").write_text("{")
    train("rl2", "reacher-damage", path, iterations=1, **SMALL)
    assert load_run(path).iterations_done() == 1


def test_a_run_keeps_the_frozen_tasks_that_it_began_with(finished):
    from fastadapt.envs import load_task_set

    kept, shipped = load_run(finished).task_set, load_task_set("reacher-damage")
    assert kept.frozen == shipped.frozen
    assert kept.tasks("test_iid") == shipped.tasks("test_iid")
