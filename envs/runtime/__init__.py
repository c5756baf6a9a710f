"""Running a batch: perturbation schedule, model writer, sensor faults, action delay."""
