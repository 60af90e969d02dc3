"""What `coverage.py` runs: named nets, idioms, and how each is built, checked and judged."""
