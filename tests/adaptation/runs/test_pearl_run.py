"""Runs of PEARL: the replay is part of them, and a killed one goes on bit for bit."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from fastadapt.adaptation import evaluate, evaluate_run, load_run, train
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.evaluation.training_context import training_context
from fastadapt.adaptation.report.beliefs import (
    explained,
    map_beliefs,
    predicted,
    probe_parameters,
    project,
)
from fastadapt.adaptation.report.run_page import report_run
from fastadapt.adaptation.report.tables import make_tables
from fastadapt.adaptation.runs.checkpoint import load_checkpoint
from fastadapt.agents.controls.constant import ConstantContext
from fastadapt.agents.controls.swapped import SwappedContext
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import FastadaptError, load_task_set

SAC = {"gradient_steps": 4, "tasks": 3, "batch": 8, "context": 16}
SMALL = {"num_envs": 5, "num_tasks": 9, "episodes": 1, "width": 16, "replay": 200, "sac": SAC}
FLAGS = [
    *("--num-envs", "5", "--num-tasks", "9", "--episodes", "1", "--width", "16"),
    *("--replay", "200", "--sac.gradient-steps", "4", "--sac.tasks", "3", "--sac.batch", "8"),
    *("--sac.context", "16", "--torch-threads", "1", "--threads", "1"),
]


def files(path):
    last = path / "checkpoints" / "last"
    return {f"{f.stem}.{k}": v for f in last.glob("*.safetensors") for k, v in load_file(f).items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "finished"
    arguments = {"seed": 5, "iterations": 8, "checkpoint_every": 1, "torch_threads": 1}
    return train("pearl", "reacher-damage", path, num_threads=1, **arguments, **SMALL)


@pytest.mark.slow
def test_killed_and_resumed_equals_undisturbed(finished, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "fastadapt.adaptation.cli.main", "train", "pearl"]
    command += ["reacher-damage", "--seed", "5", "--iterations", "8", "--checkpoint-every", "1"]
    command += [*FLAGS, "--out", str(out)]
    chance = random.Random(time.time_ns())  # any moment must do
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        metrics = out / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.read_text()):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    expected = files(finished.path)
    assert same(expected, files(out))
    assert {"replay.rows", "replay.added", "replay.recent"} <= expected.keys()
    rows = load_run(out).metrics()
    for name in ("return_mean", "env_steps", "critic_loss", "kl"):
        assert [row[name] for row in rows] == [row[name] for row in finished.metrics()]


def test_measuring_reads_no_replay(finished):
    folder = finished.path / "checkpoints"
    assert load_checkpoint(folder)[0].replay == {}
    assert len(load_checkpoint(folder, replay=True)[0].replay["rows"]) > 0
    assert finished.agent().replay is None


def test_a_lost_replay_is_reported_when_training_goes_on(finished, tmp_path):
    import shutil

    path = tmp_path / "lost"
    shutil.copytree(finished.path, path, symlinks=True)
    (path / "checkpoints" / "last" / "replay.safetensors").unlink()
    evaluate(load_run(path).agent(), finished.task_set, "validation", (0,), 1, num_threads=1)
    with pytest.raises(FastadaptError, match=r"replay\.safetensors is missing"):
        train("pearl", "reacher-damage", path, seed=5, iterations=9, **SMALL)


def test_a_diverged_critic_leaves_the_last_checkpoint(finished, tmp_path, monkeypatch):
    from fastadapt.agents.pearl.update import PEARLUpdate

    path = tmp_path / "diverged"
    arguments = ("pearl", "reacher-damage", path)
    train(*arguments, iterations=1, planned_iterations=3, num_threads=1, **SMALL)
    targets = PEARLUpdate._targets
    monkeypatch.setattr(PEARLUpdate, "_targets", lambda *a: targets(*a) * float("nan"))
    with pytest.raises(FastadaptError, match="PEARL's critic is nan"):
        train(*arguments, iterations=3, planned_iterations=3, num_threads=1, **SMALL)
    assert load_run(path).iterations_done() == 1


def test_the_report_shows_what_it_believes(finished):
    result = evaluate(finished.agent(), finished.task_set, "test_iid", (0, 1), 1, num_threads=1)
    result.save(finished.path / "evaluations" / "test_iid-0")
    page = report_run(finished).read_text(encoding="utf-8")
    assert ">Beliefs<" in page
    assert (finished.path / "report" / "plots" / "belief-0.png").is_file()


def test_a_map_of_beliefs_has_a_dot_for_each_task(finished):
    found = map_beliefs(finished.agent(), finished.task_set, "validation")
    assert found.points.shape == (20, 2)
    assert len(found.damage) == 20
    assert set(found.damage) <= {"none", "weak", "dead", "locked"}
    assert {"object.mass[object]"} <= {told.name for told in found.parameters}
    assert all(told.values.shape == told.predicted.shape == (20,) for told in found.parameters)
    assert list(found.logarithmic) == []


def test_what_the_belief_holds_is_told_best_and_in_the_units_of_the_parameter():
    task_set = load_task_set("cheetah-damage")
    tasks = task_set.tasks("test_iid")
    known = ["torso_mass.scale[torso]", "limb_mass.scale[ffoot]"]
    columns = [task_set.names.index(name) for name in known]
    told = probe_parameters(task_set, tasks, task_set.context(tasks)[:, columns])
    assert {t.name for t in told[:2]} == set(known)
    assert all(t.share < 0.5 for t in told[2:])
    for each in told[:2]:
        np.testing.assert_allclose(
            each.values, task_set.vectors(tasks)[:, task_set.names.index(each.name)]
        )
        np.testing.assert_allclose(each.predicted, each.values)


def test_axes_are_logarithmic_where_the_law_is():
    names = load_task_set("cheetah-damage").logarithmic
    assert {"torso_mass.scale[torso]", "ground_friction.scale"} <= set(names)
    assert not any(name.startswith(("weak", "locked", "dead")) for name in names)


def test_a_constant_context_is_the_mean_over_training_tasks_and_no_shot_changes_it(finished):
    shots = {"splits": ("validation",), "shots": (0, 2), "episodes": 1, "num_threads": 1}
    shots["healthy"] = False
    held = evaluate_run(finished, ablate="constant-context", **shots)
    assert held.agents == ["pearl-constant-context"]
    before, after = (held.table[held.table["shot"] == shot]["return"] for shot in (0, 2))
    np.testing.assert_array_equal(before, after)
    own = evaluate_run(finished, **shots)
    assert not np.array_equal(own.table["return"][own.table["shot"] == 0], before)  # the prior
    agent = finished.agent()
    belief = training_context(agent, finished.task_set, 5, 1, num_threads=1)
    control = ConstantContext(agent, belief)
    control.begin(3)
    control.act(np.zeros((3, len(finished.task_set.environment.observations))), False)
    np.testing.assert_allclose(agent.belief[0], np.tile(belief, (3, 1)), rtol=1e-6)
    tables = {t.title: t for t in make_tables(Result.concatenate([own, held]))}
    (row,) = tables["Gain over a constant context"].rows
    gain = own.task_means("pearl", "validation", 2)[1] - after[np.argsort(ids_of(held))]
    assert float(row[3].split()[0]) == pytest.approx(gain.mean(), rel=0.01)
    with pytest.raises(FastadaptError, match="infers nothing"):
        ConstantContext(RandomAgent(finished.task_set), belief)


def ids_of(result):
    return result.table[result.table["shot"] == 0]["task_id"]


def test_exchanged_beliefs_change_what_was_adapted_alone(finished):
    own, others = (
        evaluate(agent, finished.task_set, "validation", (0, 2), 1, num_threads=1).table
        for agent in (finished.agent(), SwappedContext(finished.agent()))
    )
    assert set(others["agent"]) == {"pearl-exchanged"}
    before, after = (own["shot"] == shot for shot in (0, 2))
    np.testing.assert_array_equal(own["return"][before], others["return"][before])
    assert (own["return"][after] != others["return"][after]).all()


def test_projection_and_explained_shares():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(60, 2))
    means = truth @ rng.normal(size=(2, 6)) + 3.0
    points, share = project(means)
    assert share == pytest.approx(1.0)
    assert (
        np.linalg.matrix_rank(np.column_stack([points, truth - truth.mean(axis=0)]), tol=1e-9) == 2
    )
    assert explained(truth[:, 0], predicted(means, truth[:, 0])) == pytest.approx(1.0)
    noise = rng.normal(size=60)
    assert explained(noise, predicted(means, noise)) < 0.2
