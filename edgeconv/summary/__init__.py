"""Many documents as one table: what was measured of which file, and where."""
