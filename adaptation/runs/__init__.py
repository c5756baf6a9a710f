"""Run directories, checkpoints, external agents and warm starts."""
