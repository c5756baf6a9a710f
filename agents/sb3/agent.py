"""Base of the agents that Stable-Baselines3 trains: one of its models as a `MetaLearner`."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from torch import Tensor

from fastadapt.agents.base import NetworkAgent
from fastadapt.agents.checkpoint_arrays import Arrays, ModuleArrays, OptimizerArrays, Part
from fastadapt.agents.determinism import keyed_randomness
from fastadapt.agents.interface import AgentState, Transition
from fastadapt.agents.nn.normaliser import Entries
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.agents.spec import AgentSpec
from fastadapt.agents.training_tasks import training_laws
from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of
from fastadapt.errors import FastadaptError

_LIMIT = 10.0  # standard deviations of a normalised observation, as `VecNormalize`


class SB3Agent(NetworkAgent):
    """A policy that Stable-Baselines3 trains, acting as our own agents do.

    Every iteration begins new episodes, whose tasks, starts and noise are functions of (seed,
    iteration): so a resumed training continues bit for bit, although the library itself cannot.

    Attributes:
        config: its settings.
        model: the algorithm, as the library knows it.
    """

    laws: ClassVar[staticmethod[[TaskSet], tuple[str, ...]]] = staticmethod(training_laws)
    """The splits whose laws it is trained on; none: the healthy robot only."""
    episodes_in_one: ClassVar[bool] = False
    """The episodes of an iteration are one trial on one task."""

    def __init__(self, spec: AgentSpec, seed: int, config: Any) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = config.num_envs
        self._steps = config.episodes * spec.horizon
        inputs = self._inputs(spec.observation_size(self.context), len(spec.actions))
        self._seen = RunningMeanStd(shape=(inputs,))
        self._gained = RunningMeanStd(shape=())
        with keyed_randomness(key_of(seed, "weights")):
            self.model = self._new_model(inputs)
        self._robots: tuple[SB3VecEnv, VecEnv] | None = None
        self.begin(1)

    @abstractmethod
    def _algorithm(self) -> BaseAlgorithm:
        """Return the algorithm with its settings, without robots and not set up."""

    @abstractmethod
    def _gaussian(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of what `_commanded` takes, `(N, actions)` each."""

    @abstractmethod
    def _commanded(self, sample: Array) -> Array:
        """Return actions `(N, actions)` for a sample of the Gaussian."""

    @abstractmethod
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by name."""

    def _reward_horizon(self) -> float:
        """Return the discount of the sums of reward by whose spread rewards are divided."""
        return self.model.gamma

    def _inputs(self, observations: int, actions: int) -> int:
        """Return how many numbers the policy sees."""
        return observations

    def _wrapped(self, face: SB3VecEnv) -> VecEnv:
        """Return the robots as the policy sees them, before normalisation."""
        return face

    def _new_model(self, inputs: int) -> Any:
        model: Any = self._algorithm()
        model.observation_space = Box(-np.inf, np.inf, (inputs,), np.float32)
        limits = self._low.astype(np.float32), self._high.astype(np.float32)
        model.action_space = Box(*limits)
        model.n_envs = self.num_envs
        model._setup_model()  # as its `load` does, for no robots are at hand
        model.set_logger(Logger(None, []))
        return model

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks."""
        self._ended = np.zeros(num_tasks, bool)
        self._noise.begin(num_tasks)

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the most likely action, or a sample of the policy to explore."""
        mean, std = (x.numpy().astype(np.float64) for x in self._gaussian(self._see(observation)))
        return self._commanded(mean + std * self._noise.draw() if explore else mean)

    def observe(self, transition: Transition) -> None:
        """Advance the noise of every robot whose episode was running."""
        self._noise.advance(~self._ended)
        self._ended = self._ended | transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Note where new episodes begin."""
        self._ended = self._ended & ~done

    def snapshot(self) -> Any:
        """Return the state of the trials."""
        return self._ended, self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._ended, noise = snapshot
        self._noise.restore(noise)

    def _see(self, observation: Array) -> Tensor:
        """Return normalised inputs, as `VecNormalize` gave them in training."""
        shown = observation.astype(np.float32)
        scaled = (shown - self._seen.mean) / np.sqrt(self._seen.var + 1e-8)
        return torch.from_numpy(np.clip(scaled, -_LIMIT, _LIMIT).astype(np.float32))

    def _entries(self) -> Entries:
        """Return what `_see` does as fixed statistics."""
        spread = np.sqrt(self._seen.var + 1e-8)
        return Entries.of(np.array(self._seen.mean), spread, _LIMIT)

    @property
    def _samples(self) -> float:
        """How many inputs are in the statistics."""
        return float(self._seen.count)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Let the library collect `episodes` episodes of every robot, and learn from them."""
        started = time.perf_counter()
        if self._robots is None or self._robots[0].envs is not envs:
            self._robots = self._face(envs)
        face, robots = self._robots
        if not self.laws(task_set):
            envs.set_tasks(task_set.nominal)
        model = self.model
        face.seed(key_of(self.seed, "robots", iteration) % 2**31)
        model.set_env(robots, force_reset=True)
        model.action_space.seed(key_of(self.seed, "actions", iteration) % 2**31)
        rate = self._learning_rate(iteration)
        model.lr_schedule = lambda _: rate
        model.logger.name_to_value.clear()
        collecting = _Collecting()
        steps = self._steps * self.num_envs
        with keyed_randomness(key_of(self.seed, "train", iteration)):
            self._learn(steps, collecting)
        learned = {
            name.removeprefix("train/"): float(value)
            for name, value in model.logger.name_to_value.items()
            if name.startswith("train/")
        }
        seconds = time.perf_counter() - started
        return {
            "env_steps": float(steps),
            "return_mean": float(np.mean(face.finished)),
            **learned,
            "learning_rate": rate,
            "seconds_simulating": face.seconds,
            "seconds_collecting": collecting.seconds,
            "seconds_updating": seconds - collecting.seconds,
        }

    def _learn(self, steps: int, collecting: BaseCallback) -> None:
        model = self.model
        finite = True
        try:
            model.learn(steps, collecting, log_interval=None, reset_num_timesteps=False)
        except ValueError as error:
            if "invalid values" not in str(error):  # a distribution without finite parameters
                raise
            finite = False
        if not finite or not all(torch.isfinite(p).all() for p in model.policy.parameters()):
            raise FastadaptError("Training diverged: lower the learning rate.")

    def _face(self, envs: BatchedEnv) -> tuple[SB3VecEnv, VecEnv]:
        episodes = self.config.episodes if self.episodes_in_one else 1
        face = SB3VecEnv(envs, self.laws(envs.task_set), episodes=episodes)
        robots = VecNormalize(self._wrapped(face), clip_obs=_LIMIT, gamma=self._reward_horizon())
        robots.obs_rms, robots.ret_rms = self._seen, self._gained
        self.model.observation_space = robots.observation_space
        return face, robots

    def _learning_rate(self, iteration: int) -> float:
        return self.config.learning_rate

    def _model_parts(self) -> dict[str, Part]:
        return {
            "policy": ModuleArrays(self.model.policy),
            "seen": _Statistics(self._seen),
            "gained": _Statistics(self._gained),
        }

    def _training_parts(self) -> dict[str, Part]:
        return {name: OptimizerArrays(part) for name, part in self._optimizers().items()}

    def state(self) -> AgentState:
        """Return weights, normalisers, the state of the optimisers and the count of steps."""
        state = super().state()
        state.values["num_timesteps"] = int(self.model.num_timesteps)
        return state

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another network.
        """
        super().load_state(state)
        self.model.num_timesteps = state.values["num_timesteps"]


class _Statistics:
    """The arrays of a running mean and variance of Stable-Baselines3."""

    def __init__(self, statistics: RunningMeanStd) -> None:
        self._statistics = statistics

    def state(self) -> Arrays:
        found = self._statistics
        parts = {"mean": found.mean, "var": found.var, "count": found.count}
        return {name: np.array(value, np.float64) for name, value in parts.items()}

    def load_state(self, state: Arrays) -> None:
        self._statistics.mean, self._statistics.var = state["mean"].copy(), state["var"].copy()
        self._statistics.count = float(state["count"])


class _Collecting(BaseCallback):
    """Keeps torch on one thread while robots are simulated (see `threads`), and takes the time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def _on_rollout_start(self) -> None:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self._started = time.perf_counter()

    def _on_rollout_end(self) -> None:
        self.seconds += time.perf_counter() - self._started
        torch.set_num_threads(self._threads)

    def _on_step(self) -> bool:
        return True
