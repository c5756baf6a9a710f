"""What happens to a batch while it runs: perturbation schedules, sensors, delays."""
