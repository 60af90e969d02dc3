"""What runs on the device: sessions, timing, figures. NumPy and one engine, nothing else."""
