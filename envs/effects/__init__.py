"""What the parameters of a task set do to its robot: measured, at both ends of their ranges."""
