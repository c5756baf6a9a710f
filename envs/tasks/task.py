"""A task: an environment plus one value for every perturbation parameter."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.tasks.notebook import ShownTask


@dataclass(frozen=True)
class Task(ShownTask):
    """One perturbed robot, immutable.

    Attributes:
        environment: versioned id of the environment, e.g. `cheetah-v0`.
        layout: hash of the parameters' meaning (perturbations, targets, order), the same for all
            tasks of a task set.
        names: names of the parameters, `name.parameter[target]`.
        values: one value for each, in the units of the task set.
        nominal: the nominal values.
    """

    environment: str
    layout: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    nominal: tuple[float, ...]

    @cached_property
    def id(self) -> str:
        """Hash of the content: equal ids mean equal physics."""
        content = {
            "environment": self.environment,
            "layout": self.layout,
            "values": {name: value.hex() for name, value in self.changes().items()},
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def changes(self) -> dict[str, float]:
        """Return the parameters that differ from nominal, by name."""
        triples = zip(self.names, self.values, self.nominal, strict=True)
        return {name: value for name, value, nominal in triples if value != nominal}

    def vector(self) -> NDArray[np.float64]:
        """Return the values as a flat vector, `(parameters,)`."""
        return np.array(self.values)

    def __str__(self) -> str:
        changes = self.changes()
        text = ", ".join(f"{name} = {value:.3g}" for name, value in changes.items())
        return f"{self.environment} {self.id}: {text or 'nominal'}"
