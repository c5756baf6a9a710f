"""Environments declared in a task-set file: robots that do not ship with fastadapt."""
