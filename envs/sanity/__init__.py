"""Measures what each parameter of a task set does to its robot, at both ends of its range."""
