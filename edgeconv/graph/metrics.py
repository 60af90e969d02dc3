"""What a graph costs: parameters, multiply-adds, depth.

Multiply-adds are counted as the papers count them: one multiplication and one addition are one,
convolutions and matrix products alone count; biases, activations and BatchNorm do not.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, integer, shape_of


def multiply_adds(model: ir.Model) -> int:
    """Multiply-adds of one run, for the graph's batch size.

    Raises:
        NetRefused: a tensor has no static shape.
    """
    return sum(node_multiply_adds(node) for node in model.graph)


def node_multiply_adds(node: ir.Node) -> int:
    """Multiply-adds of one operator, zero for any but convolutions and matrix products."""
    operator = operator_of(node)
    if operator.weights is None or not _is_layer(node):
        return 0
    source, weight = input_of(node), input_of(node, 1)
    if operator.kind == "convolution":  # every output adds up one filter, or every input spreads it
        counted = node.outputs[0] if operator.weights.filters else source
        return math.prod(shape_of(counted)) * math.prod(shape_of(weight)[1:])
    inner = shape_of(source)[-2 if integer(node, "transA", 0) else -1]
    return math.prod(shape_of(node.outputs[0])) * inner


def depth(model: ir.Model) -> int:
    """Convolutions and matrix products on the longest path from the input to an output."""
    longest: dict[ir.Value, int] = {}
    for node in model.graph:
        before = max((longest.get(value, 0) for value in node.inputs if value), default=0)
        here = before + _is_layer(node)
        longest.update((value, here) for value in node.outputs)
    return max((longest.get(value, 0) for value in model.graph.outputs), default=0)


def _is_layer(node: ir.Node) -> bool:
    """A convolution or matrix product, but for what a BatchNorm becomes: one factor a channel."""
    operator = operator_of(node)
    if operator.kind != "convolution":
        return operator.weights is not None
    out, inner, *kernel = shape_of(input_of(node, 1))
    return not (out == integer(node, "group", 1) and inner == math.prod(kernel) == 1)
