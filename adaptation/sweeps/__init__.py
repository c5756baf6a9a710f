"""Sweeps: many runs, declared once, on one machine or many."""
