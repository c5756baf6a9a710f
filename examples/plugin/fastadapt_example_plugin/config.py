"""Settings of random search; light to import, for the command line."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from fastadapt.agents.config import CHECKED, AgentConfig, Count, PositiveFloat


@dataclass(frozen=True, config=CHECKED)
class RandomSearchConfig(AgentConfig):
    """A linear policy by random search; a trial tries out how strongly to act."""

    directions: Count = 8
    """Directions tried in an iteration, each forwards and backwards on the same task."""
    step: PositiveFloat = 0.05
    """Step size."""
    noise: PositiveFloat = 0.1
    """Standard deviation of the perturbed weights."""
