"""The inner loop of MAML: policy-gradient steps of many tasks at once, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fastadapt.agents.nn.gaussian_mlp import Gaussian, GaussianMLP

Objective = Literal["likelihood-ratio", "log-likelihood"]
Order = Literal["first", "second"]


@dataclass(frozen=True)
class Experience:
    """Episodes of M tasks, collected by one policy per task, B steps each.

    Attributes:
        observations: `(M, B, observations)`, normalised.
        actions: `(M, B, actions)`, as sampled.
        advantages: `(M, B)`, normalised within the task: for the outer loop.
        signal: `(M, B)`, the same with the inner loop's trace decay.
        transitions: `(M, B, inputs)`, inputs of a learned advantage.
        weights: `(M, B)`; 1 / (valid steps of the task), 0 for the others.
        policy: the distributions that the actions were sampled from.
        log_probs: `(M, B)`, of the actions under it.
    """

    observations: Tensor
    actions: Tensor
    advantages: Tensor
    signal: Tensor
    transitions: Tensor
    weights: Tensor
    policy: Gaussian
    log_probs: Tensor

    def noise(self) -> Tensor:
        """Return the random part of the actions, standard normal, `(M, B, actions)`."""
        return (self.actions - self.policy.mean) * torch.exp(-self.policy.log_std)

    def tasks(self, chosen: Tensor | slice) -> Experience:
        """Return the experience of some tasks."""
        policy = Gaussian(self.policy.mean[chosen], self.policy.log_std[chosen])
        return Experience(
            self.observations[chosen],
            self.actions[chosen],
            self.advantages[chosen],
            self.signal[chosen],
            self.transitions[chosen],
            self.weights[chosen],
            policy,
            self.log_probs[chosen],
        )

    def thinned(self, stride: int) -> Experience:
        """Return every `stride`-th step."""
        return Experience(
            self.observations[:, ::stride],
            self.actions[:, ::stride],
            self.advantages[:, ::stride],
            self.signal[:, ::stride],
            self.transitions[:, ::stride],
            self.weights[:, ::stride] * stride,
            Gaussian(self.policy.mean[:, ::stride], self.policy.log_std),
            self.log_probs[:, ::stride],
        )


def inner_loss(
    policy: GaussianMLP,
    parameters: Tensor,
    data: Experience,
    objective: Objective,
    signal: Tensor | None = None,
) -> Tensor:
    """Return the loss of every task `(M,)` that an inner step descends.

    Its gradient is the policy gradient in either form. The curvature differs: that of the ratio
    holds the outer product of the scores, which credits the sampling policy for what the adapted
    one achieves (Rothfuss et al. 2019, section 5).

    Args:
        policy: the shape of the policies.
        parameters: `(M, P)`.
        data: of the step.
        objective: which form.
        signal: `(M, B)`, in place of the advantages; default that of the experience.
    """
    log_probs = policy(parameters, data.observations).log_prob(data.actions)
    likelihood = log_probs
    if objective == "likelihood-ratio":
        likelihood = (log_probs - data.log_probs).exp()
    signal = data.signal if signal is None else signal
    return -(likelihood * signal * data.weights).sum(-1)


@dataclass(frozen=True)
class Adaptation:
    """A chain of inner steps from shared meta-parameters; differentiable where it was built so.

    Attributes:
        stages: parameters `(M, P)` before the first step and after each one.
        gradients: of the inner losses, `(M, P)`, one for each step.
        rates: step sizes `(P,)`.
    """

    stages: list[Tensor]
    gradients: list[Tensor]
    rates: Tensor

    @torch.no_grad()
    def push(self, shift: Tensor, rate_shift: Tensor | None) -> list[Tensor]:
        """Return how the parameters of every stage move with the meta-parameters.

        Forward through d stage_k+1 = d stage_k - rates H_k d stage_k - gradient_k d rates; the
        Hessians H_k of the inner losses are symmetric, so each takes one backward pass.

        Args:
            shift: `(P,)`, of the meta-parameters.
            rate_shift: `(P,)`, of the step sizes.
        """
        moved = [shift.expand_as(self.stages[0])]
        for stage, gradient in zip(self.stages, self.gradients, strict=False):
            ahead = moved[-1] - self.rates * _curvature(gradient, stage, moved[-1])
            if rate_shift is not None:
                ahead = ahead - gradient * rate_shift
            moved.append(ahead)
        return moved

    @torch.no_grad()
    def pull(self, cotangents: list[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Return gradients with respect to meta-parameters and step sizes.

        Args:
            cotangents: gradients `(M, P)` with respect to the parameters of each stage.
        """
        back = torch.zeros_like(self.stages[0])
        rates = torch.zeros_like(self.rates)
        for k in range(len(self.gradients), -1, -1):
            cotangent = cotangents[k]
            if k < len(self.gradients):
                gradient = self.gradients[k]
                rates = rates - (back * gradient).sum(0)
                back = back - _curvature(gradient, self.stages[k], self.rates * back)
            if cotangent is not None:
                back = back + cotangent
        return back.sum(0), rates


def adapt(
    policy: GaussianMLP,
    parameters: Tensor,
    rates: Tensor,
    experiences: list[Experience],
    objective: Objective,
    order: Order | None,
    signal: Callable[[Experience], Tensor] | None = None,
) -> Adaptation:
    """Take one inner step on each of the experiences (Finn et al. 2017, eq. 1 and 4).

    Args:
        policy: the shape of the policies.
        parameters: `(M, P)`, from which the first step starts.
        rates: `(P,)` step sizes.
        experiences: of the same M tasks, one for each step.
        objective: of the inner loss.
        order: whether derivatives go through the inner gradients (`second`) or take them for
            constants (`first`); None where no derivative is wanted.
        signal: computes the advantages of each step, `(M, B)`; default those of the experience.
    """
    stages, gradients = [parameters], []
    for data in experiences:
        start = stages[-1] if order else stages[-1].detach()
        if not start.requires_grad:
            start = start.clone().requires_grad_()
            stages[-1] = start
        with torch.enable_grad():
            found = signal(data) if signal else None
            loss = inner_loss(policy, start, data, objective, found).sum()
            (gradient,) = torch.autograd.grad(loss, start, create_graph=order == "second")
        gradients.append(gradient)
        stages.append(start - rates * gradient)
    return Adaptation(stages, gradients, rates)


def _curvature(gradient: Tensor, stage: Tensor, direction: Tensor) -> Tensor:
    """Return H direction; nothing where the gradient was taken for a constant."""
    if not gradient.requires_grad:
        return torch.zeros_like(direction)
    return torch.autograd.grad(gradient, stage, direction, retain_graph=True)[0]
