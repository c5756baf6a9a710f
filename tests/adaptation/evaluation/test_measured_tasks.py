"""What is measured: given tasks, the healthy robot, other task sets; success, names in results."""

import numpy as np
import pytest

from fastadapt.adaptation import evaluate, evaluate_run, train
from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.evaluation.measured_tasks import STARTS
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.report.harm import harm_table, success_table
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import load_task_set
from fastadapt.errors import FastadaptError


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "a"
    return train("rl2", "reacher-damage", out, iterations=1, num_envs=2, width=8, episodes=1)


@pytest.fixture(scope="module")
def given(reacher):
    tasks = [reacher.task({"object": 0.5}), reacher.task({"dead": "joint3"}), reacher.nominal]
    return evaluate(RandomAgent(reacher), reacher, shots=(0,), episodes=1, tasks=tasks)


def test_given_tasks_are_measured_and_named(given, reacher):
    assert given.splits == ["given"]
    assert given.meta["tasks"][reacher.task({"object": 0.5}).id] == {"object.mass[object]": 0.5}
    names = given.parameters()
    assert sorted(names["object.mass[object]"]) == [0.0, 0.0, 0.5]
    assert sorted(names["dead.dead[joint3]"]) == [0.0, 0.0, 1.0]
    assert set(np.unique(given.table["success"])) <= {0, 1}
    assert given.meta["success"] == str(reacher.success)


def test_a_frame_has_parameters_by_name(given):
    pandas = pytest.importorskip("pandas")
    frame = given.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["object.mass[object]"].max() == 0.5
    assert "object.mass[object]" not in given.to_pandas(parameters=False)


def test_notebooks_show_tables(given):
    html = given._repr_html_()
    assert html.count("<table>") == 2
    assert "success of" in html
    assert "&lt;" not in html


def test_equal_tasks_are_measured_from_different_starts(reacher):
    agent = RandomAgent(reacher)
    found = evaluate(agent, reacher, shots=(0,), episodes=1, tasks=[reacher.nominal] * 4)
    labels = found.table["task_id"].tolist()
    assert labels == [f"{reacher.nominal.id}-{k:03d}" for k in range(4)]
    assert len(set(found.table["distance"].tolist())) == 4


def test_the_healthy_split_is_the_nominal_task(reacher):
    found = evaluate(RandomAgent(reacher), reacher, "healthy", (0,), 1)
    assert len(found.table) == STARTS
    assert set(map(str, found.meta["tasks"].values())) == {"{}"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "name a split, or give `tasks`"),
        ({"split": "helthy"}, "Did you mean 'healthy'"),
        ({"tasks": []}, "no task to measure"),
        ({"tasks": ["abc"]}, "is not a Task"),
        ({"tasks": "nominal", "split": "test_iid"}, "give these tasks another name"),
    ],
)
def test_what_cannot_be_measured_is_told(reacher, options, words):
    if options.get("tasks") == "nominal":
        options = options | {"tasks": [reacher.nominal]}
    with pytest.raises(FastadaptError, match=words):
        evaluate(RandomAgent(reacher), reacher, shots=(0,), episodes=1, **options)


def test_another_task_set_of_the_same_robot(run):
    result = evaluate_run(
        run, ["validation"], (0,), 1, task_set="reacher-dynamics", healthy=False, num_threads=1
    )
    assert result.task_set.startswith("reacher-dynamics")
    assert result.meta["trained_on"]["task_set"] == "reacher-damage-v1"
    evaluate_run(
        run, ["validation"], (0,), 1, task_set="reacher-dynamics", healthy=False,
        on_progress=lambda *_: pytest.fail("measured again"),
    )  # fmt: skip
    own = evaluate_run(run, ["validation"], (0,), 1, num_threads=1)
    assert own.splits == ["validation", "healthy"]
    assert load_results(run).task_set == own.task_set  # tables of the run are of its own task set
    with pytest.raises(FastadaptError, match="is of another robot: 17 observations in place of 16"):
        evaluate_run(run, task_set="cheetah-damage")


def healthy_result(before, after, control=None):
    """Results on the healthy robot: return before and after 5 shots, `(starts,)` each."""
    parts = []
    arms = [("toy", 0, before), ("toy", 5, after)]
    arms += [] if control is None else [("toy-constant-context", k, control) for k in (0, 5)]
    for agent, shot, returns in arms:
        rows = np.zeros(len(returns), COLUMNS)
        rows["agent"], rows["shot"], rows["return"] = agent, shot, returns
        rows["task_set"], rows["split"] = "toy-v0", "healthy"
        rows["task_id"] = [f"t{k}" for k in range(len(returns))]
        rows["success"] = np.asarray(returns) > 40
        parts.append(rows)
    return Result(np.concatenate(parts), {})


def test_harm_is_told_from_no_harm():
    rng = np.random.default_rng(0)
    start = rng.normal(49, 3, 20)
    noise = rng.normal(0, 1, 20)
    for after, control, answer in (
        (start - 7 + noise, None, "yes"),
        (start, None, "no"),  # nothing happened: no difference, no width
        (start + 0.1 * noise, None, "not seen"),
        (start + noise, start + 9, "yes"),  # a rise from a bad first shot hides the harm
        (start + 5 + noise, start, "no"),
    ):
        table = harm_table(healthy_result(start, after, control))
        assert table is not None
        assert [row[-1] for row in table.rows] == [answer]
    shares = success_table(healthy_result(np.full(20, 49.0), np.full(20, 30.0)))
    assert shares is not None
    assert shares.rows[0][2].startswith("1.00")
    assert shares.rows[0][3].startswith("0 ")


def test_results_of_earlier_versions_are_read_without_success(given, tmp_path):
    given.save(tmp_path)
    file = tmp_path / "results.csv"
    lines = [line.rpartition(",")[0] for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")
    summary = tmp_path / "summary.json"
    content = summary.read_text()
    summary.write_text(content.replace('"sha256"', '"unknown"'))
    old = Result.load(tmp_path)
    assert set(old.table["success"].tolist()) == {-1}
    assert success_table(old) is None
    assert old.summary()["agents"]["random"]["given"]["shots"]["0"]["success_mean"] is None


def test_results_of_different_criteria_are_not_pooled(given):
    other = Result(given.table.copy(), given.meta | {"success": "distance at most 1"})
    other.table["agent"] = "other"
    with pytest.raises(FastadaptError, match="different criteria of success"):
        Result.concatenate([given, other])
