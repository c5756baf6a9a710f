"""Agents from elsewhere on the command line: measured, compared, refused."""

import importlib
import json
import sys

import pytest
from stable_baselines3 import PPO

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.evaluation.controls import controlled
from fastadapt.adaptation.evaluation.evaluate_run import default_splits
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.runs.external import ExternalRun, open_external
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.agents.sb3.vec_env import SB3VecEnv
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
    assert "shots of healthy 0, 1 and 0, 2" in capsys.readouterr().err


NAMELESS = """
import numpy as np
from fastadapt.agents import AdaptiveAgent

class Still(AdaptiveAgent):
    def act(self, observation, explore):
        return np.zeros((len(observation), 4))

def make(task_set, seed):
    return Still()
"""
FORGETFUL = NAMELESS.replace("class Still", "lived = [0]\n\nclass Still").replace(
    "return np.zeros", "lived[0] += 1; return lived[0] / 1e6 + np.zeros"
)


def test_the_agent_of_the_readme_needs_no_name_and_is_checked_every_time(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nameless_agents.py").write_text(NAMELESS)
    words = ["evaluate", "a", "--agent", "nameless_agents:make", "--task-set", "reacher-damage"]
    assert run([*words, *QUICK]) == 0
    assert "| Still | validation |" in capsys.readouterr().out
    assert run([*words, *QUICK[:2], "--online", "--duration", "8", "--no-report"]) == 0
    capsys.readouterr()
    (tmp_path / "nameless_agents.py").write_text(FORGETFUL)  # the same agent, rewritten
    monkeypatch.delitem(sys.modules, "nameless_agents")
    importlib.invalidate_caches()
    assert run([*words, *QUICK]) == 2
    assert "is not reproducible" in capsys.readouterr().err


def test_a_run_of_which_only_a_control_was_measured_is_compared(tmp_path, capsys):
    train = ["train", "rl2", "reacher-damage", "--out", str(tmp_path / "a"), "--iterations", "1"]
    assert run([*train, "--num-envs", "2", "--width", "8"]) == 0
    assert run(["evaluate", str(tmp_path / "a"), *QUICK, "--exchanged"]) == 0
    out = str(tmp_path / "report")
    assert run(["compare", str(tmp_path / "a"), "--out", out]) == 0
    assert "rl2-exchanged" in capsys.readouterr().out


def test_a_split_with_one_task_is_reported_without_intervals(tmp_path, capsys):
    words = ["--task-set", "l2a-cheetah-disabled-joint", "--split", "test_held_out_damage"]
    measured = ["--shots", "0", "--episodes", "1", "--no-report"]
    where = str(tmp_path / "a")
    assert run(["evaluate", where, "--agent", "random", *words, *measured]) == 0
    assert run(["compare", where, "--out", str(tmp_path / "report")]) == 0
    assert (tmp_path / "report/index.html").is_file()
    assert "| random | test_held_out_damage |     1 |" in capsys.readouterr().out


def test_a_task_set_without_the_usual_splits_has_its_own_defaults(tmp_path, capsys):
    measured = ["--shots", "0", "--episodes", "1", "--no-report"]
    words = ["--agent", "random", "--task-set", "cheetah-velocity", *measured]
    assert run(["evaluate", str(tmp_path / "a"), *words]) == 0
    folders = sorted(path.name for path in (tmp_path / "a/evaluations").iterdir())
    assert folders == ["healthy-0-shots-0-episodes-1", "test_iid-0-shots-0-episodes-1"]
    assert default_splits(["train", "validation", "test_gravity", "test_mass"]) == [
        "test_gravity",
        "test_mass",
    ]


def test_seeds_of_other_shots_are_not_pooled(tmp_path, capsys):
    words = ["--agent", "random", "--task-set", "reacher-damage", *QUICK]
    assert run(["evaluate", str(tmp_path / "a"), *words]) == 0
    assert run(["evaluate", str(tmp_path / "a"), *words, "--seed", "1"]) == 0
    assert load_results(open_run(tmp_path / "a")).gain("random", "validation", 1).n == 20
    again = [*words[:-1], "--seed", "2", "--shots", "0", "--no-report"]
    assert run(["evaluate", str(tmp_path / "a"), *again]) == 0
    assert run(["compare", str(tmp_path / "a"), "--out", str(tmp_path / "report")]) == 2
    assert "after 0, 1 shots and after 0, so they cannot be" in capsys.readouterr().err


def test_online_trials_on_the_command_line(tmp_path, capsys):
    where = str(tmp_path / "a")
    words = ["--agent", "random", "--task-set", "reacher-damage", "--split", "validation"]
    online = ["--online", "--duration", "8", "--no-report"]
    assert run(["evaluate", where, *words, *online]) == 0
    assert "seconds to recover" in capsys.readouterr().out
    place = "validation-0-online-duration-8-earliest-2-latest-4"
    content = json.loads((tmp_path / "a/evaluations" / place / "online.json").read_text())
    assert content["meta"]["plan"]["latest"] == 4.0
    assert run(["evaluate", where, *words, *online, "--ramp", "-1"]) == 2
    capsys.readouterr()
    assert run(["compare", where, "--out", str(tmp_path / "report")]) == 2
    assert "no few-shot evaluation, only online trials" in capsys.readouterr().err


def test_a_directory_belongs_to_one_agent(reacher, model, tmp_path):
    guest = open_external(tmp_path / "a", f"sb3:{model}", reacher)
    again = open_external(tmp_path / "a", f"sb3:{model}", reacher)
    assert isinstance(open_run(tmp_path / "a"), ExternalRun)
    assert guest.config == again.config
    assert guest.agent().name == "sb3-ppo"
    with pytest.raises(FastadaptError, match=r"holds sb3:.*Choose another folder"):
        open_external(tmp_path / "a", "random", reacher)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(FastadaptError, match="holds other files; nothing was written"):
        open_external(tmp_path / "b", "random", reacher)
    with pytest.raises(FastadaptError, match="no memory of control steps"):
        controlled(guest, "memory")
    (tmp_path / "a" / "external.json").rename(tmp_path / "a" / "guest.json")  # its earlier name
    assert open_run(tmp_path / "a").config == guest.config
    (tmp_path / "a" / "guest.json").write_text("{")
    with pytest.raises(FastadaptError, match="is damaged"):
        open_run(tmp_path / "a")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--agent", "random"], "needs --task-set"),
        (["--task-set", "reacher-damage"], "does not exist"),
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
    file = tmp_path / "a/evaluations/validation-0-shots-0-1-episodes-1/summary.json"
    made = file.stat().st_mtime_ns
    assert run(again) == 0
    assert file.stat().st_mtime_ns == made
    assert capsys.readouterr().out.splitlines()[-4:] == first.splitlines()[-4:]
    assert run([*again, "--episodes", "2"]) == 0
    assert file.stat().st_mtime_ns == made  # other options have a folder of their own
    assert (tmp_path / "a/evaluations/validation-0-shots-0-1-episodes-2/summary.json").is_file()
