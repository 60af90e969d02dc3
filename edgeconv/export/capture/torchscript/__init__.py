"""TorchScript inside of a net: opened, and run one operator at a time."""
