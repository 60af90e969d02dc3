"""Figures of pages as inline SVG that Matplotlib draws; see docs/decisions/plots.md."""

import logging

# Its words on building a cache of fonts, or on a home that cannot be written, help nobody here.
# Before anything of it is imported.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
