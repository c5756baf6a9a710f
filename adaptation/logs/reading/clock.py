"""The clock of a log: rate, jitter, gaps and missing samples, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.logs.reading.mapping import Measured
from fastadapt.adaptation.logs.reading.recording import Series

GAP = 3.5
"""Missing this many sample times in a row is a gap, which no segment crosses."""


@dataclass(frozen=True)
class ClockReport:
    """The clock of one recording.

    Attributes:
        name: of the recording.
        seconds: its length.
        rates: lowest and highest sampling rate of its columns [Hz].
        jitter: largest standard deviation of the time between samples of a column [s].
        gaps: number of gaps in any column.
        longest_gap: [s].
        missing: not-a-number samples of all mapped columns, and of how many samples.
    """

    name: str
    seconds: float
    rates: tuple[float, float]
    jitter: float
    gaps: int
    longest_gap: float
    missing: tuple[int, int]

    def sentence(self) -> str:
        """Return it in words."""
        low, high = self.rates
        rate = f"{low:.4g} Hz" if high < 1.02 * low else f"{low:.4g} to {high:.4g} Hz"
        lost, total = self.missing
        gaps = f"{self.gaps} gaps, the longest {self.longest_gap:.2g} s" if self.gaps else "no gap"
        return (
            f"{self.name}: {self.seconds:.1f} s at {rate}, jitter {1e3 * self.jitter:.2g} ms, "
            f"{gaps}, {lost} of {total} samples missing"
        )


def report_clock(measured: Measured) -> ClockReport:
    """Return the clock of a recording."""
    series = [*measured.commands, *(signal.series for signal in measured.signals)]
    steps = [np.diff(s.time) for s in series]
    medians = np.array([np.median(step) for step in steps])
    regular = [step[step < 1.5 * m] for step, m in zip(steps, medians, strict=True)]
    gaps = [s[s > GAP * m] for s, m in zip(steps, medians, strict=True)]
    return ClockReport(
        measured.name,
        float(max(s.time[-1] for s in series) - min(s.time[0] for s in series)),
        (float(1 / medians.max()), float(1 / medians.min())),
        max(float(step.std()) for step in regular),
        max(len(gap) for gap in gaps),
        max((float(gap.max()) for gap in gaps if len(gap)), default=0.0),
        (sum(s.missing for s in series), sum(len(s.value) + s.missing for s in series)),
    )


def unbroken(series: Sequence[Series]) -> list[tuple[float, float]]:
    """Return the intervals of time in which no column has a gap [s]."""
    start = max(s.time[0] for s in series)
    end = min(s.time[-1] for s in series)
    holes = []
    for s in series:
        step = np.diff(s.time)
        at = np.flatnonzero(step > GAP * np.median(step))
        holes += [(float(s.time[i]), float(s.time[i + 1])) for i in at]
    found, now = [], float(start)
    for low, high in sorted(holes):
        if low > now:
            found.append((now, min(low, float(end))))
        now = max(now, high)
    found.append((now, float(end)))
    return [(low, high) for low, high in found if high > low]
