"""PyTorch functions spelled as others that its exporter has a form for."""
