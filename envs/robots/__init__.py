"""The shipped robots, each with its objective."""
