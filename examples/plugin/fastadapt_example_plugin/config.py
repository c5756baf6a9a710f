"""Settings of random search; light to import, for the command line."""

from __future__ import annotations

from fastadapt.agents.config import AgentConfig, Count, PositiveFloat, settings


@settings
class RandomSearchConfig(AgentConfig):
    """A linear policy by random search; the shots of a trial try factors on its actions."""

    directions: Count = 8
    """Directions tried in an iteration, each forwards and backwards on the same task."""
    step: PositiveFloat = 0.05
    """Step size."""
    noise: PositiveFloat = 0.1
    """Standard deviation of the perturbed weights."""
