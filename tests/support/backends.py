"""The backends of the simulation that work with the MuJoCo at hand."""

from fastadapt.envs.simulation.choice import backends

BACKENDS = backends()
"""The fastest first, the reference last."""
