"""Context encoders: from transitions of a task to a Gaussian belief over a latent variable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastadapt.agents.nn.perceptron import Perceptron

_LEAST = 1e-7  # smallest variance


class Gaussian(NamedTuple):
    """A diagonal Gaussian.

    Attributes:
        mean: `(..., latent)`.
        variance: `(..., latent)`.
    """

    mean: Tensor
    variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return mean + std * noise; gradients flow into both."""
        return self.mean + self.variance.sqrt() * noise


def product_of_gaussians(means: Tensor, variances: Tensor) -> Gaussian:
    """Return the normalised product of the unit Gaussian and n factors.

    Precisions add up; the mean is that of the factors weighted by their precisions. The unit
    Gaussian is the prior: with no factors the product is the prior, with many it hardly counts.
    Source: Rakelly et al. 2019, section 4; they leave the prior out.

    Args:
        means: `(..., n, latent)`.
        variances: `(..., n, latent)`.
    """
    precisions = variances.reciprocal()
    return _posterior(precisions.sum(-2), (precisions * means).sum(-2))


def _posterior(precision: Tensor, weighted: Tensor) -> Gaussian:
    variance = (1.0 + precision).reciprocal()
    return Gaussian(weighted * variance, variance)


def kl_from_prior(belief: Gaussian) -> Tensor:
    """Return KL(belief || unit Gaussian), summed over the latent and averaged over tasks.

    Because tasks are averaged, its weight against the critic's loss (an average too) does not
    depend on how many there are.
    """
    mean, variance = belief
    terms = 0.5 * (mean.square() + variance - 1.0 - variance.log())
    return terms.sum(-1).mean()


class ContextEncoder(nn.Module, ABC):
    """Turns transitions of a task into a belief, in any order.

    Every transition yields evidence, and the belief is a function of the sum of the evidence. So a
    trial stores one vector, however long it lasts; no evidence gives the prior exactly.

    Attributes:
        latent: size of the latent variable.
        evidence_size: numbers of evidence.
    """

    def __init__(self, latent: int, evidence_size: int) -> None:
        super().__init__()
        self.latent = latent
        self.evidence_size = evidence_size

    @abstractmethod
    def weigh(self, context: Tensor) -> Tensor:
        """Return the evidence of each transition: `(..., inputs)` to `(..., evidence)`."""

    @abstractmethod
    def believe(self, evidence: Tensor) -> Gaussian:
        """Return the belief of summed evidence `(..., evidence)`."""

    def forward(self, context: Tensor) -> Gaussian:
        """Return the belief after n transitions, `(..., n, inputs)`."""
        return self.believe(self.weigh(context).sum(-2))

    def nothing(self, num_tasks: int) -> Tensor:
        """Return the evidence of no transition at all, `(N, evidence)`."""
        return torch.zeros(num_tasks, self.evidence_size)


class ProductEncoder(ContextEncoder):
    """Every transition is a Gaussian factor of the belief (Rakelly et al. 2019, section 4)."""

    def __init__(self, inputs: int, width: int, layers: int, latent: int) -> None:
        super().__init__(latent, 2 * latent)
        self.factor = Perceptron(inputs, width, layers, 2 * latent)

    def weigh(self, context: Tensor) -> Tensor:
        """Return precision, and mean times precision, of each transition's factor."""
        mean, spread = self.factor(context).chunk(2, -1)
        precision = softplus(spread.contiguous()).clamp(min=_LEAST).reciprocal()
        return torch.cat([precision, precision * mean], -1)

    def believe(self, evidence: Tensor) -> Gaussian:
        precision, weighted = evidence.chunk(2, -1)
        return _posterior(precision, weighted)


class MeanPooledEncoder(ContextEncoder):
    """The belief is computed from the mean of all transitions' features.

    Its variance need not shrink with the number of transitions: the network predicts it.
    """

    def __init__(self, inputs: int, width: int, layers: int, latent: int) -> None:
        super().__init__(latent, width + 1)
        self.features = Perceptron(inputs, width, layers - 1, width)
        self.head = nn.Linear(width, 2 * latent)

    def weigh(self, context: Tensor) -> Tensor:
        """Return the features of each transition, and 1 to count it."""
        return torch.cat([self.features(context), torch.ones_like(context[..., :1])], -1)

    def believe(self, evidence: Tensor) -> Gaussian:
        total, count = evidence[..., :-1], evidence[..., -1:]
        mean, spread = self.head(torch.relu(total / count.clamp(min=1.0))).chunk(2, -1)
        variance = softplus(spread).clamp(min=_LEAST)
        known = count > 0
        return Gaussian(
            torch.where(known, mean, torch.zeros_like(mean)),
            torch.where(known, variance, torch.ones_like(variance)),
        )


class NoEncoder(ContextEncoder):
    """A belief fixed at the prior's mean: multi-task SAC, for comparison."""

    def __init__(self, inputs: int, width: int, layers: int, latent: int) -> None:
        super().__init__(latent, 1)
        del inputs, width, layers

    def weigh(self, context: Tensor) -> Tensor:
        return torch.zeros_like(context[..., :1])

    def believe(self, evidence: Tensor) -> Gaussian:
        zeros = evidence.new_zeros(*evidence.shape[:-1], self.latent)
        return Gaussian(zeros, zeros + _LEAST)


ENCODERS: dict[str, type[ProductEncoder | MeanPooledEncoder | NoEncoder]] = {
    "product": ProductEncoder,
    "mean": MeanPooledEncoder,
    "none": NoEncoder,
}
"""By the name in the settings."""
