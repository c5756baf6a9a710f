"""RL²: a recurrent policy whose memory is its learning algorithm."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fastadapt.agents.onpolicy.agent import OnPolicyAgent


class ContinuingRL2(OnPolicyAgent):
    """A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2).

    A GRU reads (observation, previous action, previous reward, first-step flag). Its state goes on
    over the episodes of a trial and is empty at the start of each.
    """

    name: ClassVar[str] = "rl2-continuing"
    recurrent: ClassVar[bool] = True
    sees: ClassVar[tuple[str, ...]] = ("action", "reward", "start")

    def exchange(self, order: NDArray[np.int64]) -> None:
        """Give robot i the memory of robot `order[i]`."""
        memory = self._memory
        memory.hidden = memory.hidden[torch.from_numpy(order)]
        memory.history = memory.history.reordered(order)
