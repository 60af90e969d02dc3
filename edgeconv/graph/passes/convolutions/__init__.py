"""Passes that bring convolutions into the forms that phones have kernels for."""
