"""The envelope of agents: where on a grid of named parameters they succeed, and after how much."""
