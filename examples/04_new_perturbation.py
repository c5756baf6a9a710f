"""A new kind of perturbation, registered from code: a spring across a joint.

A package registers it through the entry-point group `fastadapt.perturbations` instead: see plugin/.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from fastadapt.envs import load_task_set
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations import Edit, Parameter, Perturbation
from fastadapt.envs.perturbations.catalogue import PERTURBATIONS
from fastadapt.testing import check_perturbation


class JointSpring(Perturbation):
    """A spring across a joint, such as a cable that has got caught: `stiffness` is added.

    Writes `jnt_stiffness` (nominal + value); unit: N m/rad for hinges, N/m for slides, in
    [0, 1000]. Derived constants stay valid. Source: MuJoCo documentation, XML reference,
    joint/stiffness.
    """

    kind: Literal["joint-spring"]
    stiffness: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("stiffness", "N m/rad", 0.0, 0.0, 1000.0),)
    fields: ClassVar = ("jnt_stiffness",)
    probe: ClassVar = "coast"

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        """Add the stiffness `(n, k, 1)` to the joints `(k,)` of n robots."""
        edit["jnt_stiffness"][:, targets] += values[..., 0]


TASK_SET = """
name = "reacher-springs"
version = 0
environment = "reacher"

[[perturbations]]
name = "spring"
kind = "joint-spring"
targets = ["joint*"]
count = 1                          # one joint of each task
stiffness = { law = "log-uniform", low = 0.1, high = 2.0 }

[splits]
train = { count = 8 }
test_iid = { count = 4 }
"""


def main() -> None:
    """Register the kind, check its contract, and print tasks of a set that uses it."""
    PERTURBATIONS.register("joint-spring", JointSpring)
    check_perturbation(JointSpring, "reacher")
    path = Path("reacher-springs.toml")
    path.write_text(TASK_SET, encoding="utf-8")
    for task in load_task_set(path).tasks("test_iid"):
        values = zip(task.names, task.values, strict=True)
        print(task.id, {name: round(value, 2) for name, value in values})


if __name__ == "__main__":
    main()
