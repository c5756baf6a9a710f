"""PEARL and the soft actor-critic baselines."""
