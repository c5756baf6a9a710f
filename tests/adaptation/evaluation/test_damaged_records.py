"""Damaged records: what was measured early is unknown, results are refused in a sentence."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.evaluation.splits_seen import splits_seen
from fastadapt.adaptation.runs.checkpoint import load_checkpoint, save_checkpoint
from fastadapt.agents.interface import AgentState
from fastadapt.errors import FastadaptError
from tests.adaptation.report.test_report import make_result


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, '{"test_iid": [Infinity]}', '{"test_iid": 3}', "[1]", '{"a": [{}]}']
)
def test_a_damaged_record_of_splits_says_nothing(text, tmp_path):
    (tmp_path / "measured.json").write_text(text)
    assert splits_seen(SimpleNamespace(path=tmp_path)) == {}


@pytest.mark.parametrize("name", ["tasks", "nominal", "machine", "splits", "parts"])
def test_entries_of_another_type_are_refused(name, tmp_path):
    make_result().save(tmp_path)
    path = tmp_path / "summary.json"
    content = json.loads(path.read_text())
    content["meta"][name] = 1.5
    path.write_text(json.dumps(content))
    with pytest.raises(FastadaptError, match=r"summary\.json.*damaged"):
        Result.load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [("agent,seed", ",seed"), ("\nrl2,0,", "\nrl2,9" + 30 * "9" + ",")],
    ids=["a nameless column", "a number too large"],
)
def test_damaged_tables_are_refused(old, new, tmp_path):
    make_result().save(tmp_path)
    path = tmp_path / "results.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FastadaptError, match=r"results\.csv"):
        Result.load(tmp_path)


@pytest.mark.parametrize("value", [math.nan, 1, "x", [1]])
def test_a_checkpoint_whose_owner_is_no_table_is_refused(value, tmp_path):
    state = AgentState({"w": np.zeros(1)}, {"m": np.zeros(1)}, {})
    save_checkpoint(tmp_path, 1, state, {"env_steps": 1.0, "seconds": 1.0}, {"agent": "rl2"})
    load_checkpoint(tmp_path, run={"agent": "rl2"})
    path = tmp_path / "000001" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"run": value}))
    with pytest.raises(FastadaptError):
        load_checkpoint(tmp_path, run={"agent": "rl2"})
