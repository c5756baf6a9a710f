"""Kills of `train` at any moment, over all agents: the end is the same to the last bit.

A hundred and fifty of them: `pytest -m slow tests/adaptation/test_kills.py`.
"""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from fastadapt.adaptation import load_run
from fastadapt.agents.registry import AGENTS
from tests.support.own_models import CART, MASS, write

ITERATIONS = 6
PPO = ["--num-envs", "4", "--width", "8", "--episodes", "1"]
ON = ["--num-envs", "4", "--width", "8", "--steps", "8"]
SAC = [
    *("--num-envs", "4", "--width", "8", "--replay", "400", "--sac.batch", "4"),
    *("--sac.gradient-steps", "2"),
]
SIZES = {
    "maml": ["--tasks", "4", "--episodes", "1", "--width", "8"],
    "pearl": [*SAC, "--num-tasks", "5", "--sac.tasks", "2", "--sac.context", "4"],
    "rma": ["--num-envs", "4", "--width", "8", "--teacher.steps", "8", "--student.steps", "8",
            "--student.burn-in", "2", "--student.gradient-steps", "2"],
    "-continuing": ON, "window": ON, "informed": ON,
    "-sb3-sac": ["--num-envs", "4", "--width", "8", "--warm-up", "8", "--replay", "400",
                 "--batch", "4", "--gradient-steps", "1"],
    "-sac": [*SAC, "--sac.tasks", "2"],
}  # fmt: skip


def sizes(agent):
    return next((words for end, words in SIZES.items() if agent.endswith(end)), PPO)


@pytest.fixture(scope="module")
def cart(tmp_path_factory):
    environment = 'objective = "stay-upright"\nroot = "pole"\nhorizon = 0.4'
    return write(tmp_path_factory.mktemp("cart"), CART, environment, MASS)


def command(agent, task_set, out):
    words = [sys.executable, "-m", "fastadapt", "train", agent, str(task_set), "--out", str(out)]
    words += ["--iterations", str(ITERATIONS), "--checkpoint-every", "1"]
    return [*words, "--threads", "1", "--torch-threads", "1", *sizes(agent)]


def quiet(words):
    return subprocess.run(words, capture_output=True, text=True)


def arrays(out):
    last = out / "checkpoints/last"
    return {f"{f.stem}.{k}": v for f in last.glob("*.safetensors") for k, v in load_file(f).items()}


def kill_and_compare(agent, task_set, folder, kills):
    """Kill a training at random moments, also while it starts, and go on each time."""
    undisturbed = quiet(command(agent, task_set, folder / "undisturbed"))
    assert undisturbed.returncode == 0, undisturbed.stderr
    out = folder / "killed"
    chance = random.Random(time.time_ns())  # any moment must do
    log = out / "metrics.jsonl"
    struck = 0
    for number in range(kills):
        process = subprocess.Popen(
            command(agent, task_set, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        before = log.read_bytes() if log.exists() else b""
        while number and process.poll() is None:
            if log.exists() and len(log.read_bytes()) > len(before):
                break
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.2) if number else chance.uniform(0, 4))
        process.send_signal(signal.SIGKILL)
        _, told = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), told.decode()
        struck += process.returncode != 0
    end = quiet(command(agent, task_set, out))
    assert end.returncode == 0, end.stderr
    a, b = arrays(folder / "undisturbed"), arrays(out)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=f"{agent} {name}")
    rows = load_run(out).metrics()
    assert [row["iteration"] for row in rows] == list(range(1, ITERATIONS + 1))
    expected = load_run(folder / "undisturbed").metrics()
    assert [row["return_mean"] for row in rows] == [row["return_mean"] for row in expected]
    return struck


@pytest.mark.slow
def test_a_killed_training_ends_as_an_undisturbed_one(cart, tmp_path):
    kill_and_compare("window", cart, tmp_path, 2)


@pytest.mark.slow
@pytest.mark.parametrize("agent", AGENTS)
def test_kills_over_all_agents(agent, cart, tmp_path):
    assert kill_and_compare(agent, cart, tmp_path, 7) > 0
