"""MAML's sampling and meta-update against a plain loop over tasks, in one run.

`python benchmarks/maml.py` compares, at the same sizes (40 tasks x 20 episodes x 100 steps before
and after one inner step, second order, TRPO), what fastadapt does with what public implementations
do: for every task a `SyncVectorEnv` of 20 of Gymnasium's cheetahs and one policy call per step; a
Python loop over the tasks with a double backward through the KL divergence for every step of the
conjugate gradients. The loop is written out below, with its graphs built once and kept, which is
the fastest form of it. Both updates get the same experience; their meta-gradients and
Fisher-vector products are compared. All contenders take turns in every round; medians over rounds.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import SyncVectorEnv
from torch import Tensor

from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.maml.config import InnerConfig, OuterConfig
from fastadapt.agents.maml.episodes import collect
from fastadapt.agents.maml.inner import Experience, adapt
from fastadapt.agents.maml.outer import (
    Fisher,
    MetaParameters,
    MetaProblem,
    meta_gradient,
    trust_region_update,
)
from fastadapt.agents.nn.gaussian_mlp import Gaussian, GaussianMLP
from fastadapt.agents.nn.normaliser import Normaliser
from fastadapt.agents.optim.trust_region import solve
from fastadapt.envs import load_task_set, make_batch

TASKS, EPISODES, STEPS = 40, 20, 100
INNER = InnerConfig(learning_rate=0.1, learned_rates=False, signal="advantages", unit="parameters")
OUTER = OuterConfig(method="trpo", stages="last")
SEEN, ACTIONS = 17, 6


# --- sampling -------------------------------------------------------------------------------------


def our_sampling(width: int, threads: int) -> Callable[[], float]:
    """All tasks in one batch of differently perturbed robots; a policy of its own for each."""
    task_set = load_task_set("cheetah-damage")
    envs = make_batch(task_set, TASKS * EPISODES, threads, horizon=STEPS)
    tasks = task_set.sample("train", TASKS)
    envs.set_tasks([task for task in tasks for _ in range(EPISODES)])
    policy, parameters = a_policy(width)
    adapted = parameters + 0.01 * torch.randn(TASKS, policy.size)
    seeds = list(range(envs.num_envs))

    def sample() -> float:
        started = time.perf_counter()
        with single_threaded():
            collect(envs, policy, adapted, Normaliser(SEEN), 1.0, seeds, torch.Generator())
        return TASKS * EPISODES * STEPS / (time.perf_counter() - started)

    return sample


def plain_sampling(width: int, tasks: int) -> Callable[[], float]:
    """Task by task: 20 environments one after the other, one policy call for them per step."""
    env = SyncVectorEnv(
        [lambda: gym.make("HalfCheetah-v5", max_episode_steps=STEPS + 1) for _ in range(EPISODES)]
    )
    policy, parameters = a_policy(width)

    def sample() -> float:
        started = time.perf_counter()
        for task in range(tasks):
            layers, log_std = unpacked(policy, parameters[0])
            observation, _ = env.reset(seed=task)
            lived = []
            for _ in range(STEPS):
                with torch.no_grad():
                    mean = forward(layers, torch.from_numpy(observation).float())
                    action = torch.normal(mean, log_std.exp().expand_as(mean)).numpy()
                following, reward, *_ = env.step(np.clip(action, -1, 1))
                lived.append((observation, action, reward))
                observation = following
        return tasks * EPISODES * STEPS / (time.perf_counter() - started)

    return sample


# --- meta-update ----------------------------------------------------------------------------------


def a_policy(width: int) -> tuple[GaussianMLP, Tensor]:
    """Return a shape and the same parameters for every task."""
    policy = GaussianMLP(SEEN, ACTIONS, width)
    first = policy.initial(-0.5, torch.Generator().manual_seed(0))
    return policy, first.expand(TASKS, -1)


def a_problem(
    width: int, dtype: torch.dtype, episodes: int = EPISODES
) -> tuple[MetaProblem, Tensor]:
    """Return experience of both stages on random states, and the meta-parameters."""
    generator = torch.Generator().manual_seed(1)
    policy, parameters = a_policy(width)
    parameters, parts = parameters.to(dtype), MetaParameters(policy, INNER)
    count = episodes * STEPS
    experiences: list[Experience] = []
    stage = parameters
    for _ in range(2):
        seen = torch.randn(TASKS, count, SEEN, generator=generator).to(dtype)
        with torch.no_grad():
            found = policy(stage, seen)
            noise = torch.randn(TASKS, count, ACTIONS, generator=generator).to(dtype)
            actions = found.mean + found.log_std.exp() * noise
            better = actions[..., 0] * torch.linspace(-1, 1, TASKS)[:, None] + noise[..., 1]
            advantages = (better - better.mean(1, keepdim=True)) / better.std(1, keepdim=True)
            experiences.append(
                Experience(
                    seen,
                    actions,
                    advantages.to(dtype),
                    advantages.to(dtype),
                    torch.empty(TASKS, count, 0),
                    torch.full((TASKS, count), 1 / count, dtype=dtype),
                    Gaussian(found.mean, found.log_std),
                    found.log_prob(actions),
                )
            )
        rates = torch.full((policy.size,), INNER.learning_rate, dtype=dtype)
        chain = adapt(policy, stage, rates, experiences[-1:], INNER.objective, None)
        stage = chain.stages[-1].detach()
    return MetaProblem(parts, experiences, "last"), parameters[0].clone()


@dataclass(frozen=True)
class PlainTask:
    """One task of the plain loop, its graphs built: adapted surrogate and gradient of the KL."""

    surrogate: Tensor
    steepest: Tensor


def unpacked(policy: GaussianMLP, flat: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Return layers `(in, out)`, `(out,)` and log-std of one task's parameters."""
    layers = [(weight[0], bias[0, 0]) for weight, bias in policy.layers(flat[None])]
    return layers, flat[-ACTIONS:]


def forward(layers: list[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """Return the mean action."""
    for weight, bias in layers[:-1]:
        x = torch.tanh(x @ weight + bias)
    return x @ layers[-1][0] + layers[-1][1]


def log_density(mean: Tensor, log_std: Tensor, actions: Tensor) -> Tensor:
    """Return the log-density of a diagonal Gaussian, `(B,)`."""
    z = (actions - mean) / log_std.exp()
    return -(0.5 * z**2 + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)


def plain_adapted(problem: MetaProblem, meta: Tensor, task: int, graph: bool) -> Tensor:
    """Return one task's parameters after its inner step."""
    lived = problem.experiences[0].tasks(slice(task, task + 1))
    layers, log_std = unpacked(problem.policy, meta)
    log_prob = log_density(forward(layers, lived.observations[0]), log_std, lived.actions[0])
    loss = -((log_prob - lived.log_probs[0]).exp() * lived.advantages[0]).mean()
    (gradient,) = torch.autograd.grad(loss, meta, create_graph=graph)
    return meta - INNER.learning_rate * gradient


def plain_outcome(problem: MetaProblem, adapted: Tensor, task: int) -> tuple[Tensor, Tensor]:
    """Return one task's surrogate and kl_divergence after adaptation."""
    lived = problem.experiences[1].tasks(slice(task, task + 1))
    layers, log_std = unpacked(problem.policy, adapted)
    mean = forward(layers, lived.observations[0])
    ratio = (log_density(mean, log_std, lived.actions[0]) - lived.log_probs[0]).exp()
    old = torch.distributions.Normal(lived.policy.mean[0], lived.policy.log_std[0].exp())
    new = torch.distributions.Normal(mean, log_std.exp())
    apart = torch.distributions.kl_divergence(old, new).sum(-1).mean()
    return (ratio * lived.advantages[0]).mean(), apart


class PlainUpdate:
    """TRPO's meta-update as a loop over tasks."""

    def __init__(self, problem: MetaProblem, meta: Tensor) -> None:
        self.problem = problem
        self.meta = meta.detach().clone().requires_grad_()
        self.tasks: list[PlainTask] = []
        for task in range(TASKS):
            adapted = plain_adapted(problem, self.meta, task, graph=True)
            gain, apart = plain_outcome(problem, adapted, task)
            (steepest,) = torch.autograd.grad(apart, self.meta, create_graph=True)
            self.tasks.append(PlainTask(gain, steepest))

    def gradient(self) -> Tensor:
        """Return the meta-gradient."""
        parts = [
            torch.autograd.grad(task.surrogate, self.meta, retain_graph=True)[0]
            for task in self.tasks
        ]
        return torch.stack(parts).mean(0)

    def product(self, vector: Tensor) -> Tensor:
        """Return the Hessian of the KL divergence times a vector."""
        parts = [
            torch.autograd.grad(task.steepest @ vector, self.meta, retain_graph=True)[0]
            for task in self.tasks
        ]
        return torch.stack(parts).mean(0)

    def step(self) -> None:
        """Conjugate gradients, then a line search with the inner steps redone at every length."""
        gradient = self.gradient()
        direction = solve(lambda v: self.product(v) + 1e-3 * v, gradient, OUTER.conjugate_steps)
        curvature = float(direction @ (self.product(direction) + 1e-3 * direction))
        length = math.sqrt(2 * OUTER.kl_limit / curvature)
        before, _ = self.assess(self.meta.detach())
        for number in range(15):
            after, apart = self.assess(self.meta.detach() + length * 0.8**number * direction)
            if after > before and apart <= OUTER.kl_limit:
                return

    def assess(self, meta: Tensor) -> tuple[float, float]:
        """Return surrogate and kl_divergence at other meta-parameters."""
        gains, aparts = [], []
        for task in range(TASKS):
            leaf = meta.clone().requires_grad_()
            adapted = plain_adapted(self.problem, leaf, task, graph=False).detach()
            with torch.no_grad():
                gain, apart = plain_outcome(self.problem, adapted, task)
            gains.append(gain.item())
            aparts.append(apart.item())
        return float(np.mean(gains)), float(np.mean(aparts))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def check_equal(width: int) -> tuple[float, float]:
    """Return relative differences of meta-gradients and Fisher products, in double precision."""
    problem, meta = a_problem(width, torch.float64, episodes=2)
    plain = PlainUpdate(problem, meta)
    vector = torch.randn(len(meta), dtype=torch.float64, generator=torch.Generator())
    ours = meta_gradient(meta.clone().requires_grad_(), problem), Fisher(meta, problem)(vector)
    theirs = plain.gradient(), plain.product(vector)
    found = [float((a - b).norm() / b.norm()) for a, b in zip(ours, theirs, strict=True)]
    return found[0], found[1]


def compare_sampling(width: int, threads: int, rounds: int, tasks: int) -> None:
    """Print env-steps/s of both."""
    ours, plain = our_sampling(width, threads), plain_sampling(width, tasks)
    speeds = [(ours(), plain()) for _ in range(rounds)]
    ratio = [a / b for a, b in speeds]
    write(
        f"sampling {width}x{width}: {median(s[0] for s in speeds):10,.0f} env-steps/s, plain loop "
        f"{median(s[1] for s in speeds):8,.0f}: {median(ratio):.2f} times "
        f"({min(ratio):.2f} to {max(ratio):.2f})"
    )


def compare_updates(width: int, rounds: int) -> None:
    """Print seconds of a meta-update of both."""
    gradient, product = check_equal(width)
    write(
        f"update {width}x{width}: meta-gradients differ by {gradient:.1e}, Fisher products by "
        f"{product:.1e} (double precision, every state, relative)"
    )
    if max(gradient, product) > 1e-6:
        raise SystemExit("The two updates do not compute the same.")
    problem, meta = a_problem(width, torch.float32)
    exact = OuterConfig(method="trpo", stages="last", fisher_stride=1)
    seconds: dict[str, list[float]] = {"every state": [], "every 5th": [], "plain loop": []}
    for _ in range(rounds):
        seconds["every state"].append(timed(lambda: trust_region_update(meta, problem, exact)))
        seconds["every 5th"].append(timed(lambda: trust_region_update(meta, problem, OUTER)))
        seconds["plain loop"].append(timed(lambda: PlainUpdate(problem, meta).step()))
    for name, values in seconds.items():
        ratios = [b / a for a, b in zip(values, seconds["plain loop"], strict=True)]
        write(
            f"    {name:12} {median(values):7.2f} s, {median(ratios):5.2f} times as fast as the "
            f"plain loop ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def write(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def main() -> None:
    """Parse and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain-tasks", type=int, default=TASKS, help="tasks sampled by the loop")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    write(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors")
    write(f"{args.threads} threads, {args.rounds} rounds, torch {torch.__version__}")
    for width in (64, 100):
        compare_sampling(width, args.threads, args.rounds, args.plain_tasks)
        compare_updates(width, args.rounds)


if __name__ == "__main__":
    main()
