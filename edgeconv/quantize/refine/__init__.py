"""What is tuned once the plan stands: the rounding of weights and biases, by measurement."""
