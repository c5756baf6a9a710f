"""Evaluation on frozen tasks, and its results tables."""
