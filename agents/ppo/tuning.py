"""Ordinary policy gradient for many tasks at once, each with weights of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from fastadapt.agents.config import PPOConfig
from fastadapt.agents.nn.actor_critic import ActorCritic, Output, log_prob
from fastadapt.agents.optim import gae
from fastadapt.agents.ppo.config import TuningConfig

Weights = dict[str, Tensor]
"""Parameters of a network by name, `(N, ...)` each: those of N tasks."""


@dataclass(frozen=True)
class Shot:
    """Transitions of N robots in one shot, `(T, N, ...)` each.

    Attributes:
        inputs: to the network.
        actions: as sampled, before clipping.
        log_probs: of the actions under the policy that sampled them.
        rewards: scaled.
        following: inputs after each step.
        failed: where nothing follows.
        over: where the episode ended.
        used: which steps count.
    """

    inputs: Tensor
    actions: Tensor
    log_probs: Tensor
    rewards: Tensor
    following: Tensor
    failed: Tensor
    over: Tensor
    used: Tensor


def merged(shots: Sequence[Shot], merge: Callable[[list[Tensor]], Tensor]) -> Shot:
    """Return several shots, or steps of one, as one: `merge` joins their tensors."""
    return Shot(*(merge([getattr(shot, field.name) for shot in shots]) for field in fields(Shot)))


def copies(network: ActorCritic, num_tasks: int) -> Weights:
    """Return the network's weights, once for each task."""
    return {
        name: parameter.detach().expand(num_tasks, *parameter.shape)
        for name, parameter in network.named_parameters()
    }


def call(network: ActorCritic, weights: Weights, inputs: Tensor) -> Output:
    """Return what the networks of N tasks say of inputs `(T, N, inputs)`."""

    def one(weights: Weights, inputs: Tensor) -> tuple[Tensor, Tensor]:
        output = functional_call(network, weights, (inputs, inputs.new_empty(0)))
        return output.mean, output.value

    mean, value = vmap(one, in_dims=(0, 1), out_dims=1)(weights, inputs)
    return Output(mean, value, inputs.new_empty(0))


def tune(
    network: ActorCritic,
    weights: Weights,
    shots: list[Shot],
    ppo: PPOConfig,
    tuning: TuningConfig,
) -> Weights:
    """Return the weights after gradient steps on all shots (Schulman et al. 2017, eq. 7 and 9).

    Adam steps each parameter by itself and the losses of tasks share nothing, so that one optimiser
    serves all tasks; only gradients are limited task by task.
    """
    shot = merged(shots, torch.cat)
    advantages, targets = _judge(network, weights, shot, ppo)
    new = {name: value.clone().requires_grad_() for name, value in weights.items()}
    optimizer = torch.optim.Adam(new.values(), lr=tuning.learning_rate, eps=1e-5)
    for _ in range(tuning.gradient_steps):
        optimizer.zero_grad()
        _loss(network, new, shot, advantages, targets, ppo).sum().backward()
        _limit(new, ppo.gradient_limit)
        optimizer.step()
    return {name: value.detach() for name, value in new.items()}


@torch.no_grad()
def _judge(
    network: ActorCritic, weights: Weights, shot: Shot, ppo: PPOConfig
) -> tuple[Tensor, Tensor]:
    """Return advantages, normalised within each task, and the targets of the critics."""
    values = call(network, weights, shot.inputs).value
    next_values = call(network, weights, shot.following).value * ~shot.failed
    carry = (~shot.over).float()
    found = gae.advantages(shot.rewards, values, next_values, carry, ppo.gamma, ppo.lam)
    count = shot.used.sum(0).clamp(min=1)
    mean = (found * shot.used).sum(0) / count
    variance = ((found - mean).square() * shot.used).sum(0) / count
    return (found - mean) / (variance.sqrt() + 1e-8), found + values


def _loss(
    network: ActorCritic,
    weights: Weights,
    shot: Shot,
    advantages: Tensor,
    targets: Tensor,
    ppo: PPOConfig,
) -> Tensor:
    """Return the loss of every task, `(N,)`."""
    output = call(network, weights, shot.inputs)
    ratio = (log_prob(output.mean, weights["log_std"], shot.actions) - shot.log_probs).exp()
    clipped = ratio.clamp(1 - ppo.clip, 1 + ppo.clip)
    gained = torch.minimum(ratio * advantages, clipped * advantages)
    missed = 0.5 * (output.value - targets).square()
    count = shot.used.sum(0).clamp(min=1)
    return ((ppo.value_weight * missed - gained) * shot.used).sum(0) / count


@torch.no_grad()
def _limit(weights: Weights, most: float) -> None:
    """Shorten the gradient of every task to a norm of at most `most`."""
    gradients = [value.grad for value in weights.values() if value.grad is not None]
    norm = sum(gradient.flatten(1).square().sum(1) for gradient in gradients) ** 0.5
    factor = (most / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient *= factor.view(-1, *[1] * (gradient.ndim - 1))
