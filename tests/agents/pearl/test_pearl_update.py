"""PEARL's gradient step: which loss teaches what, and that it is the one of the paper."""

import math
from dataclasses import replace

import pytest
import torch

from fastadapt.agents.nn.squashed_policy import SquashedPolicy
from fastadapt.agents.pearl.config import PEARLConfig, SACConfig
from fastadapt.agents.pearl.update import PEARLNetworks, PEARLUpdate
from fastadapt.agents.rollout.transitions import Batch
from fastadapt.envs import FastadaptError

OBSERVATIONS, ACTIONS, CONTEXT, TASKS, COUNT = 5, 2, 9, 4, 6
CONFIG = PEARLConfig(width=16, encoder_width=16, latent=3, sac=SACConfig(learning_rate=1e-2))


@pytest.fixture
def update():
    torch.manual_seed(0)
    networks = PEARLNetworks(OBSERVATIONS, ACTIONS, CONTEXT, CONFIG)
    return PEARLUpdate(networks, CONFIG, ACTIONS)


def data(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(TASKS, COUNT, *shape, generator=generator)

    batch = Batch(
        draw(OBSERVATIONS), draw(ACTIONS).tanh(), draw(), draw(OBSERVATIONS), torch.zeros(TASKS, 6)
    )
    return batch, torch.randn(TASKS, 10, CONTEXT, generator=generator)


def flat(batch):
    return Batch(*(part.reshape(TASKS * COUNT, *part.shape[2:]) for part in batch))


def inferred(update, context):
    """Return z of every transition, with its way back to the encoder."""
    belief = update.networks.encoder(context)
    return belief.sample(torch.ones(TASKS, 3)).repeat_interleave(COUNT, 0)


def gradients(module, loss):
    parameters = list(module.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [g for g in found if g is not None and g.abs().sum() > 0]


def check_routing(update):
    """Which parameters each loss reaches."""
    batch, context = data()
    rows, z = flat(batch), inferred(update, context)
    noise, networks = torch.ones(TASKS * COUNT, ACTIONS), update.networks
    worth = update._targets(rows, (z,), noise)
    assert not worth.requires_grad
    critic_loss, _ = update._critic_loss(rows, (z,), worth)
    assert len(gradients(networks.encoder, critic_loss)) > 0
    assert len(gradients(networks.critic, critic_loss)) > 0
    assert gradients(networks.policy, critic_loss) == []
    policy_loss, log_density = update._policy_loss(rows, (z,), noise)
    assert len(gradients(networks.policy, policy_loss)) > 0
    assert gradients(networks.encoder, policy_loss) == []
    assert gradients(networks.encoder, log_density.mean()) == []


def test_the_encoder_learns_from_the_critics_and_from_nothing_else(update):
    check_routing(update)


def test_the_policy_s_step_leaves_the_encoder_and_the_critics_alone(update, monkeypatch):
    """The same, through `step` itself: without the critics' part, both stay as they are."""
    improve = PEARLUpdate._improve

    def all_but_critic(self, name, loss):
        if name != "critic":
            improve(self, name, loss)

    monkeypatch.setattr(PEARLUpdate, "_improve", all_but_critic)
    before = {k: v.clone() for k, v in update.networks.state_dict().items()}
    update.step(*data(), torch.Generator().manual_seed(0))
    after = update.networks.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"policy", "log_temperature"}


@pytest.mark.parametrize(("share", "prior"), [(0.0, 0), (0.5, 2), (0.75, 3)])
def test_a_share_of_the_tasks_learns_on_the_prior(share, prior, monkeypatch):
    sac = SACConfig(prior_share=share)
    torch.manual_seed(0)
    networks = PEARLNetworks(OBSERVATIONS, ACTIONS, CONTEXT, replace(CONFIG, sac=sac))
    update = PEARLUpdate(networks, replace(CONFIG, sac=sac), ACTIONS)
    seen = []
    critic_loss = PEARLUpdate._critic_loss

    def looking(self, rows, about, worth):
        seen.append(about[0].detach().clone())
        return critic_loss(self, rows, about, worth)

    monkeypatch.setattr(PEARLUpdate, "_critic_loss", looking)
    batch, context = data()
    with torch.no_grad():
        belief = networks.encoder(context)
    update.step(batch, context, torch.Generator().manual_seed(7))
    noise = torch.randn(TASKS, 3, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(seen[0][:prior], noise[:prior])
    torch.testing.assert_close(seen[0][prior:], belief.sample(noise)[prior:])


def test_the_divergence_alone_teaches_the_encoder(update):
    from fastadapt.agents.nn.context_encoder import kl_from_prior

    _, context = data()
    assert gradients(update.networks.encoder, kl_from_prior(update.networks.encoder(context)))


def test_the_policy_follows_the_critics_through_its_actions(update):
    """Its gradient is that of the smaller of the two estimates, as without any detaching."""
    batch, context = data()
    rows, z = flat(batch), inferred(update, context).detach()
    noise, networks = torch.ones(TASKS * COUNT, ACTIONS), update.networks
    loss, _ = update._policy_loss(rows, (z,), noise)
    action, density = networks.policy.sample((rows.observation, z), noise)
    estimates = networks.critic(rows.observation, z, action)
    plain = (networks.log_temperature.exp().detach() * density - estimates.amin(0)).mean()
    for got, wanted in zip(
        gradients(networks.policy, loss), gradients(networks.policy, plain), strict=True
    ):
        torch.testing.assert_close(got, wanted)


def test_targets_equal_those_written_out(update):
    batch, context = data()
    rows = flat(batch)._replace(terminated=(torch.arange(TASKS * COUNT) % 3 == 0).float())
    z, noise = inferred(update, context).detach(), torch.zeros(TASKS * COUNT, ACTIONS)
    got = update._targets(rows, (z,), noise)
    for i in (0, 1, 5):
        state = torch.cat([rows.next_observation[i], z[i]])
        mean, log_std = update.networks.policy.body(state).chunk(2)
        std = log_std.exp()
        action = torch.tanh(mean)
        density = sum(
            torch.distributions.Normal(m, s).log_prob(m) - torch.log(1 - torch.tanh(m) ** 2)
            for m, s in zip(mean, std, strict=True)
        )
        twins = update.networks.target.first, update.networks.target.second
        soft = min(twin(torch.cat([state, action])) for twin in twins) - 0.1 * density
        wanted = rows.reward[i] + (0.0 if i % 3 == 0 else CONFIG.sac.gamma * soft)
        torch.testing.assert_close(got[i], wanted.squeeze())


def test_the_density_of_squashed_actions_integrates_to_one():
    torch.manual_seed(0)
    policy = SquashedPolicy(1, 8, 1, 1).double()
    inputs = torch.zeros(200_001, 1, dtype=torch.float64)
    noise = torch.linspace(-8, 8, 200_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        action, density = policy.sample([inputs], noise)
    assert torch.trapezoid(density.exp(), action[:, 0]).item() == pytest.approx(1.0, abs=1e-6)


def test_the_temperature_rises_where_entropy_is_too_small(update):
    for wanted, sign in ((100.0, 1), (-100.0, -1)):
        before = update.networks.log_temperature.item()
        update._entropy = wanted
        update.step(*data(), torch.Generator().manual_seed(0))
        assert math.copysign(1, update.networks.log_temperature.item() - before) == sign


def test_targets_follow_by_tau(update):
    before = [p.clone() for p in update.networks.target.parameters()]
    update.step(*data(), torch.Generator().manual_seed(0))
    tau = CONFIG.sac.tau
    for old, new, critic in zip(
        before,
        update.networks.target.parameters(),
        update.networks.critic.parameters(),
        strict=True,
    ):
        torch.testing.assert_close(new, (1 - tau) * old + tau * critic)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_critic_is_reported_before_it_spoils_anything(update, value):
    batch, context = data()
    before = {k: v.clone() for k, v in update.networks.state_dict().items()}
    broken = batch._replace(reward=batch.reward * value)
    with pytest.raises(FastadaptError, match=r"critic is (nan|inf).*learning-rate"):
        update.step(broken, context, torch.Generator().manual_seed(0))
    after = update.networks.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_gradients_that_reach_the_encoder_from_the_policy_are_caught(update, monkeypatch):
    """The known mistake: z not detached for the policy."""
    policy_loss = PEARLUpdate._policy_loss

    def attached(self, rows, about, noise):
        monkeypatch.setattr(torch.Tensor, "detach", lambda tensor: tensor)
        try:
            return policy_loss(self, rows, about, noise)
        finally:
            monkeypatch.undo()

    monkeypatch.setattr(PEARLUpdate, "_policy_loss", attached)
    with pytest.raises(AssertionError):
        check_routing(update)


def test_an_encoder_that_is_cut_off_from_the_critics_is_caught(update, monkeypatch):
    critic_loss = PEARLUpdate._critic_loss
    monkeypatch.setattr(
        PEARLUpdate,
        "_critic_loss",
        lambda self, rows, about, worth: critic_loss(self, rows, (about[0].detach(),), worth),
    )
    with pytest.raises(AssertionError):
        check_routing(update)
