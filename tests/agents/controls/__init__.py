"""Tests of the controls of adaptation."""
