"""Shuffles of channels, and what follows them through the graph."""
