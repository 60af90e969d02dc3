"""What calibration photos show of the tensors that a device holds."""
