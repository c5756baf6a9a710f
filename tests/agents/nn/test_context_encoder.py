"""Beliefs from context: the product of Gaussians, the order of context, the prior."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import norm

from fastadapt.agents.nn.context_encoder import (
    ENCODERS,
    MeanPooledEncoder,
    ProductEncoder,
    kl_from_prior,
    product_of_gaussians,
)
from fastadapt.agents.nn.context_encoder import Gaussian as Belief

INPUTS, LATENT = 7, 3


def make(kind):
    torch.manual_seed(0)
    return ENCODERS[kind](INPUTS, 16, 2, LATENT)


def context(items, tasks=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tasks, items, INPUTS, generator=generator)


def test_the_product_equals_the_closed_form_of_two_factors():
    means = torch.tensor([[[1.0], [3.0]]], dtype=torch.float64)
    variances = torch.tensor([[[0.5], [2.0]]], dtype=torch.float64)
    product = product_of_gaussians(means, variances)
    # precisions 1 (prior), 2 and 1/2; their mean 1 * 0, 2 * 1 and 1/2 * 3
    assert product.variance.item() == pytest.approx(1 / 3.5, rel=1e-12)
    assert product.mean.item() == pytest.approx(3.5 / 3.5, rel=1e-12)


def test_the_product_is_the_normalised_product_of_densities():
    rng = np.random.default_rng(0)
    means, variances = rng.normal(size=5), rng.uniform(0.2, 3.0, 5)
    grid = np.linspace(-6, 6, 20001)
    density = norm.pdf(grid) * np.prod(
        [norm.pdf(grid, m, np.sqrt(v)) for m, v in zip(means, variances, strict=True)], axis=0
    )
    density /= np.trapezoid(density, grid)
    product = product_of_gaussians(*(torch.from_numpy(a)[:, None] for a in (means, variances)))
    mean = np.trapezoid(grid * density, grid)
    assert product.mean.item() == pytest.approx(mean, abs=1e-8)
    spread = np.trapezoid((grid - mean) ** 2 * density, grid)
    assert product.variance.item() == pytest.approx(spread, abs=1e-8)


def test_the_encoder_says_the_product_of_its_factors():
    encoder = make("product")
    assert isinstance(encoder, ProductEncoder)
    data = context(9)
    means, spreads = encoder.factor(data).chunk(2, -1)
    expected = product_of_gaussians(means, torch.nn.functional.softplus(spreads))
    for got, wanted in zip(encoder(data), expected, strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("kind", ["product", "mean"])
def test_the_order_of_context_does_not_matter(kind):
    encoder, data = make(kind), context(50)
    shuffled = data[:, torch.randperm(50, generator=torch.Generator().manual_seed(2))]
    for got, wanted in zip(encoder(shuffled), encoder(data), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("kind", ["product", "mean"])
def test_no_context_gives_the_prior_exactly(kind):
    encoder = make(kind)
    for belief in (encoder(context(0)), encoder.believe(encoder.nothing(4))):
        assert torch.equal(belief.mean, torch.zeros(4, LATENT))
        assert torch.equal(belief.variance, torch.ones(4, LATENT))
        assert kl_from_prior(belief) == 0


@pytest.mark.parametrize("kind", ["product", "mean"])
def test_context_in_parts_equals_context_at_once(kind):
    encoder, data = make(kind), context(30)
    parts = encoder.weigh(data[:, :11]).sum(1) + encoder.weigh(data[:, 11:]).sum(1)
    for got, wanted in zip(encoder.believe(parts), encoder(data), strict=True):
        torch.testing.assert_close(got, wanted)


def test_variance_shrinks_with_every_transition():
    encoder, data = make("product"), context(40)
    variances = [encoder(data[:, :n]).variance for n in range(41)]
    for fewer, more in itertools.pairwise(variances):
        assert (more < fewer).all()


@pytest.mark.parametrize("kind", ["product", "mean"])
def test_tasks_do_not_see_each_others_context(kind):
    encoder, data = make(kind), context(10)
    other = data.clone()
    other[1:] += 1.0
    torch.testing.assert_close(encoder(other).mean[0], encoder(data).mean[0])
    assert not torch.allclose(encoder(other).mean[1], encoder(data).mean[1])


def test_without_an_encoder_nothing_is_believed():
    belief = make("none")(context(20))
    assert torch.equal(belief.mean, torch.zeros(4, LATENT))
    assert (belief.variance < 1e-6).all()


def test_divergence_equals_torchs_own():
    mean, variance = torch.randn(6, LATENT), torch.rand(6, LATENT) + 0.1
    normal = torch.distributions.Normal
    own = torch.distributions.kl_divergence(normal(mean, variance.sqrt()), normal(0.0, 1.0))
    torch.testing.assert_close(kl_from_prior(Belief(mean, variance)), own.sum(-1).mean())


@pytest.mark.parametrize("times", [2, 5])
def test_the_weight_of_the_divergence_does_not_change_with_the_number_of_tasks(times):
    belief = Belief(torch.randn(4, LATENT), torch.rand(4, LATENT) + 0.1)
    many = Belief(belief.mean.repeat(times, 1), belief.variance.repeat(times, 1))
    torch.testing.assert_close(kl_from_prior(many), kl_from_prior(belief))


def test_the_mean_pooled_encoder_is_selectable():
    assert isinstance(make("mean"), MeanPooledEncoder)
