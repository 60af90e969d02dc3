"""The agent for devices without Python: a small C program on LiteRT's C interface."""
