"""The sample a histogram is of, kept whole: what it becomes once channels are scaled.

A repair that multiplies channels leaves what the net computes, so what calibration would see of the
repaired graph is known without running it, up to rounding. Extremes, means and squares of channels
are multiplied; a histogram does not say which channel a value is of, the sample's places do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import shape_of
from edgeconv.quantize.observe.histogram import Histogram, histogram
from edgeconv.quantize.observe.targets import targets

#: How many values of a tensor a histogram counts, at most, for each input.
SAMPLE = 16384
#: Samples of a whole net are kept up to so many bytes.
MOST_BYTES = 192 * 2**20


@dataclass(frozen=True, eq=False)
class Kept:
    """Samples of one tensor's values.

    Attributes:
        values: of each input, as the tensor held them.
        places: of each of those arrays, in the flat tensor.
        shape: the tensor's, (N, C, ...).
        factors: float64 (channels,), by which its channels were multiplied since.
    """

    values: tuple[NDArray[np.float32], ...]
    places: tuple[slice, ...]
    shape: tuple[int, ...]
    factors: NDArray[np.float64]

    def and_more(self, other: Kept) -> Kept:
        """Of both sets of inputs to the same tensor."""
        return replace(self, values=self.values + other.values, places=self.places + other.places)

    def scaled(self, factors: NDArray[np.float64]) -> Kept:
        """Of the tensor once its channels are multiplied further."""
        return replace(self, factors=self.factors * factors)

    def histogram(self, low: float, high: float) -> Histogram:
        """Of the scaled values, which lie in [low, high] but for rounding."""
        by, each = self.factors.astype(np.float32), math.prod(self.shape[2:])
        size = math.prod(self.shape)
        scaled = [
            values * by[np.arange(at.start, size, at.step) // each % len(by)]
            for values, at in zip(self.values, self.places, strict=True)
        ]
        return histogram(np.concatenate(scaled).clip(low, high), low, high)


def kept(
    shape: tuple[int, ...], values: Sequence[NDArray[np.float32]], places: Sequence[slice]
) -> Kept:
    """Samples of inputs to a tensor of that shape."""
    shape = shape if len(shape) > 1 else (1, math.prod(shape))
    return Kept(tuple(values), tuple(places), shape, np.ones(shape[1]))


def sampled(shape: tuple[int, ...], turn: int) -> slice:
    """Places of at most SAMPLE values in a flat tensor, evenly spread; `turn` moves them.

    The step shares no factor with the row's length.
    """
    size = math.prod(shape)
    if size <= SAMPLE:
        return slice(0, None, 1)
    step = -(-size // SAMPLE)
    while math.gcd(step, shape[-1]) != 1:
        step += 1
    return slice(turn % step, None, step)


def fits(model: ir.Model, inputs: int) -> bool:
    """Whether the samples of so many inputs to a graph may be kept."""
    sizes = (math.prod(shape_of(target.value)) for target in targets(model))
    return inputs * sum(min(size, SAMPLE) for size in sizes) * 4 <= MOST_BYTES
