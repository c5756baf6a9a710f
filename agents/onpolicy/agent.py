"""Actor-critic agents that learn on continuing rollouts; subclasses choose what they see."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents import checkpoint_arrays
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AgentState, Transition
from fastadapt.agents.onpolicy.config import OnPolicyConfig
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Critic, Policy
from fastadapt.agents.onpolicy.rollout import Borders, Carried, Collector, Rollout
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.agents.onpolicy.stream import Stream, under
from fastadapt.agents.onpolicy.tasks import NumberedTasks
from fastadapt.agents.onpolicy.update import Update
from fastadapt.agents.optim import gae
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.envs import BatchedEnv, FastadaptError, Task, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of


@dataclass
class Memory:
    """State of N robots within their trials, in use.

    Attributes:
        hidden: the policy's memory, `(N, memory)`.
        history: seen beside the observation.
        ended: whose episode has ended, `(N,)`.
    """

    hidden: Tensor
    history: History
    ended: Mask

    def copy(self) -> Memory:
        """Return a copy; no array is changed in place."""
        return replace(self, history=self.history.copy())


class OnPolicyAgent:
    """An actor-critic agent that learns on continuing rollouts.

    Attributes:
        config: its settings.
        policy: what acts.
        critic: what judges, in training alone.
    """

    context: Literal["hidden", "visible"] = "hidden"
    name: ClassVar[str]
    config_class: ClassVar[type[OnPolicyConfig]] = OnPolicyConfig
    recurrent: ClassVar[bool] = False
    """Whether the policy has a memory."""
    sees: ClassVar[tuple[str, ...]] = ()
    """What of the history the policy sees, of `SIGHTS`."""

    def __init__(self, task_set: TaskSet, seed: int, config: OnPolicyConfig) -> None:
        self.config, self.seed = config, seed
        self.num_envs = config.num_envs
        self.adaptation_gradient_steps = 0  # it adapts by remembering alone
        cls = task_set.environment
        context = len(task_set.names)
        self.observations = len(cls.observations) + context * (self.context == "visible")
        limits = np.array([(action.low, action.high) for action in cls.actions()])
        self.limits = limits.T[0], limits.T[1]
        self.actions = len(limits)
        torch.manual_seed(key_of(seed, "weights") % 2**63)
        self.policy = Policy(
            self._inputs(), self.actions, config.width, self.recurrent, config.log_std
        )
        self.critic = Critic(
            self.observations, context, self.policy.memory, config.width, config.informed_critic
        )
        reads = self.recurrent and config.update.context_weight > 0
        self.reader = nn.Linear(config.width, context) if reads else None
        self.scales = Scales(self.observations, config.update.gamma)
        self._update = Update(self.policy, self.critic, self.reader, config.update)
        self._noise = ExplorationNoise(seed, self.actions)
        self._stream = self._new_stream(task_set)
        self._carried = Carried.empty(self.policy, config.num_envs, self._inputs())
        self.begin(1)

    @property
    def window(self) -> int:
        """How many control steps of the past the policy sees at once."""
        return 0

    def _inputs(self) -> int:
        """Return the size of the policy's input."""
        sizes = {"action": self.actions, "reward": 1, "start": 1}
        sizes["frames"] = self.window * (self.observations + self.actions)
        return self.observations + sum(sizes[name] for name in self.sees)

    def _new_stream(self, task_set: TaskSet) -> Stream:
        budget = max(1, round(self.config.trial * task_set.environment.horizon))
        tasks = NumberedTasks(lambda count, start: self.training_tasks(task_set, count, start))
        visible = self.context == "visible"
        return Stream(task_set, tasks, self.num_envs, self.seed, budget, self.window, visible)

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the training tasks `start` to `start + count`."""
        return task_set.sample("train", count, self.seed, start=start)

    def begin(self, num_tasks: int) -> None:
        """Face N new tasks with an empty memory."""
        history = History.empty(num_tasks, self.observations, self.actions, self.window)
        ended = np.zeros(num_tasks, bool)
        self._memory = Memory(self.policy.initial(num_tasks), history, ended)
        self._noise.begin(num_tasks)

    def key_exploration(self, keys: NDArray[np.uint64]) -> None:
        """Make the exploration noise of each trial a function of its key `(N,)`."""
        self._noise.key(keys)

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the mean action, or a sample of the policy to explore."""
        memory = self._memory
        inputs = self.scales.inputs(observation, memory.history, self.sees)
        output = self.policy(inputs[None], memory.hidden)
        ended = torch.from_numpy(memory.ended)[:, None]
        memory.hidden = torch.where(ended, memory.hidden, output.hidden)
        action = output.mean[0].numpy().astype(np.float64)
        if explore:
            action = action + self.policy.log_std.detach().exp().numpy() * self._noise.draw()
        return np.clip(action, *self.limits)

    def observe(self, transition: Transition) -> None:
        """Remember a control step of every robot whose episode still ran."""
        memory, lived = self._memory, ~self._memory.ended
        memory.history.add(transition.observation, transition.action, transition.reward, lived)
        self._noise.advance(lived)
        memory.ended = memory.ended | transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Flag the next step as the first of an episode; the memory carries on."""
        self._memory.history.begin_episode(done)
        self._memory.ended = self._memory.ended & ~done

    def snapshot(self) -> Any:
        """Return the memory of the trial so far, and the state of the exploration noise."""
        return self._memory.copy(), self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        memory, noise = snapshot
        self._memory = memory.copy()
        self._noise.restore(noise)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Live through some more control steps with every robot, and learn from them."""
        config, started = self.config, time.perf_counter()
        generator = torch.Generator().manual_seed(key_of(self.seed, "train", iteration) % 2**63)
        self._stream.seconds = 0.0
        borders = Borders(config.returns == "trial", config.falls_end_returns)
        collector = Collector(
            self.policy, self.critic, self.scales, self.sees, self.limits, borders
        )
        with single_threaded():
            self._stream.attach(envs)
            rollout = collector.collect(
                self._stream, self._carried, config.steps, config.burn_in, generator
            )
        collected = time.perf_counter()
        if config.update.schedule == "linear":
            self._update.rate = config.scheduled_rate(iteration)
        metrics = self._update(rollout, self._advantages(rollout), generator)
        # Only now: during the update the networks must see what they saw in the rollout.
        self.scales.update(rollout.observations, rollout.rewards, rollout.ended)
        self._carried = rollout.end
        return {
            "env_steps": float(rollout.rewards.size),
            **self._stream.finished.metrics(),
            "policy_std": self.policy.log_std.exp().mean().item(),
            "learning_rate": self._update.rate,
            **metrics,
            "seconds_simulating": self._stream.seconds,
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _advantages(self, rollout: Rollout) -> Tensor:
        rewards = torch.from_numpy(self.scales.rewards(rollout.rewards)).float()
        settings = self.config.update
        return gae.advantages(
            rewards, rollout.values, rollout.next_values, rollout.carry, settings.gamma,
            settings.lam,
        )  # fmt: skip

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"policy": self.policy, "critic": self.critic}
        return modules | ({"reader": self.reader} if self.reader is not None else {})

    def state(self) -> AgentState:
        """Return weights, scales, the state of the optimiser, and where the robots are."""
        model = {
            f"{part}.{name}": value.numpy().copy()
            for part, module in self._modules().items()
            for name, value in module.state_dict().items()
        }
        model |= {f"scale.{k}": v for k, v in self.scales.state().items()}
        lived = {f"stream.{k}": v for k, v in self._stream.state().items()}
        lived |= {f"carried.{k}": v for k, v in self._carried.state().items()}
        optimizer = checkpoint_arrays.pack(self._update.optimizer)
        return AgentState(model, optimizer, {"learning_rate": self._update.rate}, lived)

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another network.
        """
        try:
            for part, module in self._modules().items():
                weights = under(f"{part}.", state.model)
                module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        except RuntimeError:
            raise FastadaptError(
                "The checkpoint's weights do not fit this agent: its task set, its width or the "
                "version of fastadapt that wrote it is another one."
            ) from None
        self.scales.load_state(under("scale.", state.model))
        if state.optimizer:
            checkpoint_arrays.unpack(self._update.optimizer, state.optimizer)
            self._update.rate = float(state.values["learning_rate"])
        if state.replay:
            self._stream.load_state(under("stream.", state.replay))
            carried = under("carried.", state.replay)
            self._carried = Carried(**{k: torch.from_numpy(v) for k, v in carried.items()})
        self.begin(1)
