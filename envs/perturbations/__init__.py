"""Perturbations of a robot: typed physical changes, found by their kind.

A kind is a class that derives from `Perturbation`; the shipped ones are listed in `catalogue`.
"""

from __future__ import annotations

from fastadapt.envs.perturbations.catalogue import PERTURBATIONS, perturbation_kinds
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.perturbations.signals import Signals

__all__ = [
    "PERTURBATIONS",
    "Edit",
    "Parameter",
    "Perturbation",
    "Signals",
    "perturbation_kinds",
]
