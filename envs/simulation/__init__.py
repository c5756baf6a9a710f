"""Batched simulation of one compiled model: the interface and its backends."""
