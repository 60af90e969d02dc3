"""The numbers beside an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.ticker import Formatter

#: Of the distance between two ticks, how far a number may lie from its tick.
_OFF = 0.01
_FEWEST_DIGITS, _MOST_DIGITS = 4, 15


class Plain(Formatter):
    """Numbers of four digits, or of as many as tell neighbouring ticks apart."""

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002
        """The number of one tick, whose neighbours are unknown."""
        return f"{value:.{_FEWEST_DIGITS}g}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The numbers of an axis' ticks."""
        steps = [abs(b - a) for a, b in pairwise(values)]
        off = _OFF * min(steps, default=math.inf)
        for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
            texts = [f"{value:.{digits}g}" for value in values]
            if all(abs(float(t) - v) <= off for t, v in zip(texts, values, strict=True)):
                break
        return texts
