"""Run directories, checkpoints, external agents, warm starts and the zoo."""
