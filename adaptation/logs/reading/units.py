"""Units of the columns of a log."""

from __future__ import annotations

import numpy as np

from fastadapt.errors import FastadaptError, unknown_name

_FACTORS: dict[str, tuple[str, float]] = {
    "rad": ("rad", 1.0),
    "deg": ("rad", np.pi / 180),
    "rev": ("rad", 2 * np.pi),
    "m": ("m", 1.0),
    "cm": ("m", 1e-2),
    "mm": ("m", 1e-3),
    "rad/s": ("rad/s", 1.0),
    "deg/s": ("rad/s", np.pi / 180),
    "rpm": ("rad/s", 2 * np.pi / 60),
    "m/s": ("m/s", 1.0),
    "cm/s": ("m/s", 1e-2),
    "mm/s": ("m/s", 1e-3),
    "N": ("N", 1.0),
    "N m": ("N m", 1.0),
    "s": ("s", 1.0),
    "ms": ("s", 1e-3),
    "us": ("s", 1e-6),
    "ns": ("s", 1e-9),
    "-": ("-", 1.0),
}


def unit_factor(unit: str, wanted: str, column: str) -> float:
    """Return the factor from a unit to that of the model; 1 where the log names none.

    Args:
        unit: in the log; empty: that of the model.
        wanted: of the model; empty: any.
        column: for the message.

    Raises:
        FastadaptError: there is no such unit, or it measures something else.
    """
    if not unit:
        return 1.0
    if unit not in _FACTORS:
        raise unknown_name("unit", unit, _FACTORS)
    base, factor = _FACTORS[unit]
    if wanted and base != wanted:
        fitting = [name for name, (other, _) in _FACTORS.items() if other == wanted]
        raise FastadaptError(
            f"[log]: column '{column}' has unit '{unit}', but the model wants {wanted}; allowed "
            f"are {', '.join(fitting)}."
        )
    return factor
