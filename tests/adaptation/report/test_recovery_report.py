"""What a report says beyond returns: normalised scores, metrics, profiles, maps, recovery."""

import csv
import io

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.report.metrics import (
    METRICS,
    REGRET,
    SHOTS_TO_90,
    Metric,
    Scores,
    compute_metrics,
    metrics_csv,
    metrics_table,
)
from fastadapt.adaptation.report.page import write_report
from fastadapt.adaptation.report.recovery import factors, recovery_sections, recovery_tables
from fastadapt.adaptation.trials.online import run_online
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import FastadaptError, load_task_set

SPLIT = "test_iid"


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


@pytest.fixture(scope="module")
def results(reacher):
    """One agent closes half of the gap at once and all of it after two shots; one never does."""
    rows = []
    for task in reacher.tasks(SPLIT):
        for agent, levels in (("fast", (50.0, 100.0)), ("none", (0.0, -10.0))):
            for shot, value in zip((0, 2), levels, strict=True):
                row = np.zeros(1, COLUMNS)
                row["agent"], row["task_set"], row["split"] = agent, reacher.id, SPLIT
                row["task_id"], row["shot"], row["return"] = task.id, shot, value
                rows.append(row)
    meta = {
        "task_set_hash": reacher.hash,
        "tasks": {t.id: t.changes() for t in reacher.tasks(SPLIT)},
    }
    return Result(np.concatenate(rows), meta)


@pytest.fixture(scope="module")
def references(reacher):
    ids = [task.id for task in reacher.tasks(SPLIT)]
    returns = {
        role: {SPLIT: dict.fromkeys(ids, level)}
        for role, level in (("nominal", 0), ("oracle", 100))
    }
    return References(reacher.id, reacher.hash, returns, {})


def cells(table, agent):
    row = next(row for row in table.rows if row[1] == agent)
    return dict(zip(table.head, row, strict=True))


def test_scores_are_normalised(results, references):
    table = recovery_tables(results, references)[0]
    fast, none = cells(table, "fast"), cells(table, "none")
    assert fast["0 shots"].startswith("0.500 [0.500")
    assert fast["2 shots"].startswith("1.00 ")
    assert none["2 shots"].startswith("-0.100 ")
    assert fast["optimality gap"].startswith("0")
    assert none["optimality gap"].startswith("1.10")
    assert fast["n"] == "40"


def test_metrics_of_the_curve(results, references):
    rows = compute_metrics(results, references)
    table = metrics_table(rows, True)
    fast, none = cells(table, "fast"), cells(table, "none")
    assert fast["area"].startswith("0.750")
    assert fast["shots to 90 %"].startswith("2.00")
    assert none["negative"].startswith("1.00")
    assert fast["negative"].startswith("0 ")
    assert fast["survival"] == "1.00 [1.00, 1.00]¹"
    raw = metrics_table(compute_metrics(results, None), False)
    assert cells(raw, "fast")["area"].startswith("75.0")
    lines = list(csv.DictReader(io.StringIO(metrics_csv(rows))))
    assert len(lines) == len(rows) == 2 * len(list(METRICS))
    found = {(line["agent"], line["metric"]): line for line in lines}
    assert float(found["fast", "area"]["point"]) == 0.75
    assert (found["fast", "regret"]["unit"], found["fast", "area"]["n"]) == ("score x shots", "40")


def scores_of(curves, shots=(0, 1, 2, 5)):
    return Scores(None, "it", SPLIT, list(shots), np.asarray(curves, float))


LEVELS = np.random.default_rng(0).uniform(100, 900, (1, 40, 1))


@pytest.mark.parametrize(("curve", "shots"), [((0, 1, 1, 1), 1.0), ((0, 0, 0, 1), 5.0)])
def test_shots_to_90_count_the_shots_of_each_task_however_hard_it_is(curve, shots):
    found = SHOTS_TO_90.interval(scores_of(LEVELS * (0.5 + 0.5 * np.array(curve))))
    assert (found.point, found.low, found.high, found.n) == (shots, shots, shots, 40)


def test_without_adaptation_there_are_no_shots_to_90_and_no_regret():
    rng = np.random.default_rng(1)
    for noise in (0.0, 1.0):
        scores = scores_of(LEVELS + noise * rng.standard_normal((1, 40, 4)))
        assert SHOTS_TO_90.interval(scores) is None
        regret = REGRET.interval(scores)
        assert regret.low <= 0 <= regret.high


def test_tasks_without_a_gain_have_no_shots_to_90():
    curves = LEVELS * np.ones(4)
    curves[:, :30, 1:] += 50
    found = SHOTS_TO_90.interval(scores_of(curves))
    assert (found.point, found.n) == (1.0, 30)


def test_a_metric_of_another_package_is_a_column_with_intervals(results, references, monkeypatch):
    monkeypatch.setattr(METRICS, "_targets", dict(METRICS._targets))
    monkeypatch.setattr(METRICS, "_sources", dict(METRICS._sources))
    last = Metric("final return", "return after the last shot", lambda s: s.last("return"), "J")
    METRICS.register("final-return", last, "package 'lab'")
    table = metrics_table(compute_metrics(results, references), True)
    assert cells(table, "fast")["final return"] == "100 [100, 100]¹"
    assert "Final return: return after the last shot." in table.note
    METRICS.register("flat", Metric("flat", "one number", lambda s: s.last("return")[0]))
    with pytest.raises(FastadaptError, match=r"'flat' returned values of shape \(40,\)"):
        compute_metrics(results, references)
    with pytest.raises(FastadaptError, match="adds the metric 'area', which fastadapt has"):
        METRICS.register("area", last, "package 'lab'")


def test_references_of_another_version_are_refused(results, references):
    other = References(references.task_set, "another", references.returns, {})
    with pytest.raises(FastadaptError, match="hash another"):
        recovery_tables(results, other)


def test_factors_are_what_every_task_has(reacher):
    found = {factor.name: factor for factor in factors(reacher, [SPLIT])}
    assert set(found) == {
        "object.mass [kg]",
        "friction.torque [N m] (mean of 4)",
        "camera.offset [m] (mean of 2)",
    }
    task = reacher.tasks(SPLIT)[3]
    mass = dict(zip(task.names, task.values, strict=True))["object.mass[object]"]
    assert found["object.mass [kg]"].values[task.id] == pytest.approx(mass)
    assert found["object.mass [kg]"].box == (0.0, 1.0)


def test_the_page_has_every_section(reacher, results, references, tmp_path):
    plan = OnlinePlan(2.0, 0.5, 1.0)
    tasks = reacher.tasks(SPLIT)[:3]
    trial = run_online(RandomAgent(reacher), reacher, tasks, plan)
    online = OnlineResult.of(RandomAgent(reacher), reacher, SPLIT, tasks, plan, 0, trial)
    sections = recovery_sections(results, reacher, references, [online])
    titles = [title for title, _, _ in sections]
    assert titles == [
        "Performance profiles", "Score over two parameters", "Recovery within one episode"
    ]  # fmt: skip
    tables = recovery_tables(results, references)
    rows = compute_metrics(results, references)
    page = write_report(tmp_path, "All of it", results, {}, [], {}, sections, tables, rows, True)
    text = page.read_text(encoding="utf-8")
    assert all(title in text for title in [*titles, "Normalised score", "Adaptation metrics"])
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"profile-test_iid.svg", "map-fast.png", "strike-test_iid-random.svg"} <= names
    assert (tmp_path / "metrics.csv").read_text() == metrics_csv(rows)
    lines = (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(results.table)


def test_parquet_where_pyarrow_is_there(results, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    from fastadapt.adaptation.evaluation.columns import write_tables

    assert len(write_tables(results.table, tmp_path)) == 2
    table = parquet.read_table(tmp_path / "results.parquet")
    assert table.column_names == list(COLUMNS.names)
    assert table["return"].to_pylist() == results.table["return"].tolist()
