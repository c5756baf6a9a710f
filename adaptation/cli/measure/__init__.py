"""Commands that measure and compare: evaluate, compare, table."""
