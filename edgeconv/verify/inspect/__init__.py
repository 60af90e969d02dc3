"""What a file costs where it runs, and what of its design makes it slow."""
