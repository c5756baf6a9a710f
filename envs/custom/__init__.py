"""Custom robots: environments declared in a task-set file."""
