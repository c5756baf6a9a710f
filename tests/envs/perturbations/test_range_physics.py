"""A cut range of motion: the joint stays within what is left, and starts there."""

import numpy as np
import pytest

from fastadapt.envs import (
    FastadaptError,
    find_environment,
    list_environments,
    make_batch,
)
from fastadapt.envs.simulation.factory import make_simulation
from tests.envs.perturbations.test_lock_physics import ARM
from tests.support.declared import constant, declare, with_values
from tests.support.rolls import random_actions, roll
from tests.support.scenes import declared_on, simulate

LIMITED = sorted(
    name
    for name in list_environments()
    if find_environment(name).model().jnt_limited.any() and find_environment(name).lockable
)


@pytest.mark.parametrize(
    ("width", "place", "left"),
    [
        (0.5, 0.0, (-120, 0)),
        (0.5, 1.0, (0, 120)),
        (0.25, 0.5, (-30, 30)),
        (0.25, 0.2, (-84, -24)),
        (1.0, 0.7, (-120, 120)),
    ],
)
def test_width_and_place_say_what_is_left(width, place, left):
    sim = simulate(ARM.format(mass=1), [(width, place)], "range-cut", "elbow")
    np.testing.assert_allclose(np.rad2deg(sim.field("jnt_range")[0, 1]), left, atol=1e-12)
    np.testing.assert_array_equal(sim.field("jnt_range")[0, 0], sim.model.jnt_range[0])


@pytest.mark.parametrize("torque", [-20.0, 20.0])
def test_the_joint_does_not_leave_what_is_left(torque):
    """Pushed against its new end as hard as against its old one, it gives way no further."""
    sim = simulate(ARM.format(mass=1), [(0.25, 0.5), (1.0, 0.5)], "range-cut", "elbow")
    sim.field("gravity")[:] = 0
    sim.data("qfrc_applied")[:, 1] = torque
    sim.data("qvel")
    sim.step(800)
    cut, nominal = np.rad2deg(np.abs(sim.data("qpos")[:, 1]))
    assert cut - 30 == pytest.approx(nominal - 120, abs=0.2)
    assert abs(cut - 30) < 1.5


@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize(("width", "place"), [(0.3, 0.0), (0.1, 1.0)])
def test_robots_start_within_what_is_left_and_stay_there(name, width, place):
    environment = find_environment(name)
    model = environment.model()
    limited = [j for j in environment.lockable if model.jnt_limited[model.joint(j).id]]
    task_set = declare(
        name,
        {"name": "it", "kind": "range-cut", "targets": limited, "strike": 1,
         "width": constant(width), "place": constant(place)},
    )  # fmt: skip
    nominal = make_batch(task_set, 1)
    nominal.reset(seed=[0])
    for joint in limited[:4]:
        task = with_values(task_set, **{f"it__width__{joint}": width, f"it__place__{joint}": place})
        qpos = roll(task_set, task, random_actions(task_set, 10, 1), seed=[0]).qpos[:, 0]
        address = model.joint(joint).qposadr[0]
        low, high = model.joint(joint).range
        lost = (1 - width) * (high - low)
        low, high = low + place * lost, high - (1 - place) * lost
        before = nominal.sim.data("qpos")[0]
        assert qpos[0, address] == pytest.approx(np.clip(before[address], low, high), abs=1e-12)
        np.testing.assert_array_equal(np.delete(qpos[0], address), np.delete(before, address))
        slack = 0.1 * (high - low) + np.deg2rad(10)
        assert low - slack < qpos[:, address].min()
        assert qpos[:, address].max() < high + slack


def test_a_moved_joint_starts_at_rest_and_others_as_drawn(cheetah):
    task_set = declare(
        "cheetah",
        {"name": "it", "kind": "range-cut", "targets": ["fshin"], "width": constant(0.05)},
    )
    batch = make_batch(task_set, 3, 1)
    batch.set_tasks(task_set.sample("train", 3), mask=None)
    batch.reset(seed=0)
    drawn = make_batch(task_set, 3, 1)
    drawn.reset(seed=0)
    moved = batch.sim.data("qpos") != drawn.sim.data("qpos")
    dof = task_set.environment.model().joint("fshin").dofadr[0]
    assert moved[:, dof].any()
    assert not np.delete(moved, dof, axis=1).any()
    speeds = batch.sim.data("qvel")[:, dof]
    np.testing.assert_array_equal(speeds == 0, moved[:, dof])


def test_joints_without_a_range_and_joints_of_many_axes_are_refused():
    free = ARM.format(mass=1).replace('range="-120 120"', "")
    with pytest.raises(FastadaptError, match="joint 'elbow' has no range that could be cut"):
        simulate(free, [(0.5, 0.5)], "range-cut", "elbow")
    ball = ARM.format(mass=1).replace('name="elbow" axis', 'type="ball" name="elbow" axis')
    ball = ball.replace('range="-120 120"', 'range="0 120"')
    with pytest.raises(FastadaptError, match="joint 'elbow' is a ball joint and cannot have its r"):
        simulate(ball, [(0.5, 0.5)], "range-cut", "*")


def test_nothing_is_posed_where_nothing_is_cut():
    """Robots may start outside of their nominal ranges (the ant's ankles do)."""
    sim = make_simulation(find_environment("ant").model(), 1)
    some, targets = declared_on(sim.model, "range-cut", "ankle_*")
    before = sim.data("qpos").copy()
    some.pose(sim, np.arange(1), targets)
    np.testing.assert_array_equal(sim.data("qpos"), before)
