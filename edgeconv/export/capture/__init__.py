"""From a PyTorch module to the hub graph."""
