"""Evaluations that are interrupted go on, and end as if nothing had happened."""

import numpy as np
import pytest

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.evaluation.evaluate import evaluate
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.evaluation.resume import Unfinished
from fastadapt.agents import make_agent
from fastadapt.envs import load_task_set

NOT_TIME = [
    "agent", "seed", "split", "task_id", "shot", "episode", "return", "distance", "energy",
    "length", "fell", "diverged", "adaptation_env_steps", "adaptation_gradient_steps",
]  # fmt: skip


class Interrupt:
    """Presses Ctrl-C when so many episodes have been measured."""

    def __init__(self, after):
        self.left = after

    def __call__(self, _):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def agent(task_set):
    return make_agent("rl2", task_set, num_envs=2, width=16)


def test_an_interrupted_evaluation_goes_on_as_if_it_had_not_been(reacher, tmp_path):
    whole = evaluate(agent(reacher), reacher, "validation", (0, 1, 3), 2)
    key = {"a": (1, 2)}
    for after in (1, 3):
        unfinished = Unfinished(tmp_path / "u.json", key)
        with pytest.raises(KeyboardInterrupt):
            evaluate(
                agent(reacher), reacher, "validation", (0, 1, 3), 2,
                on_measure=Interrupt(after), unfinished=unfinished,
            )  # fmt: skip
    kept = Unfinished(tmp_path / "u.json", key)
    assert sorted(kept.rows) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    measured = []
    found = evaluate(
        agent(reacher), reacher, "validation", (0, 1, 3), 2,
        on_measure=lambda m: measured.append((m.shot, m.episode)), unfinished=kept,
    )  # fmt: skip
    assert measured == [(3, 0), (3, 1)]
    assert np.array_equal(found.table[NOT_TIME], whole.table[NOT_TIME])
    kept.remove()
    assert not list(tmp_path.iterdir())


def test_other_settings_or_damage_begin_anew(reacher, tmp_path):
    path = tmp_path / "u.json"
    unfinished = Unfinished(path, {"seed": 0})
    evaluate(agent(reacher), reacher, "validation", (0,), 1, unfinished=unfinished)
    assert len(Unfinished(path, {"seed": 0}).rows) == 1
    assert not Unfinished(path, {"seed": 1}).rows
    path.write_text(path.read_text()[:100])
    assert not Unfinished(path, {"seed": 0}).rows


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    out = str(tmp_path / "a")
    train = ["train", "rl2", "reacher-damage", "--out", out, "--iterations", "1"]
    assert run([*train, "--num-envs", "2", "--width", "8"]) == 0
    words = ["evaluate", out, "--split", "validation", "--shots", "0", "1", "--no-report"]
    add, left = Unfinished.add, [3]

    def add_and_stop(self, rows):
        add(self, rows)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Unfinished, "add", add_and_stop)
    assert run(words) == 130
    assert "Run the same command to go on" in capsys.readouterr().err
    folder = tmp_path / "a/evaluations/validation-0"
    assert [file.name for file in folder.iterdir()] == ["unfinished.json"]
    left[0] = 100
    assert run(words) == 0
    assert left[0] == 99  # one episode was left to measure
    assert sorted(file.name for file in folder.iterdir()) == ["results.csv", "summary.json"]
    assert len(Result.load(folder).table) == 2 * 2 * 20
    capsys.readouterr()
    (folder / "results.csv").write_text("of an earlier version\n")
    assert run(words) == 0  # measured again, not refused
    assert left[0] == 95
