"""Two processes in one folder: one writes, the other waits or is told; checkpoints and metrics."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fastadapt.adaptation.runs import checkpoint
from fastadapt.adaptation.runs.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from fastadapt.adaptation.runs.files import RunInUseError, locked, write_text
from fastadapt.adaptation.runs.run import load_run
from fastadapt.agents.interface import AgentState
from fastadapt.envs import FastadaptError

SMALL = ["--iterations", "1", "--num-envs", "2", "--width", "8", "--threads", "1"]
STATE = AgentState({"w": np.arange(4.0)}, {"m": np.zeros(2)}, {})
RUN = {"agent": "rl2", "task_set": "aa", "seed": 0}


def test_two_trainings_started_at_once_do_not_mix(tmp_path):
    words = [sys.executable, "-m", "fastadapt", "train", "rl2", "reacher-damage", *SMALL]
    words += ["--out", str(tmp_path / "r")]
    both = [
        subprocess.Popen([*words, "--seed", str(seed)], stderr=subprocess.PIPE, text=True)
        for seed in (0, 1)
    ]
    told = [process.communicate(timeout=300)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], told
    winner, loser = codes.index(0), codes.index(2)
    assert "Another process is training" in told[loser] or "holds another run" in told[loser]
    run = load_run(tmp_path / "r")
    assert run.config.seed == winner
    assert checkpoint.checkpoint_facts(run.path / "checkpoints")["run"]["seed"] == winner
    assert f"--seed {winner}" in run.config.command


def test_the_lock_is_taken_before_anything_is_written(tmp_path):
    from fastadapt.adaptation.training import train

    with locked(tmp_path / "r"):
        with pytest.raises(RunInUseError):
            train("rl2", "reacher-damage", tmp_path / "r", iterations=1)
        assert [path.name for path in (tmp_path / "r").iterdir()] == [".lock"]


def test_a_second_evaluation_waits_until_the_first_is_done(tmp_path):
    code = (
        "import sys; from pathlib import Path; from fastadapt.adaptation.runs.files import locked\n"
        "with locked(Path(sys.argv[1]), wait=True): print('in', flush=True)"
    )
    with locked(tmp_path):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert other.stderr is not None
        assert "waiting for another process" in other.stderr.readline()
        assert other.poll() is None
    assert other.communicate(timeout=60)[0] == "in\n"


def test_a_killed_writer_leaves_no_lock(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from fastadapt.adaptation.runs.files import locked\n"
        "with locked(Path(sys.argv[1])): print('in', flush=True); time.sleep(100)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    with pytest.raises(RunInUseError), locked(tmp_path):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    time.sleep(0.1)
    with locked(tmp_path):
        pass


def test_another_writer_s_temporary_file_is_left_alone(tmp_path):
    (tmp_path / ".it.writing").write_text("of another process")
    write_text(tmp_path / "it", "mine")
    assert (tmp_path / "it").read_text() == "mine"
    assert (tmp_path / ".it.writing").read_text() == "of another process"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_million_iterations_are_in_order_and_a_lost_link_is_found_again(tmp_path):
    for iteration in (999_998, 999_999, 1_000_000):
        save_checkpoint(tmp_path, iteration, STATE, {"env_steps": 1.0, "seconds": 1.0}, RUN)
    kept = sorted(path.name for path in tmp_path.iterdir() if path.name != "last")
    assert kept == ["1000000", "999999"]
    assert load_checkpoint(tmp_path, run=RUN)[1]["iteration"] == 1_000_000
    (tmp_path / "last").unlink()
    assert has_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path)[1]["iteration"] == 1_000_000


def test_a_flipped_byte_and_the_checkpoint_of_another_run_are_noticed(tmp_path):
    save_checkpoint(tmp_path, 3, STATE, {"env_steps": 1.0, "seconds": 1.0}, RUN)
    with pytest.raises(FastadaptError, match=r"belongs to another run: agent rl2.*seed 0"):
        load_checkpoint(tmp_path, run=RUN | {"seed": 1})
    file = tmp_path / "last/model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # of the data: safetensors accepts it
    file.write_bytes(content)
    with pytest.raises(FastadaptError, match=r"is damaged .*the digest of model.safetensors"):
        load_checkpoint(tmp_path, run=RUN)


def test_files_follow_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        save_checkpoint(tmp_path, 1, STATE, {"env_steps": 1.0, "seconds": 1.0}, RUN)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "last").iterdir()}
    assert set(modes.values()) == {0o644}, modes


def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 1, STATE, {"env_steps": 1.0, "seconds": 1.0}, RUN)

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkpoint, "file_digest", refuse)
    with pytest.raises(FastadaptError, match="cannot be read: Permission denied") as caught:
        load_checkpoint(tmp_path)
    assert "damaged" not in str(caught.value)
    assert "elete" not in str(caught.value)


def test_a_full_disk_is_one_sentence_and_the_checkpoint_before_it_stays(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 1, STATE, {"env_steps": 1.0, "seconds": 1.0}, RUN)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(FastadaptError, match="000002' cannot be written: No space left"):
            save_checkpoint(tmp_path, 2, STATE, {"env_steps": 2.0, "seconds": 2.0}, RUN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001", "last"]
    assert load_checkpoint(tmp_path)[1]["iteration"] == 1


def test_a_cut_last_line_of_the_metrics_is_no_row(tmp_path):
    from fastadapt.adaptation.runs.run import Run

    row = {"iteration": 1, "env_steps": 5.0, "seconds": 1.0, "return_mean": 0.0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(row) + '\n{"iteration": 2, "env_st')
    run = Run(tmp_path, None)  # pyright: ignore[reportArgumentType]
    assert run.metrics() == [row]
    (tmp_path / "metrics.jsonl").write_text("not JSON\n" + json.dumps(row) + "\n")
    with pytest.raises(FastadaptError, match="damaged in line 1"):
        run.metrics()
