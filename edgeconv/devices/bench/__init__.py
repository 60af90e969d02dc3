"""Latency: measured, reported, compared."""
