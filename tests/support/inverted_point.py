"""A task distribution in a few lines: a point whose two motors may be wired the wrong way."""

from types import SimpleNamespace

import gymnasium as gym
import numpy as np

HORIZON = 25


class InvertedPoint:
    """N points that are to come to the origin; each motor of a task pushes either way.

    Nobody can know before acting which way; one episode tells. Behind the interface that agents
    train through: it is its own task set, batch and environment.
    """

    observations = ("x", "y")
    horizon = HORIZON
    names = ("wiring x", "wiring y")

    def __init__(self, num_envs):
        self.num_envs = num_envs
        self.environment = self
        self.single_action_space = gym.spaces.Box(-1.0, 1.0, (2,))

    @staticmethod
    def actions():
        return [SimpleNamespace(low=-1.0, high=1.0)] * 2

    @staticmethod
    def control_step():
        return 0.1

    @staticmethod
    def tasks(split):
        return []

    def sample(self, split, count, seed=0, start=0):
        del split, seed
        return [1 - 2 * np.array([i % 2, i // 2 % 2]) for i in range(start, start + count)]

    @staticmethod
    def context(tasks):
        return np.array(tasks, float)

    def set_tasks(self, tasks):
        self.wiring = np.array(tasks)

    def reset(self, seed):
        draws = [np.random.default_rng(s % 2**32).uniform(-1, 1, 2) for s in seed]
        self.place, self.time = np.array(draws), 0
        return self.place.copy(), {}

    def step(self, actions):
        self.place = np.clip(self.place + 0.2 * self.wiring * actions, -2, 2)
        self.time += 1
        over = np.full(self.num_envs, self.time == HORIZON)
        none = np.zeros(self.num_envs, bool)
        return self.place.copy(), -np.abs(self.place).sum(1), none, over, {"diverged": none}
