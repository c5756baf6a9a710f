"""A metric of the report: what the first shot brings."""

from __future__ import annotations

from fastadapt.adaptation.report.metrics import Metric

FIRST_SHOT = Metric(
    "first shot",
    "score after the first measured number of shots minus the score before any",
    lambda scores: scores.curves[..., min(1, scores.curves.shape[-1] - 1)] - scores.curves[..., 0],
)
