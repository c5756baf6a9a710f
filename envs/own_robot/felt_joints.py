"""The joints that an own robot feels: not only those that an actuator moves."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fastadapt.envs.environment import Environment
from fastadapt.envs.simulation import Ids


class FeltJoints(Environment):
    """In place of the driven joints of `PosedRobot`, those that the declaration names."""

    felt: ClassVar[tuple[str, ...]]
    """Hinges and slides, by name."""

    @classmethod
    def joints(cls) -> tuple[Ids, Ids, Ids]:
        """Return the ids, `qpos` and `qvel` addresses of the joints that the robot can feel."""
        model = cls.model()
        ids = np.array([model.joint(name).id for name in cls.felt], np.intp)
        return ids, model.jnt_qposadr[ids].astype(np.intp), model.jnt_dofadr[ids].astype(np.intp)
