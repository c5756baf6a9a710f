"""Runs: resumed bit for bit, refused where they are another, never written over."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from fastadapt.adaptation import load_run, train
from fastadapt.envs import FastadaptError

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
    return [sys.executable, "-m", "fastadapt.adaptation.cli", "train", "rl2", *TRAIN, "--out", out]


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


def test_more_iterations_of_a_finished_run_are_welcome(finished, tmp_path):
    path = tmp_path / "more"
    arguments = ("rl2", "reacher-damage", path)
    train(*arguments, seed=5, iterations=2, planned_iterations=12, **SMALL)
    train(*arguments, seed=5, iterations=12, planned_iterations=12, **SMALL)
    assert same(weights(finished), weights(path))


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
    import shutil

    path = tmp_path / "damaged"
    shutil.copytree(finished, path, symlinks=True)
    return path


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "config.json").write_text('{"form'), "damaged"),
        (lambda p: (p / "config.json").write_text('{"format": 1}'), "lacks entries"),
        (lambda p: (p / "config.json").write_text('{"format": 99}'), "format 99"),
        (lambda p: (p / "config.json").unlink(), "not a run directory"),
        (lambda p: (p / "task_set.toml").unlink(), "truncated"),
        (lambda p: (p / "checkpoints" / "last").unlink(), "no checkpoint"),
        (
            lambda p: (p / "checkpoints" / "last" / "model.safetensors").write_bytes(b"short"),
            "damaged",
        ),
        (
            lambda p: (p / "task_set.toml").write_text(
                (p / "task_set.toml").read_text().replace("version = 0", "version = 1")
            ),
            "not what this run was trained on",
        ),
    ],
)
def test_a_damaged_run_says_what_is_wrong(finished, tmp_path, spoil, message):
    path = damaged(tmp_path, finished)
    spoil(path)
    with pytest.raises(FastadaptError, match=message):
        load_run(path).agent()


def test_two_trainings_of_one_directory_are_refused(finished):
    from fastadapt.adaptation.training import _locked

    with _locked(finished), pytest.raises(FastadaptError, match="Another process"):
        train("rl2", "reacher-damage", finished, seed=5, iterations=13, **SMALL)


def test_no_iterations_are_refused(tmp_path):
    with pytest.raises(FastadaptError, match="at least 1"):
        train("rl2", "reacher-damage", tmp_path / "a", iterations=0, **SMALL)
    assert not (tmp_path / "a").exists()
