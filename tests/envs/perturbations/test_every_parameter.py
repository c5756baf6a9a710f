"""Every parameter of every shipped task set acts, at both ends of its range, and leaves no trace.

One batch has a robot for each end of each parameter. All have the same seed and get the same
actions, so that whatever differs is the parameter's doing.
"""

from typing import NamedTuple

import numpy as np
import pytest

from fastadapt.envs import make_batch
from fastadapt.envs.tasks.catalogue import nominal_task_set
from tests.support.arms import ARM, arm_angles
from tests.support.rolls import Recorder, assert_same
from tests.support.shipped import NAMES, shipped

SECONDS, STEPS = 0.3, 20
"""How long it is watched, whichever is longer."""
HOLD = 0.06
"""For how long every action is held [s]: joints are to get somewhere."""


class End(NamedTuple):
    """One end of the range of one parameter: a task with it, and the same one without."""

    name: str
    value: float
    there: tuple[float, ...]
    without: tuple[float, ...]


def laws_of(task_set, block):
    """Return the perturbation as each split has it."""
    splits = (task_set.file.of_split(split)[0] for split in task_set.splits)
    return [next(p for p in some if p.name == block.perturbation.name) for some in splits]


def extremes(laws):
    """Return the lowest and the highest value of some laws."""
    supports = [law.support() for law in laws if law is not None]
    return sorted({min(s[0] for s in supports), max(s[1] for s in supports)}) if supports else []


def values_of(task_set, block, parameter):
    """Return the values to try: the ends over the laws of all splits, or what a switch does."""
    if parameter.name not in type(block.perturbation).model_fields:
        return [parameter.default]
    return extremes([some.law_of(parameter) for some in laws_of(task_set, block)])


def columns_of(task_set, block):
    """Return for each row of a block `{column: values to try}`."""
    parameters = block.perturbation.parameters
    tried = [values_of(task_set, block, parameter) for parameter in parameters]
    times = {
        column: extremes([some.times()[time] for some in laws_of(task_set, block)])
        for time, column in block.times.items()
    }
    for row in range(block.rows):
        first = block.start + row * len(parameters)
        yield {first + p: values for p, values in enumerate(tried) if values} | times


def farthest(values, nominal):
    return max(values, key=lambda value: abs(value - nominal))


def ends(task_set):
    """Return both ends of every parameter that is drawn; a value that changes nothing is no end.

    What else belongs to the perturbation is in force as far as it can be: an angle means nothing
    to a joint that is not locked.
    """
    nominal = task_set.nominal.vector()
    found = []
    horizon = max(SECONDS, STEPS * task_set.environment.control_step())
    for block in task_set.blocks:
        at_once = block.times.get("onset")
        for columns in columns_of(task_set, block):
            active = nominal.copy()
            for column, values in columns.items():
                often = block.perturbation.intermittent and column % 2 != block.start % 2
                active[column] = min(values) if often else farthest(values, nominal[column])
            if at_once is not None:
                active[at_once] = 0.0
            for column, values in columns.items():
                if column == block.times.get("duration") and min(values) > horizon:
                    continue  # it ends in a later episode: see tests/envs/runtime/test_trial_clock
                assert set(values) - {nominal[column]}, task_set.names[column]
                for value in set(values) - {nominal[column]}:
                    there, without = active.copy(), active.copy()
                    there[column], without[column] = value, nominal[column]
                    name = task_set.names[column]
                    found.append(End(name, value, tuple(there), tuple(without)))
    return found


def put_to_work(batch):
    """Put arms where they touch the object, and the object where it slides."""
    model = batch.sim.model
    qpos, qvel = (batch.sim.data(name).copy() for name in ("qpos", "qvel"))
    place = model.joint("object").qposadr[0]
    tip = qpos[0, place : place + 3].copy()
    if batch.environment.name == "arm-push":
        tip += [-0.069, 0, 0.005]
        qvel[:, :2] = -0.1, 0.3
    angles = arm_angles(model, qpos[0], tip)
    qpos[:, [model.joint(name).qposadr[0] for name in ARM]] = angles
    batch.sim.data("ctrl")[:, : len(ARM)] = angles
    batch.set_state(qpos, qvel)


class Stand:
    """Robots of a task set that never fall; all of them do the same at random."""

    def __init__(self, task_set, size, monkeypatch):
        self.batch = make_batch(task_set, size, 1)
        self.ids = np.arange(size)
        never = np.zeros(size, bool)
        monkeypatch.setattr(self.batch.environment, "terminated", lambda: never)

    def actions(self, seed):
        """Return actions `(T, N, actions)`, the same for all robots."""
        space, step = self.batch.single_action_space, self.batch.environment.control_step()
        steps, hold = max(STEPS, round(SECONDS / step)), max(1, round(HOLD / step))
        shape = (steps, *space.shape)
        actions = np.random.default_rng(seed).uniform(1.2 * space.low, 1.2 * space.high, shape)
        actions = np.repeat(actions, hold, axis=0)[:steps]
        if self.batch.environment.name == "arm-lift":
            actions[:, -1] = -1.0  # the gripper closes
        return np.repeat(actions[:, None], len(self.ids), axis=1)

    def roll(self, tasks, seed=0, work=False):
        """Return what happens from a reset on, or from where there is work to do."""
        self.batch.set_tasks(tasks)
        recorder = Recorder(self.batch).reset([seed] * len(self.ids))
        if work:
            put_to_work(self.batch)
        return recorder.step(self.actions(seed)).roll()

    def roll_after_repair(self, nominal):
        """Return what robots do that are repaired, and all put where the first one is then."""
        sim = self.batch.sim
        self.batch.set_tasks(nominal)
        actions = self.actions(1)[:8]
        self.batch.step(actions[0])
        sim.set_states(np.repeat(sim.states()[:1], len(self.ids), axis=0), self.ids)
        sim.forward()
        return Recorder(self.batch).step(actions).roll()


def differs(one, other, i, j):
    """Return whether robot i of a roll does anything else than robot j of another one."""
    return any(not np.array_equal(a[:, i], b[:, j]) for a, b in zip(one, other, strict=True))


def acts(end, roll, vectors):
    return differs(roll, roll, vectors[end.there], vectors[end.without])


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if "damage" in n else pytest.mark.slow) for n in NAMES],
)
def test_every_parameter_acts_at_both_ends_and_leaves_no_trace(name, monkeypatch):
    task_set = shipped(name)
    found = ends(task_set)
    vectors = {task_set.nominal.values: 0}
    for end in found:
        for vector in (end.there, end.without):
            vectors.setdefault(vector, len(vectors))
    tasks = [task_set._task(np.array(vector)) for vector in vectors]
    stand = Stand(task_set, len(tasks), monkeypatch)
    first = stand.roll(tasks)
    idle = [end for end in found if not acts(end, first, vectors)]
    if name.startswith("arm"):
        at_work = stand.roll(tasks, work=True)
        idle = [end for end in idle if not acts(end, at_work, vectors)]
    for seed in range(1, 8):  # a loose contact may hold for a while, a joint stay off its limit
        if idle:
            again = stand.roll(tasks, seed)
            idle = [end for end in idle if not acts(end, again, vectors)]
    assert not idle, [f"{end.name} = {end.value:g}" for end in idle]

    repaired = stand.roll_after_repair(tasks[0])
    assert not [i for i in stand.ids if differs(repaired, repaired, i, 0)]

    stand.roll(tasks[::-1])
    assert_same(stand.roll(tasks), first)  # A, B, A

    healthy = stand.roll(tasks[0])
    untouched = Stand(nominal_task_set(task_set.environment), 1, monkeypatch)
    expected = untouched.roll(untouched.batch.task_set.nominal)
    assert not [i for i in stand.ids if differs(healthy, expected, i, 0)]
