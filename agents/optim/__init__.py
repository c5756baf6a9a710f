"""Advantage estimation and optimisers."""
