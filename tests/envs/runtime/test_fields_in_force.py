"""Fields that are written only where they change equal those that are all written anew."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.perturbations import Edit
from tests.support.any_kind import ROBOTS, entries, sudden
from tests.support.declared import declare, with_values
from tests.support.rolls import random_actions

N, STEPS = 4, 10
TIMES = st.floats(0.01, 0.2).map(lambda t: {"law": "uniform", "low": t, "high": 2 * t})


def written_anew(batch):
    """Return the fields and signals that all perturbations together give, none of them left out."""
    force, sim = batch._schedule, batch.sim
    edit = Edit(sim, np.arange(batch.num_envs), force._writer._signals, at_reset=False)
    blocks = batch.task_set.blocks
    for b in sorted(range(len(blocks)), key=lambda b: blocks[b].perturbation.stage):
        flicker = force._faults.get(b)
        level = force._applied[:, [b]] if flicker is None else flicker.faulty(edit.ids)
        blocks[b].apply(edit, force.vectors, level)
    return edit


def assert_in_force(batch):
    edit = written_anew(batch)
    for what, name in edit.touched():
        if what == "field":
            ours, expected = batch.sim.field(name), edit[name]
        elif what == "signal":
            ours, expected = edit._live[name], edit.signal(name)
        else:
            ours, expected = batch.sim.data("eq_active"), edit.eq_active
        if name == "jnt_range":  # an end may wait for a joint that has come nearer since
            ours = np.stack([np.maximum(ours[..., 0], expected[..., 0]),
                             np.minimum(ours[..., 1], expected[..., 1])], axis=-1)  # fmt: skip
        np.testing.assert_array_equal(ours, expected, err_msg=name)


@st.composite
def task_sets(draw):
    """Draw a robot with a loose contact, and some of what else can happen to it."""
    robot = draw(st.sampled_from(ROBOTS))
    found = {e["name"]: e for e in entries(robot)}
    loose = found.pop("intermittent_actuator")
    kinds = st.lists(
        st.sampled_from(list(found.values())), unique_by=lambda e: e["name"], max_size=6
    )
    perturbations = [loose]
    for content in draw(kinds):
        times = {key: draw(TIMES) for key in ("onset", "duration") if draw(st.booleans())}
        if not sudden(content["kind"]) and draw(st.booleans()):
            times["ramp"] = draw(TIMES)
        perturbations.append(content | times)
    return declare(robot, *draw(st.permutations(perturbations)))


def test_every_robot_has_actuators_that_can_flicker():
    assert all("intermittent_actuator" in {e["name"] for e in entries(r)} for r in ROBOTS)


@settings(max_examples=40)
@given(task_set=task_sets(), seed=st.integers(0, 99))
def test_fields_are_those_of_all_perturbations_written_anew(task_set, seed):
    lives_through(task_set, task_set.sample("train", 2 * N, seed), seed)


def test_fields_of_two_damages_at_once_are_those_written_anew():
    for name in ("quadruped-damage", "walker2d-damage", "arm-lift-damage"):
        task_set = load_task_set(name)
        lives_through(task_set, task_set.sample("test_compound", 2 * N), 0, steps=25)


def test_a_new_task_forgets_the_faults_of_the_last_one():
    law = {"law": "uniform", "low": 0.2, "high": 0.5}
    loose = {"name": "it", "kind": "intermittent-actuator", "targets": ["bthigh"],
             "off_fraction": law, "mean_off": law}  # fmt: skip
    weak = {"name": "weak", "kind": "weak-actuator", "targets": ["bthigh"], "strength": law}
    task_set = declare("cheetah", loose, weak)
    tasks = [
        with_values(task_set, it__off_fraction__bthigh=0.5, it__mean_off__bthigh=0.05,
                    weak__strength__bthigh=strength)
        for strength in (0.5, 0.25)
    ]  # fmt: skip
    batch = make_batch(task_set, N, 1)
    batch.set_tasks(tasks[0])
    batch.reset(seed=0)
    for t, action in enumerate(random_actions(task_set, 12, N)):
        if t == 6:
            batch.set_tasks(tasks[1])
        batch.step(action)
        assert_in_force(batch)


def lives_through(task_set, tasks, seed, steps=STEPS):
    """Let robots step, be reset and get new tasks one by one; look at every step."""
    batch = make_batch(task_set, N, 1)
    batch.set_tasks(tasks[:N])
    batch.reset(seed=seed)
    assert_in_force(batch)
    rng = np.random.default_rng(seed)
    for t, action in enumerate(random_actions(task_set, steps, N, seed)):
        *_, terminated, truncated, _ = batch.step(action)
        if not (terminated | truncated).any():  # who has ended keeps what it had
            assert_in_force(batch)
        some = (rng.random(N) < 0.2) | terminated | truncated
        if some.any():
            batch.reset(options={"reset_mask": some})
        if t == steps // 2:
            batch.set_tasks(tasks[N:], mask=np.arange(N) % 2 == 0)
        if t == steps - 3:
            batch.set_tasks(task_set.nominal, mask=np.arange(N) == 1)
