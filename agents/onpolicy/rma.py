"""RMA: a student that acts, from what it can see, as a teacher that sees the task."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from fastadapt.agents.checkpoint_arrays import (
    ModuleArrays,
    OptimizerArrays,
    Part,
    gather,
    scatter,
    under,
)
from fastadapt.agents.config import AgentConfig
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AgentState
from fastadapt.agents.onpolicy.acting import PolicyAgent
from fastadapt.agents.onpolicy.arms import Informed
from fastadapt.agents.onpolicy.config import RMAConfig
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.lessons import Lesson, give_lesson, lesson_loss
from fastadapt.agents.onpolicy.stream import Stream
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, Task, TaskSet
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of


class RMA(PolicyAgent):
    """A student that acts, from what it can see, as a teacher that sees the task.

    Rapid motor adaptation (Kumar et al. 2021), with a recurrent student in place of one on a
    window: first a policy that sees the parameters of the task is trained by PPO; then a GRU that
    reads (observation, previous action, first-step flag) learns its commands on rollouts of its own
    (Ross et al. 2011). It sees no reward, in training or in use.
    """

    name: ClassVar[str] = "rma"
    config_class: ClassVar[type[AgentConfig]] = RMAConfig
    recurrent: ClassVar[bool] = True
    sees: tuple[str, ...] = ("action", "start")

    def __init__(self, spec: AgentSpec, seed: int, config: RMAConfig) -> None:
        super().__init__(spec, seed, config, config.width, 0.0, config.teacher.update.gamma)
        planned = config.teacher_iterations
        taught = replace(config.teacher, num_envs=config.num_envs, planned_iterations=planned)
        self.teacher = Informed(spec, seed, taught)
        self.reader = nn.Linear(config.width, len(spec.parameters))
        learned = [*self.policy.head.parameters(), *self.policy.encoder.parameters()]
        learned += [p for part in (self.policy.gru, self.reader) if part for p in part.parameters()]
        self._learned = learned
        self._optimizer = torch.optim.Adam(learned, lr=config.student.learning_rate)
        self._stream = Stream(self, config.num_envs, config.trial)
        self._hidden = self.policy.initial(config.num_envs)
        self._lessons: list[Lesson] = []

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the student's training tasks: none of the teacher's."""
        seed = key_of(self.seed, "student") % 2**63
        return task_set.sample("train", count, seed, start=start)

    def teach(self, observation: Array, context: Array) -> Array:
        """Return the teacher's commands `(N, actions)`.

        Args:
            observation: as the student sees it.
            context: scaled parameters of the tasks, `(N, P)`.
        """
        seen = np.concatenate([observation, context], axis=1)
        nothing = History.empty(len(seen), 0, self.actions, 0)
        inputs = self.teacher.scales.inputs(seen, nothing, self.teacher.sees)
        with torch.no_grad():
            mean = self.teacher.policy(inputs[None], self.teacher.policy.initial(len(seen))).mean
        return np.clip(mean[0].numpy().astype(np.float64), *self.limits)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Train the teacher in the first iterations, the student in those after."""
        if iteration < self.config.teacher_iterations:
            metrics = self.teacher.meta_train(envs, task_set, iteration)
            self._share_scales()
            return {**metrics, "student": 0.0}
        return {**self._study(envs, task_set, iteration), "student": 1.0}

    def _study(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Give one lesson; learn from it and from those before."""
        config, started = self.config.student, time.perf_counter()
        generator = torch.Generator().manual_seed(key_of(self.seed, "student", iteration) % 2**63)
        rng = np.random.default_rng(key_of(self.seed, "lessons", iteration))
        done = iteration - self.config.teacher_iterations
        planned = max(1, self.config.planned_iterations - self.config.teacher_iterations)
        still_led = max(0.0, 1.0 - done / max(config.led * planned, 1e-9))
        self._stream.seconds = 0.0
        with single_threaded():
            self._stream.attach(envs, task_set)
            led = rng.random(self.num_envs) < still_led
            lesson, self._hidden = give_lesson(
                self, self.teach, self._stream, self._hidden, config.steps, led, config.noise,
                generator,
            )  # fmt: skip
        self._lessons = [*self._lessons, lesson][-config.lessons :]
        collected = time.perf_counter()
        share = min(done / planned, 1.0)
        first, last = config.learning_rate, config.final_learning_rate
        metrics = self._learn(rng, first + share * (last - first))
        return {
            "env_steps": float(lesson.fresh.numel()),
            **self._stream.finished.metrics(),
            **metrics,
            "seconds_simulating": self._stream.seconds,
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _learn(self, rng: np.random.Generator, rate: float) -> dict[str, float]:
        """Take the gradient steps of an iteration; return the means of what they measured."""
        config, sums = self.config.student, dict[str, float]()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        for _ in range(config.gradient_steps):
            lesson = self._lessons[rng.integers(len(self._lessons))]
            count = min(config.robots, self.num_envs)
            robots = torch.from_numpy(rng.choice(self.num_envs, count, replace=False))
            loss, measured = lesson_loss(
                self, self.reader, lesson, robots, config.burn_in, config.context_weight
            )
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._learned, 1.0)
            self._optimizer.step()
            for name, value in measured.items():
                sums[name] = sums.get(name, 0.0) + value
        means = {name: value / config.gradient_steps for name, value in sums.items()}
        return {**means, "learning_rate": rate}

    def _share_scales(self) -> None:
        """Let the student see observations as the teacher does, and not change that any more."""
        own, other = self.scales.observations, self.teacher.scales.observations
        size = self.observations
        own.mean, own.variance = other.mean[:size].copy(), other.variance[:size].copy()
        own.count = other.count

    def _model_parts(self) -> dict[str, Part]:
        parts = super()._model_parts() | {"reader": ModuleArrays(self.reader)}
        return parts | {f"teacher.{k}": v for k, v in self.teacher._model_parts().items()}

    def _training_parts(self) -> dict[str, Part]:
        parts: dict[str, Part] = {"student": OptimizerArrays(self._optimizer)}
        return parts | {"teacher": self.teacher._training_parts()[""]}

    def state(self) -> AgentState:
        """Return weights, scales and optimisers of both, and where the robots are."""
        if not self._lessons:
            lived = {f"teacher.{k}": v for k, v in self.teacher.state().replay.items()}
            return replace(super().state(), replay=lived)
        lessons = {f"lesson{i}": lesson for i, lesson in enumerate(self._lessons)}
        lived = gather({"stream": self._stream, **lessons})
        return replace(super().state(), replay=lived | {"hidden": self._hidden.numpy().copy()})

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another network.
        """
        super().load_state(state)
        lived = state.replay
        if "hidden" in lived:
            scatter({"stream": self._stream}, lived)
            self._hidden = torch.from_numpy(lived["hidden"].copy())
            kept = (under(f"lesson{i}", lived) for i in range(self.config.student.lessons))
            self._lessons = [Lesson.of(arrays) for arrays in kept if arrays]
        elif lived:
            self.teacher.load_state(replace(self.teacher.state(), replay=under("teacher", lived)))
        self.begin(1)
