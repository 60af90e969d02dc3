"""Colours of maps, and the scales that say what they mean."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Its words on a home that cannot be written help nobody here.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

from matplotlib import colormaps  # noqa: E402


@dataclass(frozen=True)
class Scale:
    """Which colours stand for which values.

    Attributes:
        colormap: Matplotlib's name of the colours.
        low, high: the values at its ends.
        low_said, high_said: what stands below the ends.
    """

    colormap: str
    low: float
    high: float
    low_said: str
    high_said: str

    def colors(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3) of values (H, W); those beyond an end have its colour."""
        unit = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        rgba = colormaps[self.colormap](np.clip(unit, 0, 1), bytes=True)
        rgb: NDArray[np.uint8] = rgba[..., :3]
        return rgb


#: A map as a share of its own largest value: black over purple and orange to pale yellow,
#: perceptually uniform.
MAP = Scale("inferno", 0, 1, "0", "largest")
#: What one map has more than another: blue where the first has more, red where the second has.
DIFFERENCE = Scale("coolwarm", -1, 1, "-1: float more", "1: int8 more")
