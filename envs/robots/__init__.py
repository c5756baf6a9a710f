"""Shipped environments: robots with their objectives."""
