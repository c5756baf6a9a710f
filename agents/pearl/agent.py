"""PEARL: an off-policy agent that acts on a belief about its task."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.base import NetworkAgent
from fastadapt.agents.checkpoint_arrays import ModuleArrays, Part
from fastadapt.agents.config import AgentConfig
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.graph import BeliefGraphs, Graph
from fastadapt.agents.interface import AgentState, Transition
from fastadapt.agents.pearl.config import PEARLConfig
from fastadapt.agents.pearl.export import belief_graph, plain_graph, two_graphs
from fastadapt.agents.pearl.trial import PEARLTrial
from fastadapt.agents.pearl.update import PEARLNetworks, PEARLUpdate
from fastadapt.agents.rollout.shots import Shots, collect_shots
from fastadapt.agents.rollout.task_replay import TaskReplay
from fastadapt.agents.rollout.transitions import TransitionScale, pack
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, Task, TaskSet
from fastadapt.envs.arrays import Array, Ids, Keys, Mask
from fastadapt.envs.rng import key_of
from fastadapt.errors import FastadaptError


class PEARL(NetworkAgent):
    """Infers a latent variable z of its task from the transitions of a trial (Rakelly et al. 2019).

    A trial begins with the prior. Shots act on a z drawn from the belief by then, the same
    for a whole episode; the end of an episode infers the belief anew, from all context of the
    trial. Measured episodes act on the belief's mean, without noise.

    Attributes:
        networks: encoder, policy and critics.
        replay: transitions of its training tasks; None until training begins.
    """

    asymmetric_critic: ClassVar[bool] = False
    """Critics, which only training uses, see the parameters of the training tasks."""
    name: ClassVar[str] = "pearl"
    config_class: ClassVar[type[AgentConfig]] = PEARLConfig
    config: PEARLConfig

    def __init__(self, spec: AgentSpec, seed: int, config: PEARLConfig) -> None:
        super().__init__(spec, seed, config, extra_noise=config.latent)
        self.num_envs = min(config.num_envs, self._task_count())
        self._actions = len(spec.actions)
        observations = spec.observation_size(self.context)
        told = observations - len(spec.observations)
        self._scale = TransitionScale(observations, self._actions, config.reward_input, told)
        torch.manual_seed(key_of(seed, "weights") % 2**63)
        privileged = len(spec.parameters) if self.asymmetric_critic else 0
        self.networks = PEARLNetworks(
            observations, self._actions, self._scale.context_size, config, privileged
        )
        self._update = PEARLUpdate(self.networks, config, self._actions)
        self.replay: TaskReplay | None = None
        self.begin(1)

    def _task_count(self) -> int:
        return self.config.num_tasks or self.spec.training_tasks

    def training_tasks(self, task_set: TaskSet) -> list[Task]:
        """Return the tasks that it is trained on, always the same."""
        if self.config.num_tasks:
            return task_set.sample("train", self.config.num_tasks, self.seed)
        return task_set.tasks("train")

    @property
    def belief(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the belief about each task, `(N, latent)` each."""
        mean, variance = self._trial.belief
        return mean.numpy().astype(np.float64), variance.sqrt().numpy().astype(np.float64)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks with the prior."""
        self._trial = PEARLTrial(self.networks.encoder, num_tasks)
        self._noise.begin(num_tasks)
        self._draw(np.ones(num_tasks, bool))

    def key_exploration(self, keys: Keys) -> None:
        """Make z and the noise of each trial a function of its key `(N,)`."""
        super().key_exploration(keys)
        self._draw(np.ones(len(keys), bool))

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return a sample of the policy at this episode's z, or its mean at the belief's mean."""
        scaled = self._scale.observations(observation)
        sampled = explore and self.config.explore == "sample"
        z = self._trial.z if sampled else self._trial.belief.mean
        mean, log_std = self.networks.policy(scaled, z)
        if explore:
            mean = mean + log_std.exp() * self._drawn()[:, : self._actions]
        return self._from_unit(torch.tanh(mean).numpy().astype(np.float64))

    def observe(self, transition: Transition) -> None:
        """Keep the transition for the end of the episode, where the robot's episode still ran."""
        running = ~self._trial.ended
        over = transition.terminated | transition.truncated
        self._trial.note(self._pack(transition), over)
        self._noise.advance(running)

    def end_episode(self, done: Mask) -> None:
        """Infer the belief from all context of the trial; draw the z of the next episode."""
        self._trial.end_episode(done, self._scale.context)
        self._draw(done)

    def infer_now(self, window: int) -> None:
        """Infer the belief within an episode, from its last control steps (0: all of the trial)."""
        self._trial.infer_now(window, self._scale.context)

    def inferred(self) -> Array:
        """Return the mean of the belief about each task, `(N, latent)`."""
        return self.belief[0]

    def hold(self, inferred: Array) -> None:
        """Act on this belief about each task, `(N, latent)`, until the next end of an episode."""
        self._trial.hold(inferred)

    def swap_context(self, order: Ids) -> None:
        """Give robot i the belief of robot `order[i]`."""
        self._trial = self._trial.reordered(order)

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, from the belief between two episodes."""
        networks, limits = self.networks, (self._low, self._high)
        encoder, policy = networks.encoder, networks.policy
        if not self.needs_shots or self.config.encoder == "none":
            return plain_graph(policy, self._scale, limits, self.config.latent)
        return belief_graph(encoder, policy, self._scale, limits, self._trial.evidence[0])

    def belief_graphs(self) -> BeliefGraphs:
        """Return inference and acting as two graphs."""
        limits = self._low, self._high
        return two_graphs(self.networks.encoder, self.networks.policy, self._scale, limits)

    def snapshot(self) -> Any:
        """Return the trials so far, and the state of their noise."""
        return self._trial.copy(), self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        trial, noise = snapshot
        self._trial = trial.copy()
        self._noise.restore(noise)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Collect trials on some training tasks, then learn from the whole replay.

        The first iteration visits every training task, acting at random.
        """
        started = time.perf_counter()
        tasks = self.training_tasks(task_set)
        if self.replay is None:
            self.replay = self._empty_replay(len(tasks))
        before = self.snapshot()
        with single_threaded():
            metrics = self._collect(envs, tasks, self.replay, iteration)
        self.restore(before)
        collected = time.perf_counter()
        privileged = _standardised(task_set.context(tasks)) if self.asymmetric_critic else None
        metrics |= self._learn(self.replay, iteration, privileged)
        return {
            **metrics,
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _collect(
        self, envs: BatchedEnv, tasks: list[Task], replay: TaskReplay, iteration: int
    ) -> dict[str, float]:
        """Collect trials on some tasks, in the first iteration at random on all of them."""
        num = envs.num_envs
        rng = np.random.default_rng(key_of(self.seed, "collect", iteration))
        rounds = [rng.choice(len(tasks), num, replace=False)]
        if iteration == 0:
            rounds = list(np.resize(np.arange(len(tasks)), (-(-len(tasks) // num), num)))
        collected_shots: list[Shots] = []
        for number, chosen in enumerate(rounds):
            stream = (iteration, number)
            envs.set_tasks([tasks[i] for i in chosen])
            self.begin(num)
            keys = [key_of(self.seed, "train", *stream, i) for i in range(num)]
            self.key_exploration(np.array(keys, np.uint64))
            seeds = [key_of(self.seed, "reset", *stream, i) for i in range(num)]
            found = collect_shots(
                self, envs, chosen, replay, self.config.episodes, seeds, self._pack,
                rng if iteration == 0 else None,
            )  # fmt: skip
            collected_shots.append(found)
        rows = np.concatenate([shots.rows for shots in collected_shots])
        self._scale.update(rows)
        returns = np.concatenate([shots.returns for shots in collected_shots]).mean(axis=0)
        return {
            "env_steps": float(len(rows)),
            "return_mean": float(returns.mean()),
            **{f"return_episode_{i}": float(r) for i, r in enumerate(returns)},
            "diverged": float(sum(shots.diverged for shots in collected_shots)),
            "replay_filled": float(replay.filled.mean() / self.config.replay),
            "seconds_simulating": sum(shots.seconds for shots in collected_shots),
        }

    def _learn(
        self, replay: TaskReplay, iteration: int, privileged: Tensor | None
    ) -> dict[str, float]:
        """Take the gradient steps of an iteration; return the means of their metrics."""
        settings = self.config.sac
        rng = np.random.default_rng(key_of(self.seed, "replay", iteration))
        generator = torch.Generator().manual_seed(key_of(self.seed, "update", iteration) % 2**63)
        ready = np.flatnonzero(replay.ready)
        if len(ready) == 0:
            raise FastadaptError(
                "No training task has a transition to learn from: every simulation diverged at the "
                "first step of its trial. Run `fastadapt check` on the task set."
            )
        sums: dict[str, Tensor] = {}
        seconds = 0.0
        for _ in range(settings.gradient_steps):
            started = time.perf_counter()
            tasks = rng.choice(ready, min(settings.tasks, len(ready)), replace=False)
            batch = self._scale.batch(replay.sample(tasks, settings.batch, rng))
            recent = replay.sample_recent(tasks, settings.context, rng)
            context = self._scale.context(recent)
            seconds += time.perf_counter() - started
            about = None if privileged is None else privileged[tasks]
            measured = self._update.step(batch, context, generator, about)
            sums = {name: sums.get(name, 0.0) + value for name, value in measured.items()}
        means = {name: value.item() / settings.gradient_steps for name, value in sums.items()}
        means["tasks_without_data"] = float(len(replay.ready) - len(ready))
        return {**means, "seconds_sampling": seconds}

    def _model_parts(self) -> dict[str, Part]:
        return {"network": ModuleArrays(self.networks), "scale": self._scale}

    def _training_parts(self) -> dict[str, Part]:
        return {"": self._update}

    def state(self) -> AgentState:
        """Return weights, scales, the state of the optimisers, and the replay."""
        state = super().state()
        state.replay = self.replay.state() if self.replay else {}
        return state

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights or the replay are those of another agent.
        """
        super().load_state(state)
        if state.replay:
            self.replay = self._empty_replay(len(state.replay["added"]))
            self.replay.load_state(state.replay)
        self.begin(1)

    def _empty_replay(self, tasks: int) -> TaskReplay:
        return TaskReplay(tasks, self.config.replay, self._scale.row_size)

    def _drawn(self) -> Tensor:  # of the actions, then of z
        return torch.from_numpy(self._noise.draw().astype(np.float32))

    def _draw(self, chosen: Mask) -> None:  # z for a new episode
        self._trial.draw(self._drawn()[:, self._actions :], chosen)

    def _pack(self, transition: Transition) -> NDArray[np.float32]:
        """Return raw rows of a transition, its action scaled to [-1, 1]."""
        return pack(
            transition.observation,
            self._to_unit(transition.action),
            transition.reward,
            transition.next_observation,
            transition.terminated,
        )


def _standardised(vectors: Array) -> Tensor:
    """Return columns with mean 0 and variance 1; what does not vary becomes 0."""
    spread = vectors.std(0)
    scaled = (vectors - vectors.mean(0)) / np.where(spread > 1e-5, spread, np.inf)
    return torch.from_numpy(scaled.astype(np.float32))
