"""Figures of pages as inline SVG that Matplotlib draws; see docs/decisions/plots.md."""
