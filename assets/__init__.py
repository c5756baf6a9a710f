"""Data that ships with fastadapt: robots, task sets, trained agents."""
