"""Judges: parity, accuracy, and what a model file really computes."""
