"""The results table: summaries by hand, exact files, clear errors."""

import json
import math
import sys
import types

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.paired import compare_agents
from fastadapt.adaptation.evaluation.results import FORMAT, Result
from fastadapt.adaptation.report.tables import make_tables
from fastadapt.adaptation.statistics.bootstrap import bootstrap, iqm, mean
from fastadapt.adaptation.statistics.paired import paired_difference
from fastadapt.adaptation.text_table import markdown_table
from fastadapt.errors import FastadaptError

TASKS = ("aa", "bb", "cc", "dd", "ee")


def make_result(agent="rl2", split="test_iid", shots=(0, 2), tasks=TASKS, seeds=(0, 1), meta=None):
    """Two episodes each; return = 100 task + 10 shot + seed + episode / 2."""
    rows = [
        (agent, seed, "toy-v0", split, task, shot, episode,
         100.0 * t + 10.0 * shot + seed + episode / 2, 0.1 * t, 5.0 * t, 200,
         t == 1, False, 200 * shot, 3 * shot, 0.5 * shot, t % 2)
        for seed in seeds for t, task in enumerate(tasks) for shot in shots for episode in (0, 1)
    ]  # fmt: skip
    return Result(np.array(rows, COLUMNS), {"task_set_hash": "f00"} | (meta or {}))


def test_task_means_and_scores_by_hand():
    result = make_result()
    task_ids, means = result.task_means("rl2", "test_iid", 2)
    assert task_ids == list(TASKS)
    np.testing.assert_allclose(means, [20.75, 120.75, 220.75, 320.75, 420.75])
    _, scores = result.scores("rl2", "test_iid", 2)
    np.testing.assert_allclose(scores[:, 0], [20.25, 21.25])
    assert result.shots("rl2", "test_iid") == [0, 2]


def test_order_of_rows_does_not_matter():
    result = make_result()
    shuffled = Result(np.random.default_rng(0).permutation(result.table), {})
    assert shuffled.summary() == result.summary()


def test_summary_by_hand():
    result = make_result()
    found = result.summary()["agents"]["rl2"]["test_iid"]
    assert (found["tasks"], found["seeds"], found["episodes"]) == (5, 2, 2)
    shot = found["shots"]["2"]
    scores = result.scores("rl2", "test_iid", 2)[1]
    for name, statistic in (("return_mean", mean), ("return_iqm", iqm)):
        crossed = bootstrap(scores, statistic, resample="both").as_json()
        assert shot[name] == crossed | {"n": 5}  # tasks; it has 2 seeds
    assert shot["energy_mean"]["point"] == pytest.approx(10.0)
    assert shot["return_mean"]["point"] == pytest.approx(220.75)
    assert shot["distance_mean"]["point"] == pytest.approx(0.2)
    assert (shot["measured_episodes"], shot["fell"], shot["diverged"]) == (20, 4, 0)
    assert shot["adaptation"] == {"env_steps": 400.0, "gradient_steps": 6.0, "seconds": 1.0}
    assert shot["gain_mean"] == {"point": 20.0, "low": 20.0, "high": 20.0, "n": 5, "runs": 2}
    assert "gain_mean" not in found["shots"]["0"]
    assert json.loads(json.dumps(result.summary())) == result.summary()


def test_one_task_has_no_interval():
    result = make_result(tasks=("aa",))
    cell = result.summary()["agents"]["rl2"]["test_iid"]["shots"]["2"]["return_mean"]
    assert cell == {"point": 20.75, "low": None, "high": None, "n": 1, "runs": 2}
    assert "20.8 [no interval]" in result.markdown()


def test_a_task_drawn_twice_is_one_task():
    result = make_result()
    twice = Result(np.concatenate([result.table, result.table]), {})
    assert twice.interval("rl2", "test_iid", 0) == result.interval("rl2", "test_iid", 0)


def test_markdown():
    both = Result.concatenate([make_result(), make_result("ma|ml\n", shots=(0,), tasks=TASKS[:2])])
    head, rule, first, second, blank, marks = both.markdown().splitlines()
    assert (blank, marks) == ("", "† fewer than 10 distinct tasks: the interval is too narrow.")
    assert len({len(head), len(rule), len(first), len(second)}) == 1
    assert [c.strip() for c in head.split("|")[1:-1]] == [
        "agent", "split", "tasks", "seeds", "0 shots", "2 shots",
    ]  # fmt: skip
    interval = both.interval("rl2", "test_iid", 2)
    assert first.split("|")[-2].strip() == str(interval)
    assert second.startswith("| ma\\|ml |")
    assert second.split("|")[-2].strip() == "-"
    assert both.markdown("iqm") != both.markdown()
    with pytest.raises(FastadaptError, match="no statistic 'median'"):
        both.markdown("median")
    assert markdown_table(["a"], []) == "| a |\n| - |\n"


def test_file_round_trip_is_exact(tmp_path):
    result = make_result('a,"b"\u2028é', meta={"machine": {"cores": 2}, "wall_seconds": 0.1 + 0.2})
    result.table["return"] = np.random.default_rng(0).standard_normal(len(result.table)) * 1e-7
    result.table["distance"][0] = 5e-324
    result.save(tmp_path / "new" / "folder")
    loaded = Result.load(tmp_path / "new" / "folder")
    assert loaded.table.dtype == COLUMNS
    assert loaded.table.tobytes() == result.table.tobytes()
    assert loaded.meta == result.meta
    assert loaded.summary() == result.summary()
    loaded.save(tmp_path / "again")
    for name in ("results.csv", "summary.json"):
        old, new = tmp_path / "new" / "folder" / name, tmp_path / "again" / name
        assert old.read_bytes() == new.read_bytes()
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == ["results.csv", "summary.json"]


def test_damaged_files_are_refused(tmp_path):
    make_result().save(tmp_path)
    table, summary = tmp_path / "results.csv", tmp_path / "summary.json"
    whole = table.read_text()

    def expect(message):
        with pytest.raises(FastadaptError, match=message):
            Result.load(tmp_path)

    table.write_text(whole[: len(whole) // 2])
    expect("ends early")
    table.write_text(whole[:-2])
    expect("ends early: 20|ends early: 40")
    table.write_text(whole.replace("return", "score", 1))
    expect("it lacks the column return")
    table.write_text(whole.replace("False", "maybe", 1))
    expect("record 2")
    table.write_bytes(b"\xff\xfe\x00")
    expect("results.csv is damaged .it is not text")
    table.unlink()
    expect("has no results.csv")
    table.write_text(whole)
    summary.write_text("{}")
    expect("summary.json is damaged")
    summary.unlink()
    expect("not a complete evaluation: it has no summary.json")


EARLIER = """\
agent,seed,task_set,split,task_id,shot,episode,return,distance,energy,length,fell,diverged,\
adaptation_env_steps,adaptation_gradient_steps,adaptation_seconds
pearl,0,reacher-damage-v1,test_iid,00e46fd0,0,0,-21.5,0.25,1.5,50,False,False,0,0,0.0
pearl,0,reacher-damage-v1,test_iid,018b8b79,0,0,-11.25,0.125,2.5,50,True,False,0,0,0.0
"""


def write_evaluation(folder, text, **content):
    """Write an evaluation with files as they are given; no `format` is that of earlier versions."""
    folder.mkdir(exist_ok=True)
    (folder / "results.csv").write_text(text)
    rows = text.count("\n") - 1
    content = {"rows": rows, "meta": {"task_set_hash": "f00"}, **content}
    (folder / "summary.json").write_text(json.dumps(content))
    return folder


def with_column(text, name, values):
    header, *lines = text.splitlines()
    rows = [f"{line},{value}" for line, value in zip(lines, values, strict=True)]
    return "\n".join([f"{header},{name}", *rows]) + "\n"


def without_column(text, name):
    header, *lines = (line.split(",") for line in text.splitlines())
    place = header.index(name)
    return "".join(",".join(r[:place] + r[place + 1 :]) + "\n" for r in (header, *lines))


def test_files_of_earlier_versions_are_read(tmp_path):
    found = Result.load(write_evaluation(tmp_path, EARLIER))
    assert found.table.dtype == COLUMNS
    assert found.table["return"].tolist() == [-21.5, -11.25]
    found.save(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["format"] == FORMAT


def test_files_of_later_formats_are_refused(tmp_path):
    write_evaluation(tmp_path, EARLIER, format=FORMAT + 1)
    with pytest.raises(FastadaptError, match=f"format {FORMAT + 1}.*Upgrade fastadapt"):
        Result.load(tmp_path)


@pytest.mark.parametrize(
    ("values", "kind"),
    [((3, -4), "i"), ((0.5, "nan"), "f"), (("True", "False"), "b"), (("a", ""), "U")],
)
def test_unknown_columns_are_kept(tmp_path, values, kind):
    text = with_column(EARLIER, "slip", values)
    found = Result.load(write_evaluation(tmp_path / "a", text))
    assert found.table.dtype["slip"].kind == kind
    assert [str(value) for value in found.table["slip"]] == [str(value) for value in values]
    found.save(tmp_path / "b")
    assert without_column((tmp_path / "b" / "results.csv").read_text(), "success") == text
    plain = Result.load(write_evaluation(tmp_path / "c", EARLIER)).renamed({"pearl": "rl2"})
    both = Result.concatenate([found, plain])
    empty = {"i": "-1", "f": "nan", "b": "False", "U": ""}[kind]
    assert [str(v) for v in both.table["slip"]] == [*(str(v) for v in values), empty, empty]
    assert both.shots("rl2", "test_iid") == [0]


def test_missing_columns_are_empty_and_reported_as_such(tmp_path):
    text = without_column(without_column(EARLIER, "energy"), "adaptation_env_steps")
    found = Result.load(write_evaluation(tmp_path, without_column(text, "fell")))
    assert np.isnan(found.table["energy"]).all()
    assert found.table["adaptation_env_steps"].tolist() == [-1, -1]
    assert not found.table["fell"].any()
    shot = found.summary()["agents"]["pearl"]["test_iid"]["shots"]["0"]
    assert shot["energy_mean"] is None
    assert shot["adaptation"]["env_steps"] is None
    assert shot["distance_mean"]["point"] == 0.1875
    tables = {table.title: table for table in make_tables(found)}
    physical = tables["Distance, energy and failures"]
    assert physical.rows[0][physical.head.index("energy [J]")] == "-"
    write_evaluation(tmp_path, without_column(EARLIER, "return"))
    with pytest.raises(FastadaptError, match="lacks the column return"):
        Result.load(tmp_path)


def test_to_pandas(monkeypatch):
    class DataFrame(dict):
        """Stands in for pandas, which is optional."""

    result = make_result()
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=DataFrame))
    frame = result.to_pandas()
    assert list(frame) == list(COLUMNS.names)
    assert frame["return"].tolist() == result.table["return"].tolist()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(FastadaptError, match=r"pip install 'fastadapt\[pandas\]'"):
        result.to_pandas()


def test_meta_must_be_json(tmp_path):
    for bad in ({"x": object()}, {"x": math.nan}):
        with pytest.raises(FastadaptError, match="must be JSON"):
            make_result(meta=bad).save(tmp_path / "bad")
    assert not (tmp_path / "bad" / "summary.json").exists()


def test_nan_returns_are_not_averaged():
    result = make_result()
    result.table["return"][3] = math.nan
    with pytest.raises(FastadaptError, match="NaN or infinite"):
        result.summary()


def test_concatenate_keeps_what_agrees():
    a = make_result(meta={"seed": 0, "tasks": {"aa": {}}, "splits": ["test_iid"], "wall": 1})
    b = make_result(
        "maml", "test_far", meta={"seed": 0, "tasks": {"zz": {}}, "splits": ["test_far"], "wall": 2}
    )
    c = make_result("maml", "far", meta={"seed": 0, "wall": 3})
    both = Result.concatenate([Result.concatenate([a, b]), c])
    assert both.agents == ["rl2", "maml"]
    assert both.splits == ["test_iid", "test_far", "far"]
    assert both.meta == {
        "task_set_hash": "f00",
        "seed": 0,
        "tasks": {"aa": {}, "zz": {}},
        "splits": ["test_iid", "test_far"],
        "parts": [{"wall": 1}, {"wall": 2}, {"wall": 3}],
    }
    assert Result.concatenate([a]).meta == a.meta
    assert len(both.table) == 3 * len(a.table)


def test_what_cannot_be_concatenated():
    result = make_result()
    with pytest.raises(FastadaptError, match=r"agent rl2, seed 0.*`renamed`"):
        Result.concatenate([result, result])
    renamed = result.renamed({"rl2": "rl2 again"})
    assert Result.concatenate([result, renamed]).agents == ["rl2", "rl2 again"]
    with pytest.raises(FastadaptError, match="64 characters"):
        result.renamed({"rl2": "x" * 65})
    with pytest.raises(FastadaptError, match="different versions of the task set"):
        Result.concatenate([result, make_result("b", meta={"task_set_hash": "bad"})])
    other = result.renamed({"rl2": "b"})
    other.table["task_set"] = "other-v0"
    with pytest.raises(FastadaptError, match="cannot be pooled: other-v0, toy-v0"):
        Result.concatenate([result, other])
    with pytest.raises(FastadaptError, match="no results"):
        Result.concatenate([])


def test_compare():
    a, b = make_result(seeds=(0,)), make_result("maml", seeds=(0,))
    b.table["return"] -= 7
    b.table["return"][b.table["task_id"] == "ee"] += 100
    found = compare_agents(a, b, "test_iid", 2)
    differences = np.array([7.0, 7.0, 7.0, 7.0, -93.0])
    assert found.mean == paired_difference(differences, np.zeros(5))
    assert found.iqm.point == 7.0
    assert found.probability.point == 0.8
    both = Result.concatenate([a, b])
    assert compare_agents(both, both, "test_iid", 2, ("rl2", "maml")) == found
    with pytest.raises(FastadaptError, match="several agents: rl2, maml"):
        compare_agents(both, a, "test_iid", 2)
    with pytest.raises(FastadaptError, match="different tasks of 'test_iid' \\(4 in common of 5"):
        compare_agents(a, make_result(tasks=TASKS[:4]), "test_iid", 2)


def test_the_luck_of_training_widens_every_interval():
    """Seeds differ by 40 in everything: with one of each nothing would tell."""
    rng = np.random.default_rng(0)

    def lucky(agent, seeds):
        result = make_result(agent, seeds=seeds)
        result.table["return"] = rng.normal(0, 1, len(result.table)) + 40 * result.table["seed"]
        return result

    one, three = lucky("rl2", (1,)), lucky("rl2", (0, 1, 2))
    narrow, wide = (result.interval("rl2", "test_iid", 2) for result in (one, three))
    assert narrow.high - narrow.low < 5 < 40 < wide.high - wide.low
    assert narrow.n == wide.n == 5
    found = compare_agents(three, lucky("maml", (0, 1, 2)), "test_iid", 2)
    assert found.mean.low < -20 < 20 < found.mean.high
    assert found.probability.low < 0.3 < 0.7 < found.probability.high
    alone = compare_agents(one, lucky("maml", (0,)), "test_iid", 2)
    assert alone.mean.low > 35
    assert alone.probability.low == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.scores("rl3", "test_iid", 0), "no agent in these results 'rl3'.*Did you mean"),
        (lambda r: r.scores("rl2", "test_idd", 0), "no split.*Did you mean 'test_iid'"),
        (lambda r: r.scores("rl2", "test_iid", 1), "after 1 shots.*only after 0, 2"),
        (lambda r: Result(r.table[:0], {}), "at least one row"),
        (lambda r: Result(r.table[["agent"]], {}), "COLUMNS"),
        (lambda r: Result(r.table[:-2], {}).scores("rl2", "test_iid", 2), "seed 1, lacks task ee"),
        (lambda r: Result.load("/nonexistent"), "not a complete evaluation"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(FastadaptError, match=message):
        call(make_result())
