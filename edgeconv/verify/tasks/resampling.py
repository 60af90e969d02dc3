"""Intervals of figures that are no shares of photos: the bootstrap over photos.

Every figure here is a function of sums over photos (energies, intersections, squared errors), so a
resample is a weight for each photo, and its figure that function of the weighted sums. All figures
of all files see the same resamples: a change between two files is resampled in pairs.

Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13: percentiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeconv.verify.accuracy.proportions import LEVEL
from edgeconv.verify.tasks.figures import Estimate, Figure, Unit

Sums = NDArray[np.float64]
#: (resamples, columns) of sums to (resamples,) of a figure.
Statistic = Callable[[Sums], NDArray[np.float64]]

#: Fewer photos get no interval: percentiles of so few are far too narrow.
FEWEST_PHOTOS = 10
RESAMPLES = 1000
#: Weights that are held at a time.
_HELD = 2**22
#: Draws that are kept for the next figure: 128 MB.
_KEPT = 2**26


def figure(
    name: str, unit: Unit, statistic: Statistic, sums: Sums, exact: Sums | None, of: str = ""
) -> Figure:
    """A figure of one file, and its change from the reference's sums where those are given."""
    change = None if exact is None else estimated_change(statistic, sums, exact)
    return Figure(name, unit, estimate(statistic, sums), change, of)


def estimate(statistic: Statistic, sums: Sums) -> Estimate:
    """A figure of one file.

    Args:
        statistic: the figure of sums.
        sums: (photos, columns), what each photo adds.
    """
    value = _value(statistic, sums)
    if len(sums) < FEWEST_PHOTOS or not np.isfinite(sums).all():
        return Estimate(value)
    return interval(value, statistic(_resampled(sums)))


def estimated_change(statistic: Statistic, sums: Sums, reference: Sums) -> Estimate:
    """How much a file's figure exceeds the reference's on the same photos; arguments as above."""
    value = _value(statistic, sums) - _value(statistic, reference)
    if len(sums) < FEWEST_PHOTOS or not np.isfinite(sums).all():
        return Estimate(value)
    return interval(value, statistic(_resampled(sums)) - statistic(_resampled(reference)))


def _value(statistic: Statistic, sums: Sums) -> float:
    return float(statistic(sums.sum(axis=0, keepdims=True))[0])


def ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    """One sum over another; NaN where the latter is none."""
    found = np.full_like(over, np.nan)
    return np.divide(over, under, out=found, where=under != 0)


def interval(value: float, figures: NDArray[np.float64]) -> Estimate:
    """A figure, and its interval from what resamples made of it.

    Its ends are figures themselves, for between two infinite ones there is none.
    """
    known = figures[~np.isnan(figures)]
    if not known.size:
        return Estimate(value)
    ends = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(known, ends, method="inverted_cdf")
    return Estimate(value, float(low), float(high))


def _resampled(sums: Sums) -> Sums:
    """(resamples, columns): sums over as many photos, drawn with replacement."""
    return np.concatenate([weights @ sums for weights in drawn(len(sums), RESAMPLES)])


def drawn(photos: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """How often each photo is in each resample, (some, photos) at a time; ever the same."""
    is_kept = photos * resamples <= _KEPT
    for times in _kept_draws(photos, resamples) if is_kept else _draws(photos, resamples):
        yield times.astype(np.float64)


@lru_cache(maxsize=1)
def _kept_draws(photos: int, resamples: int) -> tuple[NDArray[np.uint16], ...]:
    """Every figure of every file is of the same ones, and to draw them takes the longest."""
    return tuple(_draws(photos, resamples))


def _draws(photos: int, resamples: int) -> Iterator[NDArray[np.uint16]]:
    draws, even = np.random.default_rng(0), np.full(photos, 1 / photos)
    at_once = max(1, _HELD // photos)
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        yield draws.multinomial(photos, even, size=size).astype(np.uint16)
