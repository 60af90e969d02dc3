"""Second moments of what each layer multiplies its weights with, from a streaming pass.

How much a change d of a row of weights moves the layer's output is known from them alone:

    E[(d x)^2] = d E[x x'] d'

with x the `columns` of the layer. The pass runs the float graph and looks at a sample of each
layer's output positions, more of them for wider layers. Of a wide layer only the blocks along the
diagonal are kept, each of some neighbouring columns: correlations between blocks are not used. So
neither time nor memory grows without bound, and memory does not grow with the inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.view import input_names, name_of, require_constant
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.plan.columns import as_rows, columns, multiplying_layers
from edgeconv.quantize.plan.weights import Layer
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

#: Widest block: a pointwise layer of 1,280 channels is whole, a 3x3 kernel over 512 is in four.
WIDEST = 1280
#: A layer's weights times the width of its blocks: what solving it costs.
MOST_WORK = 2 * 10**9
#: Output positions of one input that are looked at: these, and one for so many columns more.
POSITIONS, COLUMNS_TO_A_POSITION = 16, 16
#: Inputs whose columns wait in memory until their moments are taken.
HANDFUL = 8
#: Of sums of float32 products, relative to the moments.
ROUNDING_LOSS = 1e-6


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of a layer's columns, about a point near their mean: sums of float32 stay exact.

    Attributes:
        second: mean of x x' of one block of columns after another, float32 (groups, w, w) each.
        mean: mean of x, float64 (groups, width).
        samples: how many columns they are of.
    """

    second: tuple[NDArray[np.float32], ...]
    mean: NDArray[np.float64]
    samples: int

    def covariances(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Where each block lies among the columns, and its covariance, float64 (groups, w, w).

        Its diagonal holds what the sums may have lost to rounding too, so that it stays positive
        definite where the columns hardly vary.
        """
        start = 0
        for summed in self.second:
            second = summed.astype(np.float64)
            block = slice(start, start + second.shape[-1])
            mean = self.mean[:, block]
            lost = ROUNDING_LOSS * np.trace(second, axis1=1, axis2=2) / second.shape[-1]
            covariance = second - mean[:, :, None] * mean[:, None, :]
            yield block, covariance + lost[:, None, None] * np.eye(second.shape[-1])
            start = block.stop


def second_moments(
    model: ir.Model,
    inputs: Iterable[Batch],
    weights: Collection[str] | None = None,
) -> dict[str, Moments]:
    """Moments of every Conv and Gemm, by the name of its weight.

    Args:
        model: a hub graph.
        inputs: float32 arrays of its inputs' shapes.
        weights: of the layers with these weights alone; None for all.

    Raises:
        UsageError: no input at all.
    """
    layers = {name_of(layer.weight): layer for layer in multiplying_layers(model)}
    sums = {
        name: _Sums(layer) for name, layer in layers.items() if weights is None or name in weights
    }
    look = _Look(model, list(sums.values()))
    source, done = iter(inputs), 0
    while handful := list(islice(source, HANDFUL)):
        seen = in_threads(look, handful, range(done, done + len(handful)))
        in_threads(_Sums.add_parts, sums.values(), zip(*seen, strict=True))
        done += len(handful)
    if not done:
        raise UsageError("weight rounding needs at least one photo, none was given")
    return {name: gathered.result() for name, gathered in sums.items()}


class _Look:
    """Runs the graph on one input and samples every layer's columns."""

    def __init__(self, model: ir.Model, wanted: list[_Sums]) -> None:
        self._wanted = wanted
        self._inputs = input_names(model)
        read = {sums.reads: sums.layer.source for sums in wanted}
        self._names = [name for name in read if name not in self._inputs]
        self._session = None
        if self._names:
            self._session = open_graph(model, [read[name] for name in self._names])

    def __call__(self, values: Batch, turn: int) -> list[NDArray[np.float32]]:
        given = by_name(values, self._inputs)
        read = dict(given)
        if self._session is not None:
            outputs = self._session.run(self._names, given)
            read.update(zip(self._names, outputs, strict=True))
        return [
            columns(sums.layer, read[sums.reads], sums.positions, turn) for sums in self._wanted
        ]


class _Sums:
    """A layer's moments under way."""

    def __init__(self, layer: Layer) -> None:
        rows = as_rows(layer, require_constant(layer.node, 1))
        groups, _, width = rows.shape
        self.layer = layer
        self.reads = name_of(layer.source)
        self.positions = POSITIONS + width // COLUMNS_TO_A_POSITION
        self._blocks = _cut(width, rows.size)
        self._second = [
            np.zeros((groups, block.stop - block.start, block.stop - block.start), np.float32)
            for block in self._blocks
        ]
        self._about: NDArray[np.float32] | None = None
        self._mean = np.zeros((groups, width))
        self._samples = 0

    def add_parts(self, parts: Sequence[NDArray[np.float32]]) -> None:
        """Takes the columns of some inputs, in their order."""
        self.add(np.concatenate(parts, axis=2))

    def add(self, found: NDArray[np.float32]) -> None:
        """Takes columns, (groups, width, samples)."""
        if self._about is None:
            self._about = found.mean(axis=2, keepdims=True)
        found = found - self._about
        for block, second in zip(self._blocks, self._second, strict=True):
            part = found[:, block]
            second += part @ part.swapaxes(1, 2)
        self._mean += found.sum(axis=2, dtype=np.float64)
        self._samples += found.shape[2]

    def result(self) -> Moments:
        """The moments of everything added; nothing may be added after."""
        for second in self._second:
            second /= self._samples
        return Moments(tuple(self._second), self._mean / self._samples, self._samples)


def _cut(width: int, size: int) -> list[slice]:
    """Blocks of nearly equal width, no wider than the limits allow, at least 8 wide."""
    most = max(min(WIDEST, MOST_WORK // size), 8)
    blocks = -(-width // most)
    edges = [width * i // blocks for i in range(blocks + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
