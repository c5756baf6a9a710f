"""Runs of the agents of Stable-Baselines3 and of fine-tuning: resumed, taken over, evaluated."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from fastadapt.adaptation import evaluate, load_run, train
from fastadapt.adaptation.cli import main as cli
from fastadapt.envs import FastadaptError

SAC = {"num_envs": 4, "width": 16, "batch": 32, "gradient_steps": 1, "warm_up": 350, "replay": 800}
SMALL = {"num_envs": 4, "width": 16, "episodes": 1}


def files(path):
    last = path / "checkpoints" / "last"
    return {f"{f.stem}.{k}": v for f in last.glob("*.safetensors") for k, v in load_file(f).items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def flags(options):
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
    return [word for pair in pairs for word in pair]


def test_a_run_of_the_library_goes_on_bit_for_bit(tmp_path):
    arguments = {"seed": 5, "checkpoint_every": 1, "torch_threads": 1, "planned_iterations": 4}
    whole = train(
        "oracle-sb3-sac", "reacher-damage", tmp_path / "a", iterations=4, **arguments, **SAC
    )
    command = ["train", "oracle-sb3-sac", "reacher-damage", "--out", str(tmp_path / "b")]
    command += ["--seed", "5", "--torch-threads", "1", "--planned-iterations", "4", *flags(SAC)]
    for iterations in ("2", "4"):
        assert cli.run([*command, "--iterations", iterations]) == 0
    assert same(files(tmp_path / "a"), files(tmp_path / "b"))
    assert "replay.observations" in files(tmp_path / "b")
    again = load_run(tmp_path / "b")
    for name in ("return_mean", "env_steps", "critic_loss"):
        assert [row.get(name) for row in again.metrics()] == [r.get(name) for r in whole.metrics()]
    results = [evaluate(run.agent(), run.task_set, "validation", (0,), 1) for run in (whole, again)]
    assert np.array_equal(*(result.table["return"] for result in results))
    assert results[0].agents == ["oracle-sb3-sac"]


@pytest.fixture(scope="module")
def randomised(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "dr"
    train("domain-randomised", "reacher-damage", path, 5, 2, **SMALL, ppo={"gamma": 0.9})
    return path


def test_fine_tuning_takes_over_what_was_trained(randomised, tmp_path):
    out = tmp_path / "tuned"
    command = ["train", "fine-tune", "reacher-damage", "--out", str(out), "--seed", "5"]
    command += ["--start", str(randomised), "--tuning.gradient-steps", "3"]
    for _ in range(2):  # again: nothing happens
        assert cli.run(command) == 0
    assert same(files(out), files(randomised))
    run = load_run(out)
    assert run.metrics() == load_run(randomised).metrics()
    assert run.config.options["ppo"]["gamma"] == 0.9
    assert run.config.options["tuning"]["gradient_steps"] == 3
    whole = tmp_path / "whole"  # its own training is the same
    train("fine-tune", "reacher-damage", whole, 5, 2, **SMALL, ppo={"gamma": 0.9})
    assert same(files(whole), files(randomised))


def test_what_cannot_be_taken_over_is_told(randomised, tmp_path):
    arguments = {"out": tmp_path / "a", "start": randomised, "iterations": 2}
    with pytest.raises(FastadaptError, match="has seed 5, not 4"):
        train("fine-tune", "reacher-damage", seed=4, **arguments)
    with pytest.raises(FastadaptError, match=r"cannot start from.*a run of 'domain-r"):
        train("rl2", "reacher-damage", seed=5, **arguments)
    with pytest.raises(FastadaptError, match="was trained on reacher-damage"):
        train("fine-tune", "reacher-dynamics", seed=5, **arguments)
    assert not (tmp_path / "a").exists()


def test_a_missing_package_is_one_sentence_on_the_command_line(tmp_path, monkeypatch, capsys):
    import sys

    for module in list(sys.modules):
        if module.startswith("fastadapt.agents.sb3"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    command = ["train", "recurrent", "reacher-damage", "--out", str(tmp_path / "a")]
    assert cli.run(command) == 2
    told = capsys.readouterr().err
    assert "The agent 'recurrent' (from fastadapt) cannot be imported" in told
    assert not (tmp_path / "a").exists()
    assert cli.run(["list", "agents"]) == 0
    assert "recurrent" in capsys.readouterr().out
