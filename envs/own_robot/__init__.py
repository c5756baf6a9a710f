"""Environments that are declared in a task-set file: a robot that we did not write."""
