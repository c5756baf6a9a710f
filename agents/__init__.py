"""Meta-learners and the baselines they must beat."""
