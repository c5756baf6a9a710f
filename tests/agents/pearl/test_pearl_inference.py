"""After a small training, PEARL's encoder tells tasks apart by what their actuators do."""

import numpy as np
import pytest
import torch

from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.pearl.config import PEARLConfig, SACConfig
from fastadapt.agents.pearl.update import PEARLNetworks, PEARLUpdate
from fastadapt.agents.rollout.transitions import TransitionScale, pack

SIGNS = np.array([1.0, -1.0] * 4)  # of the actuator on each of eight tasks
STEPS, COUNT = 250, 32


def cart(sign, count, rng):
    """Random transitions of a point that an actuator pushes, forwards or backwards."""
    position = rng.uniform(-1, 1, (count, 1))
    action = rng.uniform(-1, 1, (count, 1))
    following = position + 0.5 * sign * action
    reward = -np.abs(following[:, 0])
    return pack(position, action, reward, following, np.zeros(count, bool))


def train(encoder="product", blind=False, seed=0):
    """Train on both signs; return beliefs about new context of every task, and the learner."""
    rng = np.random.default_rng(seed)
    sac = SACConfig(
        tasks=8, batch=COUNT, context=COUNT, learning_rate=3e-3, gamma=0.5, kl_weight=0.01
    )
    config = PEARLConfig(width=32, encoder_width=32, latent=2, encoder=encoder, sac=sac)
    scale = TransitionScale(1, 1)
    torch.manual_seed(seed)
    networks = PEARLNetworks(1, 1, scale.context_size, config)
    update, generator = PEARLUpdate(networks, config, 1), torch.Generator().manual_seed(seed)

    def draw():
        return np.stack([cart(sign, COUNT, rng) for sign in SIGNS])

    def context(rows):
        shown = scale.context(rows)
        if blind:  # neither what followed nor the reward, which tells of it
            shown[..., 2:] = 0.0
        return shown

    scale.update(draw().reshape(-1, scale.row_size))
    with single_threaded():
        for _ in range(STEPS):
            update.step(scale.batch(draw()), context(draw()), generator)
        with torch.no_grad():
            belief = networks.encoder(context(draw()))
    return belief, networks, scale


def separation(belief):
    """Return the distance between the two groups of beliefs, in their own spread."""
    mean = belief.mean.numpy()
    groups = mean[SIGNS > 0], mean[SIGNS < 0]
    spread = np.sqrt(np.mean([group.var(axis=0).mean() for group in groups])) + 1e-3
    return np.linalg.norm(groups[0].mean(axis=0) - groups[1].mean(axis=0)) / spread


@pytest.mark.parametrize("encoder", ["product", "mean"])
def test_opposite_actuators_get_clearly_different_beliefs(encoder):
    belief, networks, scale = train(encoder)
    assert separation(belief) > 10
    stds = belief.variance.sqrt().numpy()
    distance = belief.mean[SIGNS > 0].mean(0) - belief.mean[SIGNS < 0].mean(0)
    assert np.abs(distance.numpy()).max() > 2 * stds.max()
    # and the policy uses it: it pushes the point home, whichever way the actuator works
    position = scale.observations(np.full((8, 1), 0.8))
    with torch.no_grad():
        pushed, _ = networks.policy(torch.cat([position, belief.mean], -1))
    assert (np.sign(pushed[:, 0].numpy()) == -SIGNS).all()


def test_an_encoder_that_cannot_see_what_followed_is_caught():
    belief, _, _ = train(blind=True)
    assert separation(belief) < 3
