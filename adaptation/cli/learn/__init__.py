"""Commands that train and prepare: train, demo, reference, freeze."""
