"""Commands that train and prepare: train, sweep, demo, reference, freeze."""
