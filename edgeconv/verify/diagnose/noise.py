"""Sums over photos from which signal-to-noise ratios follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantize.observe.statistics import by_channel
from edgeconv.runtime.metrics import decibels

Array = NDArray[Any]

#: A line through fewer values of a channel than this fits anything.
_FEWEST = 8


@dataclass
class Noise:
    """Energy of a signal and of the error on it."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, exact: Array, other: Array) -> None:
        """Counts another photo."""
        a = exact.astype(np.float64)
        self.signal += float(np.square(a).sum())
        self.noise += float(np.square(a - other).sum())

    def merge(self, other: Noise) -> None:
        """Counts the photos of another."""
        self.signal += other.signal
        self.noise += other.noise

    @property
    def sqnr_db(self) -> float:
        """The ratio."""
        return decibels(self.signal, self.noise)


class ChannelFit:
    """How well one tensor is another one with its channels scaled and shifted.

    Equalization and bias absorption do exactly that to a net's tensors without changing the net.
    """

    def __init__(self) -> None:
        self._moments: NDArray[np.float64] | None = None

    def add(self, source: Array, other: Array) -> None:
        """Counts another photo, (N, C, ...) each."""
        x, y = (by_channel(a).astype(np.float64) for a in (source, other))
        sums = [(v).sum(axis=(0, 2)) for v in (np.ones_like(x), x, y, x * x, x * y, y * y)]
        moments = np.stack(sums)
        self._moments = moments if self._moments is None else self._moments + moments

    @property
    def sqnr_db(self) -> float:
        """Variance of the other's channels over what the best lines through the source leave.

        NaN where there are too few values to tell.
        """
        if self._moments is None:
            return math.nan
        n, sx, sy, sxx, sxy, syy = self._moments
        if n[0] < _FEWEST:
            return math.nan
        var_x, var_y = sxx - sx * sx / n, syy - sy * sy / n
        cov = sxy - sx * sy / n
        slope = np.where(var_x > 0, cov / np.where(var_x > 0, var_x, 1), 0)
        left = var_y - slope * cov
        energy = float(var_y.clip(min=0).sum())
        return decibels(energy, max(float(left.clip(min=0).sum()), 1e-13 * energy))


class ChannelErrors:
    """Error of a tensor, and how much of it is a constant shift of each channel."""

    def __init__(self) -> None:
        self.total = Noise()
        self._sums: NDArray[np.float64] | None = None
        self._values = 0

    def add(self, exact: Array, other: Array) -> None:
        """Counts another photo."""
        self.total.add(exact, other)
        error = by_channel(other.astype(np.float64) - exact)
        sums = error.sum(axis=(0, 2))
        self._sums = sums if self._sums is None else self._sums + sums
        self._values += error.shape[0] * error.shape[2]

    @property
    def mean_share(self) -> float:
        """Share of the error's energy in the channels' mean errors."""
        if self._sums is None or self.total.noise <= 0:
            return 0.0
        return float(np.square(self._sums).sum() / self._values) / self.total.noise
