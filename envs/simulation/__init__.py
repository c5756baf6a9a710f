"""Batched simulation of one compiled model: interface and backends."""
