"""An agent that learns from measured episodes is refused while it is measured."""

import numpy as np
import pytest

from fastadapt.adaptation import evaluate
from fastadapt.agents.external import RandomAgent
from fastadapt.envs import FastadaptError, load_task_set


class Sneaky(RandomAgent):
    """Takes a step every 100 control steps that it sees, measured ones too, and forgets none."""

    name = "sneaky"
    seen = 0
    gain = 0.0

    def act(self, observation, explore):
        return np.full((len(observation), len(self._low)), self.gain)

    def observe(self, transition):
        self.seen += 1
        if self.seen % 100 == 0:
            self.gain += 0.01


def test_an_agent_that_learns_from_measured_episodes_is_refused():
    reacher = load_task_set("reacher-damage")
    with pytest.raises(FastadaptError, match="'sneaky' learns from measured episodes"):
        evaluate(Sneaky(reacher), reacher, "validation", shots=(0,), episodes=2)
