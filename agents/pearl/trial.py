"""State of PEARL in trials: evidence about the tasks, and the z that it acts on."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.nn.context_encoder import ContextEncoder, Gaussian
from fastadapt.envs.arrays import Array, Mask, Rows


class PEARLTrial:
    """N simultaneous trials: the prior at first, the belief given all context after each episode.

    Attributes:
        belief: about each task, `(N, latent)`.
        z: latent variable of this episode's shot, `(N, latent)`.
        ended: `(N,)`, whose episode has ended; its transitions are ignored until the next one.
    """

    def __init__(self, encoder: ContextEncoder, num_tasks: int) -> None:
        self._encoder = encoder
        self._evidence = encoder.nothing(num_tasks)
        self._rows: list[Rows] = []
        self._valid: list[Mask] = []
        self.ended = np.zeros(num_tasks, bool)
        self.z = torch.zeros(num_tasks, encoder.latent)
        self.belief = self._infer()

    @property
    def evidence(self) -> Tensor:
        """What the belief about each task rests on, `(N, evidence)`."""
        return self._evidence

    def draw(self, noise: Tensor, chosen: Mask) -> None:
        """Draw the z of a new episode where `chosen` is set, from the current belief."""
        self.z = torch.where(torch.from_numpy(chosen)[:, None], self.belief.sample(noise), self.z)

    def hold(self, mean: Array) -> None:
        """Replace the belief and z by this mean `(N, latent)`, without variance."""
        held = torch.from_numpy(mean.astype(np.float32))
        self.belief, self.z = Gaussian(held, torch.zeros_like(held)), held

    def note(self, rows: Rows, over: Mask) -> None:
        """Keep raw transitions `(N, row_size)` for the end of the episode, which `over` marks."""
        self._rows.append(rows)
        self._valid.append(~self.ended)
        self.ended = self.ended | over

    @torch.no_grad()
    def end_episode(self, done: Mask, scale: Callable[[Rows], Tensor]) -> None:
        """Infer the belief anew where episodes are done, from all context of the trial.

        Args:
            done: `(N,)`.
            scale: raw rows to the encoder's inputs.
        """
        if self._rows:
            rows, valid = np.stack(self._rows, 1), np.stack(self._valid, 1)
            used = valid & done[:, None]
            gained = self._encoder.weigh(scale(rows))  # (N, steps, evidence)
            gained = torch.where(torch.from_numpy(used)[..., None], gained, 0.0)
            self._evidence = self._evidence + gained.sum(1)
            left = valid & ~done[:, None]
            self._rows = self._rows if left.any() else []
            self._valid = list(left.T) if left.any() else []
        self.belief = self._infer()
        self.ended = self.ended & ~done

    @torch.no_grad()
    def infer_now(self, window: int, scale: Callable[[Rows], Tensor]) -> None:
        """Infer the belief within an episode, from its last `window` transitions.

        Earlier episodes count until the window is full; with a window of 0 all context counts.
        """
        if not self._rows:
            return
        rows, valid = np.stack(self._rows[-window:], 1), np.stack(self._valid[-window:], 1)
        gained = self._encoder.weigh(scale(rows))
        evidence = torch.where(torch.from_numpy(valid)[..., None], gained, 0.0).sum(1)
        if window == 0 or len(self._rows) < window:
            evidence = evidence + self._evidence
        self.belief = self._encoder.believe(evidence)

    @torch.no_grad()
    def _infer(self) -> Gaussian:
        return self._encoder.believe(self._evidence)

    def reordered(self, order: NDArray[np.int64]) -> PEARLTrial:
        """Return a copy in which robot i has the evidence and the belief of robot `order[i]`."""
        other, chosen = self.copy(), torch.from_numpy(order)
        other._evidence = self._evidence[chosen]
        other.belief = Gaussian(*(part[chosen] for part in self.belief))
        return other

    def copy(self) -> PEARLTrial:
        """Return a copy that goes its own way; tensors are never changed in place."""
        other = copy.copy(self)
        other._rows, other._valid = list(self._rows), list(self._valid)
        return other
