"""MAML learns to adapt where one episode tells all; seconds on any machine."""

import numpy as np
import pytest

from fastadapt.agents.maml.agent import MAML
from fastadapt.agents.registry import make_config
from fastadapt.agents.spec import AgentSpec
from tests.support.inverted_point import InvertedPoint

SETTINGS = {"tasks": 64, "episodes": 1, "width": 32, "gamma": 0.9, "planned_iterations": 30}
PLAIN = {"steps": 1, "learning_rate": 0.1, "signal": "advantages", "unit": "parameters"}
"""The inner step of Finn et al. 2017."""


@pytest.mark.slow
@pytest.mark.learning
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inner": PLAIN},
        {
            "inner": PLAIN,
            "outer": {"method": "trpo", "kl_limit": 0.03, "fisher_stride": 1},
        },
    ],
    ids=["default", "plain", "trpo"],
)
def test_one_shot_tells_which_way_the_motors_push(options):
    """Before it nobody can know: some -27. After it better than -19, on wirings in equal parts."""
    envs = InvertedPoint(64)
    agent = MAML(AgentSpec.of(envs), 0, make_config("maml", {**SETTINGS, **options}))
    rows = [agent.meta_train(envs, envs, i) for i in range(30)]
    before, after = (np.mean([row[f"return_after_{k}_steps"] for row in rows[-8:]]) for k in (0, 1))
    assert before < -22
    assert after > -19
