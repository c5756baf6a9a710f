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


class Patient(Sneaky):
    """As `Sneaky`, but what it has learned shows from the tenth step of an episode on."""

    name = "patient"

    def begin(self, num_tasks):
        super().begin(num_tasks)
        self.clock = 0

    def act(self, observation, explore):
        late = self.clock >= 10
        return np.full((len(observation), len(self._low)), self.gain if late else 0.0)

    def observe(self, transition):
        super().observe(transition)
        self.clock += 1

    def end_episode(self, done):
        self.clock = 0

    def snapshot(self):
        return self.clock

    def restore(self, snapshot):
        self.clock = snapshot


class Remembering(Patient):
    """Learns within an episode as a memory does: `restore` takes all of it back."""

    name = "remembering"

    def snapshot(self):
        return self.clock, self.seen, self.gain

    def restore(self, snapshot):
        self.clock, self.seen, self.gain = snapshot


@pytest.mark.parametrize("episodes", [1, 2])
def test_what_was_learned_shows_later_in_the_episode(episodes):
    reacher = load_task_set("reacher-damage")
    with pytest.raises(FastadaptError, match="'patient' learns from measured episodes"):
        evaluate(Patient(reacher), reacher, "validation", shots=(0,), episodes=episodes)
    result = evaluate(Remembering(reacher), reacher, "validation", shots=(0,), episodes=episodes)
    assert len(result.table)


def test_an_agent_that_learns_from_measured_episodes_is_refused():
    reacher = load_task_set("reacher-damage")
    with pytest.raises(FastadaptError, match="'sneaky' learns from measured episodes"):
        evaluate(Sneaky(reacher), reacher, "validation", shots=(0,), episodes=2)
