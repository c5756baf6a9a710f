"""PEARL's gradient step equals the same algorithm written a second time."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from fastadapt.agents.nn.squashed_policy import SquashedPolicy
from fastadapt.agents.pearl.config import PEARLConfig, SACConfig
from fastadapt.agents.pearl.update import PEARLNetworks, PEARLUpdate
from fastadapt.agents.rollout.transitions import Batch
from tests.agents.pearl.test_pearl_update import ACTIONS, CONTEXT, COUNT, OBSERVATIONS, TASKS, data


class Plainly:
    """Soft actor-critic on a belief, one torch operation after the other."""

    def __init__(self, networks, config):
        self.n, self.sac = networks, config.sac
        heads = [*networks.encoder.parameters(), *networks.critic.parameters()]
        groups = (heads, [*networks.policy.parameters()], [networks.log_temperature])
        self.adams = [torch.optim.Adam(group, lr=self.sac.learning_rate) for group in groups]

    def improve(self, which, loss):
        self.n.zero_grad()
        loss.backward()
        self.adams[which].step()

    def act(self, state, noise):
        mean, log_std = self.n.policy.body(state).chunk(2, -1)
        normal = torch.distributions.Normal(mean, log_std.clamp(-5.0, 2.0).exp())
        raw = normal.mean + normal.stddev * noise
        density = normal.log_prob(raw) - torch.log(1.0 - raw.tanh() ** 2)
        return raw.tanh(), density.sum(-1)

    def believe(self, context):
        mean, spread = self.n.encoder.factor(context).chunk(2, -1)
        precision = 1.0 / softplus(spread)
        variance = 1.0 / (1.0 + precision.sum(1))
        return (precision * mean).sum(1) * variance, variance

    def step(self, batch, context, generator, known=None):
        tasks, count = batch.reward.shape
        rows = Batch(*(part.reshape(tasks * count, *part.shape[2:]) for part in batch))
        mean, variance = self.believe(context)
        z = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator)
        z = z.repeat_interleave(count, 0)
        told = z.detach()[:, :0] if known is None else known.repeat_interleave(count, 0)
        noise = torch.randn(2, tasks * count, ACTIONS, generator=generator)
        following = torch.cat([rows.next_observation, z.detach()], 1)
        alpha = self.n.log_temperature.exp().detach()
        with torch.no_grad():
            action, density = self.act(following, noise[0])
            judged = torch.cat([following, told, action], 1)
            said = [t(judged)[:, 0] for t in twins(self.n.target)]
            soft = torch.minimum(*said) - alpha * density
            worth = rows.reward + self.sac.gamma * (1.0 - rows.terminated) * soft
        state = torch.cat([rows.observation, z, told, rows.action], 1)
        loss = sum(((c(state)[:, 0] - worth) ** 2).mean() for c in twins(self.n.critic))
        divergence = 0.5 * (mean**2 + variance - 1.0 - variance.log()).sum(1).mean()
        self.improve(0, loss + self.sac.kl_weight * divergence)
        state = torch.cat([rows.observation, z.detach()], 1)
        action, density = self.act(state, noise[1])
        said = [c(torch.cat([state, told, action], 1))[:, 0] for c in twins(self.n.critic)]
        self.improve(1, (alpha * density - torch.minimum(*said)).mean())
        surplus = density.detach().mean() + self.sac.entropy * ACTIONS
        self.improve(2, -self.n.log_temperature * surplus)
        with torch.no_grad():
            for old, new in zip(
                self.n.target.parameters(), self.n.critic.parameters(), strict=True
            ):
                old.copy_((1.0 - self.sac.tau) * old + self.sac.tau * new)


def twins(critic):
    return critic.first, critic.second


def compare(steps=4, known=0):
    sac = SACConfig(learning_rate=1e-3, kl_weight=0.1)
    config = PEARLConfig(width=18, encoder_width=12, latent=3, sac=sac)
    ours, plain = [], []
    for both in (ours, plain):
        torch.manual_seed(0)
        both.append(PEARLNetworks(OBSERVATIONS, ACTIONS, CONTEXT, config, known).double())
    update, other = PEARLUpdate(ours[0], config, ACTIONS), Plainly(plain[0], config)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    for step in range(steps):
        batch, context = data(step)
        batch = batch._replace(terminated=torch.arange(TASKS * COUNT).view(TASKS, COUNT) % 5 == 0)
        exact = Batch(*(part.double() for part in batch)), context.double()
        told = torch.randn(TASKS, known, generator=torch.Generator().manual_seed(step)).double()
        for one, generator in zip((update, other), generators, strict=True):
            one.step(*exact, generator, told if known else None)
    after = plain[0].state_dict()
    for name, value in ours[0].state_dict().items():
        assert math.isfinite(value.sum())
        torch.testing.assert_close(value, after[name], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("known", [0, 7])
def test_the_step_equals_the_plain_one(known):
    compare(known=known)


def test_a_density_without_a_gradient_is_caught(monkeypatch):
    sample = SquashedPolicy.sample

    def detached(self, parts, noise):
        action, density = sample(self, parts, noise)
        return action, density.detach()

    monkeypatch.setattr(SquashedPolicy, "sample", detached)
    with pytest.raises(AssertionError):
        compare()
