"""Grids of 8 bits for one tensor: the file's own, better ones, and what each would lose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.quantize.observe.statistics import TensorStatistics, by_channel
from edgeconv.quantize.plan.affine import activation_params, covered, dequantize, quantize
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.plan.ranges import METHODS, Reading, choose_one
from edgeconv.runtime.metrics import decibels
from edgeconv.verify.diagnose.diagnosis import Distribution, Repair
from edgeconv.verify.diagnose.noise import Noise

#: Positions of each channel that noise is measured on, for each photo.
_POSITIONS = 512
_BINS = 48
#: Equalization stretches a channel by at most this.
_LARGEST_STRETCH = 64.0
_EQUALIZE = "equalize"


_INTERVAL = "another interval for this tensor's grid"
_BOUND = "if every channel filled the grid; a bound, for readers' weights lose some of it"


@dataclass(frozen=True)
class Upstream:
    """What could be done about an operator's input.

    Attributes:
        tensor: the input.
        repair: what would help it most.
        remaining: share of the noise of the input's grid that would be left.
    """

    tensor: str
    repair: str
    remaining: float


class Grids:
    """Noise of the file's grid and of others on the values of one tensor."""

    def __init__(self, seen: TensorStatistics, held: QuantParams, read: Reading) -> None:
        self._grids: dict[str, QuantParams] = {"file": held}
        for method in METHODS:
            self._grids[method] = activation_params(choose_one(seen, method, read=read))
        peaks = np.maximum(np.abs(seen.channel_minimum), np.abs(seen.channel_maximum))
        largest = max(float(peaks.max(initial=0)), 1e-30)
        self._stretch = np.minimum(largest / np.maximum(peaks, 1e-30), _LARGEST_STRETCH)
        self._noise = {name: Noise() for name in (*self._grids, _EQUALIZE)}
        self._low, self._high = covered(held)
        self._half = float(held.scale) / 2
        self._clipped = self._values = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Counts another photo."""
        sample = thinned(values)
        for name, grid in self._grids.items():
            self._noise[name].add(sample, _rounded(sample, grid))
        factor = self._stretch[: sample.shape[1]][None, :, None]
        stretched = _rounded(sample * factor, self._grids["minmax"]) / factor
        self._noise[_EQUALIZE].add(sample, stretched)
        beyond = (sample < self._low - self._half) | (sample > self._high + self._half)
        self._clipped += int(beyond.sum())
        self._values += sample.size

    @property
    def grid_db(self) -> float:
        """SQNR of the file's grid."""
        return self._noise["file"].sqnr_db

    @property
    def ideal_db(self) -> float:
        """SQNR of the best grid per tensor."""
        return max(self._noise[method].sqnr_db for method in METHODS)

    @property
    def span(self) -> tuple[float, float]:
        """The reals the file's grid spans."""
        return self._low, self._high

    @property
    def clipped_share(self) -> float:
        """Share of the values beyond the grid."""
        return self._clipped / self._values if self._values else 0.0

    def repairs(
        self, own: Noise, mean_share: float, *, equalizable: bool, upstream: Upstream | None = None
    ) -> tuple[Repair, ...]:
        """What would lower the operator's own noise, the best first.

        Args:
            own: of the operator, its input's grid included.
            mean_share: share of that noise in constant shifts of channels.
            equalizable: whether the tensor's channels may be rescaled.
            upstream: of the operator's input, where it has one.
        """
        if own.signal <= 0 or own.noise <= 0:
            return ()
        present = self._relative("file")
        total = max(own.noise / own.signal, present)
        floor = 1e-3 * total
        found = [
            Repair(f"ranges by {method}", self._gain(method, total, present, floor), _INTERVAL)
            for method in METHODS
        ]
        if equalizable:
            gain = self._gain(_EQUALIZE, total, present, floor)
            found.append(Repair("cross-layer equalization", gain, _BOUND))
        if upstream is not None:
            left = present + (total - present) * upstream.remaining
            found.append(
                Repair(
                    f"{upstream.repair} of its input {upstream.tensor}",
                    decibels(total, max(left, floor)),
                    f"{1 - present / total:.0%} of the noise comes in with the input's grid",
                )
            )
        gain = decibels(1.0, max(1.0 - mean_share, 1e-3))
        found.append(
            Repair("bias correction", gain, "the constant shift of each channel taken out")
        )
        return tuple(sorted(found, key=lambda repair: -repair.gain_db))

    def as_upstream(self, tensor: str, *, equalizable: bool) -> Upstream:
        """What the best repair of this tensor would leave of its grid's noise."""
        names = (*METHODS, _EQUALIZE) if equalizable else METHODS
        best = min(names, key=self._relative)
        present = self._relative("file")
        remaining = min(1.0, self._relative(best) / present) if present > 0 else 1.0
        repair = "cross-layer equalization" if best == _EQUALIZE else f"ranges by {best}"
        return Upstream(tensor, repair, remaining)

    def _gain(self, name: str, total: float, present: float, floor: float) -> float:
        return decibels(total, max(total - present + self._relative(name), floor))

    def _relative(self, name: str) -> float:
        noise = self._noise[name]
        return noise.noise / noise.signal if noise.signal > 0 else 0.0


def thinned(values: NDArray[Any]) -> NDArray[Any]:
    """(N, C, positions), at most some hundred positions of each channel, evenly spread."""
    rows = by_channel(values)
    step = -(-rows.shape[2] // _POSITIONS)
    width = values.shape[-1] if values.ndim > 2 else 1
    while step > 1 and math.gcd(step, width) != 1:
        step += 1
    return rows[:, :, ::step]


def distribution(seen: TensorStatistics) -> Distribution:
    """The values of a tensor as a report shows them."""
    counted = seen.histogram
    bins = np.arange(len(counted.counts) + 1, dtype=np.float64)
    edges: NDArray[np.float64] = (counted.first + bins) * counted.pitch
    coarse, coarse_edges = _coarser(counted.counts, edges)
    total = float(counted.counts.sum() + counted.zeros)
    peaks = np.maximum(np.abs(seen.channel_minimum), np.abs(seen.channel_maximum))
    return Distribution(
        low=seen.minimum,
        high=seen.maximum,
        central=_central(counted.counts, counted.zeros, edges),
        edges=tuple(map(float, coarse_edges)),
        counts=tuple(map(float, coarse)),
        zeros_share=counted.zeros / total if total else 0.0,
        channel_peaks=tuple(map(float, peaks)),
    )


def _central(counts: NDArray[np.float64], zeros: float, edges: NDArray[np.float64]) -> float:
    """The 99.9th percentile of magnitudes, to the width of a bin."""
    magnitudes = np.maximum(np.abs(edges[:-1]), np.abs(edges[1:]))
    order = np.argsort(magnitudes)
    below = np.cumsum(counts[order]) + zeros
    if not len(below) or below[-1] <= 0:
        return 0.0
    place = int(np.searchsorted(below, 0.999 * below[-1]))
    return float(magnitudes[order][min(place, len(order) - 1)])


def _coarser(
    counts: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most some dozen bins."""
    each = max(1, -(-len(counts) // _BINS))
    padded = np.pad(counts, (0, -len(counts) % each))
    pitch = edges[1] - edges[0] if len(edges) > 1 else 1.0
    sums = padded.reshape(-1, each).sum(axis=1)
    return sums, edges[0] + np.arange(len(sums) + 1) * each * pitch


def _rounded(values: NDArray[Any], grid: QuantParams) -> NDArray[np.float32]:
    return dequantize(quantize(values, grid), grid)
