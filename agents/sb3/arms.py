"""The three arms that Stable-Baselines3 trains: what each is trained on, and what it is told."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.spec import Context
from fastadapt.agents.training_tasks import all_laws, no_laws


class NominalArm:
    """A policy that never meets a perturbed robot."""

    needs_shots: bool = False
    laws: ClassVar = staticmethod(no_laws)


class DomainRandomisedArm:
    """A policy without a memory for all training tasks."""

    needs_shots: bool = False


class OracleArm:
    """A policy that sees the parameters of its task, trained on the laws of the tests too."""

    needs_shots: bool = False
    context: Context = "visible"
    laws: ClassVar = staticmethod(all_laws)
