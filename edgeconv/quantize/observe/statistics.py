"""Running statistics of one tensor: extremes, channel means, a histogram of a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import RefusedError
from edgeconv.quantize.observe.histogram import Histogram, histogram, merge
from edgeconv.quantize.observe.kept import Kept, kept, sampled
from edgeconv.quantize.observe.targets import Target


@dataclass(frozen=True, eq=False)
class TensorStatistics:
    """What calibration saw of one tensor.

    Attributes:
        channel_minimum, channel_maximum: float32 (channels,), exact extremes over every value of
            every input, by channel (along the target's axis).
        channel_mean: float64 (channels,), mean over every value of every input.
        channel_square: float64 (channels,), mean square over every value of every input.
        reach_mean, reach_square: float64 (channels,), how far from zero a channel gets in a photo:
            mean and mean square over photos.
        histogram: of a sample of the values.
        inputs: how many inputs were seen.
        bounds: interval the graph confines the tensor to.
        is_answer: whether its largest values decide what the net says (`Target`).
        kept: what the histogram is of, where that was asked for.
    """

    channel_minimum: NDArray[np.float32]
    channel_maximum: NDArray[np.float32]
    channel_mean: NDArray[np.float64]
    channel_square: NDArray[np.float64]
    reach_mean: NDArray[np.float64]
    reach_square: NDArray[np.float64]
    histogram: Histogram
    inputs: int = 1
    bounds: tuple[float, float] = (-math.inf, math.inf)
    is_answer: bool = False
    kept: Kept | None = None

    @property
    def minimum(self) -> float:
        """Lowest value of all."""
        return float(self.channel_minimum.min())

    @property
    def maximum(self) -> float:
        """Highest value of all."""
        return float(self.channel_maximum.max())

    @property
    def evenness(self) -> NDArray[np.float64]:
        """How alike photos are in how far each channel reaches, (channels,).

        1 where all are, 1/n where one photo alone of n wakes a channel, 0 where none does: the
        share of photos that the reach was in effect seen on.
        """
        return self.reach_mean**2 / np.maximum(self.reach_square, 1e-300)

    def scaled(self, by: Sequence[float]) -> TensorStatistics:
        """What the same inputs show once each channel is multiplied by one of these, (channels,).

        Samples must be kept.
        """
        if self.kept is None:
            raise AssertionError("only where samples are kept is it known")
        factors = np.array(by, np.float64)
        lows, highs = (
            (ends * factors).astype(np.float32)
            for ends in (self.channel_minimum, self.channel_maximum)
        )
        kept = self.kept.scaled(factors)
        return replace(
            self,
            channel_minimum=lows,
            channel_maximum=highs,
            channel_mean=self.channel_mean * factors,
            channel_square=self.channel_square * factors**2,
            reach_mean=self.reach_mean * factors,
            reach_square=self.reach_square * factors**2,
            histogram=kept.histogram(float(lows.min()), float(highs.max())),
            kept=kept,
        )


class Gathering:
    """Takes one tensor's values input by input and gives their statistics at once.

    Its samples wait for one histogram: a histogram for each input would take longer to merge than
    to count. So it is meant for a handful of inputs; `combine` joins handfuls.
    """

    def __init__(self, target: Target, *, keep: bool = False) -> None:
        """Of one tensor; with `keep` its samples stay."""
        self._target = target
        self._keep = keep
        self._samples: list[NDArray[np.float32]] = []
        self._places: list[slice] = []
        self._lows: NDArray[np.float32] = np.array(np.inf, np.float32)
        self._highs: NDArray[np.float32] = np.array(-np.inf, np.float32)
        self._sums: NDArray[np.float64] = np.zeros(())
        self._squares: NDArray[np.float64] = np.zeros(())
        self._reaches: list[NDArray[np.float64]] = []
        self._values = 0
        self._shape: tuple[int, ...] = ()

    def add(self, array: NDArray[np.float32], turn: int) -> None:
        """Takes one input's values, (N, C, ...), and copies what it keeps; `turn` moves the sample.

        Raises:
            RefusedError: NaN or infinity among the values.
        """
        axis = self._target.channel_axis
        rows = by_channel(array if axis == 1 else np.moveaxis(array, axis, 1))
        lows, highs = (reduce.reduce(rows, axis=2) for reduce in (np.minimum, np.maximum))
        _require_finite(self._target, float(lows.min()), float(highs.max()))
        sums = np.einsum("nci->nc", rows).sum(axis=0, dtype=np.float64)
        squares = np.einsum("nci,nci->nc", rows, rows).sum(axis=0, dtype=np.float64)
        places = sampled(array.shape, turn)
        self._samples.append(array.reshape(-1)[places].copy())
        self._places.append(places)
        self._shape = array.shape
        self._lows = np.minimum(self._lows, lows.min(axis=0))
        self._highs = np.maximum(self._highs, highs.max(axis=0))
        self._reaches.extend(np.maximum(-lows, highs).astype(np.float64))
        self._sums = self._sums + sums
        self._squares = self._squares + squares
        self._values += rows.shape[0] * rows.shape[2]

    def result(self) -> TensorStatistics:
        """The statistics of everything added; at least one input must have been."""
        low, high = float(self._lows.min()), float(self._highs.max())
        reaches = np.stack(self._reaches)
        return TensorStatistics(
            channel_minimum=self._lows,
            channel_maximum=self._highs,
            channel_mean=self._sums / self._values,
            channel_square=self._squares / self._values,
            reach_mean=reaches.mean(axis=0),
            reach_square=(reaches**2).mean(axis=0),
            histogram=histogram(np.concatenate(self._samples), low, high),
            inputs=len(self._samples),
            bounds=self._target.bounds,
            is_answer=self._target.is_answer,
            kept=kept(self._shape, self._samples, self._places) if self._keep else None,
        )


def measure(target: Target, array: NDArray[np.float32], turn: int = 0) -> TensorStatistics:
    """Statistics of one tensor for one input; arguments and errors as `Gathering.add`."""
    gathering = Gathering(target)
    gathering.add(array, turn)
    return gathering.result()


def _require_finite(target: Target, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RefusedError(
            f"tensor {target.name} holds NaN or infinity on a calibration photo (extremes {low}, "
            f"{high}); such a net cannot be quantized, check its weights and preprocessing"
        )


def combine(one: TensorStatistics, other: TensorStatistics) -> TensorStatistics:
    """Statistics of both sets of inputs to the same tensor."""
    inputs = one.inputs + other.inputs

    def mean(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        return (ones * one.inputs + others * other.inputs) / inputs

    both = None
    if one.kept is not None and other.kept is not None:
        both = one.kept.and_more(other.kept)
    return TensorStatistics(
        channel_minimum=np.minimum(one.channel_minimum, other.channel_minimum),
        channel_maximum=np.maximum(one.channel_maximum, other.channel_maximum),
        channel_mean=mean(one.channel_mean, other.channel_mean),
        channel_square=mean(one.channel_square, other.channel_square),
        reach_mean=mean(one.reach_mean, other.reach_mean),
        reach_square=mean(one.reach_square, other.reach_square),
        histogram=merge(one.histogram, other.histogram),
        inputs=inputs,
        bounds=one.bounds,
        is_answer=one.is_answer,
        kept=both,
    )


def by_channel(array: NDArray[Any]) -> NDArray[Any]:
    """The tensor as (N, channels, values); a vector is one value for each channel."""
    if array.ndim < 2:
        return array.reshape(1, -1, 1)
    return array.reshape(array.shape[0], array.shape[1], -1)
