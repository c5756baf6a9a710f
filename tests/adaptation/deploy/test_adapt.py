"""Recordings of a robot: written, read, fed to agents that learn from them, refused when bad."""

import csv

import numpy as np
import pytest

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.deploy.adapt import adapt, live_through
from fastadapt.adaptation.deploy.reading import _ridge
from fastadapt.adaptation.deploy.recorded_trial import read_trial, record
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.agents.registry import build_agent
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import FastadaptError, load_task_set, make_batch
from tests.support.randomised import randomised

PEARL = "zoo:pearl-reacher-damage"


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


@pytest.fixture(scope="module")
def task_set():
    return load_task_set("reacher-damage")


@pytest.fixture(scope="module")
def log(task_set, tmp_path_factory):
    path = tmp_path_factory.mktemp("logs") / "log.csv"
    agent = open_run(PEARL).agent()
    task = task_set.tasks("test_held_out_damage")[0]
    assert record(agent, task_set, task, path, episodes=2) == 150
    return path


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def rewritten(log, path, change):
    head, *rows = table(log)
    names = {name: i for i, name in enumerate(head)}
    head, rows = change(head, rows, names) or (head, rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_what_is_read_is_what_was_lived_through(task_set, log):
    episodes = read_trial(log, task_set)
    assert [e.observations.shape for e in episodes] == [(76, 16), (76, 16)]
    assert [e.actions.shape for e in episodes] == [(75, 4), (75, 4)]
    # The recorded actions lead through the recorded observations.
    head, *rows = table(log)
    assert head[:3] == ["time", "episode", "observation.cos joint1"]
    assert rows[75][head.index("reward")] == ""
    assert float(rows[76][0]) == pytest.approx(76 * 0.04)
    assert not any(episode.failed for episode in episodes)
    assert abs(episodes[0].rewards).max() > 0


def test_parquet_says_the_same_as_csv(task_set, log, tmp_path):
    pytest.importorskip("pyarrow")
    agent, task = open_run(PEARL).agent(), task_set.tasks("test_held_out_damage")[0]
    record(agent, task_set, task, tmp_path / "log.parquet", episodes=2)
    for a, b in zip(
        read_trial(log, task_set), read_trial(tmp_path / "log.parquet", task_set), strict=True
    ):
        assert np.array_equal(a.observations, b.observations)
        assert np.array_equal(a.rewards, b.rewards)


def quiet(name, task_set):
    """Return an agent whose actions hardly ever reach their limits."""
    return build_agent(name, task_set, 0, {"log_std": -1.25})


@pytest.mark.parametrize(
    ("name", "make"),
    [
        *((name, randomised) for name in ("pearl", "rl2", "recurrent", "window")),
        *((name, quiet) for name in ("maml", "fine-tune")),
    ],
)
def test_a_recording_teaches_what_living_through_it_would(name, make, task_set, tmp_path):
    """The state after the recording is that of the agent that made it."""
    agent = make(name, task_set)
    task = task_set.tasks("test_iid")[0]
    record(agent, task_set, task, tmp_path / "log.csv", episodes=2)
    again = make(name, task_set)
    again.begin(1)
    live_through(again, read_trial(tmp_path / "log.csv", task_set), again.graph())
    lived, told = agent.inferred()[0], again.inferred()[0]
    fresh = make(name, task_set)
    fresh.begin(1)
    moved = np.linalg.norm(lived - fresh.inferred()[0])
    assert moved > 0
    assert np.linalg.norm(lived - told) < (0.3 if make is quiet else 1e-3) * moved


def test_actions_that_maml_would_hardly_take_do_not_throw_its_step(task_set, log):
    """PEARL made the log; a shot of MAML's own moves its weights by 0.14 in two episodes."""

    def moved(agent):
        agent.begin(1)
        before = agent.inferred()
        live_through(agent, read_trial(log, task_set), agent.graph())
        return np.linalg.norm(agent.inferred() - before)

    agent = open_run("zoo:maml-reacher-damage").agent()
    assert 0.02 < moved(agent) < 0.5


def test_a_memory_needs_no_reward_if_the_agent_learned_without(task_set, log):
    episodes = read_trial(log, task_set)
    without = [type(e)(e.observations, e.actions, None, e.failed) for e in episodes]
    agent = build_agent("rl2", task_set, 0, {"reward_input": False, "width": 8})
    live_through(agent, without, agent.graph())
    for name in ("rl2", "maml", "pearl", "fine-tune"):
        agent = build_agent(name, task_set, 0, {})
        agent.begin(1)
        with pytest.raises(FastadaptError, match="--no-reward-input"):
            live_through(agent, without, agent.graph())


def test_the_adapted_agent_acts_better_on_that_robot(task_set, log, tmp_path):
    pytest.importorskip("onnxruntime")
    from fastadapt.adaptation.deploy.onnx_agent import OnnxAgent

    found = adapt(PEARL, log, tmp_path / "policy.onnx", read=False)
    assert found.information > 10
    assert found.moved > 0.02
    assert "recording of 150 control steps" in found.exported.contract.adapted
    task = task_set.tasks("test_held_out_damage")[0]
    envs = make_batch(task_set, 16, 1)
    envs.set_tasks([task] * 16)

    def score(agent):
        agent.begin(16)
        seeds = list(range(16))
        return sum(
            step.transition.reward[step.valid].sum()
            for step in steps(envs, lambda seen: agent.act(seen, False), seeds)
        )

    ignorant = open_run(PEARL).agent()
    assert score(OnnxAgent(tmp_path / "policy.onnx")) > score(ignorant)


def test_the_command_says_what_it_believes(log, capsys):
    assert run(["adapt", PEARL, "--log", str(log)]) == 0
    text = capsys.readouterr().out
    assert "150 control steps" in text
    assert "nat from the prior" in text
    assert "R²" in text


def test_an_agent_that_does_not_adapt_is_refused(log, capsys):
    assert run(["adapt", "zoo:reacher-damage-v1/nominal-sac-0", "--log", str(log)]) == 2
    assert "does not adapt" in capsys.readouterr().err


def without_column(head, rows, names):
    i = names["observation.tip x"]
    return [n for n in head if n != head[i]], [r[:i] + r[i + 1 :] for r in rows]


def with_gap(head, rows, names):
    rows[10][names["observation.tip x"]] = ""


def backwards(head, rows, names):
    rows[10][0], rows[11][0] = rows[11][0], rows[10][0]


def milliseconds(head, rows, names):
    for row in rows:
        row[0] = str(1000 * float(row[0]))


def torques(head, rows, names):
    rows[3][names["action.joint1"]] = "35.0"


def short_line(head, rows, names):
    rows[-1] = rows[-1][:5]


def empty(head, rows, names):
    return head, []


def text_in_a_cell(head, rows, names):
    rows[4][names["reward"]] = "none"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_column, "observation.tip x"),
        (with_gap, "lacks an observation in row 12"),
        (backwards, "time runs backwards"),
        (milliseconds, "Resample"),
        (torques, "Are its units"),
        (short_line, "damaged or cut short"),
        (empty, "holds no numbers"),
        (text_in_a_cell, "damaged or cut short"),
    ],
)
def test_a_bad_recording_is_refused_in_a_sentence(change, says, log, tmp_path, capsys):
    path = rewritten(log, tmp_path / "bad.csv", change)
    assert run(["adapt", PEARL, "--log", str(path), "--no-read"]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_a_recording_of_another_robot_is_refused(log, capsys):
    assert run(["adapt", "zoo:pearl-cheetah-damage", "--log", str(log)]) == 2
    assert "missing" in capsys.readouterr().err
    assert run(["adapt", PEARL, "--log", "none.csv"]) == 2
    assert "no recording" in capsys.readouterr().err
    assert run(["record", PEARL, "--split", "test_iid", "--out", "log.txt"]) == 2
    assert "log.parquet" in capsys.readouterr().err


def test_a_reading_is_honest_about_what_cannot_be_read():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 30))
    linear, noise = inputs @ rng.normal(size=30), rng.normal(size=200)
    value, errors, explained = _ridge(inputs, linear, inputs[0])
    assert value == pytest.approx(linear[0], abs=0.05 * linear.std())
    assert explained > 0.95
    assert abs(errors).max() < 0.3 * linear.std()
    assert _ridge(inputs, noise, inputs[0])[2] < 0.1
    left_out = [
        _ridge(np.delete(inputs, i, 0), np.delete(linear, i), inputs[i])[0] for i in range(5)
    ]
    assert np.allclose(linear[:5] - left_out, errors[:5], atol=0.05 * linear.std())
