"""An envelope end to end: null test, named parameters, resumed, refused, drawn."""

import csv
import json
import re

import numpy as np
import pytest

import fastadapt.adaptation.envelope.run as module
from fastadapt.adaptation import train
from fastadapt.adaptation.cli.main import run as cli
from fastadapt.adaptation.envelope.grid import make_grid
from fastadapt.adaptation.envelope.measure import measure_on_grid
from fastadapt.adaptation.envelope.run import envelope
from fastadapt.adaptation.envelope.verdict import Findings
from fastadapt.envs import load_task_set
from fastadapt.errors import FastadaptError

OVER = ("object=0:1:2", "friction=0:3:2")


class IgnoresItsContext:
    """Acts on the observation alone: no shot changes it, though it explores in shots."""

    name = "fixed"

    def begin(self, num_tasks):
        self.rng = np.random.default_rng(0)

    def act(self, observation, explore):
        action = 0.3 * np.tanh(observation[:, :4] + observation[:, -4:])
        return action + explore * self.rng.normal(size=action.shape)

    def observe(self, transition):
        pass

    def end_episode(self, done):
        pass

    def snapshot(self):
        return None

    def restore(self, snapshot):
        pass


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "a"
    return train("rl2", "reacher-damage", out, iterations=1, num_envs=2, width=8, episodes=1)


def test_a_policy_that_ignores_its_context_gains_nothing():
    grid = make_grid(load_task_set("reacher-damage"), ["object=0:2:3"], ["dead:joint3"], 4)
    table = measure_on_grid(IgnoresItsContext(), grid, (0, 1), "fixed", num_threads=1)
    before, after = (table[table["shot"] == shot] for shot in (0, 1))
    np.testing.assert_array_equal(before["return"], after["return"])
    assert len(np.unique(before["return"])) > grid.cells  # robots of a cell start differently
    gain = Findings(grid, {("fixed", False): table}).gain("fixed")
    assert gain is not None
    assert (gain.point, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_an_envelope_is_measured_once_and_holds_parameters_by_name(run, tmp_path, monkeypatch):
    out = tmp_path / "envelope"
    asked = {"damages": ["dead:joint3"], "shots": (0, 1), "robots": 2, "num_threads": 1}
    found = envelope([run], OVER, **asked, out=out)
    with (out / "envelope.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["damage"] for row in rows} == {"no damage", "dead:joint3"}
    assert {row["object"] for row in rows} == {"0.0", "1.0"}
    assert {row["friction"] for row in rows} == {"0.0", "3.0"}
    assert {row["success"] for row in rows} <= {"0", "1"}
    page = found.page.read_text()
    assert re.search(r"<p class=.verdict.>rl2", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    summary = json.loads((out / "envelope.json").read_text())
    assert summary["meta"]["trained_on"] == ["reacher-damage-v1"]
    before = (out / "envelope.csv").read_bytes()
    monkeypatch.setattr(module, "measure_on_grid", lambda *_: pytest.fail("measured again"))
    again = envelope([run], OVER, **asked, out=out)
    assert again.findings.verdict() == found.findings.verdict()
    assert (out / "envelope.csv").read_bytes() == before
    with pytest.raises(FastadaptError, match="asked for otherwise; nothing was written"):
        envelope([run], OVER, **asked | {"shots": (0, 2)}, out=out)
    assert (out / "envelope.csv").read_bytes() == before


def test_ctrl_c_keeps_what_was_measured(run, tmp_path, monkeypatch):
    measured, real = [], module.measure_on_grid

    def interrupted(agent, *rest):
        if measured:
            raise KeyboardInterrupt
        measured.append(agent)
        return real(agent, *rest)

    monkeypatch.setattr(module, "measure_on_grid", interrupted)
    options = {"shots": (0, 1), "robots": 2, "num_threads": 1, "out": tmp_path / "a"}
    with pytest.raises(KeyboardInterrupt):  # at the constant context
        envelope([run], OVER[:1], **options)
    assert [path.name for path in (tmp_path / "a" / "agents").iterdir()] == ["rl2.csv"]
    monkeypatch.setattr(module, "measure_on_grid", lambda agent, *rest: real(agent, *rest))
    found = envelope([run], OVER[:1], **options)
    conditions = [surface.condition for surface in found.findings.surfaces["rl2"]]
    assert conditions == ["0 shots", "1 shot", "constant context"]


def test_other_files_and_other_robots_are_refused(run, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FastadaptError, match="holds other files; nothing was written"):
        envelope([run], OVER, out=tmp_path)
    with pytest.raises(FastadaptError, match="is of another robot"):
        envelope([run], ["payload=0:1:2"], task_set="quadruped-damage")
    for arguments, words in (
        ([], "one or two axes, not 0"),
        (["--over", "objct=0:1:2"], "Did you mean 'object'"),
        (["--over", OVER[0], "--robots", "1"], "robots = 1"),
    ):
        assert cli(["envelope", str(run.path), *arguments]) == 2
        told = capsys.readouterr().err
        assert words in told
        assert "Traceback" not in told
    assert not list(run.path.glob("envelopes/*/envelope.json"))


def test_the_command_writes_into_the_directory_of_the_run(run, capsys):
    options = ["--shots", "0", "--robots", "2", "--threads", "1", "--no-constant"]
    assert cli(["envelope", str(run.path), "--over", "object=0,1", *options]) == 0
    told = capsys.readouterr().out
    assert told.startswith("rl2: ")
    assert "### Area inside" in told
    (page,) = run.path.glob("envelopes/object-*/index.html")
    assert str(page) in told
