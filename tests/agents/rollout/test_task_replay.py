"""The replay: what it keeps, what gives way, and what it costs."""

import numpy as np
import pytest

from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.envs import FastadaptError


def fill(replay, task, start, count):
    """Add rows that say which task and which transition they are."""
    for number in range(start, start + count):
        replay.add(np.array([task]), np.array([[task, number, 0.5]]))


def numbers(rows):
    return set(rows[..., 1].astype(int).ravel().tolist())


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_samples_are_of_the_task_asked_for(rng):
    replay = TaskReplay(4, 50, 3)
    for task in range(4):
        fill(replay, task, 0, 20)
    rows = replay.sample(np.array([2, 0]), 100, rng)
    assert rows.shape == (2, 100, 3)
    assert rows.dtype == np.float32
    assert (rows[0, :, 0] == 2).all()
    assert (rows[1, :, 0] == 0).all()
    assert numbers(rows) == set(range(20))


def test_a_full_replay_gives_up_its_oldest(rng):
    replay = TaskReplay(2, 10, 3)
    fill(replay, 1, 0, 25)
    fill(replay, 0, 0, 3)
    assert numbers(replay.sample(np.array([1]), 400, rng)) == set(range(15, 25))
    assert numbers(replay.sample(np.array([0]), 400, rng)) == {0, 1, 2}
    assert replay.filled.tolist() == [3, 10]


def test_recent_context_is_of_the_latest_trial_alone(rng):
    replay = TaskReplay(2, 10, 3)
    fill(replay, 0, 0, 8)
    replay.begin_trial([0])
    fill(replay, 0, 8, 5)
    assert numbers(replay.sample_recent(np.array([0]), 300, rng)) == set(range(8, 13))
    assert numbers(replay.sample(np.array([0]), 300, rng)) == set(range(3, 13))


def test_a_trial_longer_than_the_replay_keeps_its_newest(rng):
    replay = TaskReplay(1, 10, 3)
    replay.begin_trial([0])
    fill(replay, 0, 0, 37)
    assert numbers(replay.sample_recent(np.array([0]), 300, rng)) == set(range(27, 37))


def test_a_task_without_data_is_named(rng):
    replay = TaskReplay(3, 10, 3)
    fill(replay, 0, 0, 5)
    for sample in (replay.sample, replay.sample_recent):
        with pytest.raises(FastadaptError, match="Training task 2 has no transitions"):
            sample(np.array([0, 2]), 4, rng)
    assert replay.ready.tolist() == [True, False, False]
    replay.begin_trial([0])
    assert not replay.ready.any()
    with pytest.raises(FastadaptError, match="Training task 0"):
        replay.sample_recent(np.array([0]), 4, rng)


@pytest.mark.parametrize("count", [4, 10, 23])
def test_state_returns_everything_and_goes_on_alike(count):
    replay, other = TaskReplay(3, 10, 3), TaskReplay(3, 10, 3)
    fill(replay, 1, 0, count)
    replay.begin_trial([1])
    fill(replay, 1, count, 3)
    fill(replay, 0, 0, 1)
    state = {name: array.copy() for name, array in replay.state().items()}
    assert len(state["rows"]) == min(count + 3, 10) + 1
    other.load_state(state)
    for one in (replay, other):
        fill(one, 1, 100, 4)
    tasks = np.array([1, 0])
    for name in ("sample", "sample_recent"):
        a, b = (getattr(r, name)(tasks, 50, np.random.default_rng(1)) for r in (replay, other))
        assert np.array_equal(a, b)


def test_a_state_of_another_replay_is_refused():
    with pytest.raises(FastadaptError, match="does not fit"):
        TaskReplay(3, 10, 3).load_state(TaskReplay(3, 10, 4).state())
    with pytest.raises(FastadaptError, match="does not fit"):
        TaskReplay(3, 10, 3).load_state(TaskReplay(2, 10, 3).state())


def test_a_hundred_tasks_fit_in_a_gibibyte():
    """100 tasks x 20,000 transitions of a robot with 57 observations and 12 actions."""
    assert TaskReplay(100, 20_000, 2 * 57 + 12 + 2).nbytes < 2**30


def test_memory_that_was_never_written_to_is_not_taken():
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    TaskReplay(100, 20_000, 128)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
