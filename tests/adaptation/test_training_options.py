"""Options of a training: several seeds, validation, the replay, and what TensorBoard shows."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fastadapt.adaptation import load_run, train
from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.runs.counted_batch import CountedBatch
from fastadapt.envs import FastadaptError, load_task_set, make_batch
from tests.support.own_models import CART, MASS, write

SMALL = {"num_envs": 4, "width": 8, "episodes": 1, "num_threads": 1, "torch_threads": 1}
FLAGS = [
    *("--num-envs", "4", "--width", "8", "--episodes", "1", "--iterations", "2"),
    *("--threads", "1", "--torch-threads", "1"),
]


@pytest.fixture(scope="module")
def cart(tmp_path_factory):
    """A pole that falls within the episode."""
    environment = 'objective = "stay-upright"\nroot = "pole"\nhorizon = 0.6'
    path = write(tmp_path_factory.mktemp("cart"), CART, environment, MASS)
    path.write_text(path.read_text() + "[splits.validation]\ncount = 4\n")
    return path


def weights(run):
    return load_file(run.path / "checkpoints/last/model.safetensors")


def test_a_command_trains_a_run_for_each_seed_and_goes_on_where_it_was(cart, tmp_path, capsys):
    words = ["train", "rl2", str(cart), "--out", str(tmp_path / "a"), "--seeds", "3", "5", *FLAGS]
    assert run(words) == 0
    assert f"compare {tmp_path / 'a/seed-3'} {tmp_path / 'a/seed-5'}" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["seed-3", "seed-5"]
    assert [load_run(tmp_path / f"a/seed-{n}").config.seed for n in (3, 5)] == [3, 5]
    shutil.rmtree(tmp_path / "a/seed-5")
    before = (tmp_path / "a/seed-3/metrics.jsonl").read_bytes()
    assert run(words) == 0
    assert (tmp_path / "a/seed-3/metrics.jsonl").read_bytes() == before
    alone = train("rl2", cart, tmp_path / "b", 5, 2, **SMALL)
    both = weights(alone), weights(load_run(tmp_path / "a/seed-5"))
    assert all(np.array_equal(both[0][name], both[1][name]) for name in both[0])


@pytest.mark.parametrize("words", [["--seed", "1", "--seeds", "2"], ["--seeds", "2", "2"]])
def test_seeds_that_contradict_are_refused(words, cart, tmp_path, capsys):
    assert run(["train", "rl2", str(cart), "--out", str(tmp_path / "a"), *words, *FLAGS]) == 2
    assert not (tmp_path / "a").exists()


def test_validation_changes_nothing_in_the_training(cart, tmp_path):
    plain = train("rl2", cart, tmp_path / "plain", 0, 4, **SMALL)
    watched = train("rl2", cart, tmp_path / "watched", 0, 4, validate_every=2, **SMALL)
    a, b = weights(plain), weights(watched)
    assert all(np.array_equal(a[name], b[name]) for name in a)
    rows = watched.metrics()
    assert ["validation_return_1_shot" in row for row in rows] == [False, True, False, True]
    assert rows[1]["return_mean"] == plain.metrics()[1]["return_mean"]


def test_episodes_are_counted_as_they_end(cart):
    task_set = load_task_set(str(cart))
    counted, plain = (cls(task_set, 4) for cls in (CountedBatch, make_batch))
    fell, distance, over = [], [], np.zeros(4, bool)
    rng = np.random.default_rng(0)
    for envs in (counted, plain):
        envs.reset(seed=0)
    for _ in range(200):
        action = rng.uniform(-1, 1, plain.action_space.shape)
        counted.step(action)
        *_, terminated, truncated, info = plain.step(action)
        for i in np.flatnonzero((terminated | truncated) & ~over):
            fell.append(float(terminated[i]))
            distance.append(float(info["distance"][i]))
        over = terminated | truncated
        if rng.random() < 0.2 and over.any():
            for envs in (counted, plain):
                envs.reset(options={"reset_mask": over})
            over = np.zeros(4, bool)
    assert len(fell) > 8
    found = counted.counted()
    assert found["fell"] == pytest.approx(np.mean(fell))
    assert found["distance"] == pytest.approx(np.mean(distance))
    assert counted.counted() == {}


def test_tensorboard_shows_the_metrics_and_forgets_what_was_lost(cart, tmp_path):
    first = train("rl2", cart, tmp_path / "run", 0, 3, checkpoint_every=2, **SMALL)
    train("rl2", cart, tmp_path / "run", 0, 4, planned_iterations=3, **SMALL)
    board = EventAccumulator(str(first.path / "tensorboard"))
    board.Reload()
    rows = first.metrics()
    assert {"fell", "distance", "success", "return_mean"} <= set(board.Tags()["scalars"])
    for name in ("fell", "return_mean"):
        shown = [event.value for event in board.Scalars(name)]
        assert shown == pytest.approx([row[name] for row in rows])


def test_a_full_disk_under_tensorboard_is_one_sentence(cart, tmp_path, monkeypatch, capfd):
    def full(*_):
        raise OSError(28, "No space left on device")

    class Full:
        def __init__(self, file):
            self.write = self.flush = full
            self.close = file.close

    import tensorboard.summary.writer.record_writer as writer

    monkeypatch.setattr(writer, "RecordWriter", Full)
    assert run(["train", "rl2", str(cart), "--out", str(tmp_path / "r"), *FLAGS]) == 2
    told = capfd.readouterr().err
    assert "No space left on device" in told
    assert "events.out.tfevents" in told
    assert "Traceback" not in told


SAC = {"learning_rate": 1e-3, "warm_up": 8, "replay": 200, "batch": 4, "gradient_steps": 1}
OFF = {"num_envs": 2, "width": 8, "num_threads": 1, "torch_threads": 1, **SAC}


def test_the_replay_of_a_finished_run_is_kept_once_or_not_at_all(cart, tmp_path):
    kept = train("nominal-sb3-sac", cart, tmp_path / "kept", 0, 2, checkpoint_every=1, **OFF)
    found = sorted(p.parent.name for p in kept.path.rglob("replay.safetensors"))
    assert found in (["000002"], ["000002", "last"])  # `last` is a link to it
    train("nominal-sb3-sac", cart, kept.path, 0, 3, planned_iterations=2, **OFF)
    short = train("nominal-sb3-sac", cart, tmp_path / "short", 0, 2, keep_replay=False, **OFF)
    assert not list(short.path.rglob("replay.safetensors"))
    assert short.agent() is not None
    again = train("nominal-sb3-sac", cart, short.path, 0, 2, keep_replay=False, **OFF)
    assert again.iterations_done() == 2
    with pytest.raises(FastadaptError, match="finished without its replay buffer"):
        train("nominal-sb3-sac", cart, short.path, 0, 3, planned_iterations=2, **OFF)


def test_a_run_in_which_nothing_was_trained_takes_other_settings(cart, tmp_path, capsys):
    """Settings that ran out of memory before the first iteration do not block their folder."""
    words = ["train", "rl2", str(cart), "--out", str(tmp_path / "r"), *FLAGS]
    words[words.index("--width") + 1] = "1000000"
    assert run(words) == 2
    assert "memory" in capsys.readouterr().err
    assert json.loads((tmp_path / "r/config.json").read_text())["options"]["width"] == 1_000_000
    words[words.index("1000000")] = "8"
    assert run(words) == 0
    assert load_run(tmp_path / "r").config.options["width"] == 8
