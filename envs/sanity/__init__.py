"""Sanity checks of a task set: the measured effect, extremes and costs of its parameters."""
