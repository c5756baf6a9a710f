"""RL², its baselines and fine-tuning, trained by PPO."""
