"""A run directory from elsewhere is data: what it names does not run without consent."""

import importlib
import io
import json
import pickle
import shutil
import sys
import zipfile

import numpy as np
import pytest
from stable_baselines3 import PPO

from fastadapt import trust
from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.runs.checkpoint import save_checkpoint
from fastadapt.agents.external import load_agent
from fastadapt.agents.interface import AgentState
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs import load_task_set, make_batch

EVIL = """
from pathlib import Path
Path({mark!r}).write_text("it ran")
X = make = None
"""
CLASS = """
name = "evil"
version = 0
environment = { class = "evil_of_a_run:X" }
[splits.train]
count = 1
[splits.test_iid]
count = 1
"""
CONFIG = {
    "format": 1,
    "agent": "rl2",
    "task_set": "reacher-damage-v0",
    "task_set_hash": "0" * 16,
    "seed": 0,
    "iterations": 1,
    "torch_threads": 1,
    "options": {"planned_iterations": 1},
    "command": "fastadapt train",
}


class Boom:
    """Runs code when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "it-ran"


@pytest.fixture
def hostile(tmp_path, mark, monkeypatch):
    """A function that makes a hostile run directory of a kind, in which commands are run."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "evil_of_a_run.py").write_text(EVIL.format(mark=str(mark)))
    monkeypatch.delitem(sys.modules, "evil_of_a_run", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    monkeypatch.chdir(folder)

    def make(kind):
        text = CLASS if kind == "class" else load_task_set("reacher-damage").source
        (folder / "task_set.toml").write_text(text)
        if kind in ("class", "agent", "link"):
            config = CONFIG | {"task_set_hash": load_task_set("reacher-damage").hash}
            config |= {"agent": "evil_of_a_run:X"} if kind == "agent" else {}
            (folder / "config.json").write_text(json.dumps(config))
            state = AgentState({"w": np.zeros(1)}, {"m": np.zeros(1)}, {})
            save_checkpoint(folder / "checkpoints", 1, state, {"env_steps": 1.0, "seconds": 1.0})
            if kind == "link":  # to the checkpoints of somebody else, which training would prune
                (folder / "checkpoints").rename(mark.with_name("victim"))
                (folder / "checkpoints").symlink_to("../victim")
        else:
            reference = "evil_of_a_run:make" if kind == "reference" else "sb3:evil.zip"
            content = {n: CONFIG[n] for n in ("agent", "task_set", "seed", "command")}
            content |= {"task_set_hash": load_task_set("reacher-damage").hash}
            (folder / "external.json").write_text(json.dumps(content | {"reference": reference}))
            write_model(folder / "evil.zip", mark)
        return folder

    return make


def write_model(path, mark):
    """Write a model of Stable-Baselines3 whose policy is a pickle that runs code."""
    import base64

    code = base64.b64encode(pickle.dumps(Boom(mark))).decode()
    data = dict.fromkeys(("clip_range", "n_epochs", "gae_lambda"), 1)
    data["policy_class"] = {":type:": "x", ":serialized:": code, "__module__": "evil"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(data))


@pytest.mark.parametrize("kind", ["class", "agent", "reference", "zip", "link"])
def test_no_verb_runs_what_a_run_names(kind, hostile, mark, tmp_path, capsys):
    folder = hostile(kind)
    toml = str(folder / "task_set.toml")
    log, sweep = tmp_path / "log.csv", tmp_path / "sweep.toml"
    log.write_text("time,q\n0.0,0.0\n0.1,0.0\n")
    sweep.write_text(f"[[train]]\nagent = 'rl2'\ntask-sets = [{toml!r}]\n")
    verbs = [
        ["evaluate", "."],
        ["evaluate", ".", "--online"],
        ["compare", ".", "--out", str(tmp_path / "report")],
        ["table", "."],
        ["reference", "--oracle", ".", "--out", str(tmp_path / "references.json")],
        ["train", "fine-tune", "reacher-damage", "--start", ".", "--out", str(tmp_path / "t")],
        ["train", "rl2", "reacher-damage", "--out", ".", "--iterations", "1"],
        ["envelope", ".", "--over", "object=0:1:2", "--out", str(tmp_path / "envelope")],
        ["export", ".", "--out", str(tmp_path / "policy.onnx")],
        ["record", ".", "--split", "test_iid", "--out", str(tmp_path / "log.parquet")],
        ["adapt", ".", "--log", str(log)],
    ]
    if kind == "class":
        verbs += [
            ["check", toml],
            ["freeze", toml],
            ["check", toml, "--adaptation"],
            ["fit", toml, "--log", str(log), "--out", str(tmp_path / "fitted.toml")],
            ["sweep", str(sweep)],
            ["train", "rl2", toml, "--out", str(tmp_path / "new"), "--iterations", "1"],
            ["evaluate", str(tmp_path / "e"), "--agent", "random", "--task-set", toml],
        ]
    for words in verbs:
        assert run(words) == 2, words
        told = capsys.readouterr().err.strip()
        assert not mark.exists(), words
        assert told.startswith("fastadapt: "), words
        assert "\n" not in told, words
        assert "Traceback" not in told, words
    assert run(["evaluate", "."]) == 2
    assert "--trust" in capsys.readouterr().err
    if kind == "link":
        assert sorted(p.name for p in (tmp_path / "victim").iterdir()) == ["000001", "last"]


def test_consent_is_announced_before_the_code_runs(hostile, mark, capsys):
    hostile("reference")
    assert run(["evaluate", ".", "--trust"]) == 2  # what it names is no agent
    assert mark.read_text() == "it ran"
    assert "runs the agent 'evil_of_a_run:make' (--trust)" in capsys.readouterr().err


def test_code_that_the_command_line_names_runs_without_more_words(hostile, mark, tmp_path, capsys):
    hostile("reference")
    words = ["--agent", "evil_of_a_run:make", "--task-set", "reacher-damage"]
    assert run(["evaluate", str(tmp_path / "e"), *words]) == 2
    assert mark.exists()
    assert "--trust" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    robots = SB3VecEnv(make_batch(load_task_set("reacher-damage"), 2, 1))
    PPO("MlpPolicy", robots, seed=0, device="cpu").save(folder / "it.zip")
    return folder / "it.zip"


def test_pickles_of_a_model_are_never_opened_where_its_json_says_enough(model, tmp_path, mark):
    """The classes in the file are exchanged for code: the weights are read all the same."""
    evil = tmp_path / "evil.zip"
    code = pickle.dumps(Boom(mark))
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(evil, "w") as new:
        import base64

        data = json.loads(old.read("data"))
        for value in data.values():
            if isinstance(value, dict) and ":serialized:" in value:
                value[":serialized:"] = base64.b64encode(code).decode()
        new.writestr("data", json.dumps(data))
        new.writestr("policy.pth", old.read("policy.pth"))
    reacher = load_task_set("reacher-damage")
    agent = load_agent(f"sb3:{evil}", reacher)
    agent.begin(1)
    assert agent.act(reacher.nominal.vector()[None, :1].repeat(16, 1), False).shape == (1, 4)
    assert not mark.exists()


def test_a_normaliser_that_is_no_data_is_refused(model, tmp_path, mark):
    shutil.copy(model, tmp_path / "it.zip")
    (tmp_path / "it.vecnormalize.pkl").write_bytes(pickle.dumps(Boom(mark)))
    reacher = load_task_set("reacher-damage")
    with pytest.raises(trust.UntrustedError, match=r"a pickle with (_?io|builtins)\.open"):
        load_agent(f"sb3:{tmp_path / 'it.zip'}", reacher)
    assert not mark.exists()


def test_weights_that_are_pickles_are_refused(model, tmp_path, mark):
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(tmp_path / "it.zip", "w") as new:
        new.writestr("data", old.read("data"))
        written = io.BytesIO()
        pickle.dump(Boom(mark), written)
        new.writestr("policy.pth", written.getvalue())
    with pytest.raises(ValueError, match="cannot be loaded as PPO"):
        load_agent(f"sb3:{tmp_path / 'it.zip'}", load_task_set("reacher-damage"))
    assert not mark.exists()
