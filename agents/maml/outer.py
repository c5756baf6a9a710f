"""The outer loop of MAML: how meta-parameters follow from the adapted policies' returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from fastadapt.agents.maml.config import InnerConfig, OuterConfig
from fastadapt.agents.maml.inner import (
    Adaptation,
    Experience,
    Order,
    adapt,
)
from fastadapt.agents.maml.learned_advantage import LearnedAdvantage
from fastadapt.agents.nn.gaussian_mlp import (
    Gaussian,
    GaussianMLP,
    Linearised,
    kl_divergence,
)
from fastadapt.agents.optim import trust_region
from fastadapt.envs import FastadaptError

Metrics = dict[str, float]


class MetaParameters:
    """Layout of the flat vector of meta-parameters.

    It holds the parameters that trials begin with; where step sizes are learned, what moves them;
    and where a signal is learned, its network.

    Attributes:
        policy: the shape of the policies.
        signal: the shape of the learned signal, if there is one.
        inner: settings of the inner steps.
    """

    def __init__(self, policy: GaussianMLP, inner: InnerConfig) -> None:
        self.policy = policy
        self.inner = inner
        self.signal: LearnedAdvantage | None = None
        if inner.signal == "learned":
            self.signal = LearnedAdvantage(policy.observations, policy.actions, 64)
        self._end = policy.size * (2 if inner.learned_rates else 1)

    def initial(self, log_std: float, generator: torch.Generator) -> Tensor:
        """Return meta-parameters to begin with."""
        parts = [self.policy.initial(log_std, generator)]
        if self.inner.learned_rates:
            parts.append(torch.zeros(self.policy.size))
        if self.signal:
            parts.append(self.signal.initial(generator))
        return torch.cat(parts)

    def parameters(self, meta: Tensor) -> Tensor:
        """Return the parameters `(P,)` that trials begin with."""
        return meta[: self.policy.size]

    def rates(self, meta: Tensor) -> Tensor:
        """Return the step sizes `(P,)`.

        One may become negative: that is a direction not to go (Li et al. 2017, section 3.1).
        """
        inner = self.inner
        if not inner.learned_rates:
            return torch.full_like(self.parameters(meta), inner.learning_rate)
        return inner.learning_rate * (1 + inner.rate_speed * meta[self.policy.size : self._end])

    def adapt(
        self, meta: Tensor, start: Tensor, experiences: list[Experience], order: Order | None
    ) -> Adaptation:
        """Take one inner step on each of the experiences, from parameters `(M, P)`."""

        def signal(data: Experience) -> Tensor:
            found = data.signal
            if self.signal:
                network = meta[self._end :]
                found = self.signal(network, found, data.transitions, data.noise())
            if self.inner.unit == "noise":
                found = found * torch.exp(2 * data.policy.log_std.mean(-1))
            return found

        objective = self.inner.objective
        return adapt(self.policy, start, self.rates(meta), experiences, objective, order, signal)


@dataclass(frozen=True)
class MetaProblem:
    """An iteration's experience, and what the outer loop asks of it.

    Attributes:
        parts: of the meta-parameters.
        experiences: of the stages: before any inner step, and after each one.
        counted: which stages' return counts.
    """

    parts: MetaParameters
    experiences: list[Experience]
    counted: Literal["all", "adapted", "last"] = "all"

    @property
    def policy(self) -> GaussianMLP:
        """The shape of the policies."""
        return self.parts.policy

    @property
    def inner(self) -> InnerConfig:
        """Settings of the inner steps."""
        return self.parts.inner

    def tasks(self, chosen: Tensor | slice) -> MetaProblem:
        """Return the problem on some of the tasks."""
        return replace(self, experiences=[data.tasks(chosen) for data in self.experiences])

    def adapt(self, meta: Tensor, order: Order | None) -> Adaptation:
        """Redo the inner steps from other meta-parameters, on the same experience."""
        tasks = len(self.experiences[0].observations)
        start = self.parts.parameters(meta).expand(tasks, -1)
        return self.parts.adapt(meta, start, self.experiences[:-1], order)

    def counting(self) -> range:
        """Return the stages whose return counts."""
        last = len(self.experiences) - 1
        return range({"all": 0, "adapted": 1, "last": last}[self.counted], last + 1)


def surrogate(data: Experience, policy: Gaussian, clip: float | None = None) -> Tensor:
    """Return each task's expected advantage `(M,)` under a policy near the one that sampled."""
    ratio = (policy.log_prob(data.actions) - data.log_probs).exp()
    gain = ratio * data.advantages
    if clip is not None:  # Schulman et al. 2017, eq. 7
        gain = torch.minimum(gain, ratio.clamp(1 - clip, 1 + clip) * data.advantages)
    return (gain * data.weights).sum(-1)


def trust_region_update(
    meta: Tensor, problem: MetaProblem, config: OuterConfig
) -> tuple[Tensor, Metrics]:
    """Return meta-parameters after one step of TRPO on the adapted policies (Finn et al. 2017).

    The KL divergence between the adapted policies is least at the present meta-parameters, so that
    its Hessian there is J' F J with the Fisher matrices F of the adapted policies and the Jacobian
    J of the adaptation: first derivatives and Hessian-vector products of the inner losses suffice.
    """
    start = meta.detach().requires_grad_()
    gradient = meta_gradient(start, problem)
    fisher = Fisher(start, problem, config.fisher_stride)

    @torch.no_grad()
    def assess(tried: Tensor) -> tuple[float, float]:
        stages = problem.adapt(tried, None).stages
        gain = apart = 0.0
        for k in problem.counting():
            data = problem.experiences[k]
            policy = problem.policy(stages[k], data.observations)
            gain += float(surrogate(data, policy).mean())
            kl = (kl_divergence(data.policy, policy) * data.weights).sum(-1)
            apart += float(kl.mean())
        return gain / len(problem.counting()), apart / len(problem.counting())

    taken = trust_region.step(
        meta.detach(),
        gradient,
        fisher,
        assess,
        config.kl_limit,
        conjugate_steps=config.conjugate_steps,
    )
    return taken.parameters, {
        "surrogate_gain": taken.improvement,
        "outer_kl": taken.kl_divergence,
        "line_search_tries": float(taken.tries),
        "step_taken": float(taken.taken),
    }


def meta_gradient(meta: Tensor, problem: MetaProblem) -> Tensor:
    """Return the gradient of the surrogate of the adapted policies with respect to `meta`."""
    with torch.enable_grad():
        adaptation = problem.adapt(meta, problem.inner.order)
        gain = torch.zeros((), dtype=meta.dtype)
        for k in problem.counting():
            data = problem.experiences[k]
            policy = problem.policy(adaptation.stages[k], data.observations)
            gain = gain + surrogate(data, policy).mean() / len(problem.counting())
        return torch.autograd.grad(gain, meta)[0]


class Fisher:
    """Products with the Hessian of the adapted policies' KL divergence, J' F J.

    Args:
        meta: meta-parameters.
        problem: on which tasks and experience.
        stride: every how many states one is used.
    """

    def __init__(self, meta: Tensor, problem: MetaProblem, stride: int = 1) -> None:
        self._problem = problem
        self._size = problem.policy.size
        thin = [data.thinned(stride) for data in problem.experiences]
        thinned = replace(problem, experiences=thin)
        self._adaptation = thinned.adapt(meta.detach().requires_grad_(), problem.inner.order)
        self._policies: dict[int, tuple[Linearised, Tensor, Tensor, Tensor]] = {}
        for k in problem.counting():
            stage = self._adaptation.stages[k].detach()
            linear = Linearised(problem.policy, stage, thin[k].observations)
            weights = thin[k].weights / (len(stage) * len(problem.counting()))
            precision = torch.exp(-2 * problem.policy.log_std(stage))
            total = weights.sum(-1)[:, None, None]
            self._policies[k] = linear, weights.unsqueeze(-1), precision, total

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product with a vector shaped like the meta-parameters."""
        inner = self._problem.inner
        speed = inner.learning_rate * inner.rate_speed
        rate_shift = speed * vector[self._size :] if inner.learned_rates else None
        moved = self._adaptation.push(vector[: self._size], rate_shift)
        cotangents: list[Tensor | None] = [None] * len(moved)
        for k, (linear, weights, precision, total) in self._policies.items():
            mean, log_std = linear.push(moved[k].detach())  # the Fisher matrix of a Gaussian
            cotangents[k] = linear.pull(mean * weights * precision, 2 * total * log_std)
        parameters, rates = self._adaptation.pull(cotangents)
        return torch.cat([parameters, speed * rates]) if inner.learned_rates else parameters


def clipped_update(
    meta: nn.Parameter,
    optimizer: torch.optim.Optimizer,
    problem: MetaProblem,
    config: OuterConfig,
    generator: torch.Generator,
) -> Metrics:
    """Improve the meta-parameters by clipped ratios (ProMP, Rothfuss et al. 2019, eq. 7-9).

    Every gradient step redoes the inner steps from the present meta-parameters. The policies that
    sampled the inner steps' episodes are held by a penalty on their KL divergence.

    Raises:
        FastadaptError: the meta-gradient is not finite.
    """
    tasks = len(problem.experiences[0].observations)
    rows: list[Metrics] = []
    passes = (torch.randperm(tasks, generator=generator) for _ in range(config.epochs))
    for chosen in (part for order in passes for part in torch.chunk(order, config.minibatches)):
        loss, metrics = _clipped_loss(meta, problem.tasks(chosen), config)
        if metrics["outer_kl"] > config.kl_stop:
            break
        (meta.grad,) = torch.autograd.grad(loss, meta)
        norm = nn.utils.clip_grad_norm_(meta, config.gradient_limit)
        if not torch.isfinite(norm):
            raise FastadaptError(
                "Training diverged: the meta-gradient is not finite. Lower inner.learning_rate or "
                "outer.learning_rate."
            )
        optimizer.step()
        rows.append({**metrics, "gradient_norm": float(norm)})
    found = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return {**found, "meta_updates": float(len(rows))}


def _clipped_loss(
    meta: Tensor, problem: MetaProblem, config: OuterConfig
) -> tuple[Tensor, Metrics]:
    adaptation = problem.adapt(meta, problem.inner.order)
    loss = torch.zeros((), dtype=meta.dtype)
    outer = inner = 0.0
    counting = problem.counting()
    for k, data in enumerate(problem.experiences):
        policy = problem.policy(adaptation.stages[k], data.observations)
        apart = (kl_divergence(data.policy, policy) * data.weights).sum(-1).mean()
        if k in counting:
            loss = loss - surrogate(data, policy, config.clip).mean() / len(counting)
            outer += apart.item() / len(counting)
        if k + 1 < len(problem.experiences):
            steps = len(problem.experiences) - 1
            loss = loss + config.inner_kl * apart / steps
            inner += apart.item() / steps
    return loss, {"outer_loss": loss.item(), "outer_kl": outer, "inner_kl": inner}
