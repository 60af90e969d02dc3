"""Products of two tensors, of which int8 kernels take one at zero point 0 alone.

XNNPACK multiplies a batch of int8 matrices where the second operand's zero point is 0; for others a
kernel of LiteRT's own runs, 18 times slower. A product can be written either way round, for
(a b)' = b' a', so the operand is chosen that loses least by a symmetric grid; a constant loses
nothing. Its tensor takes such a grid, except where other readers would feel how much coarser that
is: then the product alone reads it requantized.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, name_of
from edgeconv.quantize.plan.affine import DEAD, NARROWEST, WEIGHT_MAX, params
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.plan.ranges import Range
from edgeconv.quantize.plan.weights import layer_of

#: How many times as coarse the hub's second operand may become before the first is taken.
PREFERENCE = 1.25


def is_product(node: ir.Node) -> bool:
    """Whether a node multiplies tensors of which none is a layer's weight."""
    return operator_of(node).kind == "product" and layer_of(node) is None


def products(model: ir.Model, islands: Collection[str]) -> Iterator[tuple[ir.Node, list[str]]]:
    """(node, names of both operands) of every product of two computed tensors on integers."""
    for node in model.graph:
        if node.name not in islands and is_product(node):
            operands = [name_of(value) for _, value in activation_inputs(node)]
            if len(operands) == len(node.inputs):
                yield node, operands


def widening(interval: Range) -> float:
    """How many times coarser a symmetric grid over an interval is, 1 to 2."""
    low, high = interval
    return 2 * max(-low, high) / (high - low) if high > low else 1.0


def symmetric_range(interval: Range) -> Range:
    """The interval with zero in its middle."""
    reach = max(-interval[0], interval[1])
    return -reach, reach


def chosen_operand(intervals: tuple[Range, Range]) -> int:
    """Which of two operands takes a symmetric grid."""
    first, second = map(widening, intervals)
    return 0 if second > PREFERENCE * first else 1


def symmetric_params(interval: Range) -> QuantParams:
    """int8 parameters at zero point 0."""
    reach = symmetric_range(interval)[1] or DEAD[1]
    return params(max(reach, NARROWEST) / WEIGHT_MAX, 0)
