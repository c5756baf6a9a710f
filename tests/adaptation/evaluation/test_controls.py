"""Controls of runs: names and folders, contexts from training tasks alone, what was measured."""

import numpy as np
import pytest

from fastadapt.adaptation import evaluate, load_run, train
from fastadapt.adaptation.evaluation.controls import controlled, ending, is_control, zeroed
from fastadapt.adaptation.evaluation.online_results import online_name
from fastadapt.adaptation.evaluation.splits_seen import early_notes, note_measured, splits_seen
from fastadapt.adaptation.evaluation.training_context import training_context
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.agents import make_agent
from fastadapt.envs import FastadaptError, load_task_set

TINY = {"num_envs": 2, "width": 8, "episodes": 1, "torch_threads": 1, "num_threads": 1}


@pytest.fixture(autouse=True)
def few_training_tasks(monkeypatch):
    monkeypatch.setattr("fastadapt.adaptation.evaluation.training_context.TASKS", 4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(
        "rl2", "reacher-damage", tmp_path_factory.mktemp("runs") / "a", iterations=1, **TINY
    )


def test_every_control_has_a_name_a_folder_and_is_known_as_one(run):
    for ablate in ("memory", "swapped-context", "constant-context"):
        agent = controlled(run, ablate, 7, 1)
        assert is_control(agent.name)
        assert agent.name.endswith(ending(ablate, 7))
    assert not is_control(controlled(run, None).name)
    assert ending(None) == ""
    assert not any(map(is_control, ("rl2", "pearl-cheetah", "memory-less", "rl2 (memory-7/a)")))


def test_a_constant_context_is_measured_once_for_each_checkpoint(run, monkeypatch):
    first = controlled(run, "constant-context", num_threads=1)
    kept = run.path / "checkpoints" / "last" / "constant_context.npy"
    assert np.array_equal(np.load(kept), first._inferred)
    with monkeypatch.context() as patch:
        patch.setattr(
            "fastadapt.adaptation.evaluation.training_context.training_context",
            lambda *_, **__: pytest.fail("measured again"),
        )
        again = controlled(load_run(run.path), "constant-context", num_threads=1)
    assert np.array_equal(first._inferred, again._inferred)
    kept.write_bytes(b"damaged")
    third = controlled(run, "constant-context", num_threads=1)
    assert np.array_equal(first._inferred, third._inferred)


def test_it_is_the_mean_over_training_tasks_alone(monkeypatch):
    reacher = load_task_set("reacher-damage")
    agent = make_agent("rl2", reacher, seed=1, width=8)
    asked = []
    sample = type(reacher).sample
    monkeypatch.setattr(
        type(reacher), "sample", lambda self, *a, **k: asked.append(a[0]) or sample(self, *a, **k)
    )
    monkeypatch.setattr(type(reacher), "tasks", lambda *_: pytest.fail("frozen tasks"))
    found = training_context(agent, reacher, 4, 1, num_threads=1)
    assert asked == ["train"]
    np.testing.assert_allclose(found, agent.inferred().mean(axis=0))


def test_calibrated_zeroes_the_channels_that_a_task_shifts():
    task_set = load_task_set("cheetah-damage-encoders")
    channels, reading = zeroed(task_set)
    names = [task_set.environment.observations[k].name for k in channels]
    assert names == ["bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"]
    assert np.abs(reading).max() < 0.02  # starts are uniform within 0.1 of 0
    with pytest.raises(FastadaptError, match="nothing to calibrate"):
        zeroed(load_task_set("cheetah-damage"))


def test_an_agent_without_shots_has_the_same_rows_after_all(run):
    held = controlled(run, "constant-context", num_threads=1)
    table = evaluate(held, run.task_set, "validation", (0, 3), 1, num_threads=1).table
    before, after = (table[table["shot"] == shot] for shot in (0, 3))
    assert np.array_equal(before["return"], after["return"])
    assert (after["adaptation_env_steps"] == 0).all()


def test_folders_of_online_trials_carry_what_differs_from_the_default():
    assert online_name(OnlinePlan(), {}) == "online"
    longer = online_name(OnlinePlan(duration=80.0, strikes=("damage",)), {})
    assert longer == "online-duration-80-strikes-damage"
    rivals = [online_name(OnlinePlan(), {"floor": {"seed": seed}}) for seed in (0, 1)]
    assert len({*rivals, "online"}) == 3
    many = online_name(OnlinePlan(strikes=tuple(f"perturbation-{i}" for i in range(40))), {})
    assert len(many) < 100


def test_test_splits_that_were_measured_before_the_end_are_on_record(run):
    note_measured(run, ["validation", "test_iid"])
    assert splits_seen(run) == {"validation": [1], "test_iid": [1]}
    assert early_notes([run]) == []  # its training had ended
    longer = train("rl2", "reacher-damage", run.path, iterations=2, **TINY)
    (note,) = early_notes([longer])
    assert "test_iid after 1 of 2 iterations" in note
    assert "validation after" not in note
    note_measured(longer, ["test_iid"])
    assert splits_seen(longer)["test_iid"] == [1, 2]
    (run.path / "measured.json").write_text("[]")
    assert splits_seen(longer) == {}
