"""The table of all agents: runs pooled over seeds, normalised, put where a file has room for it."""

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from fastadapt.adaptation import Result, load_run, train
from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.references.scores import references_from
from fastadapt.adaptation.report.leaderboard import (
    BEGIN,
    END,
    put_into,
    result_tables,
)
from fastadapt.adaptation.statistics.normalised import normalised_interval
from fastadapt.envs import FastadaptError

SMALL = {"num_envs": 2, "width": 8, "episodes": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return runs by name, all hardly trained: a low one, a high one, one agent with two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    wanted = {"high": ("nominal", 0), "low": ("oracle", 0)}
    wanted |= {"a": ("domain-randomised", 0), "b": ("domain-randomised", 1)}
    for name, (agent, seed) in wanted.items():
        train(agent, "reacher-damage", folder / name, seed, 1, num_threads=1, **SMALL)
        evaluate_run(folder / name, ("test_iid", "validation"), (0, 1), 1, num_threads=1)
    return folder


@pytest.fixture(scope="module")
def references(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("references") / "it.json"
    found = references_from({
        role: [load_results(load_run(runs / name))]
        for role, name in (("nominal", "low"), ("oracle", "high"))
    })  # fmt: skip
    found.save(path)
    return path


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_seeds_are_pooled_and_scores_normalised(runs, references):
    paths = [runs / name for name in ("high", "low", "a", "b")]
    text = result_tables(paths, references=[references])["reacher-damage-v1"]
    head, _, *body = rows(text)
    assert head == ["agent", "shots", "test_iid", "training", "seeds", "episodes"]
    assert {row[5] for row in body} == {"1"}
    assert [(row[0], row[1], row[4]) for row in body] == [
        ("nominal", "0", "1"), ("nominal", "1", "1"), ("oracle", "0", "1"), ("oracle", "1", "1"),
        ("domain-randomised", "0", "2"), ("domain-randomised", "1", "2"),
    ]  # fmt: skip
    tables = [load_results(load_run(path)) for path in paths]
    means = [t.task_means(t.agents[0], "test_iid", 0)[1] for t in tables]
    expected = normalised_interval(np.stack(means[2:]), means[1], means[0])
    assert body[4][2] == str(expected)
    assert float(body[2][2].split()[0]) == pytest.approx(0, abs=1e-4)
    assert body[0][3] == "0.00M, 0 min"
    assert "reacher-damage-v1`, normalised score" in text
    assert "mean over 40 tasks" in text


def test_a_little_more_training_is_the_same_agent_and_much_more_another_one(tmp_path):
    small = {"num_envs": 2, "width": 8, "sac": {"gradient_steps": 1}}
    for seed, iterations in enumerate((1, 10, 11)):
        run = tmp_path / str(seed)
        train("nominal-sac", "reacher-damage", run, seed, iterations, num_threads=1, **small)
        evaluate_run(run, ("validation",), (0,), 1, num_threads=1)
    paths = [tmp_path / str(seed) for seed in range(3)]
    (alike,) = result_tables(paths[1:], ["validation"]).values()
    assert [row[0::4] for row in rows(alike)[2:]] == [["nominal-sac", "2"]]
    (apart,) = result_tables(paths, ["validation"]).values()
    assert [row[0] for row in rows(apart)[2:]] == [f"nominal-sac ({seed})" for seed in range(3)]


def test_without_references_returns_are_shown(runs):
    text = result_tables([runs / "a"], ["validation"])["reacher-damage-v1"]
    table = load_results(load_run(runs / "a"))
    assert "no reference scores" in text
    assert rows(text)[2][2] == str(table.interval("domain-randomised", "validation", 0))


def test_what_was_not_measured_is_told(runs, references):
    with pytest.raises(FastadaptError, match=r"evaluated on called 'test_compound'.*validation"):
        result_tables([runs / "a"], ["test_compound"])
    other = Path(str(files("fastadapt.assets"))) / "references" / "cheetah-damage-encoders-v0.json"
    with pytest.raises(FastadaptError, match="match no task set of these runs"):
        result_tables([runs / "a"], references=[other])


def test_unequal_measures_are_shown_as_such(runs, tmp_path):
    for name in ("a", "high"):
        shutil.copytree(runs / name, tmp_path / name, symlinks=True)
        (folder,) = (tmp_path / name / "evaluations").glob("test_iid-0-*")
        shutil.rmtree(folder)
    with pytest.raises(FastadaptError, match=r"on a test split, only on .*validation"):
        result_tables([tmp_path / "a"])
    evaluate_run(tmp_path / "a", ("validation",), (0, 1), 3, seed=5, num_threads=1)
    (text,) = result_tables([tmp_path / "a", tmp_path / "high"], ["validation"]).values()
    assert [row[5] for row in rows(text)[2:]] == ["4", "4", "1", "1"]
    (folder,) = (tmp_path / "high" / "evaluations").glob("validation-0-*")
    whole = Result.load(folder)
    fewer = whole.table[whole.table["task_id"] != whole.table["task_id"][-1]]
    Result(fewer, whole.meta).save(folder)
    with pytest.raises(FastadaptError, match="evaluated on different tasks of 'validation'"):
        result_tables([tmp_path / "a", tmp_path / "high"], ["validation"])


def test_other_settings_are_another_row(runs, tmp_path):
    train("domain-randomised", "reacher-damage", tmp_path / "c", 3, 1, **SMALL | {"width": 4})
    evaluate_run(tmp_path / "c", ("test_iid",), (0,), 1, num_threads=1)
    (text,) = result_tables([runs / "a", tmp_path / "c"]).values()
    body = rows(text)[2:]
    assert [row[0] for row in body] == ["domain-randomised (a)"] * 2 + ["domain-randomised (c)"]


def test_the_same_seed_twice_is_told(runs, tmp_path):
    shutil.copytree(runs / "a", tmp_path / "copy", symlinks=True)
    with pytest.raises(FastadaptError, match="the same seed, 0: give one of them"):
        result_tables([runs / "a", tmp_path / "copy"])
    with pytest.raises(FastadaptError, match="Nothing to show"):
        result_tables([])


def test_two_task_sets_of_one_id_are_told_apart(runs, tmp_path):
    shipped = Path(str(files("fastadapt.assets") / "task_sets" / "reacher-damage.toml")).read_text()
    other = tmp_path / "other.toml"
    other.write_text(shipped.replace("high = 1.5", "high = 1.2"))
    train("nominal", other, tmp_path / "d", 0, 1, num_threads=1, **SMALL)
    evaluate_run(tmp_path / "d", ("validation",), (0,), 1, num_threads=1)
    with pytest.raises(FastadaptError, match="the hashes differ"):
        result_tables([runs / "a", tmp_path / "d"])


MARK = BEGIN.format("reacher-damage-v1")
OTHER = f"{BEGIN.format('cheetah-damage-v0')}\nkept\n{END}\n"


def test_the_command_puts_it_between_the_marks(runs, references, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"{OTHER}before\n{MARK}\nold\n{END}\nafter\n")
    command = ["table", str(runs / "a"), "--references", str(references), "--into", str(page)]
    for _ in range(2):
        assert cli.run(command) == 0
        text = page.read_text()
        assert text.startswith(f"{OTHER}before\n{MARK}\n\nOn test_iid, no shot changes")
        assert text.count("`reacher-damage-v1`, normalised score") == 1
        assert text.endswith(f"the luck of training.\n\n{END}\nafter\n")
        assert "old" not in text
    assert text.count("| agent") == 1
    assert "normalised" in capsys.readouterr().out


def test_a_page_without_the_marks_stays_as_it_is(tmp_path):
    page = tmp_path / "README.md"
    text = f"{MARK}\nold\n{END}\n"
    page.write_text(text)
    with pytest.raises(FastadaptError, match=r"lacks the marks.*cheetah-damage-v0"):
        put_into(page, {"reacher-damage-v1": "new", "cheetah-damage-v0": "x"})
    assert page.read_text() == text


def test_a_page_that_is_no_text_stays_as_it_is(tmp_path):
    page = tmp_path / "picture.png"
    page.write_bytes(b"\x89PNG\xff")
    with pytest.raises(FastadaptError, match="is not text; give a Markdown file"):
        put_into(page, {"reacher-damage-v1": "new"})
    assert page.read_bytes() == b"\x89PNG\xff"
