"""Proximal policy optimisation over whole trials, for networks with and without a memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fastadapt.agents.config import PPOConfig
from fastadapt.agents.nn.actor_critic import ActorCritic, entropy, log_prob
from fastadapt.agents.rollout.trials import Trials
from fastadapt.envs import FastadaptError


@dataclass
class _Pieces:
    """Trials cut into M pieces of L steps; all fields `(L, M, ...)`, hidden `(M, hidden)`."""

    inputs: Tensor
    hidden: Tensor
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    targets: Tensor
    valid: Tensor


def cut(trials: Trials, advantages: Tensor, length: int, memory: bool) -> _Pieces:
    """Cut trials `(T, N)` into pieces; without a memory every step is a piece of its own."""
    steps = trials.inputs.shape[0]
    length = min(length, steps) if memory else 1
    valid = torch.from_numpy(trials.valid)

    def pieces(x: Tensor) -> Tensor:
        missing = -steps % length
        if missing:
            x = torch.cat([x, torch.zeros(missing, *x.shape[1:], dtype=x.dtype)])
        count = x.shape[0] // length
        return x.unflatten(0, (count, length)).transpose(0, 1).flatten(1, 2)

    return _Pieces(
        inputs=pieces(trials.inputs),
        hidden=pieces(trials.hidden)[0],
        actions=pieces(trials.actions),
        log_probs=pieces(trials.log_probs),
        advantages=pieces(advantages),
        targets=pieces(advantages + trials.values),
        valid=pieces(valid),
    )


def update(
    network: ActorCritic,
    optimizer: torch.optim.Optimizer,
    trials: Trials,
    advantages: Tensor,
    config: PPOConfig,
    generator: torch.Generator,
) -> dict[str, float]:
    """Improve the network on trials (Schulman et al. 2017, eq. 7 and 9); return named metrics.

    Args:
        network: changed in place.
        optimizer: of its parameters.
        trials: as `collect` returned them.
        advantages: `(T, N)`, in the units of the critic.
        config: settings.
        generator: for shuffling.

    Raises:
        FastadaptError: the losses are not finite.
    """
    pieces = cut(trials, advantages, config.sequence, network.gru is not None)
    used = torch.nonzero(pieces.valid.any(dim=0)).squeeze(-1)
    sums: dict[str, float] = {}
    count = 0
    for _ in range(config.epochs):
        order = used[torch.randperm(len(used), generator=generator)]
        for chosen in torch.chunk(order, config.minibatches):
            loss, metrics = _loss(network, pieces, chosen, config)
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), config.gradient_limit)
            if not torch.isfinite(norm):
                raise FastadaptError(
                    "Training diverged: the gradient is not finite. Lower the learning rate."
                )
            optimizer.step()
            count += 1
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
    return {name: value / count for name, value in sums.items()}


def _loss(
    network: ActorCritic, pieces: _Pieces, chosen: Tensor, config: PPOConfig
) -> tuple[Tensor, dict[str, float]]:
    output = network(pieces.inputs[:, chosen], pieces.hidden[chosen])
    valid = pieces.valid[:, chosen]
    new = log_prob(output.mean, network.log_std, pieces.actions[:, chosen])[valid]
    log_ratio = new - pieces.log_probs[:, chosen][valid]
    ratio = log_ratio.exp()
    advantage = pieces.advantages[:, chosen][valid]
    spread = advantage.std() if len(advantage) > 1 else 0.0  # of one step there is none
    advantage = (advantage - advantage.mean()) / (spread + 1e-8)
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    policy_loss = -torch.minimum(ratio * advantage, clipped * advantage).mean()
    error = output.value[valid] - pieces.targets[:, chosen][valid]
    value_loss = 0.5 * error.square().mean()
    bonus = entropy(network.log_std)
    loss = policy_loss + config.value_weight * value_loss - config.entropy_bonus * bonus
    with torch.no_grad():
        metrics = {
            "policy_loss": policy_loss.item(),
            "value_loss": value_loss.item(),
            "entropy": bonus.item(),
            "approx_kl": (ratio - 1 - log_ratio).mean().item(),
            "clip_fraction": ((ratio - 1).abs() > config.clip).float().mean().item(),
        }
    return loss, metrics
