"""MAML with a learned advantage."""
