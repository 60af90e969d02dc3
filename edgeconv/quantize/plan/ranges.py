"""Chooses the interval an 8-bit grid spans for each tensor.

`minmax` spans everything calibration saw. `percentile` leaves the outermost values out. `mse`
spans the interval whose grid gives the least expected squared error: a narrower one has finer steps
for most values and clips a few. Every interval contains zero, and stays inside what the graph
allows (a fused ReLU6 never goes past 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UnknownName
from edgeconv.quantize.observe.histogram import Histogram
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.observe.statistics import TensorStatistics

RangeMethod = Literal["minmax", "percentile", "mse"]
Range: TypeAlias = tuple[float, float]
#: What the low and the high end of a range are multiplied by.
Stretch: TypeAlias = tuple[float, float]

EVERYTHING: Range = (-math.inf, math.inf)

METHODS: tuple[RangeMethod, ...] = ("minmax", "percentile", "mse")

#: Share of the values `percentile` leaves out at each end.
TAIL = 1e-4
#: Steps between the lowest and the highest value of an 8-bit grid.
LEVELS = 255
#: Intervals are compared on a grid of this many low and high ends.
CANDIDATES = 192
#: Rounding error is evaluated at this many step sizes.
STEP_SIZES = 48
#: How much a squared clipping error counts against a squared rounding error where a layer that
#: clamps reads the tensor, which takes the rare large values away again; measured in
#: docs/decisions/int8-parameters.md.
CLAMPED_CLIPPING = 0.25
#: Below this many values a tail cannot be told from chance, and every value is kept.
FEW_VALUES = 4096

#: What a tensor's readers compute of each of its values.
Curve: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Reading:
    """What the readers of a tensor make of its values.

    Attributes:
        curve: what they compute of each value, before anything else is done with it; None for
            nothing. Errors are counted behind it.
        clipping: how much a squared clipping error counts against a squared rounding error.
    """

    curve: Curve | None = None
    clipping: float = 1.0


PLAIN = Reading()

#: What was found of histograms that are still held: a recipe plans the same ones many times.
_found: WeakKeyDictionary[Histogram, dict[Reading, Range]] = WeakKeyDictionary()


def choose(
    observations: Observations,
    method: RangeMethod,
    stretch: Mapping[str, Stretch] = MappingProxyType({}),
    useful: Mapping[str, Range] = MappingProxyType({}),
    whole: Collection[str] = (),
    read: Mapping[str, Reading] = MappingProxyType({}),
) -> dict[str, Range]:
    """The interval of every observed tensor, by name, times what `stretch` says of it.

    It never leaves what was seen, nor what the graph allows, nor what is `useful` of it; all that
    was seen counts of the tensors named `whole`. `read` says how errors count, where that is told.

    Answers (`Target`) keep every value: clipping what the largest logit is, or is averaged from,
    is what flips a decision.

    Raises:
        UnknownName: a method that is none of METHODS.
    """
    if method not in METHODS:
        raise UnknownName("range method", method, METHODS, f"Allowed: {', '.join(METHODS)}.")
    return {
        name: choose_one(
            seen,
            "minmax" if name in whole else method,
            stretch.get(name, (1.0, 1.0)),
            useful.get(name, EVERYTHING),
            read.get(name, PLAIN),
        )
        for name, seen in observations.tensors.items()
    }


def choose_one(
    seen: TensorStatistics,
    method: RangeMethod,
    stretch: Stretch = (1.0, 1.0),
    useful: Range = EVERYTHING,
    read: Reading = PLAIN,
) -> Range:
    """The interval of one tensor cut to what is `useful`, each end times its `stretch`."""
    whole = (min(seen.minimum, 0.0), max(seen.maximum, 0.0))
    if method == "minmax" or seen.is_answer or seen.histogram.total < FEW_VALUES:
        chosen = whole
    elif method == "percentile":
        chosen = percentile(seen.histogram, TAIL)
    else:
        chosen = _searched(seen.histogram, read)
    least = max(whole[0], seen.bounds[0], useful[0])
    most = min(whole[1], seen.bounds[1], useful[1])
    low = max(stretch[0] * max(chosen[0], useful[0]), least)
    high = min(stretch[1] * min(chosen[1], useful[1]), most)
    return min(low, 0.0), max(high, 0.0)


def _searched(counted: Histogram, read: Reading) -> Range:
    """As `least_squares`, once for what is read in the same way."""
    found = _found.setdefault(counted, {})
    if read not in found:
        found[read] = least_squares(counted, LEVELS, read.clipping, read.curve)
    return found[read]


def percentile(counted: Histogram, tail: float) -> Range:
    """The interval that leaves a share of `tail` of the values out at each end."""
    mass = _with_zeros(counted)
    below = np.cumsum(mass)
    cut = tail * below[-1]
    low = int(np.searchsorted(below, cut, side="right"))
    high = int(np.searchsorted(below, below[-1] - cut, side="left"))
    edges = _edges(counted)
    return min(float(edges[low]), 0.0), max(float(edges[high + 1]), 0.0)


def least_squares(
    counted: Histogram, levels: int, clipping_weight: float = 1.0, curve: Curve | None = None
) -> Range:
    """The interval [low, high] whose uniform grid has the least expected squared error.

    Rounding error inside the interval is that of the histogram's own values at each step size (zero
    lies on every grid and has none); outside it is the distance to the interval, counted
    `clipping_weight` times. With a curve both are differences of what it gives.
    """
    edges = _edges(counted)
    zero = -counted.first
    lows = _thin(np.arange(0, zero + 1))
    highs = _thin(np.arange(zero, len(edges)))
    below = _squared_excess(counted, edges, lows, curve, below=True)
    above = _squared_excess(counted, edges, highs, curve, below=False)
    width = edges[highs][None, :] - edges[lows][:, None]
    width[width == 0] = counted.pitch
    error = _rounding(counted, width / levels, lows, highs, curve)
    error += clipping_weight * (below[:, None] + above[None, :])
    best_low, best_high = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(edges[lows[best_low]]), float(edges[highs[best_high]])


def _rounding(
    counted: Histogram,
    step: NDArray[np.float64],
    lows: NDArray[np.int64],
    highs: NDArray[np.int64],
    curve: Curve | None,
) -> NDArray[np.float64]:
    """Squared rounding error of the values between low i and high j at step[i, j].

    Evaluated at STEP_SIZES sizes and scaled to the nearest. Steps of a few bins are finer than the
    histogram can tell, there the error is uniform: step^2 / 12 for each value.
    """
    finest, coarsest = float(step.min()), float(step.max())
    sizes = np.geomspace(finest, coarsest, STEP_SIZES)
    centers = counted.centers
    offsets = centers - sizes[:, None] * np.rint(centers / sizes[:, None])
    uniform, exact = sizes[:, None] ** 2 / 12, offsets**2
    if curve is not None:
        bent = curve(centers)
        uniform = (curve(centers + np.sqrt(uniform)) - bent) ** 2
        exact = (bent - curve(centers - offsets)) ** 2
    squares = np.where(sizes[:, None] < 4 * counted.pitch, uniform, exact)
    errors = np.zeros((STEP_SIZES, len(centers) + 1))
    np.cumsum(counted.counts * squares, axis=1, out=errors[:, 1:])
    ratio = max(math.log(coarsest / finest), 1e-9)
    nearest = np.rint(np.log(step / finest) / ratio * (STEP_SIZES - 1)).astype(np.int64)
    inside: NDArray[np.float64] = errors[nearest, highs[None, :]] - errors[nearest, lows[:, None]]
    return inside * (step / sizes[nearest]) ** 2


def _squared_excess(
    counted: Histogram,
    edges: NDArray[np.float64],
    at: NDArray[np.int64],
    curve: Curve | None,
    *,
    below: bool,
) -> NDArray[np.float64]:
    """Sum of squared distances to edge `at` of all values beyond it, (len(at),)."""
    centers, counts, end = counted.centers, counted.counts, edges[at]
    if curve is not None:
        centers, end = curve(centers), curve(end)
    moments = [np.concatenate([[0.0], np.cumsum(counts * centers**k)]) for k in range(3)]
    zeroth, first, second = (m[at] if below else m[-1] - m[at] for m in moments)
    excess: NDArray[np.float64] = second - 2 * end * first + end**2 * zeroth
    return excess.clip(min=0.0)


def _edges(counted: Histogram) -> NDArray[np.float64]:
    """Bounds of the bins, (bins + 1,)."""
    return (counted.first + np.arange(len(counted.counts) + 1, dtype=np.float64)) * counted.pitch


def _with_zeros(counted: Histogram) -> NDArray[np.float64]:
    mass = counted.counts.copy()
    mass[-counted.first] += counted.zeros
    return mass


def _thin(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most CANDIDATES of the indices, both ends among them."""
    if len(indices) <= CANDIDATES:
        return indices
    picks = np.linspace(0, len(indices) - 1, CANDIDATES).round().astype(np.int64)
    return indices[picks]
