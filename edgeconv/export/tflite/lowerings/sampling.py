"""Images sampled at places that a grid holds."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC, Step, plain
from edgeconv.export.tflite.lowerings.composition import Composition, Operand
from edgeconv.export.tflite.program import Tensor, computed
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.sampling import Arithmetic, Numbers, Sampling, taps
from edgeconv.graph.view import constant_of, input_of, shape_of

T = TypeVar("T")

#: Between it and twice it float32 holds whole numbers alone, half of that on either side.
_WHOLE = 1.5 * 2**23

#: Whole numbers that float32 holds, each of them.
_COUNTED = 2**24


def grid_sample(node: ir.Node, b: Builder) -> None:
    """GridSample -> for each pixel that a place lies between a GATHER, a MUL by its weight, an ADD.

    (N, H, W, C) is read as N * H * W rows. A constant grid leaves indices and weights as constants;
    of a computed one they are computed, in float, where whole numbers are exact.
    """
    n, channels, height, width = shape_of(input_of(node))
    if n * height * width > _COUNTED:
        raise CannotLower(
            f"samples from more than {_COUNTED} pixels; export with a smaller --batch"
        )
    c, total = Composition(node, b, NHWC), None
    x = b.reshaped(node, "pixels", b.read(node, 0, NHWC), (n * height * width, channels))
    for index, weight in _reads(node, b, c):
        shape = (index.shape[0], channels)
        options = schema.GatherOptionsT(axis=0)
        read = b.step(node, "read", "GATHER", [x, index], shape, options=options)
        read = read if weight is None else c.step("weighted", "MUL", read, weight)
        total = read if total is None else c.step("sum", "ADD", total, read)
    assert total is not None  # there is a pixel at least
    b.write_moved(node, total, [Step(NHWC.file_shape(shape_of(node.outputs[0])))], NHWC)


def _reads(node: ir.Node, b: Builder, c: Composition) -> Iterator[tuple[Tensor, Tensor | None]]:
    """For each pixel around a place: which row that is, (places,), and its weight, (places, 1)."""
    grid, firsts = constant_of(node.inputs[1]), _first_rows(node)
    if grid is None:
        across, down = _columns(node, b)
        first = None if firsts is None else b.floats(f"{node.name}/first_rows", firsts)
        for index, weight in _rows(node, _Steps(c), across, down, first):
            yield _as_indices(node, b, index), weight
        return
    columns, lines = np.split(grid.astype(np.float32).reshape(-1, 2), 2, axis=1)
    for row, factor in _rows(node, Numbers(), columns, lines, firsts):
        constant = None if factor is None else b.floats(f"{node.name}/weights", factor)
        yield b.ints(f"{node.name}/rows", row.reshape(-1)), constant


def _first_rows(node: ir.Node) -> NDArray[np.float32] | None:
    """(places, 1): the row that each place's image begins at; None where there is one image."""
    n, _, height, width = shape_of(input_of(node))
    places = math.prod(shape_of(node.outputs[0])[2:])
    firsts = np.repeat(np.arange(n, dtype=np.float32) * height * width, places)
    return None if n == 1 else firsts[:, None]


def _rows(
    node: ir.Node, a: Arithmetic[T], across: T, down: T, first: T | None
) -> Iterator[tuple[T, T | None]]:
    height, width = shape_of(input_of(node))[2:]
    sampling = Sampling.of(node)
    columns, lines = taps(a, across, width, sampling), taps(a, down, height, sampling)
    for line in lines:
        start = a.multiply(line.pixel, float(width))
        start = start if first is None else a.add(start, first)
        for column in columns:
            weights = [tap.weight for tap in (line, column) if tap.weight is not None]
            weight = functools.reduce(a.multiply, weights) if weights else None
            yield a.add(start, column.pixel), weight


def _columns(node: ir.Node, b: Builder) -> tuple[Tensor, Tensor]:
    """The places across and down the image, (places, 1) each."""
    places = math.prod(shape_of(input_of(node, 1))) // 2
    grid = b.reshaped(node, "places", b.read(node, 1, plain(4)), (places, 2))
    size, options = b.ints(f"{node.name}/size", (places, 1)), schema.SliceOptionsT()
    across, down = (
        b.step(
            node, "axis", "SLICE", [grid, b.ints(f"{node.name}/begin", (0, axis)), size],
            (places, 1), options=options,
        )
        for axis in range(2)
    )  # fmt: skip
    return across, down


def _as_indices(node: ir.Node, b: Builder, index: Tensor) -> Tensor:
    """Whole floats as int32."""
    flat = b.reshaped(node, "row", index, (index.shape[0],))
    name = b.unique(f"{node.name}/indices")
    result = computed(name, flat.shape, np.int32)
    b.emit("CAST", [flat], [result], schema.CastOptionsT())
    return result


class _Steps:
    """Arithmetic that writes operators."""

    def __init__(self, c: Composition) -> None:
        self._c = c

    def add(self, a: Operand, b: Operand) -> Tensor:
        """ADD."""
        return self._c.step("place", "ADD", a, b)

    def subtract(self, a: Operand, b: Operand) -> Tensor:
        """SUB."""
        return self._c.step("place", "SUB", a, b)

    def multiply(self, a: Operand, b: Operand) -> Tensor:
        """MUL."""
        return self._c.step("place", "MUL", a, b)

    def least(self, a: Operand, b: Operand) -> Tensor:
        """MINIMUM."""
        return self._c.step("place", "MINIMUM", a, b)

    def largest(self, a: Operand, b: Operand) -> Tensor:
        """MAXIMUM."""
        return self._c.step("place", "MAXIMUM", a, b)

    def floor(self, a: Operand) -> Tensor:
        """FLOOR."""
        return self._c.step("whole", "FLOOR", a)

    def nearest(self, a: Operand) -> Tensor:
        """ADD and SUB of a number whose neighbours are whole: reference kernels lack ROUND.

        What lies further out than half of it is no pixel's place anyway.
        """
        return self.subtract(self.add(a, _WHOLE), _WHOLE)

    def size(self, a: Operand) -> Tensor:
        """ABS."""
        return self._c.step("size", "ABS", a)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"GridSample": grid_sample})
