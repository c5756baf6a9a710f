"""The whole report in headless Chromium: it complains of nothing and fetches nothing."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.report.page import write_report
from fastadapt.adaptation.report.recovery import recovery_sections, recovery_tables
from fastadapt.adaptation.report.replays.replay import Lane, write_replay
from fastadapt.adaptation.trials.online import Arm, OnlineTrial
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import load_task_set
from tests.support.browser import BINARY, Browser

EVIL = "<img src=x onerror=alert(1)>"
SPLIT = "test_iid"

# A browser is no Python package: pip cannot install one. `apt-get install chromium` runs them.
pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium here to open the page with")


def make_results(task_set):
    tasks = task_set.tasks(SPLIT)
    rows = np.zeros((2, 2, len(tasks)), COLUMNS)
    for a, agent in enumerate(("rl2", EVIL)):
        for k, shot in enumerate((0, 2)):
            part = rows[a, k]
            part["agent"], part["task_set"], part["split"] = agent, task_set.id, SPLIT
            part["task_id"], part["shot"] = [task.id for task in tasks], shot
            part["return"] = np.linspace(0, 60, len(tasks)) + 20 * k + 10 * a
    meta = {
        "task_set_hash": task_set.hash,
        "tasks": {task.id: task.changes() for task in tasks},
        "damage_kinds": ["weak", "dead", "locked"],
        "command": f"fastadapt evaluate {EVIL}",
    }
    return Result(rows.reshape(-1), meta)


def make_online(task_set):
    """Robots that lose most of their level at the onset, and regain most of it a second later."""
    plan, tasks = OnlinePlan(8.0, 2.0, 3.0), task_set.tasks(SPLIT)[:6]
    step = task_set.environment.control_step()
    strike = np.round(np.linspace(2.0, 3.0, len(tasks)) / step).astype(np.int64)
    since = (np.arange(round(plan.duration / step))[:, None] - strike) * step

    def arm(first, later):
        reward = np.select([since < 0, since < 1.0], [1.0, first], later)
        nobody = np.zeros(len(tasks), bool)
        return Arm(reward, np.full(len(tasks), len(since)), nobody)

    arms = arm(0.2, 0.8), arm(1.0, 1.0), arm(0.8, 0.8), arm(0.2, 0.2)
    trial = OnlineTrial(plan, step, strike, np.ones(len(tasks), bool), *arms)
    result = OnlineResult.of(RandomAgent(task_set), task_set, SPLIT, tasks, plan, 0, trial)
    assert result.counts()["recovered"] == len(tasks)
    return result


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with every section that there is, and a replay."""
    task_set, out = load_task_set("reacher-damage"), tmp_path_factory.mktemp("report")
    results, online = make_results(task_set), [make_online(task_set)]
    ids = [task.id for task in task_set.tasks(SPLIT)]
    returns = {
        role: {SPLIT: dict.fromkeys(ids, level)} for role, level in (("nominal", 0), ("oracle", 90))
    }
    references = References(task_set.id, task_set.hash, returns, {})
    lanes = [Lane(f"{name} {EVIL}", np.zeros((5, 4)), None, (2,)) for name in "abc"]
    write_replay(out / "replay.html", task_set.environment, lanes, 0.04)
    # A logarithmic parameter too: powers of ten on an axis once were raw TeX.
    sections = [
        *recovery_sections(results, task_set, references, online),
        *maps_of_a_runner(),
    ]
    tables = recovery_tables(results, references, online)
    curves = {"rl2": [{"env_steps": 10 * i, "return_mean": i} for i in range(9)]}
    replays = [(EVIL, "replay.html")]
    return write_report(out, EVIL, results, curves, replays, {"note": EVIL}, sections, tables)


def maps_of_a_runner():
    task_set = load_task_set("cheetah-damage")
    sections = recovery_sections(make_results(task_set), task_set, None)
    title, note, drawn = next(section for section in sections if "two parameters" in section[0])
    return [(f"{title}, logarithmic", note, [drawn[0]._replace(name="map-log")])]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("width", "phone", "dark"), [(1280, False, False), (390, True, True)], ids=["desk", "phone"]
)
def test_the_page_complains_of_nothing_and_fetches_nothing(page, browser, width, phone, dark):
    browser.complaints.clear()
    browser.requests.clear()
    browser.look(width, dark=dark, phone=phone)
    browser.open(page, settle=2.0)
    errors = [text for level, text in browser.complaints if level == "error"]
    assert errors == []
    assert not browser.alerted
    asked = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
    assert {url.rpartition("/")[2] for url in asked} == {"index.html", "replay.html"}
    assert all(url.startswith("file:///") for url in asked)
    # One for each plot; the share that has not recovered yet is among them.
    assert browser.value("document.querySelectorAll('svg').length") > 8
    assert browser.value("document.querySelectorAll('svg[id^=not-recovered]').length") == 1
    assert browser.value("document.querySelector('header p').className") == "verdict"
    assert browser.value("document.documentElement.scrollWidth") <= width
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


def test_no_text_of_a_plot_is_raw_tex(page):
    text = page.read_text(encoding="utf-8")
    assert "mathdefault" not in text
    assert "map-log" in text


def test_a_page_that_fetches_is_caught(browser, tmp_path):
    (tmp_path / "bad.html").write_text(
        "<img src='http://127.0.0.1:9/x.png'><script>console.error('no')</script>"
    )
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(tmp_path / "bad.html")
    assert "http://127.0.0.1:9/x.png" in browser.requests
    assert "error" in {level for level, _ in browser.complaints}


def test_it_prints(page, browser, tmp_path):
    browser.look(1280)
    browser.open(page)
    browser.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000
