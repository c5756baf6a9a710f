"""Tables of task sets, tasks and runs in notebooks."""

import re

from fastadapt.adaptation import load_run
from fastadapt.adaptation.runs.zoo import zoo_runs
from fastadapt.envs import load_task_set
from fastadapt.envs.tasks.notebook import table


def cells(html):
    return re.findall(r"<td>(.*?)</td>", html)


def test_a_task_set_shows_its_robot_its_parameters_and_its_splits():
    task_set = load_task_set("reacher-damage")
    found = cells(task_set._repr_html_())
    assert found[1] == task_set.environment.id()
    for name, unit in zip(task_set.names, task_set.units, strict=True):
        assert found[found.index(name) + 1] == unit
    assert found[found.index("test_iid") + 1] == str(len(task_set.tasks("test_iid")))
    assert repr(task_set).startswith("TaskSet('reacher-damage-v1': reacher-v0, ")


def test_a_task_shows_what_differs_from_nominal():
    task_set = load_task_set("reacher-damage")
    task = task_set.tasks("test_iid")[0]
    found = cells(task._repr_html_())
    assert found[::3] == list(task.changes())
    assert [float(value) for value in found[1::3]] == [
        float(f"{value:.4g}") for value in task.changes().values()
    ]
    assert ": nominal" in task_set.nominal._repr_html_()


def test_a_run_shows_how_far_it_was_trained():
    run = load_run(zoo_runs()["pearl-reacher-damage"])
    found = cells(run._repr_html_())
    assert found[found.index("iterations") + 1] == "60 of 60"
    assert found[found.index("env steps") + 1] == "457,500"


def test_names_are_shown_not_obeyed():
    assert "<script>" not in table("<script>", ["<script>"], [["<script>"]])
