"""Whatever is done in whatever order, both backends agree and no robot sees another's history."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import make_batch
from tests.support.backends import BACKENDS
from tests.support.rolls import random_actions
from tests.support.shipped import shipped

N = 3
SETS = {name: shipped(name) for name in ("cheetah-damage", "reacher-damage")}
TASKS = {
    name: [some.nominal, *some.sample("test_compound", 3), *some.sample("train", 3)]
    for name, some in SETS.items()
}
MASKS = st.lists(st.booleans(), min_size=N, max_size=N)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 3)),
        st.tuples(st.just("reset"), MASKS),
        st.tuples(st.just("tasks"), MASKS, st.integers(0, 6)),
        st.tuples(st.just("state"), MASKS),
    ),
    min_size=3,
    max_size=12,
)


def run(batch, operations, actions):
    """Return everything that is seen along a sequence of operations."""
    tasks = TASKS[batch.task_set.name]
    seen = [batch.reset(seed=0)[0]]
    for kind, *given_ in operations:
        if kind == "step":
            for t in range(given_[0]):
                observation, reward, terminated, truncated, info = batch.step(actions[t])
                seen += [observation, reward, terminated, truncated, *info.values()]
        elif kind == "reset":
            seen.append(batch.reset(options={"reset_mask": np.array(given_[0])})[0])
        elif kind == "tasks":
            batch.set_tasks(tasks[given_[1]], mask=given_[0])
        else:
            batch.set_state(batch.sim.data("qpos")[0] * 0.5, batch.sim.data("qvel")[0], given_[0])
    return seen


@pytest.fixture(scope="module", autouse=True)
def short_episodes():
    """Let episodes end within the sequences: frozen robots get tasks and resets too."""
    with pytest.MonkeyPatch.context() as patch:
        for task_set in SETS.values():
            patch.setattr(task_set.environment, "horizon", 4)
        yield


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(SETS)), operations=OPERATIONS)
def test_backends_agree(name, operations):
    actions = random_actions(SETS[name], 3, N)
    *batched, plain = (
        run(make_batch(SETS[name], N, 2, backend), operations, actions) for backend in BACKENDS
    )
    for ours in batched:
        for a, b in zip(ours, plain, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=25)
@given(name=st.sampled_from(sorted(SETS)), operations=OPERATIONS, task=st.integers(0, 6))
def test_a_seeded_reset_wipes_the_slate(name, operations, task):
    actions = random_actions(SETS[name], 3, N)
    used, fresh = (make_batch(SETS[name], N, 2) for _ in range(2))
    run(used, operations, actions)
    for batch in (used, fresh):
        batch.set_tasks(TASKS[name][task])
    rest = [("step", 3), ("reset", [True] * N), ("step", 3)]
    for a, b in zip(run(used, rest, actions), run(fresh, rest, actions), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_sequences_reach_the_end_of_episodes():
    name = "reacher-damage"
    batch = make_batch(SETS[name], N, 1)
    run(batch, [("step", 3), ("step", 3)], random_actions(SETS[name], 3, N))
    assert batch.step(np.zeros(batch.action_space.shape))[3].all()
