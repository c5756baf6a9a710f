"""Proximal policy optimisation on continuing rollouts."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from fastadapt.agents.checkpoint_arrays import Arrays, OptimizerArrays, under
from fastadapt.agents.nn.actor_critic import entropy, log_prob
from fastadapt.agents.onpolicy.config import UpdateConfig
from fastadapt.agents.onpolicy.networks import Critic, Policy
from fastadapt.agents.onpolicy.rollout import Rollout
from fastadapt.envs import FastadaptError

_SLOWEST, _FASTEST = 1e-5, 1e-2


class Update:
    """Improves policy and critic together (Schulman et al. 2017, eq. 7 and 9).

    Policies with a memory learn on sequences as long as the rollout, policies without one on single
    control steps.

    Args:
        policy: changed in place.
        critic: changed in place.
        reader: reads the parameters of the task from the policy's memory, if that is learned.
        config: settings.

    Attributes:
        optimizer: of all parameters.
        rate: step size of Adam.
    """

    def __init__(
        self, policy: Policy, critic: Critic, reader: nn.Linear | None, config: UpdateConfig
    ) -> None:
        self._policy, self._critic, self._reader = policy, critic, reader
        self._config = config
        self._parameters = [*policy.parameters(), *critic.parameters()]
        self._parameters += list(reader.parameters()) if reader is not None else []
        self.rate = config.learning_rate
        self.optimizer = torch.optim.Adam(self._parameters, lr=self.rate, eps=1e-5)

    def __call__(
        self, rollout: Rollout, advantages: Tensor, generator: torch.Generator
    ) -> dict[str, float]:
        """Take the gradient steps of an iteration; return the means of what they measured.

        Args:
            rollout: `(T, N)` control steps.
            advantages: `(T, N)`, in the units of the critic.
            generator: for shuffling.

        Raises:
            FastadaptError: a gradient is not finite.
        """
        sums: dict[str, float] = {}
        steps = 0
        targets = advantages + rollout.values
        shape = advantages.shape
        count = shape[1] if self._policy.memory else shape.numel()
        for _ in range(self._config.epochs):
            order = torch.randperm(count, generator=generator)
            for chosen in order.chunk(self._config.minibatches):
                if self._policy.memory:
                    loss, measured = self._sequences(rollout, advantages, targets, chosen)
                else:
                    loss, measured = self._steps(rollout, advantages, targets, chosen)
                self._step(loss)
                if self._config.schedule == "kl":
                    self._follow(measured["kl"])
                steps += 1
                for name, value in measured.items():
                    sums[name] = sums.get(name, 0.0) + value
        return {name: value / steps for name, value in sums.items()}

    def state(self) -> Arrays:
        """Return the state of the optimiser and the step size."""
        rate = {"learning_rate": np.array([self.rate])}
        return {f"adam.{k}": v for k, v in OptimizerArrays(self.optimizer).state().items()} | rate

    def load_state(self, state: Arrays) -> None:
        """Return to what `state` gave."""
        OptimizerArrays(self.optimizer).load_state(under("adam", state))
        self.rate = float(state["learning_rate"][0])

    def _sequences(
        self, rollout: Rollout, advantages: Tensor, targets: Tensor, robots: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss on the whole sequences of some robots."""
        hidden = rollout.start.refreshed(self._policy, robots)
        fresh = rollout.fresh[:, robots]
        output = self._policy.run(rollout.inputs[:, robots], hidden, fresh)
        value = self._critic(rollout.known[:, robots], output.states)
        loss, measured = self._loss(
            output.mean, value, rollout.actions[:, robots], rollout.log_probs[:, robots],
            advantages[:, robots], targets[:, robots],
        )  # fmt: skip
        if self._reader is not None:
            read = self._reader(output.states)
            error = (read - rollout.context[:, robots]).square().mean()
            loss = loss + self._config.context_weight * error
            measured["context_error"] = error.item()
        return loss, measured

    def _steps(
        self, rollout: Rollout, advantages: Tensor, targets: Tensor, chosen: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss on some control steps."""

        def of(x: Tensor) -> Tensor:
            return x.flatten(0, 1)[chosen]

        mean, states, _ = self._policy(of(rollout.inputs), rollout.start.hidden)
        value = self._critic(of(rollout.known), states)
        return self._loss(
            mean, value, of(rollout.actions), of(rollout.log_probs), of(advantages), of(targets)
        )

    def _loss(
        self, mean: Tensor, value: Tensor, actions: Tensor, log_probs: Tensor, advantages: Tensor,
        targets: Tensor,
    ) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
        config, log_std = self._config, self._policy.log_std
        log_ratio = log_prob(mean, log_std, actions) - log_probs
        ratio = log_ratio.exp()
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
        policy_loss = -torch.minimum(ratio * scaled, clipped * scaled).mean()
        value_loss = (value - targets).square().mean()
        bonus = entropy(log_std)
        loss = policy_loss + config.value_weight * value_loss - config.entropy_bonus * bonus
        with torch.no_grad():
            measured = {
                "policy_loss": policy_loss.item(),
                "value_loss": value_loss.item(),
                "value_explained": 1.0 - value_loss.item() / (targets.var().item() + 1e-8),
                "kl": (ratio - 1 - log_ratio).mean().item(),
                "clip_fraction": ((ratio - 1).abs() > config.clip).float().mean().item(),
            }
        return loss, measured

    def _step(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_limit)
        if not torch.isfinite(norm):
            raise FastadaptError(
                "Training diverged: the gradient is not finite. Lower the learning rate."
            )
        self.optimizer.step()

    def _follow(self, kl: float) -> None:
        """Let the step size follow how far the policy has moved from the one that collected."""
        if kl > 2.0 * self._config.kl:
            self.rate = max(self.rate / 1.5, _SLOWEST)
        elif math.isfinite(kl) and kl < 0.5 * self._config.kl:
            self.rate = min(self.rate * 1.5, _FASTEST)
