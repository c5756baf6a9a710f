"""The cheetah in a loop over plain MuJoCo: what is done to it before each control step is explicit.

Nothing here knows of perturbations, tasks or batches.
"""

import copy
from typing import NamedTuple

import mujoco
import numpy as np

from fastadapt.envs import make_batch
from fastadapt.envs.robots.cheetah import Cheetah

DT = 0.05
TORSO, SHIN = "torso", "bshin"


class Hand(NamedTuple):
    """What one sees of one robot, `(T + 1, ...)` and rewards `(T,)`."""

    observations: np.ndarray
    rewards: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray


def starts(task_set, seeds):
    """Return the states that robots with these seeds start from, `(N, nq)` and `(N, nv)`."""
    batch = make_batch(task_set, len(seeds), 1)
    batch.reset(seed=seeds)
    return batch.sim.data("qpos").copy(), batch.sim.data("qvel").copy()


def cheetah_by_hand(
    task_set, seed, actions, before=lambda t, model, data: None, delivered=None, within=None
):
    """Roll out one cheetah.

    Args:
        task_set: for the start state alone.
        seed: of the robot.
        actions: commanded, `(T, nu)`.
        before: called before control step t.
        delivered: what reaches the actuators, `(T, nu)` (default: what was commanded).
        within: called after every physics step of control step t.
    """
    qpos, qvel = starts(task_set, [seed])
    model = copy.copy(Cheetah.model())
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos[0], qvel[0]
    arriving = actions if delivered is None else delivered
    seen, rewards = [(data.qpos.copy(), data.qvel.copy())], []
    for t in range(len(actions)):
        before(t, model, data)
        data.ctrl[:] = arriving[t]
        x = data.qpos[0]
        for _ in range(Cheetah.physics_steps):
            mujoco.mj_step(model, data)
            if within is not None:
                within(t, model, data)
        rewards.append((data.qpos[0] - x) / DT - 0.1 * np.square(actions[t]).sum())
        seen.append((data.qpos.copy(), data.qvel.copy()))
    qpos, qvel = (np.array(arrays) for arrays in zip(*seen, strict=True))
    return Hand(np.concatenate([qpos[:, 1:], qvel], axis=1), np.array(rewards), qpos, qvel)


def assert_is_by_hand(roll, robot, hand):
    """Assert that one robot of a roll is the one by hand, bit for bit."""
    for name in Hand._fields:
        np.testing.assert_array_equal(getattr(roll, name)[:, robot], getattr(hand, name), name)


def channel(*names):
    """Return the columns of channels of the cheetah's observation."""
    all_names = [c.name for c in Cheetah.observations]
    return [all_names.index(name) for name in names]


def set_const(model):
    mujoco.mj_setConst(model, mujoco.MjData(model))


def touches(model, data):
    """Return whether a foot is in contact with the floor, from the list of contacts."""
    feet, floor = {model.geom(n).id for n in Cheetah.feet}, model.geom("floor").id
    pairs = [set(map(int, contact.geom)) for contact in data.contact]
    return any(floor in pair and pair & feet for pair in pairs)
