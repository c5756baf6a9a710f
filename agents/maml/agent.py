"""MAML: a policy from which one policy-gradient step on a shot leads to a better one."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents.base import NetworkAgent
from fastadapt.agents.checkpoint_arrays import (
    ModuleArrays,
    OptimizerArrays,
    Part,
    TensorArray,
)
from fastadapt.agents.config import AgentConfig
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.graph import Graph
from fastadapt.agents.interface import AgentState, Transition
from fastadapt.agents.maml.config import MAMLConfig
from fastadapt.agents.maml.episodes import AdvantageEstimator, Episodes, collect
from fastadapt.agents.maml.export import policy_graph
from fastadapt.agents.maml.inner import Experience
from fastadapt.agents.maml.outer import (
    MetaParameters,
    MetaProblem,
    clipped_update,
    trust_region_update,
)
from fastadapt.agents.nn.baselines import LinearBaseline, TaskCritic
from fastadapt.agents.nn.gaussian_mlp import Gaussian, GaussianMLP, kl_divergence
from fastadapt.agents.nn.normaliser import Normaliser
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.rng import key_of
from fastadapt.errors import FastadaptError


@dataclass(frozen=True)
class _Shot:
    """Steps of the current shot; each entry is one control step of all N robots."""

    observations: tuple[Array, ...] = ()
    actions: tuple[Array, ...] = ()
    rewards: tuple[Array, ...] = ()
    next_observations: tuple[Array, ...] = ()
    valid: tuple[Mask, ...] = ()

    def episodes(self, robots: Mask) -> Episodes:
        """Return the episodes of some of the robots."""
        return Episodes(
            np.stack(self.observations)[:, robots],
            np.stack(self.actions)[:, robots],
            np.stack(self.rewards)[:, robots],
            np.stack(self.next_observations)[:, robots],
            np.stack(self.valid)[:, robots],
        )

    def without(self, robots: Mask) -> _Shot:
        """Remove the steps of some of the robots."""
        valid = tuple(step & ~robots for step in self.valid)
        return replace(self, valid=valid) if np.any(valid) else _Shot()


@dataclass(frozen=True)
class _Trial:
    """State of the trials of N robots; never changed in place.

    Attributes:
        parameters: `(N, P)`, of their policies.
        ended: `(N,)`, whose episode has ended.
        steps: `(N,)`, inner steps taken so far.
        explored: the actions just sampled, None outside of shots.
        shot: the shot so far.
    """

    parameters: Tensor
    ended: Mask
    steps: NDArray[np.int64]
    explored: Array | None = None
    shot: _Shot = field(default_factory=_Shot)


class MAML(NetworkAgent):
    """A policy from which one policy-gradient step on a shot leads to a better one.

    Model-agnostic meta-learning (Finn et al. 2017) with true second derivatives. In a trial every
    robot begins with the meta-parameters; each shot ends in an inner step on that shot's own
    episode, or in a share of one where training took steps on several episodes. Measured episodes
    act deterministically and teach nothing.

    Attributes:
        config: its settings.
        policy: the shape of its policies.
        meta: the meta-parameters: where trials begin, and what of the inner step is learned.
        adaptation_gradient_steps: inner steps taken in trials so far.
        diverged_inner_steps: inner steps in trials that led to nowhere and were not taken.
    """

    name: ClassVar = "maml"
    config_class: ClassVar[type[AgentConfig]] = MAMLConfig
    config: MAMLConfig

    def __init__(self, spec: AgentSpec, seed: int, config: MAMLConfig) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = config.tasks * config.episodes
        self.diverged_inner_steps = 0
        size, actions = len(spec.observations), len(spec.actions)
        self.policy = GaussianMLP(size, actions, config.width, config.least_log_std)
        generator = torch.Generator().manual_seed(key_of(seed, "weights") % 2**63)
        self._parts = MetaParameters(self.policy, config.inner)
        self.meta = nn.Parameter(self._parts.initial(config.log_std, generator))
        self._optimizer = torch.optim.Adam([self.meta], lr=config.outer.learning_rate, eps=1e-5)
        self._scale = Normaliser(size)
        self._baseline = LinearBaseline(size, config.baseline_trust)
        lams = config.lam, config.inner.lam
        with torch.random.fork_rng():
            torch.manual_seed(key_of(seed, "critic") % 2**63)
            self._critic = TaskCritic(size + len(spec.parameters) + 1)
        self._estimator = AdvantageEstimator(
            self.policy, self._scale, self._baseline, config.gamma, *lams, self._critic
        )
        self.begin(1)

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks with the meta-parameters."""
        ended, steps = np.zeros(num_tasks, bool), np.zeros(num_tasks, np.int64)
        self._trial = _Trial(self._initial().expand(num_tasks, -1), ended, steps)
        self._noise.begin(num_tasks)

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the mean action of each robot's policy, or a sample of it to explore."""
        seen = torch.from_numpy(self._scale(observation).astype(np.float32)).unsqueeze(1)
        found = self.policy(self._trial.parameters, seen)
        action = found.mean[:, 0].numpy().astype(np.float64)
        if explore:
            action = action + found.log_std[:, 0].exp().numpy() * self._noise.draw()
        self._trial = replace(self._trial, explored=action if explore else None)
        return self._clipped(self.config.action_scale * action)

    @torch.no_grad()
    def follow(self, observation: Array, action: Array) -> None:
        """Take a commanded action `(N, actions)` for a sample of each robot's policy."""
        seen = torch.from_numpy(self._scale(observation).astype(np.float32)).unsqueeze(1)
        found = self.policy(self._trial.parameters, seen)
        limits = (limit / self.config.action_scale for limit in (self._low, self._high))
        sample = _sampled(action / self.config.action_scale, found, *limits)
        self._trial = replace(self._trial, explored=sample)

    def observe(self, transition: Transition) -> None:
        """Store a sampled action and its transition, of every robot whose episode was running."""
        trial = self._trial
        data = ~trial.ended
        self._noise.advance(data)
        shot = trial.shot
        if trial.explored is not None:
            shot = _Shot(
                (*shot.observations, transition.observation),
                (*shot.actions, trial.explored),
                (*shot.rewards, transition.reward),
                (*shot.next_observations, transition.next_observation),
                (*shot.valid, data),
            )
        ended = trial.ended | transition.terminated | transition.truncated
        self._trial = replace(trial, ended=ended, explored=None, shot=shot)

    def end_episode(self, done: Mask) -> None:
        """Take the inner step of every robot whose shot has ended."""
        trial = self._trial
        self._trial = replace(trial, ended=trial.ended & ~done)
        if not trial.shot.valid or not done.any():
            return
        robots = torch.from_numpy(done)
        before = trial.parameters[robots]
        data = self._estimator.experience(trial.shot.episodes(done), before, self.spec.horizon)
        steps = trial.steps + done
        step = self._inner_step(before, data) - before
        after = _moved(self._initial(), before, step, steps[done], self.config)
        sound = torch.isfinite(after).all(dim=1)
        lost = int((~sound).sum())
        if lost:
            self.diverged_inner_steps += lost
            warnings.warn(
                f"The inner step diverged on {lost} of {len(after)} tasks and was not taken there.",
                RuntimeWarning,
                stacklevel=2,
            )
        parameters = trial.parameters.clone()
        parameters[robots] = torch.where(sound.unsqueeze(1), after, before)
        self.adaptation_gradient_steps += 1
        shot = trial.shot.without(done)
        self._trial = replace(self._trial, parameters=parameters, steps=steps, shot=shot)

    def swap_context(self, order: Ids) -> None:
        """Give robot i the parameters of robot `order[i]`."""
        parameters = self._trial.parameters[torch.from_numpy(order)]
        self._trial = replace(self._trial, parameters=parameters, steps=self._trial.steps[order])

    def inferred(self) -> Array:
        """Return the parameters of each robot's policy, `(N, P)`."""
        return self._trial.parameters.numpy().astype(np.float64)

    def hold(self, inferred: Array) -> None:
        """Act with these parameters of each robot's policy, `(N, P)`, until the end of a shot."""
        parameters = torch.from_numpy(inferred.astype(np.float32))
        self._trial = replace(self._trial, parameters=parameters)

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, with its parameters after the shots so far."""
        trial, limits = self._trial, (self._low, self._high)
        factor, steps = self.config.action_scale, int(trial.steps[0])
        return policy_graph(self.policy, trial.parameters[0], self._scale, factor, limits, steps)

    def snapshot(self) -> Any:
        """Return the state of the trials, with the state of the exploration noise."""
        return self._trial, self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._trial, noise = snapshot
        self._noise.restore(noise)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Collect every stage of adaptation on new tasks, and improve the meta-parameters."""
        started = time.perf_counter()
        known = _assign_tasks(envs, task_set, self.config, self.seed, iteration)
        generator = torch.Generator().manual_seed(key_of(self.seed, "train", iteration) % 2**63)
        episodes, experiences = self._stages(envs, known, iteration, generator)
        collected = time.perf_counter()
        settings = self.config
        problem = MetaProblem(self._parts, experiences, settings.outer.stages)
        parameters, rates = self._initial(), self._parts.rates(self.meta.detach())
        metrics = self._improve(problem, iteration, generator)
        # Only now: during the update the policy must see what it saw in the rollout.
        unforeseen = self._estimator.learn(episodes, known, self.spec.horizon, generator)
        for data in episodes:
            self._scale.update(data.observations[data.valid])
        returns = [float(data.returns().mean()) for data in episodes]
        return {
            "env_steps": float(sum(data.valid.sum() for data in episodes)),
            "return_mean": returns[-1],
            **{f"return_after_{k}_steps": value for k, value in enumerate(returns)},
            "gain": returns[-1] - returns[0],
            "diverged": float(sum(data.diverged for data in episodes)),
            "policy_std": float(experiences[-1].policy.log_std.exp().mean()),
            "meta_policy_std": float(parameters[-self.policy.actions :].exp().mean()),
            "inner_learning_rate": float(rates.mean()),
            "inner_rate_spread": float(rates.std()),
            "inner_step_kl": _distance(self.policy, parameters, experiences[1]),
            "critic_unforeseen": unforeseen,
            **metrics,
            "seconds_simulating": sum(data.seconds for data in episodes),
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _model_parts(self) -> dict[str, Part]:
        return {
            "meta": TensorArray(self.meta),
            "baseline": TensorArray(self._baseline.shared),
            "observation": self._scale,
        }

    def _training_parts(self) -> dict[str, Part]:
        return {
            "": OptimizerArrays(self._optimizer),
            "critic": ModuleArrays(self._critic),
            "critic_optimizer": OptimizerArrays(self._critic.optimizer),
        }

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the parameters are those of another policy.
        """
        super().load_state(state)
        self.begin(1)

    def _initial(self) -> Tensor:
        return self._parts.parameters(self.meta.detach().clone())

    @torch.no_grad()
    def _inner_step(self, parameters: Tensor, data: Experience) -> Tensor:
        return self._parts.adapt(self.meta, parameters, [data], None).stages[-1].detach()

    def _stages(
        self,
        envs: BatchedEnv,
        known: list[Tensor],
        iteration: int,
        generator: torch.Generator,
    ) -> tuple[list[Episodes], list[Experience]]:
        """Collect episodes before the first inner step and after each one."""
        tasks = len(known[0])
        parameters = self._initial().expand(tasks, -1)
        episodes: list[Episodes] = []
        experiences: list[Experience] = []
        with single_threaded():
            for k in range(self.config.inner.steps + 1):
                seeds = [key_of(self.seed, "reset", iteration, k, i) for i in range(envs.num_envs)]
                scale = self.config.action_scale
                found = collect(envs, self.policy, parameters, self._scale, scale, seeds, generator)
                episodes.append(found)
                experiences.append(
                    self._estimator.experience(found, parameters, self.spec.horizon, known[k])
                )
                if k < self.config.inner.steps:
                    parameters = self._inner_step(parameters, experiences[-1])
                    lost = int((~torch.isfinite(parameters).all(dim=1)).sum())
                    if lost:
                        raise FastadaptError(
                            f"Inner step {k + 1} diverged on {lost} of {tasks} tasks. Lower "
                            "inner.learning_rate."
                        )
        return episodes, experiences

    def _improve(
        self, problem: MetaProblem, iteration: int, generator: torch.Generator
    ) -> dict[str, float]:
        outer = self.config.outer
        if outer.method == "trpo":
            after, metrics = trust_region_update(self.meta.detach(), problem, outer)
            self.meta.data.copy_(after)
            return metrics
        rate = self.config.value_at(outer.learning_rate, outer.final_learning_rate, iteration)
        self._optimizer.param_groups[0]["lr"] = rate
        metrics = clipped_update(self.meta, self._optimizer, problem, outer, generator)
        return {**metrics, "learning_rate": rate}


def _assign_tasks(
    envs: BatchedEnv, task_set: TaskSet, config: MAMLConfig, seed: int, iteration: int
) -> list[Tensor]:
    """Give every `episodes` robots side by side a new task.

    Returns:
        What the critic knows of the tasks in each stage, `(tasks, known)`: their parameters, and
        the share of the inner steps that were taken.
    """
    tasks, rest = divmod(envs.num_envs, config.episodes)
    if rest or not tasks:
        raise FastadaptError(
            f"The batch is too small: {envs.num_envs} robots cannot be shared out to tasks with "
            f"{config.episodes} episodes each. Use a multiple of {config.episodes}."
        )
    chosen = task_set.sample("train", tasks, seed, start=iteration * tasks)
    envs.set_tasks([task for task in chosen for _ in range(config.episodes)])
    context = torch.from_numpy(task_set.context(chosen)).float()
    steps = config.inner.steps
    shares = [torch.full((tasks, 1), k / steps) for k in range(steps + 1)]
    return [torch.cat([context, share], dim=1) for share in shares]


def _moved(
    start: Tensor, before: Tensor, step: Tensor, shots: NDArray[np.int64], config: MAMLConfig
) -> Tensor:
    """Return parameters `(N, P)` after shot number `shots` `(N,)`, which asks for `step`.

    Where training took a step on E episodes, a shot counts as a share 1 / E of it. Beyond all that
    training tried, adding up more would pile up the noise of every shot: the way from the start is
    then as many steps long as in training, in the mean direction of all shots so far.
    """
    number = torch.from_numpy(shots).float().unsqueeze(1)
    trained = config.episodes * config.inner.steps
    kept = torch.where(number > trained, 1 - 1 / number, 1.0)
    share = (config.inner.steps / number).clamp(max=1 / config.episodes)
    return start + kept * (before - start) + share * step


def _sampled(command: Array, found: Gaussian, low: Array, high: Array) -> Array:
    """Return a command of another policy as a sample `(N, actions)` of this one.

    A command at a limit that the mean is beyond says nothing; one that the policy would hardly
    sample counts as three standard deviations, else it would throw the inner step.
    """
    mean, std = (x[:, 0].numpy().astype(np.float64) for x in (found.mean, found.log_std.exp()))
    silent = ((command >= high) & (mean > high)) | ((command <= low) & (mean < low))
    return np.clip(np.where(silent, mean, command), mean - 3 * std, mean + 3 * std)


@torch.no_grad()
def _distance(policy: GaussianMLP, parameters: Tensor, adapted: Experience) -> float:
    """Return the KL divergence of the policies after the first inner step from the one before."""
    before = policy(parameters.expand(len(adapted.weights), -1), adapted.observations)
    return float((kl_divergence(adapted.policy, before) * adapted.weights).sum(-1).mean())
