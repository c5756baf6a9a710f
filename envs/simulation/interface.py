"""The interface to batched MuJoCo: N simulations of one model, each with its own model fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Ids

Backend = Literal["auto", "mjbatch", "threads", "reference"]
"""`auto` is the fastest that works with the MuJoCo at hand."""

INPUTS = {
    "qpos",
    "qvel",
    "act",
    "ctrl",
    "qfrc_applied",
    "xfrc_applied",
    "mocap_pos",
    "mocap_quat",
    "eq_active",
    "qacc_warmstart",
    "userdata",
}
"""Fields of `MjData` that are inputs of the physics."""


class Simulation(ABC):
    """N simulations of one model. Its arrays are views: writes take effect at the next call.

    Attributes:
        model: the nominal model, for names, ids and sizes; never written.
        num_sims: N.
    """

    def __init__(self, model: mujoco.MjModel, num_sims: int) -> None:
        self.model = model
        self.num_sims = num_sims

    @abstractmethod
    def data(self, name: str) -> NDArray:
        """Return the `(N, ...)` view of an `MjData` field, in MuJoCo's layout."""

    @abstractmethod
    def field(self, name: str) -> NDArray:
        """Return the `(N, ...)` view of an `MjModel` field, one value per simulation."""

    @abstractmethod
    def step(self, num_steps: int, ids: Ids | None = None) -> None:
        """Take `num_steps` physics steps (`mj_step`) in the simulations `ids` (default: all).

        After it, `qpos` and `qvel` are current; derived quantities (`site_xpos`, ...) too if the
        simulation was made with `forward=True`, else they are one physics step behind.
        """

    @abstractmethod
    def reset(self, ids: Ids | None = None) -> None:
        """Reset data (`mj_resetData`) of some simulations; their model fields are kept."""

    @abstractmethod
    def forward(self, ids: Ids | None = None) -> None:
        """Recompute derived quantities (`mj_forward`) without advancing time."""

    @abstractmethod
    def set_const(self, ids: Ids | None = None) -> None:
        """Recompute derived model constants (`mj_setConst`); the state does not change."""

    @abstractmethod
    def states(self) -> NDArray[np.float64]:
        """Return a copy of the integration states, `(N, nstate)` (`mjSTATE_INTEGRATION`)."""

    @abstractmethod
    def set_states(self, states: NDArray[np.float64], ids: Ids) -> None:
        """Write integration states, `(len(ids), nstate)`, as `states` returned them."""

    def diverged(self) -> NDArray[np.bool_]:
        """Return which simulations had a NaN or a huge value since the last reset, `(N,)`.

        MuJoCo resets such a simulation silently at its next physics step (`mj_checkPos` etc.) and
        counts a warning. A value of the last physics step is found in the state.
        """
        warning, qpos, qvel = self.data("warning"), self.data("qpos"), self.data("qvel")
        sound = all(x.min() > -_MAX and x.max() < _MAX for x in (qpos, qvel))  # False for NaN
        if sound and not warning.any():
            return np.zeros(self.num_sims, bool)
        qpos, qvel = np.abs(qpos), np.abs(qvel)
        warned = warning[..., 1][:, _BAD_STATE].any(axis=1)
        return warned | ~((qpos.max(axis=1) < _MAX) & (qvel.max(axis=1) < _MAX))


def model_field(model: mujoco.MjModel, name: str) -> Any:
    """Return a field of a model or of its options: an array, or a number."""
    return getattr(model.opt, name) if hasattr(model.opt, name) else getattr(model, name)


_MAX = mujoco.mjMAXVAL
_BAD_STATE = [
    int(mujoco.mjtWarning.mjWARN_BADQPOS),
    int(mujoco.mjtWarning.mjWARN_BADQVEL),
    int(mujoco.mjtWarning.mjWARN_BADQACC),
]
