"""Labels and predictions: how many are right, and how many agree with the float reference."""
