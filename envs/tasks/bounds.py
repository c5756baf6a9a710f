"""Checks of distributions: physical bounds, and no overlap between train and test splits."""

from __future__ import annotations

from fastadapt.envs.distributions import Law, overlap
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_UNSEEN = ("test_interpolation", "test_extrapolation")
"""Prefixes of splits whose values must not occur in training."""


def check_bounds(perturbation: Perturbation) -> None:
    """Refuse distributions of impossible values.

    Raises:
        FastadaptError: a value outside its bounds, or times in a wrong order.
    """
    for parameter in perturbation.parameters:
        law = perturbation.law_of(parameter)
        if law is not None:
            _check_values(parameter, law)
    for name, law in perturbation.times().items():
        if law.support()[0] < 0:
            raise FastadaptError(
                f"{name} must not be negative (it is in seconds"
                f"{' from the start of the episode' if name in ('onset', 'repair') else ''})."
            )
        if name in ("repair", "duration") and law.support()[0] == 0:
            raise FastadaptError(f"{name} must be later than 0 s, or it would never hold.")
    if perturbation.onset is not None and perturbation.repair is not None:
        _check_order(perturbation.onset, perturbation.repair)


def check_apart(split: str, here: Perturbation, known: Perturbation) -> None:
    """Refuse an interpolation or extrapolation split that overlaps training.

    Args:
        split: name of the split; splits of other kinds may overlap.
        here: a perturbation in that split.
        known: the same in [splits.train].

    Raises:
        FastadaptError: a distribution that the split changes overlaps that of training.
    """
    if not split.startswith(_UNSEEN):
        return
    for parameter in here.parameters:
        law, trained = here.law_of(parameter), known.law_of(parameter)
        common = None
        if law is not None and trained is not None and law != trained:
            common = overlap(law, trained)
        if common is not None:
            low, high = common
            values = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            raise FastadaptError(
                f"{parameter.name} overlaps what [splits.train] draws: {values}. Move the range of "
                "this split, leave a hole in that of training (law 'union'), or call the split "
                "something other than interpolation or extrapolation."
            )


def _check_values(parameter: Parameter, law: Law) -> None:
    low, high = law.support()
    if low < parameter.low or high > parameter.high:
        raise FastadaptError(
            f"{parameter.name} from {low:g} to {high:g} is not possible; allowed are "
            f"{parameter.low:g} to {parameter.high:g} [{parameter.unit}]."
        )
    if parameter.whole and any(a != b or a % 1 for a, b in law.pieces()):
        raise FastadaptError(
            f"{parameter.name} must be whole numbers [{parameter.unit}]; list them in a law "
            "'choice', or give one in a law 'constant'."
        )


def _check_order(onset: Law, repair: Law) -> None:
    """Refuse a repair that may precede the onset: nothing would happen in such a task."""
    last, first = onset.support()[1], repair.support()[0]
    if first <= last:
        raise FastadaptError(
            f"repair at {first:g} s or later can come before an onset at up to {last:g} s; begin "
            "it after that, or give a 'duration' in place of 'repair'."
        )
