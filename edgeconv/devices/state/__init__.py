"""What a device is and how it is doing: probes, clocks, heat, GPUs."""
