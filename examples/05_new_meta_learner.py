"""A new meta-learner: a linear policy by the cross-entropy method, with the best of k at test.

`train("module:Class", ...)` trains it like a shipped agent: the run resumes, loads and compares. A
package registers a short name through the entry-point group `fastadapt.agents`: see plugin/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation import evaluate_run, train
from fastadapt.agents import AgentSpec, AgentState, MetaLearner
from fastadapt.agents.config import AgentConfig, Count, PositiveFloat, settings
from fastadapt.agents.rollout.steps import steps
from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of, normals


@settings
class CrossEntropyConfig(AgentConfig):
    """A linear policy whose weights are drawn from a Gaussian that is fitted to the best draws."""

    population: Count = 32
    """Draws in an iteration, each measured on a training task of its own."""
    elite: Count = 8
    """Draws that the next Gaussian is fitted to."""
    deviation: PositiveFloat = 0.5
    """Standard deviation of the first Gaussian."""


class CrossEntropy(MetaLearner):
    """The cross-entropy method (Rubinstein 1999) on a linear policy, without adaptation."""

    name = "cross-entropy"
    config_class = CrossEntropyConfig

    def __init__(self, spec: AgentSpec, seed: int, config: CrossEntropyConfig) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = config.population
        self._shape = len(spec.actions), spec.observation_size("hidden") + 1
        self._mean = np.zeros(self._shape)
        self._deviation = np.full(self._shape, config.deviation)

    def act(self, observation: Array, explore: bool) -> Array:
        """Return the actions `(N, actions)` of the mean weights."""
        return self._policy(self._mean[None], observation)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Measure draws of the weights, each on one task, and fit the Gaussian to the best."""
        count = self.config.population
        numbers = np.arange(iteration * count, (iteration + 1) * count)
        noise = normals(key_of("cross-entropy", self.seed), numbers, self._mean.size)
        weights = self._mean + self._deviation * noise.reshape(count, *self._shape)
        envs.set_tasks(
            task_set.sample("train", count=count, seed=self.seed, start=iteration * count)
        )
        returns, env_steps = np.zeros(count), 0
        seeds = [int(number) for number in numbers]
        for step in steps(envs, lambda observation: self._policy(weights, observation), seeds):
            returns += np.where(step.valid, step.transition.reward, 0.0)
            env_steps += int(step.valid.sum())
        best = weights[np.argsort(returns)[-self.config.elite :]]
        self._mean, self._deviation = best.mean(axis=0), best.std(axis=0) + 0.02
        return {"env_steps": float(env_steps), "return_mean": float(returns.mean())}

    def _policy(self, weights: Array, observation: Array) -> Array:
        """Return actions of weights `(N or 1, actions, inputs)`, within the limits."""
        inputs = np.concatenate([observation, np.ones((len(observation), 1))], axis=1)
        actions = (weights * inputs[:, None]).sum(axis=-1)
        return np.clip(actions, self.spec.action_low, self.spec.action_high)

    def state(self) -> AgentState:
        """Return the Gaussian."""
        return AgentState({"mean": self._mean}, {"deviation": self._deviation}, {})

    def load_state(self, state: AgentState) -> None:
        """Return to the Gaussian of a checkpoint."""
        self._mean = np.asarray(state.model["mean"], np.float64)
        self._deviation = np.asarray(state.optimizer.get("deviation", self._deviation), np.float64)


def main(out: Path = Path("runs/cross-entropy")) -> None:
    """Train for a few iterations, resume for more, and evaluate."""
    options: dict[str, Any] = {"population": 32}
    agent = f"{Path(__file__).stem}:CrossEntropy"
    train(agent, "reacher-damage", out, seed=0, iterations=3, **options)
    run = train(agent, "reacher-damage", out, seed=0, iterations=6, **options)  # resumes
    print(evaluate_run(run, splits=["test_iid"], shots=(0, 1), episodes=1).markdown())


if __name__ == "__main__":
    main()
