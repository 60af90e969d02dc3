"""Products of two tensors, one after the other of a batch: attention and its relatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower
from edgeconv.export.tflite.layout import Layout, plain, steps, transposes
from edgeconv.export.tflite.preferences import transposes_behind
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import input_of, shape_of

Array = NDArray[Any]

#: BATCH_MATMUL's kernels take no more axes.
_MOST_AXES = 5


@dataclass(frozen=True)
class _Form:
    """A way to write a product, of operands with as many axes as the result.

    Attributes:
        layouts: of the hub's operands; the two axes of each matrix come last, in either order.
        swapped: whether the hub's second operand is the file's first: (a b)' = b' a'.
    """

    layouts: tuple[Layout, Layout]
    swapped: bool

    @property
    def result(self) -> Layout:
        """How the product lies: turned where the operands are swapped."""
        *batch, _, _ = self.layouts[0].order
        last = len(batch)
        return Layout((*batch, *((last + 1, last) if self.swapped else (last, last + 1))))

    @property
    def turned(self) -> tuple[bool, bool]:
        """Whether the file's first and second operand lie turned, which its kernels take."""
        first, second = (layout.order[-1] != len(layout.order) - 1 for layout in self.layouts)
        return (not second, not first) if self.swapped else (first, second)


def batch_matmul(node: ir.Node, b: Builder) -> None:
    """MatMul of tensors of two axes and more -> BATCH_MATMUL, which broadcasts the axes in front.

    Each matrix may lie either way round, so a TRANSPOSE is written only where other axes stand
    between a matrix's own. Of the forms that need as few of them as any, one whose second matrix is
    turned: XNNPACK packs that in half the time. int8: three scales; XNNPACK takes a second operand
    of zero point 0 alone, so operands come in the order that makes it so.
    """
    rank = max(len(shape_of(input_of(node, index))) for index in range(2))
    if rank > _MOST_AXES:
        raise CannotLower(f"multiplies tensors of {rank} axes; at most {_MOST_AXES} are supported")
    form = min(_forms(node, b, rank), key=lambda each: _cost(node, b, each))
    operands = [_operand(node, b, index, form.layouts[index]) for index in range(2)]
    first, second = form.turned
    options = schema.BatchMatMulOptionsT(adjX=first, adjY=second)
    b.write(node, "BATCH_MATMUL", operands[:: -1 if form.swapped else 1], form.result, options)


def _forms(node: ir.Node, b: Builder, rank: int) -> Iterator[_Form]:
    """Every way to write it, with the axes in front as an operand has them or as the hub has."""
    fronts = [tuple(range(rank - 2))]
    for index in range(2):
        if input_of(node, index).const_value is None:
            order = _aligned(b.layout(node, index), rank).order
            fronts.append(tuple(axis for axis in order if axis < rank - 2))
    either = ((rank - 2, rank - 1), (rank - 1, rank - 2))
    for front in dict.fromkeys(fronts):
        for one in either:
            for other in either:
                layouts = (Layout((*front, *one)), Layout((*front, *other)))
                yield from (_Form(layouts, swapped) for swapped in _orders(node, b))


def _orders(node: ir.Node, b: Builder) -> tuple[bool, ...]:
    """Whether operands may be swapped, must be, or must not."""
    zero_points = b.zero_points(node)
    return tuple(swapped for swapped in (False, True) if zero_points[not swapped] == 0) or (False,)


def _aligned(layout: Layout, rank: int) -> Layout:
    added = rank - len(layout.order)
    return Layout((*range(added), *(axis + added for axis in layout.order)))


def _cost(node: ir.Node, b: Builder, form: _Form) -> tuple[int, ...]:
    """TRANSPOSEs first, then what else is better left; the least is the best."""
    moved = sum(_transposes(node, b, index, form.layouts[index]) for index in range(2))
    behind = transposes_behind(node.outputs[0], form.result)
    is_usual = form.layouts[0].order[:-2] == plain(len(form.result.order)).order[:-2]
    first, second = form.turned
    return moved + behind, form.swapped, first, not second, not is_usual


def _transposes(node: ir.Node, b: Builder, index: int, layout: Layout) -> int:
    value = input_of(node, index)
    if value.const_value is not None:
        return 0
    shape = shape_of(value)
    aligned = (1,) * (len(layout.order) - len(shape)) + shape
    return transposes(steps(shape, b.layout(node, index), aligned, layout))


def _operand(node: ir.Node, b: Builder, index: int, layout: Layout) -> Tensor:
    if input_of(node, index).const_value is None:
        return b.read(node, index, layout)

    def arrange(array: Array) -> Array:
        return layout.to_file(array.reshape((1,) * (len(layout.order) - array.ndim) + array.shape))

    return b.constant(node, index, arrange)
