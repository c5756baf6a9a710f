"""What belongs together is checked: tables, the weights they measured, the version of MuJoCo."""

import json
import shutil

import pytest

from fastadapt.adaptation import Result, evaluate_run, load_run, train
from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.evaluation.integrity import mujoco_note
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.runs.machine import versions
from fastadapt.envs import FastadaptError
from tests.support.own_models import CART, MASS, write

SMALL = {"num_envs": 4, "width": 8, "episodes": 1, "num_threads": 1, "torch_threads": 1}
ONLINE = ["--online", "--duration", "0.4", "--split", "test_iid", "--no-report", "--threads", "1"]


@pytest.fixture(scope="module")
def cart(tmp_path_factory):
    environment = 'objective = "stay-upright"\nroot = "pole"\nhorizon = 0.4'
    return write(tmp_path_factory.mktemp("cart"), CART, environment, MASS)


@pytest.fixture(scope="module")
def finished(cart, tmp_path_factory):
    """A run with few-shot and online evaluations."""
    trained = train("rl2", cart, tmp_path_factory.mktemp("runs") / "run", 0, 2, **SMALL)
    evaluate_run(trained.path, ["test_iid"], (0, 1), 1, num_threads=1)
    assert run(["evaluate", str(trained.path), *ONLINE]) == 0
    return trained.path


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


def folder_of(path, name):
    return next(p.parent for p in (path / "evaluations").rglob(name) if "iid" in p.parent.name)


def test_results_know_the_weights_and_the_iteration_that_they_measured(finished):
    meta = Result.load(folder_of(finished, "results.csv")).meta
    state = json.loads((finished / "checkpoints/last/state.json").read_text())
    assert meta["iterations"] == 2
    assert meta["weights"] == state["sha256"]["model"] == load_run(finished).measured()["weights"]


@pytest.mark.parametrize(
    ("name", "column"), [("results.csv", "return"), ("recoveries.csv", "before")]
)
def test_a_digit_that_was_changed_is_noticed_wherever_it_is_shown(name, column, copy, capsys):
    file = folder_of(copy, name) / name
    header, first, *rest = file.read_text().split("\n")
    fields, at = first.split(","), header.split(",").index(column)
    fields[at] = str(float(fields[at]) + 1)
    file.write_text("\n".join([header, ",".join(fields), *rest]))
    assert run(["compare", str(copy), "--out", str(copy.parent / "report")]) == 2
    assert "was changed after it was written" in capsys.readouterr().err
    if name == "results.csv":
        assert run(["table", str(copy)]) == 2


def test_results_of_other_weights_are_not_shown(copy, cart, tmp_path, capsys):
    """The evaluations of seed 0 beside the checkpoint of seed 1, of equal length."""
    other = train("rl2", cart, tmp_path / "other", 1, 2, **SMALL)
    shutil.copytree(copy / "evaluations", other.path / "evaluations")
    for verb in (["table", str(other.path)], ["compare", str(other.path), "--out", "r"]):
        assert run(verb) == 2
        assert "results of other weights" in capsys.readouterr().err
    load_results(load_run(copy))  # those of its own are


def test_a_summary_without_digests_is_that_of_an_earlier_version(copy):
    file = folder_of(copy, "results.csv") / "summary.json"
    content = json.loads(file.read_text())
    del content["sha256"], content["meta"]["weights"]
    file.write_text(json.dumps(content))
    assert load_results(load_run(copy)).agents[0] == "rl2"


def test_results_of_another_mujoco_are_marked(copy, capsys):
    file = folder_of(copy, "results.csv") / "summary.json"
    content = json.loads(file.read_text())
    content["meta"]["machine"]["versions"]["mujoco"] = "3.2.0"
    file.write_text(json.dumps(content))
    assert run(["table", str(copy), "--split", "test_iid"]) == 0
    assert "3.2.0" in capsys.readouterr().out
    here = versions()["mujoco"]
    assert "3.2.0" in Result.load(file.parent).markdown()
    assert f"{here} is installed" in mujoco_note(content["meta"])
    both = mujoco_note(content["meta"], {"machine": {"versions": {"mujoco": here}}})
    assert "different versions of MuJoCo" in both


@pytest.mark.parametrize("meta", [{}, {"machine": 3}, {"machine": {"versions": []}}, {"parts": 1}])
def test_meta_data_of_any_kind_has_no_note(meta):
    assert mujoco_note(meta) == ""
    assert mujoco_note({"machine": {"versions": {"mujoco": versions()["mujoco"]}}}) == ""


def test_a_checkpoint_whose_numbers_are_none_is_damaged(copy):
    file = copy / "checkpoints/last/state.json"
    content = json.loads(file.read_text())
    for change in ({"seconds": {}}, {"env_steps": None}, {"seconds": True}, {"env_steps": -1}):
        file.write_text(json.dumps(content | {"progress": content["progress"] | change}))
        with pytest.raises(FastadaptError, match="is damaged"):
            load_run(copy).iterations_done()


def test_a_table_has_a_dash_where_an_agent_was_not_measured(copy, capsys):
    measure = ["--split", "test_iid", "--shots", "0", "1", "--episodes", "1", "--threads", "1"]
    assert run(["evaluate", str(copy), *measure, "--no-report"]) == 0
    shutil.rmtree(folder_of(copy, "results.csv").with_name("test_iid-0-shots-0-1-episodes-1"))
    capsys.readouterr()
    assert run(["table", str(copy)]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.split("\n") if "| rl2 " in line]
    assert [cell.strip() for cell in rows[0][3:4]] == ["-"]
