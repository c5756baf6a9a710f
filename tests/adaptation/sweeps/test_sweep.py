"""Sweeps: declared once, gone on with where they were stopped, equal to runs one by one."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastadapt.adaptation import train
from fastadapt.adaptation.cli.main import run as cli
from fastadapt.adaptation.sweeps.cell import Cell
from fastadapt.adaptation.sweeps.launchers import Local, make_launcher
from fastadapt.adaptation.sweeps.plan import read_sweep
from fastadapt.adaptation.sweeps.run_sweep import Sweep, run_sweep
from fastadapt.errors import FastadaptError

TEXT = """
out = "{out}"
task-sets = ["reacher-damage"]
iterations = 3
checkpoint-every = 1

[[train]]
agent = "nominal"
seeds = [0, 1]
settings = {{ num-envs = 4, width = 16, episodes = 1, "ppo.learning-rate" = 1e-3 }}

[evaluate]
splits = ["test_iid"]
shots = [0]
episodes = 1
"""


def written(folder, text=TEXT, **values):
    path = folder / "sweep.toml"
    path.write_text(text.format(out=folder / "runs", **values))
    return path


def weights(path):
    from safetensors.numpy import load_file

    return load_file(Path(path) / "checkpoints" / "last" / "model.safetensors")


class Killing(Local):
    """A launcher that kills the first worker once it has saved something."""

    def __init__(self):
        super().__init__(2)
        self.begun = []

    def submit(self, cells):
        jobs = super().submit(cells)
        for cell, job in zip(cells, jobs, strict=True):
            if not self.begun:
                while not (cell.path / "checkpoints" / "last").exists():
                    assert job.code() is None, cell.last_words()
                    time.sleep(0.01)
                os.kill(job._process.pid, signal.SIGKILL)
            self.begun.append(cell.seed)
        return jobs


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    _, cells = read_sweep(written(folder))
    launcher = Killing()
    return folder, cells, launcher, run_sweep(cells, launcher)


def test_a_killed_run_goes_on_and_all_equal_those_trained_one_by_one(swept, tmp_path):
    _, cells, launcher, sweep = swept
    assert sweep.states == ["done", "done"]
    assert sorted(launcher.begun) == [0, 0, 1]
    for cell in cells:
        alone = train(
            cell.agent, cell.task_set, tmp_path / str(cell.seed), cell.seed, 3, torch_threads=1,
            checkpoint_every=1, **cell.options,
        )  # fmt: skip
        ours, theirs = weights(cell.out), weights(alone.path)
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name])
        assert (cell.path / "evaluations").is_dir()


def test_started_again_it_trains_nothing(swept):
    _, cells, _, _ = swept
    again = Killing()
    assert run_sweep(cells, again).states == ["done", "done"]
    assert again.begun == []


def test_more_iterations_are_more_work(swept):
    folder, _, _, _ = swept
    longer = (folder / "sweep.toml").read_text().replace("iterations = 3", "iterations = 4")
    (folder / "longer.toml").write_text(longer)
    _, cells = read_sweep(folder / "longer.toml")
    assert Sweep(cells).states == ["waiting", "waiting"]
    assert cells[0].progress().iterations == 3


def test_the_command_lists_what_is_done(swept, capsys):
    folder, _, _, _ = swept
    assert cli(["sweep", str(folder / "sweep.toml"), "--list"]) == 0
    assert "2 done" in capsys.readouterr().out


class Ends(Local):
    """A launcher whose jobs end at once with given codes."""

    def __init__(self, codes):
        super().__init__(1)
        self.codes = codes

    def submit(self, cells):
        code = self.codes[cells[0].seed].pop(0)
        for cell in cells:
            cell.log.parent.mkdir(parents=True, exist_ok=True)
            cell.log.write_text("one\nfastadapt: no such thing.\n\n")
        return [type("Ended", (), {"code": lambda self: code})() for _ in cells]


def test_a_failed_run_stops_no_other_and_is_named_with_its_last_line(tmp_path):
    cells = [Cell(str(tmp_path / str(i)), "nominal", "reacher-damage", i, 1) for i in range(3)]
    launcher = Ends({0: [2], 1: [-9, -9], 2: [3, 2]})
    sweep = run_sweep(cells, launcher, retries=1)
    assert sweep.states == ["failed"] * 3
    assert sweep.reasons[0] == "fastadapt: no such thing."
    assert "signal 9" in sweep.reasons[1]  # after one more try
    assert not any(launcher.codes.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"nominal"', '"nominol"'), "nominol.*nominal"),
        (("reacher-damage", "reacher-damadge"), "reacher-damadge"),
        (("width = 16", "widht = 16"), "widht.*width"),
        (("test_iid", "test_idd"), "test_idd.*test_iid"),
        (("seeds = [0, 1]", "seeds = [0, 0]"), "two runs would be in"),
        (("iterations = 3", "iterations = 0"), "iterations"),
        (("[evaluate]", "[evaluat]"), "evaluat"),
        (("[[train]]", "[[train]"), "not TOML"),
    ],
    ids=lambda x: x[1] if isinstance(x, tuple) else None,
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, change, message):
    path = written(tmp_path, TEXT.replace(*change))
    with pytest.raises(FastadaptError, match=message):
        read_sweep(path)
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_grid_is_every_combination(tmp_path):
    text = TEXT.replace("[evaluate]", "[[train]]\nagent='rl2'\n[train.grid]\nwidth=[8,16]\n"
                        '"ppo.gamma"=[0.9,0.99]\n[evaluate]')  # fmt: skip
    _, cells = read_sweep(written(tmp_path, text))
    options = [cell.options for cell in cells if cell.agent == "rl2"]
    assert [(o["width"], o["ppo"]["gamma"]) for o in options] == [
        (8, 0.9), (8, 0.99), (16, 0.9), (16, 0.99),
    ]  # fmt: skip
    assert len({cell.out for cell in cells}) == 6


@pytest.mark.parametrize("name", ["ray", "slurm"])
def test_a_missing_package_is_said_in_one_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(FastadaptError, match=r"pip install 'fastadapt\[sweep\]'"):
        make_launcher(name, 1, tmp_path, {})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cluster"), [("slurm", "local"), ("ray", None)])
def test_other_launchers_train_the_same_weights(name, cluster, swept, tmp_path):
    pytest.importorskip("submitit" if name == "slurm" else "ray")
    _, cells, _, _ = swept
    _, others = read_sweep(written(tmp_path))
    launcher = make_launcher(name, 2, tmp_path, {}, cluster)
    assert run_sweep(others, launcher).states == ["done", "done"]
    for ours, theirs in zip(cells, others, strict=True):
        for key, value in weights(ours.out).items():
            np.testing.assert_array_equal(value, weights(theirs.out)[key])
