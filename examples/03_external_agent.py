"""An agent of your own: it tries one feedback gain in each shot and keeps the best."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.adaptation import evaluate
from fastadapt.agents import AdaptiveAgent, Transition
from fastadapt.envs import load_task_set
from fastadapt.envs.arrays import Array, Mask
from fastadapt.testing import check_agent

GAINS = np.array([0.0, 2.0, -2.0, 1.0])
"""Gains from the distance to the goal to the torques; 0 is the first guess."""


class GainSearch(AdaptiveAgent):
    """Proportional control of the reacher whose gain is searched for on each task."""

    name = "gain-search"

    def begin(self, num_tasks: int) -> None:
        """Forget the returns of all gains."""
        self._returns = np.zeros(num_tasks)
        self._best_return = np.full(num_tasks, -np.inf)
        self._best_gain = np.full(num_tasks, GAINS[0])
        self._shot = 0
        self._over = np.zeros(num_tasks, bool)
        self._exploring = False

    def act(self, observation: Array, explore: bool) -> Array:
        """Return torques `(N, 4)` in [-1, 1], from the last two entries: goal minus tip [m]."""
        self._exploring = explore
        gain = GAINS[self._shot % len(GAINS)] if explore else self._best_gain[:, None]
        error = observation[:, -2:]
        return np.clip(gain * np.concatenate([error, error], axis=1), -1, 1)

    def observe(self, transition: Transition) -> None:
        """Add up the return of a shot."""
        if self._exploring:
            self._returns += np.where(self._over, 0.0, transition.reward)
            self._over |= transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Keep the gain of this shot on the tasks where it was better."""
        if not self._exploring:
            return
        better = self._returns > self._best_return
        self._best_return[better] = self._returns[better]
        self._best_gain[better] = GAINS[self._shot % len(GAINS)]
        self._shot += 1
        self._returns[:], self._over[:] = 0.0, False

    def snapshot(self) -> Any:
        """Return copies of the state of the trials."""
        arrays = (self._returns, self._best_return, self._best_gain, self._over)
        return [array.copy() for array in arrays], self._shot

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        arrays, self._shot = snapshot
        copies = [array.copy() for array in arrays]
        self._returns, self._best_return, self._best_gain, self._over = copies


def main() -> None:
    """Check the agent, then measure it after 0, 1 and 4 shots."""
    task_set = load_task_set("reacher-damage")
    check_agent(GainSearch(), task_set)
    result = evaluate(GainSearch(), task_set, "test_iid", shots=(0, 1, 4), episodes=1)
    print(result.markdown())


if __name__ == "__main__":
    main()
