"""PEARL's update: soft actor-critic on a belief (Rakelly et al. 2019, algorithm 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam

from fastadapt.agents.checkpoint_arrays import Arrays, OptimizerArrays, gather, scatter
from fastadapt.agents.nn.context_encoder import ENCODERS, ContextEncoder, kl_from_prior
from fastadapt.agents.nn.squashed_policy import SquashedPolicy, TwinCritic
from fastadapt.agents.pearl.config import PEARLConfig
from fastadapt.agents.rollout.transitions import Batch
from fastadapt.errors import FastadaptError


class PEARLNetworks(nn.Module):
    """Encoder, policy, critics with their targets, and the temperature.

    Attributes:
        encoder: transitions to a belief.
        policy: (observation, z) to actions in (-1, 1).
        critic: (observation, z, privileged information, action) to two estimates of their value.
        target: a slow copy of the critics.
        log_temperature: logarithm of the entropy's weight, a scalar.
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        context_size: int,
        config: PEARLConfig,
        privileged: int = 0,
    ) -> None:
        super().__init__()
        latent, width, layers = config.latent, config.width, config.layers
        self.encoder: ContextEncoder = ENCODERS[config.encoder](
            context_size, config.encoder_width, config.encoder_layers, latent
        )
        self.policy = SquashedPolicy(observations + latent, width, layers, actions)
        inputs = observations + latent + privileged + actions
        self.critic = TwinCritic(inputs, width, layers)
        self.target = TwinCritic(inputs, width, layers)
        self.target.load_state_dict(self.critic.state_dict())
        self.target.requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.1)))


class PEARLUpdate:
    """Takes gradient steps.

    The encoder learns from the critics' error and the KL divergence from the prior alone: for the
    policy and its temperature, z is a constant.

    Attributes:
        networks: what it improves.
    """

    def __init__(self, networks: PEARLNetworks, config: PEARLConfig, actions: int) -> None:
        self.networks = networks
        self._settings = config.sac
        self._actions = actions
        self._entropy = config.sac.entropy * actions
        rate = config.sac.learning_rate
        critics = [*networks.encoder.parameters(), *networks.critic.parameters()]
        self._optimizers = {
            "critic": Adam(critics, rate, fused=True),
            "policy": Adam(networks.policy.parameters(), rate, fused=True),
            "temperature": Adam([networks.log_temperature], rate, fused=True),
        }
        self._parts = {name: OptimizerArrays(part) for name, part in self._optimizers.items()}

    def step(
        self,
        batch: Batch,
        context: Tensor,
        generator: torch.Generator,
        privileged: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Take one gradient step and return named metrics.

        Args:
            batch: `(M, B, ...)`, B transitions of M tasks.
            context: `(M, C, context_size)`, transitions of the same tasks for the encoder.
            generator: of z and of actions.
            privileged: `(M, privileged)`, task parameters that only the critics see, if any.
        """
        tasks, count = batch.reward.shape
        belief = self.networks.encoder(context)
        drawn = torch.randn(belief.mean.shape, generator=generator)
        on_prior = round(self._settings.prior_share * tasks)  # the order of tasks is random
        z = torch.cat([drawn[:on_prior], belief.sample(drawn)[on_prior:]])
        extra = () if privileged is None else (privileged,)
        given = z.detach(), *extra
        rows = Batch(*(part.reshape(tasks * count, *part.shape[2:]) for part in batch))
        noise = torch.randn(2, tasks * count, self._actions, generator=generator)
        q_target = self._targets(rows, given, noise[0])
        critic_loss, q_mean = self._critic_loss(rows, (z, *extra), q_target)
        kl = kl_from_prior(belief)
        self._improve("critic", critic_loss + self._settings.kl_weight * kl)
        policy_loss, log_density = self._policy_loss(rows, given, noise[1])
        self._improve("policy", policy_loss)
        surplus = (log_density.detach() + self._entropy).mean()
        self._improve("temperature", -self.networks.log_temperature * surplus)
        self._follow()
        return {
            "critic_loss": critic_loss.detach(),
            "policy_loss": policy_loss.detach(),
            "q_mean": q_mean,
            "kl": kl.detach(),
            "posterior_std": belief.variance.detach().sqrt().mean(),
            "temperature": self.networks.log_temperature.detach().exp(),
            "entropy": -log_density.detach().mean(),
        }

    @torch.no_grad()
    def _targets(self, rows: Batch, about: tuple[Tensor, ...], noise: Tensor) -> Tensor:
        """Return the targets of the critics (Haarnoja et al. 2018, eq. 5 and 6), `(rows,)`.

        `about` is z, the only part that the policy sees, and the critics' privileged information.
        """
        next_observation = rows.next_observation
        action, log_density = self.networks.policy.sample((next_observation, about[0]), noise)
        estimates = self.networks.target(next_observation, *about, action)
        soft = estimates.amin(0) - self.networks.log_temperature.exp() * log_density
        return rows.reward + self._settings.gamma * (1.0 - rows.terminated) * soft

    def _critic_loss(
        self, rows: Batch, about: tuple[Tensor, ...], q_target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the squared error, summed over the two critics and averaged over transitions."""
        estimates = self.networks.critic(rows.observation, *about, rows.action)
        loss = len(estimates) * mse_loss(estimates, q_target.expand_as(estimates))
        return loss, estimates.detach().mean()

    def _policy_loss(
        self, rows: Batch, about: tuple[Tensor, ...], noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the policy's loss (Haarnoja et al. 2018, eq. 9) and its actions' log-densities."""
        about = tuple(part.detach() for part in about)
        state = rows.observation, about[0]
        action, log_density = self.networks.policy.sample(state, noise)
        estimates = self.networks.critic(rows.observation, *about, action)
        estimates = estimates.min(0).values
        temperature = self.networks.log_temperature.detach().exp()
        return (temperature * log_density - estimates).mean(), log_density

    def _improve(self, name: str, loss: Tensor) -> None:
        if not math.isfinite(loss.item()):
            raise FastadaptError(
                f"The loss of PEARL's {name} is {loss.item()}: training has diverged. Lower "
                "--sac.learning-rate, or raise --sac.kl-weight if `q_mean` in metrics.jsonl ran "
                "away. The last checkpoint is as it was."
            )
        optimizer = self._optimizers[name]
        parameters = optimizer.param_groups[0]["params"]
        gradients = torch.autograd.grad(loss, parameters)  # of these alone, unlike `backward`
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the target critics towards the critics."""
        targets: list[Tensor] = [*self.networks.target.parameters()]
        critics: list[Tensor] = [*self.networks.critic.parameters()]
        torch._foreach_lerp_(targets, critics, self._settings.tau)  # pyright: ignore[reportPrivateImportUsage]

    def state(self) -> Arrays:
        """Return the state of the optimisers, by name."""
        return gather(self._parts)

    def load_state(self, state: Arrays) -> None:
        """Return to what `state` gave."""
        scatter(self._parts, state)
