"""Rolled-out episodes, through `BatchedEnv` and by hand in plain MuJoCo."""

from typing import NamedTuple

import mujoco
import numpy as np

from fastadapt.envs import make_batch


class Roll(NamedTuple):
    """What one sees of robots over time, each `(T + 1, N, ...)` or `(T, N)`."""

    observations: np.ndarray
    rewards: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray

    def of(self, robots):
        return Roll(*(array[:, robots] for array in self))


def assert_same(one, other):
    """Assert that two rolls are equal bit for bit."""
    for name, a, b in zip(Roll._fields, one, other, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


def differ(one, other):
    return any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def random_actions(task_set, steps, robots, seed=0):
    """Return actions `(steps, robots, nu)`, some of them beyond the limits."""
    shape = (steps, robots, len(task_set.environment.actions()))
    return np.random.default_rng(seed).uniform(-1.2, 1.2, shape)


class Recorder:
    """A batch that keeps what it showed."""

    def __init__(self, batch):
        self.batch = batch
        self._seen = []
        self._rewards = []

    def reset(self, seed=None, mask=None):
        options = None if mask is None else {"reset_mask": mask}
        observation, _ = self.batch.reset(seed=seed, options=options)
        self._see(observation)
        if len(self._seen) > 1:  # a reset in between counts as a step without a reward
            self._rewards.append(np.zeros(self.batch.num_envs))
        return self

    def step(self, actions):
        for action in actions:
            observation, reward, *_ = self.batch.step(action)
            self._see(observation)
            self._rewards.append(reward)
        return self

    def _see(self, observation):
        sim = self.batch.sim
        self._seen.append((observation, sim.data("qpos").copy(), sim.data("qvel").copy()))

    def roll(self):
        observations, qpos, qvel = (np.array(array) for array in zip(*self._seen, strict=True))
        return Roll(observations, np.array(self._rewards), qpos, qvel)


def roll(task_set, tasks, actions, seed=0, **settings):
    """Return what `BatchedEnv` shows: reset, then `actions` `(T, N, nu)`."""
    batch = make_batch(task_set, actions.shape[1], **{"num_threads": 1, **settings})
    batch.set_tasks(tasks)
    return Recorder(batch).reset(seed).step(actions).roll()


def roll_by_hand(environment, model, data, actions):
    """Return qpos and qvel, `(T + 1, ...)`, of a plain model and data under `actions` `(T, nu)`."""
    mujoco.mj_forward(model, data)
    states = [(data.qpos.copy(), data.qvel.copy())]
    for action in actions:
        data.ctrl[:] = action
        mujoco.mj_step(model, data, nstep=environment.physics_steps)
        states.append((data.qpos.copy(), data.qvel.copy()))
    qpos, qvel = zip(*states, strict=True)
    return np.array(qpos), np.array(qvel)
