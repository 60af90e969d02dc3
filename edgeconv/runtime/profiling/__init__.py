"""Operators timed one by one, by the engines' own profilers."""
