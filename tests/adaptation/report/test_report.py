"""The report: everything is there, nothing is injected, nothing is fetched."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.report.page import Plot, plots, slug, write_report
from fastadapt.adaptation.report.tables import make_tables
from fastadapt.errors import FastadaptError

EVIL = "<img src=x onerror=alert(1)>&\"'"
KINDS = ["weak", "dead", "locked"]
TASKS = {
    "aa": {},
    "bb": {"dead.dead[bshin]": 1.0},
    "cc": {"weak.strength[ffoot]": 0.3, "torso_mass.scale[torso]": 2.0},
    "dd": {"dead.dead[bshin]": 1.0, "weak.strength[ffoot]": 0.3},
}
VOID = {"meta", "img", "br", "hr", "link", "input"}


def make_result(agents=("rl2", "maml"), splits=("test_iid", "test_far"), shots=(0, 2), tasks=TASKS):
    rows = [
        (agent, 0, "toy-v0", split, task, shot, 0, 100.0 * t + 10 * shot * (a + 1), 1.0 * t, 50.0,
         200, False, False, 200 * shot, 0, 0.0, 1)
        for a, agent in enumerate(agents) for split in splits
        for t, task in enumerate(tasks) for shot in shots
    ]  # fmt: skip
    meta = {
        "task_set_hash": "f00d", "tasks": TASKS, "damage_kinds": KINDS, "wall_seconds": 1.5,
        "machine": {"cores": 2, "versions": {"mujoco": "3.14.0"}}, "command": "fastadapt evaluate",
    }  # fmt: skip
    return Result(np.array(rows, COLUMNS), meta)


def curve(count=500):
    return [
        {"iteration": i, "env_steps": 1000 * i, "return_mean": math.sqrt(i), "seconds": 0.1 * i}
        for i in range(count)
    ]


class Page(HTMLParser):
    """Elements with attributes, text, and whether every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "new"
    (out / "replays").mkdir(parents=True)
    (out / "replays" / "one way.html").write_text("<title>replay</title>")
    result = make_result(("rl2", EVIL))
    curves = {"rl2": curve(), EVIL: [{"env_steps": 1, "return_mean": None}, *curve(3)]}
    meta = {"commands": ["fastadapt train rl2 <b>"], "note": EVIL}
    page = write_report(
        out, f"Recovery {EVIL}", result, curves, [(EVIL, "replays/one way.html")], meta
    )
    assert page == out / "index.html"
    return out


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_everything_is_there(text):
    page = Page(text)
    assert page.open == []
    words = " ".join(page.words)
    result = make_result(("rl2", EVIL))
    for split in result.splits:
        assert split in words
        for agent in result.agents:
            for shot in (0, 2):
                assert str(result.interval(agent, split, shot)) in words
            assert str(result.gain(agent, split, 2)) in words
    facts = ["fastadapt evaluate", "fastadapt train rl2 <b>", "machine.versions.mujoco", "3.14.0"]
    facts += ["f00d", "2000 resamples", "weak +", "n = 1", "environment steps"]
    for fact in facts:
        assert fact in words
    frames = [attrs for tag, attrs in page.elements if tag == "iframe"]
    assert [frame["src"] for frame in frames] == ["replays/one%20way.html"]


def test_plots_say_what_they_show(text):
    page = Page(text)
    drawings = [attrs for tag, attrs in page.elements if tag == "svg"]
    assert len(drawings) == 5  # two adaptation curves, two bars, one learning curve
    assert all(d["role"] == "img" and len(d["aria-label"]) > 20 for d in drawings)
    assert "after 2" in drawings[0]["aria-label"]
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for reference in re.findall(r'(?:href="|url\()#([^")]*)', text):
        assert reference in ids


def test_names_are_escaped(text, folder):
    assert "<img" not in text
    assert "onerror" not in {name for _, attrs in Page(text).elements for name in attrs}
    assert all("<img" not in path.read_text() for path in folder.glob("plots/*.svg"))


def test_nothing_is_fetched(text):
    assert not re.search(r"<(script|link|img|object|embed)\b", text)
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"https?://[^\s\"'<>)]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_files(folder):
    names = sorted(path.name for path in (folder / "plots").iterdir())
    stems = ["adaptation-test_far", "adaptation-test_iid", "damage-test_far", "damage-test_iid"]
    stems.append("learning-curves")
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    assert (folder / "plots" / names[0]).read_bytes().startswith(b"\x89PNG")
    assert "</text>" in (folder / "plots" / names[1]).read_text()  # text as text
    tables = (folder / "table.md").read_text(encoding="utf-8")
    assert tables.count("## ") == 7
    assert "| test_iid" in tables
    names = {path.name for path in folder.iterdir()}
    assert names - {"results.parquet"} == {
        "index.html", "plots", "replays", "results.csv", "table.md",
    }  # fmt: skip


def test_same_results_same_page(tmp_path):
    for name in ("a", "b"):
        result = make_result(splits=("test_iid",))
        write_report(tmp_path / name, "t", result, {"rl2": curve()}, [], {})
    for file in ("index.html", "table.md", "plots/adaptation-test_iid.svg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_little_is_enough(tmp_path):
    result = make_result(("$x_$ _one",), ("only",), (0,), ("aa",))
    result.meta.clear()
    page = Page(write_report(tmp_path, "t", result, {}, [], {}).read_text(encoding="utf-8"))
    words = " ".join(page.words)
    assert "0 [no interval]" in words
    assert "$x_$ _one" in words
    assert "Training" not in words
    assert "Differences" not in words


def test_tables_by_hand():
    tables = {table.title: table for table in make_tables(make_result())}
    returns = tables["Return after adaptation"]
    assert returns.head == ["split", "agent", "0 shots", "2 shots", "n", "seeds"]
    assert [row[:2] for row in returns.rows] == [
        ["test_iid", "rl2"], ["test_iid", "maml"], ["test_far", "rl2"], ["test_far", "maml"],
    ]  # fmt: skip
    assert tables["Gain from adaptation"].rows[1][2:] == ["40.0 [40.0, 40.0]¹†", "4", "1"]
    differences = tables["Differences between agents"].rows
    assert differences[0] == [
        "test_iid", "maml", "2", "-20.0 [-20.0, -20.0]¹†", "-20.0 [-20.0, -20.0]¹†",
        "0 [0, 0]¹†", "4",
    ]  # fmt: skip
    assert tables["Distance, energy and failures"].rows[0][4:] == [
        "50.0 [50.0, 50.0]¹†", "0 [0, 0]¹†", "0 [0, 0]¹†", "4",
    ]  # fmt: skip
    assert tables["Cost of adaptation"].rows[0][3:] == [
        "400 [400, 400]¹†", "0 [0, 0]¹†", "0 [0, 0]¹†", "4",
    ]  # fmt: skip


def titled(result, title):
    (table,) = (table for table in make_tables(result) if table.title == title)
    return table


def test_transport_costs_infinitely_much_for_who_gets_nowhere():
    result = make_result(("rl2",), ("test_iid",))
    assert "cost of transport" not in titled(result, "Distance, energy and failures").head
    result.meta["weight"] = 10.0
    table = titled(result, "Distance, energy and failures")
    assert table.head[5] == "cost of transport"
    # 50 J / (10 N x 0, 1, 2, 3 m): inf, 5, 2.5, 1.67; the median is 3.75
    assert table.rows[0][5] == "3.75 [1.67, inf]¹†"


def test_agents_with_other_splits_and_shots():
    one = make_result(("a",), ("test_iid", "test_far"), (0, 2))
    two = make_result(("b",), ("test_far",), (0, 5))
    both = Result.concatenate([one, two])
    returns = titled(both, "Return after adaptation")
    differences = titled(both, "Differences between agents")
    assert returns.head[2:5] == ["0 shots", "2 shots", "5 shots"]
    assert returns.rows[-1][:2] == ["test_far", "b"]
    assert returns.rows[-1][3] == "-"
    assert [row[:3] for row in differences.rows] == [["test_far", "b", "0"]]


def test_other_tasks_are_not_compared(tmp_path):
    other = make_result(("b",), tasks=("aa", "bb"))
    both = Result.concatenate([make_result(("a",)), other])
    with pytest.raises(FastadaptError, match="evaluated on different tasks of 'test_iid'"):
        write_report(tmp_path / "report", "t", both, {}, [], {})
    assert not (tmp_path / "report").exists()


def test_damage_groups():
    groups = plots.group_by_damage(make_result(), "test_iid", TASKS, KINDS)
    assert groups == {"none": ["aa"], "dead": ["bb"], "weak": ["cc"], "weak + dead": ["dd"]}
    assert plots.damage_bars(make_result(), "test_iid", {}, KINDS) is None


def test_learning_curves_leave_out_what_is_missing():
    rows = [{"env_steps": 1}, {"env_steps": 2, "return_mean": math.nan}]
    assert plots.learning_curves({"a": rows, "b": []}) is None
    figure = plots.learning_curves({"a": [*rows, *curve(1000)]})
    assert figure is not None
    assert len(figure.axes[0].lines[0].get_xdata()) == 300


@pytest.mark.parametrize("name", ["missing.html", "../out.html", "/etc/hostname", ""])
def test_replays_must_be_in_the_folder(tmp_path, name):
    (tmp_path / "out.html").write_text("x")
    with pytest.raises(FastadaptError, match="not a file in"):
        write_report(tmp_path / "report", "t", make_result(), {}, [("r", name)], {})
    assert not (tmp_path / "report").exists()


def test_agents_whose_names_make_the_same_file_name(tmp_path):
    """Neither overwrites the plots of the other, and no two drawings share an id."""
    plots_of = [(agent, plots.adaptation_curves(make_result((agent,)), "test_iid")) for agent in
                ("a b", "a-b")]  # fmt: skip
    more = [("More", "", [Plot(f"map-{slug(name)}", figure, name) for name, figure in plots_of])]
    page = write_report(tmp_path, "t", make_result(), {}, [], {}, more)
    text = page.read_text(encoding="utf-8")
    assert 'id="map-a-b"' in text
    assert 'id="map-a-b.2"' in text
    assert (tmp_path / "plots" / "map-a-b.2.png").is_file()
