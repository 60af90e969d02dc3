"""A histogram that grows with what it sees and does not depend on the order it sees it in.

Bins are the cells of a grid that starts at zero and whose pitch is a power of two: value x lies in
bin floor(x / pitch). When values outgrow the bins the pitch doubles and neighbours merge, which
loses nothing: floor(floor(x / p) / 2) is floor(x / 2p). The pitch is always the smallest that fits,
so the same values give the same histogram in any order and in any batches.

Exact zeros, by far the most frequent activation and free of quantization error, are counted apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: At most this many bins, so at least 8 to a step of an 8-bit grid over the same interval.
MAX_BINS = 4096
#: Finest pitch, so that 1 / pitch is a float32.
_FINEST = -100


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of values on a grid.

    Attributes:
        pitch: width of a bin, a power of two.
        first: grid index of the first bin: bin i spans [(first + i) pitch, (first + i + 1) pitch).
        counts: float64 (bins,), how many values other than zero fell in each.
        zeros: how many values were exactly zero.
    """

    pitch: float
    first: int
    counts: NDArray[np.float64]
    zeros: float

    @property
    def centers(self) -> NDArray[np.float64]:
        """Middles of the bins, ascending, (bins,)."""
        return (self.first + 0.5 + np.arange(len(self.counts), dtype=np.float64)) * self.pitch

    @property
    def total(self) -> float:
        """How many values were counted."""
        return float(self.counts.sum()) + self.zeros


def histogram(values: NDArray[np.float32], low: float, high: float) -> Histogram:
    """Counts values that all lie in [low, high]; the bins reach from there to zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    pitch = math.ldexp(1.0, _exponent(low, high))
    first, last = math.floor(low / pitch), math.floor(high / pitch)
    place = values * np.float32(1.0 / pitch)
    np.floor(place, out=place)
    place -= np.float32(first)  # exact: bins are few
    counts = np.bincount(place.astype(np.intp), minlength=last - first + 1).astype(np.float64)
    zeros = float(np.count_nonzero(values == 0))
    counts[-first] -= zeros
    return Histogram(pitch, first, counts, zeros)


def merge(one: Histogram, other: Histogram) -> Histogram:
    """The histogram of both, on the coarser grid, or the next one that holds both."""
    pitch = max(one.pitch, other.pitch)
    while True:
        parts = [_coarsen(part, pitch) for part in (one, other)]
        first = min(part.first for part in parts)
        end = max(part.first + len(part.counts) for part in parts)
        if end - first <= MAX_BINS:
            break
        pitch *= 2
    counts = np.zeros(end - first)
    for part in parts:
        start = part.first - first
        counts[start : start + len(part.counts)] += part.counts
    return Histogram(pitch, first, counts, one.zeros + other.zeros)


def _coarsen(source: Histogram, pitch: float) -> Histogram:
    """The same values on a grid whose pitch is a larger power of two."""
    if source.pitch == pitch:
        return source
    # In float, for beside values next to nothing the ratio has no room in 64 bits; exact all the
    # same, for bins are few and the ratio is a power of two.
    ratio = source.pitch / pitch
    index = np.floor((source.first + np.arange(len(source.counts))) * ratio).astype(np.intp)
    first = int(index[0])
    counts = np.bincount(index - first, weights=source.counts).astype(np.float64)
    return Histogram(pitch, first, counts, source.zeros)


def _exponent(low: float, high: float) -> int:
    """Exponent of the smallest power of two on which [low, high] takes at most MAX_BINS bins."""
    span = high - low
    if span == 0.0:
        return _FINEST
    exponent = max(math.floor(math.log2(span / MAX_BINS)), _FINEST)
    while (
        math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= MAX_BINS
    ):
        exponent += 1
    return exponent
