"""Agents from elsewhere on the command line: measured, compared, refused."""

import json

import pytest
from stable_baselines3 import PPO

from fastadapt.adaptation.cli import run
from fastadapt.adaptation.guest import Guest, open_guest, open_measured
from fastadapt.agents.sb3_vec_env import SB3VecEnv
from fastadapt.envs import FastadaptError, load_task_set, make_batch

QUICK = ("--split", "validation", "--shots", "0", "1", "--episodes", "1", "--no-report")


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture(scope="module")
def model(reacher, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "it.zip"
    PPO("MlpPolicy", SB3VecEnv(make_batch(reacher, 2, 1)), seed=0, device="cpu").save(path)
    return path


def test_agents_from_elsewhere_are_compared(model, tmp_path, capsys):
    elsewhere = ("--task-set", "reacher-damage", *QUICK)
    assert run(["evaluate", str(tmp_path / "a"), "--agent", f"sb3:{model}", *elsewhere]) == 0
    assert run(["evaluate", str(tmp_path / "b"), "--agent", "random", *elsewhere]) == 0
    out = tmp_path / "report"
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert run(["compare", *both, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "sb3-ppo" in shown
    assert "random" in shown
    assert "P(better)" in shown
    assert f"sb3:{model}" in (out / "index.html").read_text()


def test_budgets_that_differ_are_refused(model, tmp_path, capsys):
    elsewhere = ("--task-set", "reacher-damage", *QUICK)
    run(["evaluate", str(tmp_path / "a"), "--agent", f"sb3:{model}", *elsewhere])
    more = [*elsewhere[:-1], "--shots", "0", "2", "--no-report"]
    run(["evaluate", str(tmp_path / "b"), "--agent", "random", *more])
    capsys.readouterr()
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert run(["compare", *both, "--out", str(tmp_path / "report")]) == 2
    assert "shots of validation 0, 1 and 0, 2" in capsys.readouterr().err


def test_online_trials_on_the_command_line(tmp_path, capsys):
    where = str(tmp_path / "a")
    words = ["--agent", "random", "--task-set", "reacher-damage", "--split", "validation"]
    online = ["--online", "--duration", "8", "--no-report"]
    assert run(["evaluate", where, *words, *online]) == 0
    assert "seconds to recover" in capsys.readouterr().out
    content = json.loads((tmp_path / "a/evaluations/validation-0-online/online.json").read_text())
    assert content["meta"]["plan"]["latest"] == 4.0
    assert run(["evaluate", where, *words, *online, "--ramp", "-1"]) == 2


def test_a_directory_belongs_to_one_agent(reacher, model, tmp_path):
    guest = open_guest(tmp_path / "a", f"sb3:{model}", reacher)
    again = open_guest(tmp_path / "a", f"sb3:{model}", reacher)
    assert isinstance(open_measured(tmp_path / "a"), Guest)
    assert guest.config == again.config
    assert guest.agent().name == "sb3-ppo"
    with pytest.raises(FastadaptError, match=r"holds sb3:.*Choose another folder"):
        open_guest(tmp_path / "a", "random", reacher)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(FastadaptError, match="holds something else; nothing was written"):
        open_guest(tmp_path / "b", "random", reacher)
    with pytest.raises(FastadaptError, match="no memory"):
        guest.agent(memory=False)
    (tmp_path / "a" / "guest.json").write_text("{")
    with pytest.raises(FastadaptError, match="is damaged"):
        open_measured(tmp_path / "a")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--agent", "random"], "needs --task-set"),
        (["--task-set", "reacher-damage"], "goes with --agent"),
        (["--agent", "sb3:none.zip", "--task-set", "reacher-damage"], "There is no file"),
        (["--agent", "random", "--task-set", "reacher-damge"], "Did you mean 'reacher-damage'"),
    ],
)
def test_what_is_missing_is_told(words, told, tmp_path, capsys):
    assert run(["evaluate", str(tmp_path / "a"), *words, *QUICK]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_finished_evaluations_are_not_done_again(tmp_path, capsys, monkeypatch):
    train = ["train", "rl2", "reacher-damage", "--out", str(tmp_path / "a"), "--iterations", "1"]
    assert run([*train, "--num-envs", "2", "--width", "8"]) == 0
    again = ["evaluate", str(tmp_path / "a"), *QUICK]
    assert run(again) == 0
    first = capsys.readouterr().out
    file = tmp_path / "a/evaluations/validation-0/summary.json"
    made = file.stat().st_mtime_ns
    assert run(again) == 0
    assert file.stat().st_mtime_ns == made
    assert capsys.readouterr().out.splitlines()[-4:] == first.splitlines()[-4:]
    assert run([*again, "--episodes", "2"]) == 0
    assert file.stat().st_mtime_ns != made
