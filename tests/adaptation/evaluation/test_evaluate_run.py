"""Evaluating a run from Python: saved by split, resumed by split, with its controls."""

import shutil

import numpy as np
import pytest

from fastadapt.adaptation import evaluate_run, evaluate_run_online, train
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.runs.run import load_run
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.errors import FastadaptError

SPLITS = ("validation", "test_iid")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "a"
    return train("rl2", "reacher-damage", out, iterations=1, num_envs=2, width=8, episodes=1)


def test_completed_splits_survive_ctrl_c_and_are_not_measured_again(run):
    seen = []

    def stop(title, done, total):
        seen.append((title, done, total))
        if title == "rl2 on test_iid" and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_run(run, SPLITS, (0, 1), 1, on_progress=stop)
    assert seen == [
        *(("rl2 on validation", done, 2) for done in (0, 1, 2)),
        *(("rl2 on test_iid", done, 2) for done in (0, 1)),
    ]
    folders = run.path / "evaluations"
    assert [path.name for path in folders.iterdir()] == ["validation-0-shots-0-1-episodes-1"]
    first = Result.load(folders / "validation-0-shots-0-1-episodes-1")
    seen.clear()
    result = evaluate_run(
        run.path, SPLITS, [1, 0, 1], 1, on_progress=lambda title, *_: seen.append(title)
    )
    assert set(seen) == {"rl2 on test_iid", "rl2 on healthy"}
    assert result.splits == [*SPLITS, "healthy"]
    assert np.array_equal(result.table[: len(first.table)], first.table)
    assert np.array_equal(load_results(run, SPLITS[:1]).table, first.table)
    evaluate_run(run, SPLITS[:1], (0,), 1, on_progress=lambda title, *_: seen.append(title))
    assert {"rl2 on validation", "rl2 on healthy"} <= set(seen)  # other shots


def test_an_evaluation_with_other_options_replaces_nothing(run, tmp_path):
    home = tmp_path / "run"
    shutil.copytree(run.path, home, symlinks=True)
    shutil.rmtree(home / "evaluations", ignore_errors=True)
    large = evaluate_run(home, SPLITS[:1], (0, 1), 2, 7, healthy=False)
    small = evaluate_run(home, SPLITS[:1], (0,), 1, 7, healthy=False)
    folders = home / "evaluations"
    for result, name in ((large, "shots-0-1-episodes-2"), (small, "shots-0-episodes-1")):
        kept = Result.load(folders / f"validation-7-{name}")
        assert np.array_equal(kept.table, result.table)
    assert np.array_equal(load_results(load_run(home)).table, large.table)
    (folders / "validation-7-shots-0-episodes-1").rename(folders / "validation-7")
    evaluate_run(  # the folder of an earlier version
        home,
        SPLITS[:1],
        (0,),
        1,
        7,
        healthy=False,
        on_progress=lambda *_: pytest.fail("measured again"),
    )


def test_ablations_have_folders_of_their_own(run):
    for ablate, ending in (("memory", "memory-1"), ("swapped-context", "exchanged")):
        result = evaluate_run(run, SPLITS[:1], (0, 1), 1, 3, ablate=ablate)
        assert result.agents == [f"rl2-{ending}"]
        assert (
            run.path
            / "evaluations"
            / f"validation-3-shots-0-1-episodes-1-{ending}"
            / "summary.json"
        ).is_file()


def test_online_trials_of_a_run(run):
    plan = OnlinePlan(4.0, 1.0, 2.0)
    (first,) = evaluate_run_online(run, SPLITS[:1], plan)
    assert (
        run.path
        / "evaluations"
        / "validation-0-online-duration-4-earliest-1-latest-2"
        / "online.json"
    ).is_file()
    (again,) = evaluate_run_online(
        run, SPLITS[:1], plan, on_progress=lambda *_: pytest.fail("measured again")
    )
    assert again.summary() == first.summary()
    with pytest.raises(FastadaptError, match="needs shots"):
        evaluate_run_online(run, SPLITS[:1], plan, ablate="swapped-context")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": ("validation", "test_idd")}, "Did you mean 'test_iid'"),
        ({"shots": (-1,)}, "a number of shots"),
        ({"shots": 3}, "give numbers such as"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_measured(run, changes, message):
    def measured(*_):
        raise AssertionError("measured first")

    with pytest.raises(FastadaptError, match=message):
        evaluate_run(run.path, **{"seed": 9, "on_progress": measured} | changes)
